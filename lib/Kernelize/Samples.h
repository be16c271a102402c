//===- Samples.h - Elements as sums of neighbours --------------*- C++ -*-===//
#ifndef STRUT_LIB_KERNELIZE_SAMPLES_H
#define STRUT_LIB_KERNELIZE_SAMPLES_H

#include "Lowering.h"

namespace strut::kernelize {

/// The neighbours along one axis of a source of which elements are sums, as tables whose first
/// axis numbers the neighbours.
struct AxisSamples {
  unsigned axis; ///< of the source
  Dim taps;      ///< how many neighbours an element has
  /// Where they are, as i32 within the axis, or -1 for none.
  mlir::Value places;
  /// Of the type that is computed with; null if the only neighbour is taken as it is.
  mlir::Value weights;
  /// The iteration dimensions that the other axes of the tables follow.
  llvm::SmallVector<unsigned> along;

  unsigned tablesPerTap() const { return weights ? 2 : 1; }
  unsigned numTables() const { return taps.constant() * tablesPerTap(); }
};

/// What a neighbour that is none means.
enum class Outside {
  Never,    ///< there is always one
  Element,  ///< the element itself has a value that is given
  Neighbour ///< the neighbour is 0
};

/// Kernels that sum neighbours in a tensor.
struct Sampler {
  Context &context;
  mlir::Location loc;
  mlir::Type element;  ///< of the result, as the model says it
  mlir::Type computed; ///< what sums are computed in: f32 or f64
  Outside outside = Outside::Never;
  double value = 0; ///< of an element that has no neighbours

  /// For elements of this type of the model.
  Sampler(Context &context, mlir::Location loc, mlir::Type element);

  /// A tensor of `shape`, of the result's type or, if it `isBetween` others, of `computed`. An
  /// axis of the source without samples is read at the iteration dimension of its number.
  /// Elements of few terms are a map, those of many, or of a number that dimensions decide,
  /// rows of terms.
  mlir::Value sample(mlir::Value source, llvm::ArrayRef<Dim> shape,
                     llvm::ArrayRef<AxisSamples> axes, bool isBetween = false) const;

  /// Terms that the body of a map may have.
  static constexpr int64_t fewTerms = 8;

private:
  mlir::Value sampleMap(mlir::Value source, llvm::ArrayRef<Dim> shape,
                        llvm::ArrayRef<AxisSamples> axes, mlir::Type type) const;
  mlir::Value sampleRows(mlir::Value source, llvm::ArrayRef<Dim> shape,
                         llvm::ArrayRef<AxisSamples> axes, mlir::Type type) const;
  mlir::AffineMap readOf(const AxisSamples &axis, unsigned iterators, mlir::AffineExpr tap) const;
  mlir::Value stored(Code &c, mlir::Value sum, mlir::Value isOutside, mlir::Type type) const;
};

} // namespace strut::kernelize

#endif // STRUT_LIB_KERNELIZE_SAMPLES_H
