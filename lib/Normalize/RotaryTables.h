//===- RotaryTables.h - Cosines and sines of rotary embeddings -*- C++ -*-===//
#ifndef STRUT_LIB_NORMALIZE_ROTARYTABLES_H
#define STRUT_LIB_NORMALIZE_ROTARYTABLES_H

#include "dialects/Onnx/Onnx.h"
#include "mlir/IR/PatternMatch.h"
#include <optional>

namespace strut::normalize {

/// Elements start, start + step, ... of a last axis of known extent, `size` of them.
struct LastSlice {
  int64_t start, size, step, extent;
};

/// What a Slice of the last axis alone takes; none if it takes anything else, or backwards.
std::optional<LastSlice> sliceOfLast(onnx_ir::Op<"Slice"> slice);

/// Reads what is multiplied with the [B, H, S, D] or [B, S, H, D] places of heads as the
/// [B, S, pairs] table that RotaryEmbedding takes. Axes of extent 1 stay so.
struct TableReader {
  int64_t pairs;
  bool isInterleaved;
  /// The table has 2 · pairs elements: those of a pair must be proved equal.
  bool hasTwice;

  /// Whether a table is the same for all heads and has one element for each pair.
  bool reads(mlir::Value table) const;
  /// Whether the heads are the third axis, not the second.
  bool isTurned(mlir::Value table) const;
  mlir::Value build(mlir::PatternRewriter &rewriter, mlir::Location loc, mlir::Value table) const;
};

} // namespace strut::normalize

#endif // STRUT_LIB_NORMALIZE_ROTARYTABLES_H
