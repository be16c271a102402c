//===- TokenMixing.h - Maps of places ---------------------------*- C++ -*-===//
#ifndef STRUT_RECOGNIZE_TOKENMIXING_H
#define STRUT_RECOGNIZE_TOKENMIXING_H

#include "mlir/IR/Operation.h"

namespace strut::recognize {

/// Whether an op is a linear map of places instead of channels, as in MLP-Mixer, ResMLP and
/// gMLP: a constant matrix on the left of a product, a convolution of one tap over rows, or a
/// `layer.linear` between two transpositions that bring another axis to the end and back, with
/// maps and pointwise operators between them.
bool mixesPlaces(mlir::Operation *op);

} // namespace strut::recognize

#endif // STRUT_RECOGNIZE_TOKENMIXING_H
