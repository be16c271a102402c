//===- ShapeArithmetic.cpp - Small integer tensors computed from shapes ---===//
//
// Exporters compute shapes with ordinary nodes: Shape, Gather, Concat, Mul and
// so on. Where every operand is known as a list of symbolic dimensions, so is
// the result, and no kernel is formed.
//
//===----------------------------------------------------------------------===//
#include "Lowering.h"
#include <numeric>

using namespace mlir;

namespace strut::kernelize {
namespace {

using Contents = SmallVector<Dim>;

/// One node: its operands' contents and shapes.
struct Fold {
  AnyOp op;
  Context &context;
  SmallVector<const Tracked *> operands;

  const Contents &operator[](unsigned i) const { return *operands[i]->contents; }
  bool define(ArrayRef<Dim> dims, ArrayRef<Dim> contents) {
    context.defineContents(op->getResult(0), dims, contents);
    return true;
  }
  /// A vector, or a scalar if no operand has an axis.
  bool define(ArrayRef<Dim> contents) {
    bool vector = llvm::any_of(operands, [](const Tracked *t) { return t->rank() > 0; });
    return define(vector ? ArrayRef(Dim(contents.size())) : ArrayRef<Dim>(), contents);
  }
};

/// Applies `function` to all elements, repeating single ones.
bool pointwise(Fold &fold, function_ref<std::optional<Dim>(ArrayRef<Dim>)> function) {
  size_t size = 1;
  for (const Tracked *operand : fold.operands)
    if (operand->contents->size() != 1)
      size = operand->contents->size();
  Contents result;
  for (size_t i = 0; i < size; ++i) {
    Contents elements;
    for (const Tracked *operand : fold.operands) {
      size_t have = operand->contents->size();
      if (have != 1 && have != size)
        return false;
      elements.push_back((*operand->contents)[have == 1 ? 0 : i]);
    }
    std::optional<Dim> element = function(elements);
    if (!element)
      return false;
    result.push_back(*element);
  }
  return fold.define(result);
}

/// Whether two dimensions are equal, if that can be told.
std::optional<Dim> equal(const DimEnv &dims, const Dim &a, const Dim &b) {
  if (dims.areEqual(a, b))
    return Dim(1);
  if (dims.isNonNegative(a - b - Dim(1)) || dims.isNonNegative(b - a - Dim(1)))
    return Dim(0);
  return std::nullopt;
}

/// Whether a < b, if that can be told whatever the dimensions.
std::optional<Dim> less(const DimEnv &dims, const Dim &a, const Dim &b) {
  if (dims.isNonNegative(b - a - Dim(1)))
    return Dim(1);
  if (dims.isNonNegative(a - b))
    return Dim(0);
  return std::nullopt;
}

std::optional<Dim> negate(std::optional<Dim> truth) {
  return truth ? std::optional(Dim(1) - *truth) : std::nullopt;
}

std::optional<Dim> modulo(const Dim &a, const Dim &b) {
  if (a.isConstant() && b.isConstant() && b.constant() > 0 && a.constant() >= 0)
    return Dim(a.constant() % b.constant());
  return a.dividedBy(b) ? std::optional(Dim(0)) : std::nullopt;
}

bool foldGather(Fold &fold) {
  Contents result;
  for (const Dim &index : fold[1]) {
    int64_t size = fold[0].size();
    if (!index.isConstant())
      return false;
    int64_t i = normalizeAxis(index.constant(), size);
    if (i < 0 || i >= size)
      return false;
    result.push_back(fold[0][i]);
  }
  return fold.operands[0]->rank() == 1 && fold.define(fold.operands[1]->dims, result);
}

bool foldSlice(Fold &fold) {
  auto number = [&](unsigned i, int64_t otherwise) -> std::optional<int64_t> {
    if (i >= fold.operands.size())
      return otherwise;
    if (fold[i].size() != 1 || !fold[i][0].isConstant())
      return std::nullopt;
    return fold[i][0].constant();
  };
  std::optional<int64_t> start = number(1, 0), end = number(2, 0), step = number(4, 1);
  if (!start || !end || step != 1 || fold.operands[0]->rank() != 1)
    return false;
  int64_t size = fold[0].size();
  int64_t from = std::clamp<int64_t>(normalizeAxis(*start, size), 0, size);
  int64_t to = std::clamp<int64_t>(normalizeAxis(*end, size), from, size);
  ArrayRef<Dim> part = ArrayRef(fold[0]).slice(from, to - from);
  return fold.define(Dim(part.size()), part);
}

bool foldConcat(Fold &fold) {
  Contents result;
  for (const Tracked *operand : fold.operands)
    llvm::append_range(result, *operand->contents);
  return fold.define(Dim(result.size()), result);
}

/// Unsqueeze, Squeeze, Reshape of at most one axis: the elements stay.
bool foldView(Fold &fold) {
  auto type = dyn_cast<RankedTensorType>(fold.op->getResult(0).getType());
  if (!type || type.getRank() > 1)
    return false;
  return fold.define(type.getRank() ? ArrayRef(Dim(fold[0].size())) : ArrayRef<Dim>(), fold[0]);
}

bool foldConstantOfShape(Fold &fold) {
  if (fold[0].size() > 1 || (fold[0].size() == 1 && !fold[0][0].isConstant()))
    return false;
  int64_t size = fold[0].empty() ? 1 : fold[0][0].constant();
  auto value = fold.op.attr<ElementsAttr>("value");
  auto numbers = value ? value.tryGetValues<APInt>() : std::nullopt;
  constexpr int64_t small = 1024;
  if (!numbers || size < 0 || size > small)
    return false;
  Contents result(size, Dim((*numbers->begin()).getSExtValue()));
  return fold.define(fold[0].empty() ? ArrayRef<Dim>() : ArrayRef(Dim(size)), result);
}

/// Some extents of a shape replaced by others.
bool foldScatterElements(Fold &fold) {
  auto reduction = fold.op.attr<StringAttr>("reduction");
  if ((reduction && reduction.getValue() != "none") || fold[1].size() != fold[2].size() ||
      llvm::any_of(fold.operands, [](const Tracked *t) { return t->rank() != 1; }))
    return false;
  Contents result = fold[0];
  for (auto [index, update] : llvm::zip(fold[1], fold[2])) {
    int64_t size = result.size();
    int64_t i = index.isConstant() ? normalizeAxis(index.constant(), size) : -1;
    if (i < 0 || i >= size)
      return false;
    result[i] = update;
  }
  return fold.define(Dim(result.size()), result);
}

bool foldRange(Fold &fold) {
  auto isConstant = [&](unsigned i) { return fold[i].size() == 1 && fold[i][0].isConstant(); };
  if (!isConstant(0) || !isConstant(1) || !isConstant(2))
    return false;
  int64_t start = fold[0][0].constant(), limit = fold[1][0].constant(),
          delta = fold[2][0].constant();
  constexpr int64_t small = 1024;
  if (delta == 0 || std::abs(start) > small || std::abs(limit) > small)
    return false;
  Contents result;
  for (int64_t i = start; delta > 0 ? i < limit : i > limit; i += delta)
    result.push_back(i);
  return fold.define(Dim(result.size()), result);
}

bool foldReduceProd(Fold &fold) {
  auto type = dyn_cast<RankedTensorType>(fold.op->getResult(0).getType());
  if (!type || type.getRank() > 1)
    return false;
  return fold.define(type.getRank() ? ArrayRef(Dim(1)) : ArrayRef<Dim>(), product(fold[0]));
}

/// Integer division is exact here or left to index arithmetic, which agrees
/// with it for sizes.
std::optional<Dim> divide(Context &context, const Dim &a, const Dim &b) {
  if (b.is(0) || (b.isConstant() && b.constant() < 0) || !context.dims.isNonNegative(a) ||
      !context.dims.isNonNegative(b))
    return std::nullopt;
  return context.dims.floorDiv(a, b);
}

/// Comparisons and connectives; none if it is another operator.
std::optional<bool> dispatchTruth(Fold &fold, StringRef name) {
  using Elements = ArrayRef<Dim>;
  const DimEnv &dims = fold.context.dims;
  if (name == "Equal")
    return pointwise(fold, [&](Elements x) { return equal(dims, x[0], x[1]); });
  if (name == "Less")
    return pointwise(fold, [&](Elements x) { return less(dims, x[0], x[1]); });
  if (name == "Greater")
    return pointwise(fold, [&](Elements x) { return less(dims, x[1], x[0]); });
  if (name == "LessOrEqual")
    return pointwise(fold, [&](Elements x) { return negate(less(dims, x[1], x[0])); });
  if (name == "GreaterOrEqual")
    return pointwise(fold, [&](Elements x) { return negate(less(dims, x[0], x[1])); });
  // Truths are 0 and 1, so these are arithmetic.
  if (name == "Not")
    return pointwise(fold, [](Elements x) { return negate(x[0]); });
  if (name == "And")
    return pointwise(fold, [](Elements x) { return x[0] * x[1]; });
  if (name == "Or")
    return pointwise(fold, [](Elements x) { return x[0] + x[1] - x[0] * x[1]; });
  return std::nullopt;
}

/// Split: each result has some of the elements.
bool foldSplit(AnyOp op, Context &context) {
  const auto &whole = context[op.in("input")].contents;
  if (!whole || context[op.in("input")].rank() != 1)
    return false;
  size_t count = op->getNumResults(), part = llvm::divideCeil(whole->size(), count);
  SmallVector<int64_t> sizes(count, part);
  if (Value given = op.in("split")) {
    auto constants = context.integers(given);
    if (!constants || constants->size() != count)
      return false;
    sizes = *constants;
  } else {
    sizes.back() = int64_t(whole->size()) - int64_t(part * (count - 1));
  }
  if (llvm::any_of(sizes, [](int64_t size) { return size < 0; }) ||
      size_t(std::accumulate(sizes.begin(), sizes.end(), int64_t(0))) != whole->size())
    return false;
  Contents elements = *whole;
  ArrayRef<Dim> rest = elements;
  for (auto [result, size] : llvm::zip(op->getResults(), sizes)) {
    if (!isa<NoneType>(result.getType()))
      context.defineContents(result, Dim(size), rest.take_front(size));
    rest = rest.drop_front(size);
  }
  return true;
}

bool dispatch(Fold &fold) {
  Context &context = fold.context;
  StringRef name = fold.op->getName().getStringRef();
  name.consume_front("onnx.");
  if (std::optional<bool> truth = dispatchTruth(fold, name))
    return *truth;
  if (name == "Gather")
    return foldGather(fold);
  if (name == "Slice")
    return foldSlice(fold);
  if (name == "Concat")
    return foldConcat(fold);
  if (name == "Unsqueeze" || name == "Squeeze" || name == "Reshape" || name == "Flatten" ||
      name == "Cast" || name == "Identity")
    return foldView(fold);
  if (name == "ConstantOfShape")
    return foldConstantOfShape(fold);
  if (name == "ScatterElements")
    return foldScatterElements(fold);
  if (name == "Range")
    return foldRange(fold);
  if (name == "ReduceProd")
    return foldReduceProd(fold);
  using Elements = ArrayRef<Dim>;
  if (name == "Add")
    return pointwise(fold, [](Elements x) { return x[0] + x[1]; });
  if (name == "Sub")
    return pointwise(fold, [](Elements x) { return x[0] - x[1]; });
  if (name == "Mul")
    return pointwise(fold, [](Elements x) { return x[0] * x[1]; });
  if (name == "Neg")
    return pointwise(fold, [](Elements x) { return Dim(0) - x[0]; });
  if (name == "Div")
    return pointwise(fold, [&](Elements x) { return divide(context, x[0], x[1]); });
  if (name == "Min" && fold.operands.size() == 2)
    return pointwise(fold, [&](Elements x) { return context.dims.min(x[0], x[1]); });
  if (name == "Max" && fold.operands.size() == 2)
    return pointwise(fold, [&](Elements x) { return context.dims.max(x[0], x[1]); });
  if (name == "Mod")
    return pointwise(fold, [](Elements x) { return modulo(x[0], x[1]); });
  if (name == "Where")
    return pointwise(fold, [](Elements x) -> std::optional<Dim> {
      if (!x[0].isConstant())
        return std::nullopt;
      return x[0].is(0) ? x[2] : x[1];
    });
  return false;
}

} // namespace

bool foldOnDims(AnyOp op, Context &context) {
  if (isa<onnx_ir::Op<"Split">>(op.getOperation()))
    return foldSplit(op, context);
  if (op->getNumResults() != 1 || op->getNumOperands() == 0 || op->getNumRegions() != 0)
    return false;
  auto type = dyn_cast<ShapedType>(op->getResult(0).getType());
  if (!type || !isa<IntegerType>(type.getElementType()))
    return false;
  Fold fold{op, context, {}};
  for (Value operand : op->getOperands()) {
    if (isa<NoneType>(operand.getType()))
      return false;
    const Tracked &tracked = context[operand];
    if (!tracked.contents || !isa<IntegerType>(tracked.element))
      return false;
    fold.operands.push_back(&tracked);
  }
  return dispatch(fold);
}

} // namespace strut::kernelize
