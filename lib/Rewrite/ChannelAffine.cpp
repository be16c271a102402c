//===- ChannelAffine.cpp - A factor and an addend per channel -------------===//
#include "ChannelAffine.h"
#include "Constants.h"

using namespace mlir;

namespace strut::rewrite {

using onnx_ir::Op;

ChannelAffine ChannelAffine::then(const ChannelAffine &next) const {
  ChannelAffine both;
  size_t channels = std::max(scale.size(), next.scale.size());
  both.scale.resize(channels);
  both.shift.resize(channels);
  for (size_t c = 0; c < channels; ++c) {
    both.scale[c] = scaleAt(c) * next.scaleAt(c);
    both.shift[c] = shiftAt(c) * next.scaleAt(c) + next.shiftAt(c);
  }
  return both;
}

//===----------------------------------------------------------------------===//
// Operators with constant parameters
//===----------------------------------------------------------------------===//

/// The number of the operand that is mapped; the other one, if there is one, is constant.
static std::optional<unsigned> mappedIndex(Operation *op) {
  if (isa_and_present<Op<"BatchNormalization">, Op<"Neg">>(op))
    return 0;
  if (!isa_and_present<Op<"Mul">, Op<"Div">, Op<"Add">, Op<"Sub">>(op))
    return std::nullopt;
  bool left = isConstant(op->getOperand(0)), right = isConstant(op->getOperand(1));
  if (left == right)
    return std::nullopt;
  // Condition 5 of absorb-affine.
  if (left && isa<Op<"Div">>(op))
    return std::nullopt;
  return left ? 1 : 0;
}

Value mappedOperand(Operation *op) {
  std::optional<unsigned> index = mappedIndex(op);
  return index ? op->getOperand(*index) : Value();
}

std::optional<std::vector<double>> perChannel(Value constant, RankedTensorType type,
                                              ChannelAxis axis) {
  auto own = dyn_cast<RankedTensorType>(constant.getType());
  if (!own || !own.hasStaticShape())
    return std::nullopt;
  // Condition 1 of absorb-affine.
  if (own.getRank() > type.getRank())
    return std::nullopt;
  int64_t offset = type.getRank() - own.getRank(), inner = 1, channels = 1;
  for (int64_t d = own.getRank() - 1; d >= 0; --d) {
    int64_t extent = own.getDimSize(d);
    // Condition 1 of absorb-affine.
    if (extent != 1 && extent != type.getDimSize(offset + d))
      return std::nullopt;
    if (axis && offset + d == *axis)
      channels = extent;
    else if (!axis || offset + d > *axis)
      inner *= extent;
  }
  auto numbers = readConstant(constant);
  if (!numbers || numbers->empty())
    return std::nullopt;
  std::vector<double> result(channels);
  for (auto [i, number] : llvm::enumerate(*numbers)) {
    int64_t channel = i / inner % channels;
    if (int64_t(i) < inner * channels && int64_t(i) % inner == 0)
      result[channel] = number;
    // Condition 1 of absorb-affine.
    else if (result[channel] != number)
      return std::nullopt;
  }
  return result;
}

static std::optional<ChannelAffine> normalisation(Op<"BatchNormalization"> op, ChannelAxis axis) {
  auto training = op.attr<IntegerAttr>("training_mode");
  bool onlyResult =
      llvm::all_of(op->getResults().drop_front(), [](Value result) { return result.use_empty(); });
  auto scale = readConstant(op.in("scale")), shift = readConstant(op.in("B"));
  auto mean = readConstant(op.in("input_mean")), variance = readConstant(op.in("input_var"));
  // Condition 5 of absorb-affine.
  if (training && training.getInt() != 0)
    return std::nullopt;
  // Condition 3 of absorb-affine.
  if (axis != 1)
    return std::nullopt;
  if (!onlyResult || !scale || !shift || !mean || !variance)
    return std::nullopt;
  auto given = op.attr<FloatAttr>("epsilon");
  double epsilon = given ? given.getValueAsDouble() : 1e-5;
  ChannelAffine affine{std::move(*scale), std::move(*shift)};
  for (size_t c = 0; c < affine.scale.size(); ++c) {
    affine.scale[c] /= std::sqrt((*variance)[c] + epsilon);
    affine.shift[c] -= (*mean)[c] * affine.scale[c];
  }
  return affine;
}

/// Mul, Div, Add, Sub or Neg.
static std::optional<ChannelAffine> arithmetic(Operation *op, ChannelAxis axis) {
  unsigned index = *mappedIndex(op);
  if (isa<Op<"Neg">>(op))
    return ChannelAffine{{-1}, {0}};
  auto type = dyn_cast<RankedTensorType>(op->getOperand(index).getType());
  auto numbers = type ? perChannel(op->getOperand(1 - index), type, axis)
                      : std::optional<std::vector<double>>();
  if (!numbers)
    return std::nullopt;
  std::vector<double> ones(numbers->size(), 1), zeros(numbers->size(), 0);
  if (isa<Op<"Mul">>(op))
    return ChannelAffine{std::move(*numbers), std::move(zeros)};
  if (isa<Op<"Add">>(op))
    return ChannelAffine{std::move(ones), std::move(*numbers)};
  for (double &number : *numbers)
    number = isa<Op<"Div">>(op) ? 1 / number : index == 0 ? -number : number;
  if (isa<Op<"Div">>(op))
    return ChannelAffine{std::move(*numbers), std::move(zeros)};
  // x - c, or c - x.
  if (index == 1)
    ones.assign(ones.size(), -1);
  return ChannelAffine{std::move(ones), std::move(*numbers)};
}

std::optional<ChannelAffine> channelAffineOf(Operation *op, ChannelAxis axis) {
  Value operand = mappedOperand(op);
  auto type = operand ? dyn_cast<RankedTensorType>(operand.getType()) : RankedTensorType();
  if (!type)
    return std::nullopt;
  auto norm = dyn_cast<Op<"BatchNormalization">>(op);
  auto affine = norm ? normalisation(norm, axis) : arithmetic(op, axis);
  auto finite = [](double number) { return std::isfinite(number); };
  if (!affine ||
      // Condition 1 of absorb-affine.
      !llvm::all_of(affine->scale, finite) ||
      // Condition 1 of absorb-affine.
      !llvm::all_of(affine->shift, finite))
    return std::nullopt;
  return affine;
}

//===----------------------------------------------------------------------===//
// Data movement
//===----------------------------------------------------------------------===//

Value movedOperand(Operation *op) {
  if (isa_and_present<Op<"Transpose">, Op<"Reshape">, Op<"Squeeze">, Op<"Unsqueeze">,
                      Op<"Flatten">>(op) &&
      isa<RankedTensorType>(op->getOperand(0).getType()) &&
      isa<RankedTensorType>(op->getResult(0).getType()))
    return op->getOperand(0);
  return {};
}

/// The source axis of a result's axis.
static int64_t permuted(Op<"Transpose"> op, int64_t axis) {
  auto perm = op.attr<DenseI64ArrayAttr>("perm");
  int64_t rank = cast<RankedTensorType>(op->getResult(0).getType()).getRank();
  return perm ? perm.asArrayRef()[axis] : rank - 1 - axis;
}

/// The axis of `to` that numbers the same pieces of a row-major tensor as `axis` of `from`:
/// it has as many places, and as many elements lie between two of them.
static ChannelAxis sameAxis(RankedTensorType from, int64_t axis, RankedTensorType to) {
  int64_t inner = 1;
  for (int64_t extent : from.getShape().drop_front(axis + 1)) {
    if (ShapedType::isDynamic(extent))
      return std::nullopt;
    inner *= extent;
  }
  int64_t steps = 1;
  for (int64_t at = to.getRank() - 1; at >= 0; --at) {
    int64_t extent = to.getDimSize(at);
    if (ShapedType::isDynamic(extent))
      return std::nullopt;
    if (
        // Condition 3 of absorb-affine.
        steps == inner &&
        // Condition 3 of absorb-affine.
        extent == from.getDimSize(axis))
      return at;
    steps *= extent;
  }
  return std::nullopt;
}

ChannelAxis axisBefore(Operation *move, ChannelAxis after) {
  if (!after)
    return after;
  if (auto transpose = dyn_cast<Op<"Transpose">>(move))
    return permuted(transpose, *after);
  return sameAxis(cast<RankedTensorType>(move->getResult(0).getType()), *after,
                  cast<RankedTensorType>(move->getOperand(0).getType()));
}

ChannelAxis axisAfter(Operation *move, ChannelAxis before) {
  if (!before)
    return before;
  auto type = cast<RankedTensorType>(move->getResult(0).getType());
  if (auto transpose = dyn_cast<Op<"Transpose">>(move)) {
    for (int64_t axis = 0; axis < type.getRank(); ++axis)
      if (permuted(transpose, axis) == *before)
        return axis;
    return std::nullopt;
  }
  return sameAxis(cast<RankedTensorType>(move->getOperand(0).getType()), *before, type);
}

} // namespace strut::rewrite
