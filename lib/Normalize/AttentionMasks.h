//===- AttentionMasks.h - What is added to the scores ----------*- C++ -*-===//
#ifndef STRUT_LIB_NORMALIZE_ATTENTIONMASKS_H
#define STRUT_LIB_NORMALIZE_ATTENTIONMASKS_H

#include "dialects/Onnx/Onnx.h"
#include "mlir/IR/PatternMatch.h"

namespace strut::normalize {

/// The type of a tensor of f32, f16 or bf16, of which attention can be; else null.
mlir::RankedTensorType floatsOf(mlir::Value value);

/// Whether `split` is `whole`, [X, H, M, S], as [X / W, W, H, M, S] with W, H, M and S known.
bool isSplitIntoWindows(mlir::Value whole, mlir::Value split);

/// The masks that are added to scores [X, H, M, S], as one for the Attention operator.
///
/// Attention within W windows of a picture has X = batch * W, and a mask that differs from window
/// to window and not along the batch. Exporters write one of
///
///   Reshape(Reshape(scores, [X / W, W, H, M, S]) + mask, [X, H, M, S])
///   scores + (bias + Reshape(Expand(mask, [X / W, W, H, M, S]), [X, H, M, S]))
///
/// with `mask` [1, W, 1 or H, M, S]. Either is Tile(bias + mask, [X / W, 1, 1, 1]), in which the
/// sum is a constant where both are.
class AttentionMasks {
public:
  /// Whether a value may be a mask, by its type.
  static bool isMask(mlir::Value value);
  /// Whether a value can be added, as a mask of windows, to scores [X / W, W, H, M, S].
  static bool isWindowMask(mlir::Value mask, mlir::Value scores);

  void add(mlir::Value mask) { plain.push_back(mask); }
  /// Adds a mask of windows; the first axis of `scores` tells how often it is repeated.
  void addOfWindows(mlir::Value mask, mlir::Value scores) { windows.push_back({mask, scores}); }
  /// The sum of all masks; null if there are none.
  mlir::Value sum(mlir::Location loc, mlir::PatternRewriter &rewriter) const;

private:
  struct Windows {
    mlir::Value mask, scores;
  };
  llvm::SmallVector<mlir::Value> plain;
  llvm::SmallVector<Windows> windows;
};

} // namespace strut::normalize

#endif // STRUT_LIB_NORMALIZE_ATTENTIONMASKS_H
