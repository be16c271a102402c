//===- FoldChannelMasks.cpp - Masks and assignments per channel -----------===//
//
// Exporters write `mask[..., :a] = True` and `u[..., :a] = f(u[..., :a])` as scatters with
// index grids that are computed from the shapes at run time. What they select depends on
// the channel alone, which is proved here from how the grids are made.
//
//===----------------------------------------------------------------------===//
#include "ChannelIndices.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "strut/Normalize/Passes.h"

namespace strut::normalize {
#define GEN_PASS_DEF_FOLDCHANNELMASKS
#include "strut/Normalize/Passes.h.inc"
} // namespace strut::normalize

using namespace mlir;

namespace strut::normalize {
namespace {

using onnx_ir::Op;

RankedTensorType typeOf(Value value) { return dyn_cast<RankedTensorType>(value.getType()); }

SmallVector<int64_t> permutationOf(Op<"Transpose"> op) {
  auto perm = op.attr<DenseI64ArrayAttr>("perm");
  return perm ? llvm::to_vector(perm.asArrayRef()) : SmallVector<int64_t>();
}

//===----------------------------------------------------------------------===//
// Masks
//===----------------------------------------------------------------------===//

/// A bool tensor that depends on the place along one axis only.
struct Mask {
  SmallVector<bool> values; ///< one per place, or one for all
  /// Its axes are those of this tensor in this order; null where its extents are constant.
  Value extents;
  SmallVector<int64_t> order;
};

/// The one value of a bool tensor of whatever shape.
std::optional<bool> uniformOf(Value value) {
  if (ElementsAttr constant = onnx_ir::constantOf(value)) {
    auto flags =
        constant.getElementType().isInteger(1) ? constant.tryGetValues<bool>() : std::nullopt;
    if (!flags || flags->empty() ||
        !llvm::all_of(*flags, [&](bool flag) { return flag == *flags->begin(); }))
      return std::nullopt;
    return *flags->begin();
  }
  if (auto filled = value.getDefiningOp<Op<"ConstantOfShape">>()) {
    auto constant = filled.attr<ElementsAttr>("value");
    auto flags = constant && constant.getElementType().isInteger(1) ? constant.tryGetValues<bool>()
                                                                    : std::nullopt;
    return flags && flags->size() == 1 ? std::optional(bool(*flags->begin())) : std::nullopt;
  }
  Operation *op = value.getDefiningOp();
  if (isa_and_present<Op<"Expand">, Op<"Reshape">, Op<"Transpose">, Op<"Unsqueeze">, Op<"Slice">,
                      Op<"Identity">>(op))
    return uniformOf(op->getOperand(0));
  return std::nullopt;
}

/// The elements of a constant per place along `axis`, if nothing else matters.
std::optional<Mask> maskOfConstant(ElementsAttr constant, int64_t axis) {
  auto type = cast<RankedTensorType>(constant.getShapedType());
  auto flags =
      constant.getElementType().isInteger(1) ? constant.tryGetValues<bool>() : std::nullopt;
  if (!flags || type.getNumElements() == 0)
    return std::nullopt;
  int64_t inner = 1, extent = type.getDimSize(axis);
  for (int64_t after : type.getShape().drop_front(axis + 1))
    inner *= after;
  Mask mask;
  mask.values.resize(extent);
  for (auto [i, flag] : llvm::enumerate(*flags)) {
    int64_t place = i / inner % extent;
    if (int64_t(i) < inner * extent && i % inner == 0)
      mask.values[place] = flag;
    else if (mask.values[place] != flag)
      return std::nullopt;
  }
  return mask;
}

/// One element repeated to the shape of a tensor, or to a constant one.
std::optional<Mask> maskOfFill(Value value, Value shape) {
  auto uniform = uniformOf(value);
  if (!uniform)
    return std::nullopt;
  Mask mask;
  mask.values = {*uniform};
  if (typeOf(value).hasStaticShape())
    return mask;
  auto op = shape.getDefiningOp<Op<"Shape">>();
  auto expand = value.getDefiningOp<Op<"Expand">>();
  RankedTensorType repeated = expand ? typeOf(expand.in("input")) : RankedTensorType();
  if (!op || !coversShape(op) ||
      (expand && (!repeated || !repeated.hasStaticShape() || repeated.getNumElements() != 1)) ||
      typeOf(op.in("data")).getRank() != typeOf(value).getRank())
    return std::nullopt;
  mask.extents = op.in("data");
  mask.order = llvm::to_vector(llvm::seq<int64_t>(0, typeOf(value).getRank()));
  return mask;
}

std::optional<Mask> maskOf(Value value, int64_t axis) {
  RankedTensorType type = typeOf(value);
  if (!type || axis >= type.getRank())
    return std::nullopt;
  if (ElementsAttr constant = onnx_ir::constantOf(value))
    return maskOfConstant(constant, axis);
  if (auto expand = value.getDefiningOp<Op<"Expand">>())
    return maskOfFill(value, expand.in("shape"));
  if (auto filled = value.getDefiningOp<Op<"ConstantOfShape">>())
    return maskOfFill(value, filled.in("input"));
  if (auto transpose = value.getDefiningOp<Op<"Transpose">>()) {
    SmallVector<int64_t> perm = permutationOf(transpose);
    auto inner = perm.empty() ? std::nullopt : maskOf(transpose.in("data"), perm[axis]);
    if (inner && inner->extents)
      inner->order = llvm::map_to_vector(perm, [&](int64_t from) { return inner->order[from]; });
    return inner;
  }
  auto scatter = value.getDefiningOp<Op<"ScatterND">>();
  auto places = scatter ? scatteredChannels(scatter) : std::nullopt;
  if (!places || places->axis != axis)
    return std::nullopt;
  auto mask = maskOf(scatter.in("data"), axis);
  auto written = uniformOf(scatter.in("updates"));
  int64_t extent = type.getDimSize(axis);
  if (!mask || !written || ShapedType::isDynamic(extent))
    return std::nullopt;
  if (mask->values.size() == 1)
    mask->values.resize(extent, mask->values.front());
  for (int64_t place : places->places)
    mask->values[place] = *written;
  return mask;
}

/// Whether a mask does not enlarge what it is broadcast with to a value.
bool hasExtentsOf(Value value, Value condition, const Mask &mask) {
  if (mask.extents)
    return mask.extents == value && llvm::is_sorted(mask.order);
  RankedTensorType type = typeOf(value);
  ArrayRef<int64_t> extents = typeOf(condition).getShape();
  return type && type.getRank() >= int64_t(extents.size()) &&
         llvm::all_of(llvm::zip(extents, type.getShape().take_back(extents.size())), [](auto pair) {
           auto [ofMask, own] = pair;
           return ofMask == 1 || (ofMask == own && !ShapedType::isDynamic(own));
         });
}

/// Where(mask, x, y) with a mask that depends on the last axis alone takes a vector.
struct FoldMask : OpRewritePattern<Op<"Where">> {
  FoldMask(MLIRContext *context, unsigned &count) : OpRewritePattern(context), count(count) {}

  LogicalResult matchAndRewrite(Op<"Where"> op, PatternRewriter &rewriter) const override {
    Value condition = op.in("condition");
    RankedTensorType type = typeOf(condition), result = typeOf(op->getResult(0));
    if (!type || !result || type.getRank() < 2 || type.getRank() > result.getRank())
      return failure();
    auto mask = maskOf(condition, type.getRank() - 1);
    auto hasExtents = [&](Value value) { return hasExtentsOf(value, condition, *mask); };
    if (!mask || llvm::none_of(ValueRange{op.in("X"), op.in("Y")}, hasExtents))
      return failure();
    auto vector = RankedTensorType::get({int64_t(mask->values.size())}, type.getElementType());
    auto attr =
        rewriter.getNamedAttr("value", DenseElementsAttr::get(vector, ArrayRef(mask->values)));
    Value folded = Op<"Constant">::create(rewriter, condition.getLoc(), {}, attr)->getResult(0);
    rewriter.modifyOpInPlace(op, [&] { op->setOperand(0, folded); });
    ++count;
    return success();
  }

  unsigned &count;
};

//===----------------------------------------------------------------------===//
// Assignments
//===----------------------------------------------------------------------===//

/// Whether the value has the extents of a slice of `data` along `axis`.
bool isLikeSliceOf(Value value, Value data, int64_t axis) {
  Operation *op = value.getDefiningOp();
  while (isa_and_present<Op<"Gelu">, Op<"Relu">, Op<"Sigmoid">, Op<"Tanh">, Op<"Swish">,
                         Op<"HardSwish">, Op<"HardSigmoid">, Op<"Elu">, Op<"LeakyRelu">, Op<"Mish">,
                         Op<"Softplus">, Op<"Softmax">, Op<"Erf">>(op))
    op = op->getOperand(0).getDefiningOp();
  auto slice = dyn_cast_or_null<Op<"Slice">>(op);
  Value axes = slice ? slice.in("axes") : Value();
  auto numbers = axes ? indicesOf(axes) : std::nullopt;
  int64_t rank = typeOf(data).getRank();
  return slice && slice.in("data") == data && numbers && numbers->size() == 1 &&
         (numbers->front() + rank) % rank == axis;
}

Value sliceOf(PatternRewriter &rewriter, Location loc, Value data, int64_t axis, int64_t from,
              int64_t to) {
  auto vector = [&](int64_t number) {
    auto type = RankedTensorType::get({1}, rewriter.getI64Type());
    auto attr = rewriter.getNamedAttr("value", DenseElementsAttr::get(type, ArrayRef(number)));
    return Op<"Constant">::create(rewriter, loc, {}, attr)->getResult(0);
  };
  return Op<"Slice">::create(rewriter, loc, {data, vector(from), vector(to), vector(axis)})
      ->getResult(0);
}

/// A scatter to neighbouring channels is the channels before them, what is written and the
/// channels after them.
struct FoldAssignment : OpRewritePattern<Op<"ScatterND">> {
  FoldAssignment(MLIRContext *context, unsigned &count) : OpRewritePattern(context), count(count) {}

  LogicalResult matchAndRewrite(Op<"ScatterND"> op, PatternRewriter &rewriter) const override {
    auto places = scatteredChannels(op);
    if (!places || places->places.empty())
      return failure();
    Value data = op.in("data"), written = op.in("updates");
    int64_t axis = places->axis, from = places->places.front();
    for (auto [i, place] : llvm::enumerate(places->places))
      if (place != from + int64_t(i))
        return failure();
    // Both may be transposed: the assignment is to what they were.
    SmallVector<int64_t> perm;
    auto left = data.getDefiningOp<Op<"Transpose">>();
    auto right = written.getDefiningOp<Op<"Transpose">>();
    if (left && right && !permutationOf(left).empty() &&
        permutationOf(left) == permutationOf(right)) {
      perm = permutationOf(left);
      axis = perm[axis];
      data = left.in("data");
      written = right.in("data");
    }
    // What repeats or reshapes a value to the extents that it has does nothing; the scatter
    // says that they are those of the data but for the channels.
    Value bare = written;
    while (isa_and_present<Op<"Expand">, Op<"Reshape">>(bare.getDefiningOp()))
      bare = bare.getDefiningOp()->getOperand(0);
    RankedTensorType type = typeOf(data), part = typeOf(bare);
    int64_t count = places->places.size(), extent = type.getDimSize(axis);
    if (!part || part.getRank() != type.getRank() || part.getDimSize(axis) != count ||
        !isLikeSliceOf(bare, data, axis))
      return failure();
    Location loc = op.getLoc();
    SmallVector<Value> pieces;
    if (from > 0)
      pieces.push_back(sliceOf(rewriter, loc, data, axis, 0, from));
    pieces.push_back(bare);
    if (from + count < extent)
      pieces.push_back(sliceOf(rewriter, loc, data, axis, from + count, extent));
    auto attr = rewriter.getNamedAttr("axis", rewriter.getI64IntegerAttr(axis));
    Value result = Op<"Concat">::create(rewriter, loc, pieces, attr)->getResult(0);
    result.setType(type);
    if (!perm.empty()) {
      auto attr = rewriter.getNamedAttr("perm", rewriter.getDenseI64ArrayAttr(perm));
      result = Op<"Transpose">::create(rewriter, loc, result, attr)->getResult(0);
      result.setType(op->getResult(0).getType());
    }
    rewriter.replaceOp(op, result);
    ++this->count;
    return success();
  }

  unsigned &count;
};

struct FoldChannelMasks : impl::FoldChannelMasksBase<FoldChannelMasks> {
  void runOnOperation() override {
    unsigned masks = 0, assignments = 0;
    RewritePatternSet patterns(&getContext());
    patterns.add<FoldMask>(&getContext(), masks);
    patterns.add<FoldAssignment>(&getContext(), assignments);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    numMasks += masks;
    numAssignments += assignments;
  }
};

} // namespace
} // namespace strut::normalize
