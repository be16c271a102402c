//===- ChannelIndices.h - Which channels a scatter writes ------*- C++ -*-===//
#ifndef STRUT_LIB_NORMALIZE_CHANNELINDICES_H
#define STRUT_LIB_NORMALIZE_CHANNELINDICES_H

#include "dialects/Onnx/Onnx.h"
#include <optional>

namespace strut::normalize {

/// The integers of a tensor in row-major order, of a constant, a range, a slice of one, or
/// these in another shape.
std::optional<llvm::SmallVector<int64_t>> indicesOf(mlir::Value value);

/// Whether the operator gives all extents of its operand.
bool coversShape(onnx_ir::Op<"Shape"> op);

/// Places along an axis.
struct Places {
  int64_t axis;
  llvm::SmallVector<int64_t> places;
};

/// The places that a ScatterND without reduction writes whole: place i of the axis gets
/// slice i of what is written. Proved from how its indices are made: they number places of
/// the first axis, or are a grid whose other coordinates run over their axes of the data
/// in order. (Indices that occur twice are not allowed by the standard.)
std::optional<Places> scatteredChannels(onnx_ir::Op<"ScatterND"> op);

} // namespace strut::normalize

#endif // STRUT_LIB_NORMALIZE_CHANNELINDICES_H
