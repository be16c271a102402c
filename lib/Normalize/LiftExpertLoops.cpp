//===- LiftExpertLoops.cpp - Rows that are found and written back ---------===//
//
// A loop over experts looks, for each of them, for the rows that chose it (NonZero), takes
// these, computes on them, weights them, and adds them to the result where they came from.
// A step that computes each row by itself is the same on all rows, with a weight of 0
// where it was not chosen:
//
//     y[rows] += f(x[rows]) * w[rows, choices]   =   y + f(x) * (sum over j of w[:, j] (e[:, j] =
//     c))
//
// with rows, choices = where(e = c). Equal over the reals where f is finite on the other rows.
// What sizes depended on data is gone, and what is left says which formula it is: whoever
// knows a mixture of experts computes the chosen ones alone. A scatter without a reduction
// keeps one of several values for a row, so there a row must occur once: the numbers e are
// places that one TopK gave.
//
// What an index means is followed to the NonZero that gives it, however its coordinates are
// taken apart.
//
//===----------------------------------------------------------------------===//
#include "ChannelIndices.h"
#include "LiftIdioms.h"

using namespace mlir;

namespace strut::normalize {
namespace {

using onnx_ir::AnyOp;
using onnx_ir::Op;

int64_t rankOf(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type ? type.getRank() : -1;
}

int64_t axisOf(AnyOp op, StringRef name, int64_t otherwise, int64_t rank) {
  auto attr = op.attr<IntegerAttr>(name);
  int64_t axis = attr ? attr.getInt() : otherwise;
  return axis < 0 ? axis + rank : axis;
}

/// The only integer of a constant.
std::optional<int64_t> integerOf(Value value) {
  auto numbers = value ? indicesOf(value) : std::nullopt;
  return numbers && numbers->size() == 1 ? std::optional(numbers->front()) : std::nullopt;
}

bool hasPermutation(Op<"Transpose"> op, ArrayRef<int64_t> wanted) {
  auto perm = op.attr<DenseI64ArrayAttr>("perm");
  return perm && perm.asArrayRef() == wanted;
}

//===----------------------------------------------------------------------===//
// Coordinates of what NonZero found
//===----------------------------------------------------------------------===//

/// Coordinate number `which` of all places that `found` gives.
struct Coordinate {
  Operation *found;
  int64_t which;
  bool operator==(const Coordinate &) const = default;
};

/// What has the same numbers but for axes of extent 1.
Value withoutOnes(Value value) {
  while (isa_and_nonnull<Op<"Squeeze">, Op<"Unsqueeze">, Op<"Identity">>(value.getDefiningOp()))
    value = value.getDefiningOp()->getOperand(0);
  return value;
}

/// What has the same numbers in the same order, in another shape.
Value behindShapes(Value value) {
  while (
      isa_and_nonnull<Op<"Squeeze">, Op<"Unsqueeze">, Op<"Identity">, Op<"Reshape">, Op<"Flatten">>(
          value.getDefiningOp()))
    value = value.getDefiningOp()->getOperand(0);
  return value;
}

/// The same integers in another shape, or of another type.
Value behindViews(Value value) {
  for (value = behindShapes(value);; value = behindShapes(value)) {
    auto cast = value.getDefiningOp<Op<"Cast">>();
    Type to = getElementTypeOrSelf(value.getType());
    if (!cast || !(to.isInteger(64) || to.isInteger(32)))
      return value;
    value = cast.in("input");
  }
}

/// The NonZero that `value` is, [coordinates, places], or [places, coordinates] for axis 1.
Operation *foundBehind(Value value, int64_t &axis) {
  axis = 0;
  if (auto transpose = value.getDefiningOp<Op<"Transpose">>()) {
    if (!hasPermutation(transpose, {1, 0}))
      return nullptr;
    axis = 1;
    value = transpose.in("data");
  }
  return value.getDefiningOp<Op<"NonZero">>() ? value.getDefiningOp() : nullptr;
}

std::optional<Coordinate> coordinateOf(Value value) {
  value = behindViews(value);
  Operation *op = value.getDefiningOp();
  if (!op || op->getNumOperands() == 0)
    return std::nullopt;
  int64_t axis = 0;
  Operation *found = foundBehind(op->getOperand(0), axis);
  if (!found)
    return std::nullopt;
  if (auto slice = dyn_cast<Op<"Slice">>(op)) {
    auto from = integerOf(slice.in("starts")), to = integerOf(slice.in("ends")),
         along = integerOf(slice.in("axes"));
    bool isOne = from && to && along && *from >= 0 && *to == *from + 1 &&
                 (*along == axis || *along + 2 == axis);
    if (isOne)
      return Coordinate{found, *from};
  } else if (auto gather = dyn_cast<Op<"Gather">>(op)) {
    auto index = integerOf(gather.in("indices"));
    if (index && *index >= 0 && axisOf(gather, "axis", 0, 2) == axis)
      return Coordinate{found, *index};
  } else if (auto split = dyn_cast<Op<"Split">>(op)) {
    int64_t count = rankOf(cast<Op<"NonZero">>(found).in("X"));
    if (axisOf(split, "axis", 0, 2) == axis && int64_t(split->getNumResults()) == count)
      return Coordinate{found, int64_t(cast<OpResult>(value).getResultNumber())};
  }
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// One expert
//===----------------------------------------------------------------------===//

/// Where an expert was chosen: by row and by choice.
struct Places {
  Value experts; ///< [rows, k]
  int64_t expert;
  Coordinate row, choice;
};

/// The operands of a commutative op in both orders.
SmallVector<std::pair<Value, Value>> bothWays(AnyOp op) {
  return {{op.in("A"), op.in("B")}, {op.in("B"), op.in("A")}};
}

/// Whether these are places that a TopK gives, which are not negative.
bool isPlaceOfTopK(Value experts) {
  auto top = experts.getDefiningOp<Op<"TopK">>();
  return top && experts == top->getResult(1);
}

/// The numbers [m, k] of which `value`, [e, k, m], says where they are e.
Value membership(Value value) {
  auto transpose = value.getDefiningOp<Op<"Transpose">>();
  if (!transpose || rankOf(value) != 3 || !hasPermutation(transpose, {2, 1, 0}))
    return {};
  Value hits = transpose.in("data");
  if (auto cast = hits.getDefiningOp<Op<"Cast">>())
    hits = cast.in("input");
  if (auto oneHot = hits.getDefiningOp<Op<"OneHot">>()) {
    auto values = indicesOf(oneHot.in("values"));
    bool fits = values && ArrayRef(*values) == ArrayRef<int64_t>{0, 1} &&
                // Condition 2 of lift-idioms.
                axisOf(oneHot, "axis", -1, 3) == 2 &&
                // Condition 2 of lift-idioms.
                isPlaceOfTopK(oneHot.in("indices"));
    return fits ? oneHot.in("indices") : Value();
  }
  auto equal = hits.getDefiningOp<Op<"Equal">>();
  if (!equal)
    return {};
  for (auto [experts, numbers] : bothWays(equal)) {
    auto all = indicesOf(numbers);
    auto unsqueeze = experts.getDefiningOp<Op<"Unsqueeze">>();
    std::optional<int64_t> axis =
        unsqueeze ? integerOf(unsqueeze.in("axes")) : std::optional<int64_t>();
    auto type = dyn_cast<RankedTensorType>(numbers.getType());
    if (all && (axis == -1 || axis == 2) && type && type.getRank() > 0 && type.getRank() < 4 &&
        // Condition 2 of lift-idioms.
        type.getShape().back() == int64_t(all->size()) &&
        // Condition 2 of lift-idioms.
        *all == llvm::to_vector(llvm::seq<int64_t>(0, int64_t(all->size()))))
      return unsqueeze.in("data");
  }
  return {};
}

std::optional<Places> placesOf(Operation *found) {
  Value hit = cast<Op<"NonZero">>(found).in("X");
  if (auto cast = hit.getDefiningOp<Op<"Cast">>())
    hit = cast.in("input");
  if (rankOf(hit) != 2)
    return std::nullopt;
  if (auto equal = hit.getDefiningOp<Op<"Equal">>()) {
    for (auto [experts, number] : bothWays(equal))
      if (auto expert = integerOf(number); expert && rankOf(experts) == 2)
        return Places{experts, *expert, {found, 0}, {found, 1}};
    return std::nullopt;
  }
  auto gather = hit.getDefiningOp<Op<"Gather">>();
  auto expert = gather ? integerOf(gather.in("indices")) : std::optional<int64_t>();
  if (!expert || axisOf(gather, "axis", 0, 3) != 0)
    return std::nullopt;
  Value experts = membership(gather.in("data"));
  return experts && *expert >= 0 ? std::optional(Places{experts, *expert, {found, 1}, {found, 0}})
                                 : std::nullopt;
}

/// data[rows] along the first axis: (data, rows).
std::pair<Value, std::optional<Coordinate>> rowsTaken(Value value) {
  if (auto gather = value.getDefiningOp<Op<"Gather">>()) {
    if (rankOf(gather.in("data")) == 2 && axisOf(gather, "axis", 0, 2) == 0)
      return {gather.in("data"), coordinateOf(gather.in("indices"))};
  } else if (auto gather = value.getDefiningOp<Op<"GatherND">>()) {
    auto batch = gather.attr<IntegerAttr>("batch_dims");
    auto indices = dyn_cast<RankedTensorType>(gather.in("indices").getType());
    if (rankOf(gather.in("data")) == 2 && indices && indices.getRank() == 2 &&
        indices.getDimSize(1) == 1 && (!batch || batch.getInt() == 0))
      return {gather.in("data"), coordinateOf(gather.in("indices"))};
  }
  return {};
}

/// Whether `value` is row * k + choice.
bool isFlatPlace(Value value, const Places &places, int64_t k) {
  auto sum = behindViews(value).getDefiningOp<Op<"Add">>();
  if (!sum)
    return false;
  for (auto [choice, start] : bothWays(sum)) {
    auto product = start.getDefiningOp<Op<"Mul">>();
    if (!product || coordinateOf(choice) != places.choice)
      continue;
    for (auto [row, by] : bothWays(product))
      if (coordinateOf(row) == places.row && integerOf(by) == k)
        return true;
  }
  return false;
}

/// weights [rows, k] where `value` is weights[row, choice], else null.
Value weightsTaken(Value value, const Places &places) {
  auto column = dyn_cast<RankedTensorType>(value.getType());
  // Condition 4 of lift-idioms.
  if (!column || column.getRank() != 2 || column.getDimSize(1) != 1)
    return {};
  value = behindShapes(value);
  if (auto gather = value.getDefiningOp<Op<"GatherND">>()) {
    auto batch = gather.attr<IntegerAttr>("batch_dims");
    auto both = gather.in("indices").getDefiningOp<Op<"Concat">>();
    if (!both || both->getNumOperands() != 2 || (batch && batch.getInt() != 0) ||
        // Condition 4 of lift-idioms.
        coordinateOf(both->getOperand(0)) != places.row ||
        // Condition 4 of lift-idioms.
        coordinateOf(both->getOperand(1)) != places.choice)
      return {};
    Value weights = withoutOnes(gather.in("data"));
    return rankOf(weights) == 2 ? weights : Value();
  }
  auto gather = value.getDefiningOp<Op<"Gather">>();
  Value weights = gather ? behindShapes(gather.in("data")) : Value();
  auto type = weights ? dyn_cast<RankedTensorType>(weights.getType()) : RankedTensorType();
  bool fits = type && type.getRank() == 2 && !type.isDynamicDim(1) &&
              axisOf(gather, "axis", 0, rankOf(gather.in("data"))) == 0 &&
              isFlatPlace(gather.in("indices"), places, type.getDimSize(1));
  return fits ? weights : Value();
}

//===----------------------------------------------------------------------===//
// One step
//===----------------------------------------------------------------------===//

/// What a step adds to which rows of what.
struct Step {
  Value before, updates;
  std::optional<Coordinate> rows;
  bool needsUniqueRows;
};

bool isZeros(Value value) {
  if (auto expand = value.getDefiningOp<Op<"Expand">>())
    return isZeros(expand.in("input"));
  auto isZero = [](ElementsAttr constant) {
    auto dense = dyn_cast_or_null<DenseElementsAttr>(constant);
    return dense && dense.isSplat() && isa<FloatType>(dense.getElementType()) &&
           dense.getSplatValue<APFloat>().isZero();
  };
  if (auto filled = value.getDefiningOp<Op<"ConstantOfShape">>()) {
    auto of = filled.attr<ElementsAttr>("value");
    return !of || isZero(of);
  }
  return isZero(onnx_ir::constantOf(value));
}

std::optional<Step> stepOf(Operation *op) {
  if (auto scatter = dyn_cast<Op<"ScatterND">>(op)) {
    auto reduction = scatter.attr<StringAttr>("reduction");
    auto indices = dyn_cast<RankedTensorType>(scatter.in("indices").getType());
    if (!reduction || reduction.getValue() != "add" || !indices || indices.getRank() != 2 ||
        indices.getDimSize(1) != 1)
      return std::nullopt;
    return Step{scatter.in("data"), scatter.in("updates"), coordinateOf(scatter.in("indices")),
                false};
  }
  auto sum = dyn_cast<Op<"Add">>(op);
  for (auto [before, added] : sum ? bothWays(sum) : SmallVector<std::pair<Value, Value>>()) {
    auto scatter = added.getDefiningOp<Op<"ScatterElements">>();
    auto reduction = scatter ? scatter.attr<StringAttr>("reduction") : StringAttr();
    if (!scatter || (reduction && reduction.getValue() != "none") ||
        axisOf(scatter, "axis", 0, 2) != 0 || !isZeros(scatter.in("data")) ||
        before.getType() != added.getType())
      continue;
    // A shape of n rows for n rows.
    auto unexpanded = [](Value value) {
      auto expand = value.getDefiningOp<Op<"Expand">>();
      return expand ? expand.in("input") : value;
    };
    return Step{before, unexpanded(scatter.in("updates")),
                coordinateOf(unexpanded(scatter.in("indices"))), true};
  }
  return std::nullopt;
}

/// Whether a value is the same for all rows: a constant, or made of constants.
bool isConstant(Value value) {
  if (onnx_ir::constantOf(value))
    return true;
  Operation *op = value.getDefiningOp();
  return op &&
         isa<Op<"Gather">, Op<"Transpose">, Op<"Squeeze">, Op<"Unsqueeze">, Op<"Reshape">,
             Op<"Slice">>(op) &&
         llvm::all_of(op->getOperands(), isConstant);
}

/// Whether a value has as many rows as another, as far as it is known.
bool areRowsOf(Value value, Value other) {
  auto type = cast<RankedTensorType>(value.getType()),
       like = cast<RankedTensorType>(other.getType());
  return succeeded(
      verifyCompatibleShape(type.getShape().take_front(), like.getShape().take_front()));
}

/// Computes on all rows what a step computes on some.
class AllRows {
public:
  AllRows(PatternRewriter &rewriter, const Places &places) : rewriter(rewriter), places(places) {}

  /// Whether each row of `value`, [n, ...], is made of a row that was taken and of constants.
  bool fits(Value value);
  /// The same value for all rows; `value` must fit.
  Value of(Value value);

private:
  static bool isPointwise(Operation *op) {
    return isa<Op<"Relu">, Op<"Gelu">, Op<"Swish">, Op<"Sigmoid">, Op<"Tanh">, Op<"LeakyRelu">,
               Op<"Elu">, Op<"Softplus">, Op<"Mish">, Op<"HardSwish">, Op<"HardSigmoid">, Op<"Erf">,
               Op<"Add">, Op<"Sub">, Op<"Mul">, Op<"Div">>(op);
  }

  PatternRewriter &rewriter;
  const Places &places;
  DenseMap<Value, Value> made;
};

bool AllRows::fits(Value value) {
  auto [data, rows] = rowsTaken(value);
  if (data)
    // Condition 3 of lift-idioms.
    return rows == places.row &&
           // Condition 5 of lift-idioms.
           areRowsOf(data, places.experts);
  Operation *op = value.getDefiningOp();
  if (!op || rankOf(value) != 2)
    return false;
  if (auto gemm = dyn_cast<Op<"Gemm">>(op)) {
    auto turned = gemm.attr<IntegerAttr>("transA");
    Value addend = gemm.in("C");
    return (!turned || turned.getInt() == 0) && fits(gemm.in("A")) && isConstant(gemm.in("B")) &&
           (!addend || (rankOf(addend) == 1 && isConstant(addend)));
  }
  if (auto product = dyn_cast<Op<"MatMul">>(op))
    return fits(product.in("A")) && rankOf(product.in("B")) == 2 && isConstant(product.in("B"));
  return isPointwise(op) && llvm::all_of(op->getOperands(), [&](Value operand) {
           return rankOf(operand) < 2 ? isConstant(operand) : fits(operand);
         });
}

Value AllRows::of(Value value) {
  if (Value data = rowsTaken(value).first)
    return data;
  if (isConstant(value))
    return value;
  Value &copy = made[value];
  if (copy)
    return copy;
  AnyOp op(value.getDefiningOp());
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(isa<NoneType>(operand.getType()) ? operand : of(operand));
  Value result = onnx_ir::create(rewriter, op->getLoc(), op->getName().getStringRef(), operands,
                                 op.onnxAttrs())
                     ->getResult(0);
  return made[value] = result;
}

/// The number of the standard for a float type.
int64_t numberOf(Type type) {
  return type.isF64() ? 11 : type.isF16() ? 10 : type.isBF16() ? 16 : 1;
}

Value integers(OpBuilder &b, Location loc, ArrayRef<int64_t> shape, int64_t value) {
  auto type = RankedTensorType::get(shape, b.getI64Type());
  auto attr = b.getNamedAttr("value", DenseElementsAttr::get(type, value));
  return Op<"Constant">::create(b, loc, {}, attr)->getResult(0);
}

/// The weight of the expert for each row, [rows, 1].
Value weightOfAll(OpBuilder &b, Location loc, const Places &places, Value weights) {
  Type element = cast<RankedTensorType>(weights.getType()).getElementType();
  Value number = integers(b, loc, {}, places.expert);
  Value chosen = Op<"Equal">::create(b, loc, {places.experts, number})->getResult(0);
  auto to = b.getNamedAttr("to", b.getI64IntegerAttr(numberOf(element)));
  Value mask = Op<"Cast">::create(b, loc, chosen, to)->getResult(0);
  Value kept = Op<"Mul">::create(b, loc, {weights, mask})->getResult(0);
  auto keep = b.getNamedAttr("keepdims", b.getI64IntegerAttr(1));
  return Op<"ReduceSum">::create(b, loc, {kept, integers(b, loc, {1}, -1)}, keep)->getResult(0);
}

/// Whether no row has a number twice: places of one TopK along the row.
bool areUnique(Value experts) {
  auto top = experts.getDefiningOp<Op<"TopK">>();
  return isPlaceOfTopK(experts) && axisOf(top, "axis", -1, 2) == 1;
}

/// Whether two values have the same known number of columns.
bool haveOneWidth(Value a, Value b) {
  auto left = dyn_cast<RankedTensorType>(a.getType()), right = cast<RankedTensorType>(b.getType());
  return left && left.getRank() == 2 && !left.isDynamicDim(1) &&
         left.getDimSize(1) == right.getDimSize(1);
}

struct StepOnAllRows : RewritePattern {
  StepOnAllRows(StringRef name, MLIRContext *context, IdiomCounts &counts)
      : RewritePattern(name, 1, context), counts(counts) {}

  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    Value result = op->getResult(0);
    std::optional<Step> step = rankOf(result) == 2 ? stepOf(op) : std::nullopt;
    auto product = step ? step->updates.getDefiningOp<Op<"Mul">>() : Op<"Mul">();
    std::optional<Places> places =
        product && step->rows ? placesOf(step->rows->found) : std::nullopt;
    if (!places || step->rows != places->row ||
        // Condition 5 of lift-idioms.
        !areRowsOf(result, places->experts) ||
        // Condition 6 of lift-idioms.
        !haveOneWidth(step->updates, result))
      return failure();
    // Condition 1 of lift-idioms.
    if (step->needsUniqueRows && !areUnique(places->experts))
      return failure();
    for (auto [net, factor] : bothWays(product)) {
      Value weights = weightsTaken(factor, *places);
      AllRows rows(rewriter, *places);
      if (!weights || !rows.fits(net) ||
          // Condition 5 of lift-idioms.
          failed(verifyCompatibleShape(weights.getType(), places->experts.getType())))
        continue;
      Location loc = op->getLoc();
      Value weight = weightOfAll(rewriter, loc, *places, weights);
      Value added = Op<"Mul">::create(rewriter, loc, {rows.of(net), weight})->getResult(0);
      if (!isZeros(step->before))
        added = Op<"Add">::create(rewriter, loc, {step->before, added})->getResult(0);
      added.setType(result.getType()); // which may know more
      rewriter.replaceOp(op, added);
      ++counts.rowLoops;
      return success();
    }
    return failure();
  }

  IdiomCounts &counts;
};

} // namespace

void addLiftExpertLoops(RewritePatternSet &patterns, IdiomCounts &counts) {
  for (StringRef name : {Op<"ScatterND">::getOperationName(), Op<"Add">::getOperationName()})
    patterns.add<StepOnAllRows>(name, patterns.getContext(), counts);
}

} // namespace strut::normalize
