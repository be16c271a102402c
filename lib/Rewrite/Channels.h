//===- Channels.h - Where the channels of a hidden layer come from -*- C++ -*-===//
#ifndef STRUT_LIB_REWRITE_CHANNELS_H
#define STRUT_LIB_REWRITE_CHANNELS_H

#include "dialects/Layer/Layer.h"
#include "dialects/Onnx/Onnx.h"
#include <map>
#include <optional>
#include <vector>

namespace strut::rewrite {

/// The channels of a value as functions of the channels of one linear map: channel i is
/// functions[of[i]](map[from[i]]). A function is a list of pointwise operators, the first
/// one first; function 0 is the empty list.
///
/// The channels are followed through slices, splits and concatenations of the channel axis,
/// transpositions, choices by a constant mask per channel, and pointwise operators. So
/// however a model spells that some hidden channels pass an activation and others do not,
/// the answer is the same.
struct Channels {
  layer::LinearOp map;
  std::vector<int64_t> from, of;
  std::vector<llvm::SmallVector<mlir::Operation *>> functions;
  /// What lies between the map and the value.
  llvm::SmallVector<mlir::Operation *> between;
};

/// Follows the channels along the last axis of operands of `reader`, one operand after the
/// other; none where they come from elsewhere, depend on data, or a value on the way has a
/// reader of its own.
std::optional<Channels> channelsInto(mlir::Operation *reader, mlir::ValueRange operands);

/// `function` applied to a value of the same or fewer channels.
mlir::Value applyFunction(llvm::ArrayRef<mlir::Operation *> function, mlir::Value value,
                          mlir::OpBuilder &b);

} // namespace strut::rewrite

#endif // STRUT_LIB_REWRITE_CHANNELS_H
