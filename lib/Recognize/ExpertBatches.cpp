//===- ExpertBatches.cpp - Experts as batched products --------------------===//
#include "ExpertSpellings.h"
#include "dialects/Onnx/Equation.h"
#include "strut/Recognize/Operands.h"

using namespace mlir;

namespace strut::recognize {

using onnx_ir::Op;

static RankedTensorType typeOf(Value value) { return dyn_cast<RankedTensorType>(value.getType()); }
static int64_t rankOf(Value value) {
  auto type = typeOf(value);
  return type ? type.getRank() : -1;
}

/// Whether the sum is over `axis` alone, which it drops.
static bool sumsOver(Op<"ReduceSum"> sum, int64_t axis) {
  auto axes = integersOf(sum.in("axes"));
  auto keep = sum.attr<IntegerAttr>("keepdims");
  int64_t rank = rankOf(sum.in("data"));
  return axes && axes->size() == 1 && keep && keep.getInt() == 0 &&
         (axes->front() == axis || axes->front() + rank == axis);
}

/// What an Unsqueeze along the one axis `axis` of its result was before.
static Value behindUnsqueeze(Value value, int64_t axis) {
  auto op = value.getDefiningOp<Op<"Unsqueeze">>();
  auto axes = op ? integersOf(op.in("axes")) : std::nullopt;
  int64_t rank = rankOf(value);
  bool fits = axes && axes->size() == 1 && (axes->front() == axis || axes->front() + rank == axis);
  return fits ? op.in("data") : Value();
}

//===----------------------------------------------------------------------===//
// All experts on all rows
//===----------------------------------------------------------------------===//

/// A bias [E, 1, N] as [E, N].
static std::optional<ConstantView> stackedBias(Value value) {
  std::optional<ConstantView> bias = ConstantView::of(value);
  if (!bias || bias->rank() != 3 || bias->extent(1) != 1)
    return std::nullopt;
  return bias->reshaped({bias->extent(0), bias->extent(2)});
}

/// [E, M, K] or [M, K] times constant [E, K, N], plus constant [E, 1, N].
static std::optional<ExpertProduct> batchedProduct(Value value) {
  std::optional<ConstantView> bias;
  if (auto add = value.getDefiningOp<Op<"Add">>()) {
    bias = stackedBias(add.in("B"));
    value = add.in("A");
    if (!bias) {
      bias = stackedBias(value);
      value = add.in("B");
    }
    if (!bias)
      return std::nullopt;
  }
  auto product = value.getDefiningOp<Op<"MatMul">>();
  std::optional<ConstantView> weight = product ? ConstantView::of(product.in("B")) : std::nullopt;
  if (!weight || weight->rank() != 3 || rankOf(product.in("A")) < 2)
    return std::nullopt;
  return ExpertProduct{product.in("A"), *weight, bias};
}

/// The rows [M, D] that are repeated for every expert.
static Value repeatedRows(Value value) {
  if (auto expand = value.getDefiningOp<Op<"Expand">>())
    value = expand.in("input");
  return rankOf(value) == 2 ? value : rankOf(value) == 3 ? behindUnsqueeze(value, 0) : Value();
}

/// Whether all elements are 0.
static bool isZeros(Value value) {
  if (auto op = value.getDefiningOp<Op<"Expand">>())
    return isZeros(op.in("input"));
  if (auto op = value.getDefiningOp<Op<"CastLike">>())
    return isZeros(op.in("input"));
  auto isZero = [](ElementsAttr constant) {
    auto dense = dyn_cast_or_null<DenseElementsAttr>(constant);
    return dense && dense.isSplat() && isa<FloatType>(dense.getElementType()) &&
           dense.getSplatValue<APFloat>().isZero();
  };
  if (auto op = value.getDefiningOp<Op<"ConstantOfShape">>()) {
    auto of = op.attr<ElementsAttr>("value");
    return !of || isZero(of);
  }
  return isZero(onnx_ir::constantOf(value));
}

/// Scores [M, E] that are the weights of the chosen experts and else 0.
static std::optional<Routing> scatteredRouting(Value scores) {
  auto scatter = scores.getDefiningOp<Op<"ScatterElements">>();
  auto reduction = scatter ? scatter.attr<StringAttr>("reduction") : StringAttr();
  if (!scatter || rankOf(scores) != 2 ||
      // Condition 6 of recognize-experts.
      axisOf(scatter, "axis", 0, 2) != 1 ||
      // Condition 4 of recognize-experts.
      (reduction && reduction.getValue() != "none") ||
      // Condition 4 of recognize-experts.
      !isZeros(scatter.in("data")))
    return std::nullopt;
  return Routing{scatter.in("updates"), scatter.in("indices")};
}

std::optional<Experts> readBatched(Op<"ReduceSum"> sum) {
  auto product = sum.in("data").getDefiningOp<Op<"Mul">>();
  if (!product || rankOf(sum.in("data")) != 3 ||
      // Condition 6 of recognize-experts.
      !sumsOver(sum, 0))
    return std::nullopt;
  for (auto [nets, factors] :
       {std::pair(product.in("A"), product.in("B")), {product.in("B"), product.in("A")}}) {
    Value byExpert = behindUnsqueeze(factors, 2);
    auto transpose = byExpert ? byExpert.getDefiningOp<Op<"Transpose">>() : Op<"Transpose">();
    if (!transpose ||
        // Condition 6 of recognize-experts.
        permutationOf(transpose, 2) != ArrayRef<int64_t>{1, 0})
      continue;
    std::optional<Routing> routing = scatteredRouting(transpose.in("data"));
    std::optional<ExpertNet> net = routing ? readNet(nets, batchedProduct) : std::nullopt;
    Value rows = net ? repeatedRows(net->input) : Value();
    // A choice made twice would count twice; places that one TopK gives differ.
    std::optional<int64_t> width = rows ? routerWidth(routing->experts) : std::nullopt;
    if (width &&
        // Condition 2 of recognize-experts.
        *width == net->in.weight.extent(0))
      return Experts{*net, rows, *routing, sum->getResult(0).getType(), {}};
  }
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Weights of the chosen experts, gathered
//===----------------------------------------------------------------------===//

namespace {
/// table[experts]
struct Lookup {
  ConstantView table;
  Value experts;
};
} // namespace

static std::optional<Lookup> lookupOf(Value value) {
  Value table, experts;
  if (auto gather = value.getDefiningOp<Op<"Gather">>()) {
    if (rankOf(gather.in("data")) < 1 ||
        // Condition 6 of recognize-experts.
        axisOf(gather, "axis", 0, rankOf(gather.in("data"))) != 0)
      return std::nullopt;
    table = gather.in("data");
    experts = gather.in("indices");
  } else if (auto gather = value.getDefiningOp<Op<"GatherND">>()) {
    auto batch = gather.attr<IntegerAttr>("batch_dims");
    table = gather.in("data");
    experts = behindUnsqueeze(gather.in("indices"), rankOf(gather.in("indices")) - 1);
    if (!experts ||
        // Condition 6 of recognize-experts.
        (batch && batch.getInt() != 0))
      return std::nullopt;
  } else {
    return std::nullopt;
  }
  std::optional<ConstantView> view = ConstantView::of(table);
  return view ? std::optional(Lookup{*view, experts}) : std::nullopt;
}

namespace {
/// Reads products of gathered weights, all gathered by the same experts [..., k].
class GatheredProducts {
public:
  Value experts; ///< null until a product is read

  std::optional<ExpertProduct> read(Value value);

private:
  bool isSame(Value other) {
    if (!experts)
      experts = other;
    // Condition 5 of recognize-experts.
    return experts == other;
  }
  std::optional<ExpertProduct> einsum(Op<"Einsum"> op);
};
} // namespace

std::optional<ExpertProduct> GatheredProducts::einsum(Op<"Einsum"> op) {
  if (op->getNumOperands() != 2)
    return std::nullopt;
  SmallVector<int64_t> ranks = {rankOf(op->getOperand(0)), rankOf(op->getOperand(1))};
  std::optional<Lookup> right = lookupOf(op->getOperand(1));
  unsigned matrix = right ? 1 : 0;
  std::optional<Lookup> weight = right ? right : lookupOf(op->getOperand(0));
  auto equation = onnx_ir::parseEquation(op.attr<StringAttr>("equation").getValue(), ranks);
  if (!weight || !equation || ranks[0] < 0 || ranks[1] < 0 || weight->table.rank() != 3 ||
      !isSame(weight->experts))
    return std::nullopt;
  ArrayRef<int> whole = equation->operands[matrix], rows = equation->operands[1 - matrix],
                slots = whole.drop_back(2);
  int first = whole[whole.size() - 2], second = whole.back();
  bool contractsFirst = llvm::is_contained(rows, first);
  int term = contractsFirst ? first : second, column = contractsFirst ? second : first;
  SmallVector<int> result(slots), perSlot(slots), perRow(slots.drop_back());
  result.push_back(column);
  perSlot.push_back(term);
  perRow.push_back(term);
  if (slots.empty() ||
      // Condition 6 of recognize-experts.
      first == second ||
      // Condition 6 of recognize-experts.
      equation->result != result ||
      // Condition 6 of recognize-experts.
      (rows != ArrayRef(perSlot) && rows != ArrayRef(perRow)))
    return std::nullopt;
  ConstantView table = contractsFirst ? weight->table : weight->table.transposed({0, 2, 1});
  return ExpertProduct{op->getOperand(1 - matrix), table, std::nullopt};
}

std::optional<ExpertProduct> GatheredProducts::read(Value value) {
  std::optional<ConstantView> bias;
  if (auto add = value.getDefiningOp<Op<"Add">>()) {
    std::optional<Lookup> found = lookupOf(add.in("B"));
    value = add.in("A");
    if (!found) {
      found = lookupOf(value);
      value = add.in("B");
    }
    if (!found || found->table.rank() != 2 || !isSame(found->experts))
      return std::nullopt;
    bias = found->table;
  }
  auto op = value.getDefiningOp<Op<"Einsum">>();
  std::optional<ExpertProduct> product = op ? einsum(op) : std::nullopt;
  if (product)
    product->bias = bias;
  return product;
}

std::optional<Experts> readGathered(Op<"ReduceSum"> sum) {
  int64_t rank = rankOf(sum.in("data"));
  auto product = sum.in("data").getDefiningOp<Op<"Mul">>();
  if (!product || rank < 3 ||
      // Condition 6 of recognize-experts.
      !sumsOver(sum, rank - 2))
    return std::nullopt;
  for (auto [nets, factors] :
       {std::pair(product.in("A"), product.in("B")), {product.in("B"), product.in("A")}}) {
    Value weights = behindUnsqueeze(factors, rank - 1);
    GatheredProducts products;
    std::optional<ExpertNet> net =
        weights ? readNet(nets, [&](Value value) { return products.read(value); }) : std::nullopt;
    std::optional<int64_t> width = net ? routerWidth(products.experts) : std::nullopt;
    // The rows are those of all choices alike.
    if (net && rankOf(net->input) == rank - 1 && rankOf(products.experts) == rank - 1 &&
        // Condition 7 of recognize-experts.
        width &&
        // Condition 7 of recognize-experts.
        *width <= net->in.weight.extent(0))
      return Experts{
          *net, net->input, {weights, products.experts}, sum->getResult(0).getType(), {}};
  }
  return std::nullopt;
}

} // namespace strut::recognize
