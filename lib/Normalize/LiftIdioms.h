//===- LiftIdioms.h - The rewrites of lift-idioms --------------*- C++ -*-===//
#ifndef STRUT_LIB_NORMALIZE_LIFTIDIOMS_H
#define STRUT_LIB_NORMALIZE_LIFTIDIOMS_H

#include "dialects/Onnx/Onnx.h"
#include "mlir/IR/PatternMatch.h"
#include <optional>

namespace strut::normalize {

/// How often each idiom was found.
struct IdiomCounts {
  unsigned gelu = 0, layerNormalization = 0, attention = 0;
};

/// The value of a constant float with one element.
std::optional<double> scalarOf(mlir::Value value);

/// Whether a constant of the model, rounded to its element type, means `value`.
bool isAbout(double constant, double value, mlir::Type element);

/// A value times a scalar.
struct Scaled {
  mlir::Value value;
  double scale = 1;
};

/// Strips multiplications and divisions by scalars. With `once`, only those
/// that nobody else reads.
Scaled stripScale(mlir::Value value, bool once = true);

void addLiftGelu(mlir::RewritePatternSet &patterns, IdiomCounts &counts);
void addLiftLayerNormalization(mlir::RewritePatternSet &patterns, IdiomCounts &counts);
void addLiftAttention(mlir::RewritePatternSet &patterns, IdiomCounts &counts);

} // namespace strut::normalize

#endif // STRUT_LIB_NORMALIZE_LIFTIDIOMS_H
