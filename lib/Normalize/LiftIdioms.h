//===- LiftIdioms.h - The rewrites of lift-idioms --------------*- C++ -*-===//
#ifndef STRUT_LIB_NORMALIZE_LIFTIDIOMS_H
#define STRUT_LIB_NORMALIZE_LIFTIDIOMS_H

#include "dialects/Onnx/Onnx.h"
#include "mlir/IR/PatternMatch.h"
#include <optional>

namespace strut::normalize {

/// How often each idiom was found.
struct IdiomCounts {
  unsigned relu = 0, gelu = 0, swish = 0, mish = 0, hardSigmoid = 0, hardSwish = 0;
  unsigned layerNormalization = 0, rmsNormalization = 0, groupNormalization = 0, attention = 0,
           transpose = 0, rotary = 0, rowLoops = 0;
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

/// A product as its scalar factor and its other factors.
struct Product {
  double scale = 1;
  llvm::SmallVector<mlir::Value> factors;
};

/// The factors of a product, through inner products and divisions by scalars that nobody
/// else reads.
Product productOf(mlir::Value value);

/// The other operand of a commutative `op` that has a scalar for one; sets the scalar.
mlir::Value matchWithScalar(mlir::Operation *op, double &scalar);

/// ReduceMean over the last axis that keeps it; gives its input.
mlir::Value matchMean(mlir::Value value);

/// d² as a power or a product; gives d.
mlir::Value matchSquare(mlir::Value value);

/// sqrt(mean(d²) + epsilon) over the last axis; gives d. An epsilon anywhere else is
/// another formula.
mlir::Value matchRootMeanSquare(mlir::Value value, double &epsilon);

/// Whether `value` is a constant with one element per place of the last axis of `x`.
bool isVectorLike(mlir::Value value, mlir::Value x);

void addLiftActivations(mlir::RewritePatternSet &patterns, IdiomCounts &counts);
void addLiftGelu(mlir::RewritePatternSet &patterns, IdiomCounts &counts);
void addLiftLayerNormalization(mlir::RewritePatternSet &patterns, IdiomCounts &counts);
void addLiftRMSNormalization(mlir::RewritePatternSet &patterns, IdiomCounts &counts);
void addLiftGroupNormalization(mlir::RewritePatternSet &patterns, IdiomCounts &counts);
void addLiftTranspose(mlir::RewritePatternSet &patterns, IdiomCounts &counts);
void addLiftAttention(mlir::RewritePatternSet &patterns, IdiomCounts &counts);
void addLiftRotary(mlir::RewritePatternSet &patterns, IdiomCounts &counts);
void addLiftExpertLoops(mlir::RewritePatternSet &patterns, IdiomCounts &counts);

} // namespace strut::normalize

#endif // STRUT_LIB_NORMALIZE_LIFTIDIOMS_H
