//===- ChannelAffine.h - A factor and an addend per channel ----*- C++ -*-===//
#ifndef STRUT_LIB_REWRITE_CHANNELAFFINE_H
#define STRUT_LIB_REWRITE_CHANNELAFFINE_H

#include "dialects/Onnx/Onnx.h"
#include <optional>
#include <vector>

namespace strut::rewrite {

/// y = x * scale[c] + shift[c] for each channel c. Both have one element per channel, or
/// one that stands for all.
struct ChannelAffine {
  std::vector<double> scale = {1}, shift = {0};

  bool isUniform() const { return scale.size() == 1; }
  bool shifts() const {
    return llvm::any_of(shift, [](double s) { return s != 0; });
  }
  double scaleAt(int64_t channel) const { return scale[isUniform() ? 0 : channel]; }
  double shiftAt(int64_t channel) const { return shift[isUniform() ? 0 : channel]; }
  /// This map with `next` after it.
  ChannelAffine then(const ChannelAffine &next) const;
};

/// Which axis of a tensor numbers the channels; none where only a map that is the same
/// for every element can be followed.
using ChannelAxis = std::optional<int64_t>;

/// The operand that an op with constant parameters maps per channel of `axis`: of
/// BatchNormalization at inference, Mul, Div, Add, Sub and Neg. Null for other ops.
mlir::Value mappedOperand(mlir::Operation *op);

/// What such an op does to that operand; none where it differs within a channel, changes
/// the shape, or has parameters that are not constant or not finite.
std::optional<ChannelAffine> channelAffineOf(mlir::Operation *op, ChannelAxis axis);

/// The numbers of a constant that is broadcast to values of type `type`, one per channel,
/// or one if all are equal. Equal elements that an exporter has repeated along other axes
/// count once. None where they differ within a channel, or `type` is changed by them.
std::optional<std::vector<double>> perChannel(mlir::Value constant, mlir::RankedTensorType type,
                                              ChannelAxis axis);

/// The operand whose elements an op puts into another order or shape, losing none and
/// adding none: of Transpose, Reshape, Squeeze, Unsqueeze and Flatten. Null for others.
mlir::Value movedOperand(mlir::Operation *op);

/// The channel axis before such an op, for one after it, and the other way.
ChannelAxis axisBefore(mlir::Operation *move, ChannelAxis after);
ChannelAxis axisAfter(mlir::Operation *move, ChannelAxis before);

} // namespace strut::rewrite

#endif // STRUT_LIB_REWRITE_CHANNELAFFINE_H
