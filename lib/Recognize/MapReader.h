//===- MapReader.h - What values are as maps of others ---------*- C++ -*-===//
#ifndef STRUT_LIB_RECOGNIZE_MAPREADER_H
#define STRUT_LIB_RECOGNIZE_MAPREADER_H

#include "strut/Recognize/Maps.h"
#include "llvm/ADT/MapVector.h"

namespace strut::recognize {

/// One axis of a value in a region.
struct Axis {
  /// Of tokens: which token axes of the root it runs over, the last fastest; none for an
  /// axis of extent 1.
  llvm::SmallVector<unsigned, 2> tokens;
  /// Of features: how many; 0 for an axis of tokens.
  int64_t features = 0;

  bool isFeature() const { return features > 0; }
  bool operator==(const Axis &) const = default;
};

/// A value as a map of its root. Its features are numbered row-major along its axes of
/// features.
struct MapState {
  mlir::Value root;
  unsigned rootFeatures = 1;
  llvm::SmallVector<Axis, 4> axes;
  Chain chain;

  llvm::SmallVector<int64_t> featureShape() const;
  int64_t numFeatures() const;
};

/// Reads a block from the first op to the last. The rules of operators that move features
/// are in MapMoves.cpp, those of products in MapProducts.cpp.
class MapReader {
public:
  /// Values of `stops` begin regions of their own.
  explicit MapReader(const llvm::DenseSet<mlir::Value> &stops) : stops(stops) {}

  void visit(mlir::Operation &op);

  /// Each value that is a map of another, in order.
  llvm::MapVector<mlir::Value, MapState> states;
  /// Values that the state of another is made from.
  llvm::DenseSet<mlir::Value> consumed;

private:
  using State = std::optional<MapState>;

  /// The value as a map of its root, which it is itself where it is read twice.
  State operand(mlir::Value value);
  State itself(mlir::Value value);

  State apply(mlir::Operation &op);
  State product(mlir::Operation &op);
  State biased(mlir::Operation &op, MapState state);
  State sum(onnx_ir::AnyOp op, bool isDifference);
  State pointwise(onnx_ir::AnyOp op);
  State move(onnx_ir::AnyOp op);

  const llvm::DenseSet<mlir::Value> &stops;
  llvm::SmallVector<mlir::Value> used; ///< operands of the op being visited
};

// MapMoves.cpp

/// Gives the axes of `state` another order.
void permuteAxes(MapState &state, llvm::ArrayRef<int64_t> permutation, mlir::Location loc);
/// Takes the features, row-major along axes of extents `shape`, in the order of these axes.
void permuteFeatures(MapState &state, llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<unsigned> order,
                     mlir::Location loc);
/// The state of an operator that only moves its operand, which has `state`.
std::optional<MapState> moved(onnx_ir::AnyOp op, MapState state);
/// Whether `moved` knows the operator.
bool isMove(mlir::Operation *op);

// MapProducts.cpp

/// x and weight multiplied and summed over labels that the result does not have.
struct LabelledProduct {
  llvm::SmallVector<int> input, weight, result;
};
/// The labels of a MatMul, Gemm, Conv of one tap, layer.linear or Einsum, with `input`
/// being the operand that is no constant.
std::optional<LabelledProduct> labelsOf(mlir::Operation &op, mlir::Value input, mlir::Value weight);
/// The state of such a product with `input`, which has `state`.
std::optional<MapState> multiplied(MapState state, mlir::Value input, const LabelledProduct &labels,
                                   const ConstantView &weight, mlir::Location loc);

} // namespace strut::recognize

#endif // STRUT_LIB_RECOGNIZE_MAPREADER_H
