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
  /// How many axes of tokens the root has behind its features: 2 for channels of an image.
  unsigned tokensBehind = 0;
  llvm::SmallVector<Axis, 4> axes;
  Chain chain;

  /// Whether an axis of the root is one of tokens.
  bool isToken(int64_t axis) const;
  /// The axes of the root itself.
  llvm::SmallVector<Axis, 4> rootAxes() const;

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
  /// The value as its own root, whose features are along `axis`, the last one where it is -1.
  State itself(mlir::Value value, int64_t axis = -1);

  State apply(mlir::Operation &op);
  State product(mlir::Operation &op);
  State product(mlir::Operation &op, MapState state, mlir::Value input, const ConstantView &weight);
  State biased(mlir::Operation &op, MapState state);
  /// A product that is written as factors and their sum.
  State summed(onnx_ir::AnyOp op);
  State sum(onnx_ir::AnyOp op, bool isDifference);
  State pointwise(onnx_ir::AnyOp op);
  State normalised(onnx_ir::AnyOp op);
  State move(onnx_ir::AnyOp op);
  State concatenated(onnx_ir::AnyOp op);
  void split(mlir::Operation &op);

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
/// Of one axis of features the given ones, in this order; -1 is 0.
algebra::Selection selectionOf(const MapState &state, unsigned axis, llvm::ArrayRef<int64_t> kept);
/// The features of a state from `start` on, `count` of them along its only axis of features.
MapState part(MapState state, int64_t start, int64_t count, mlir::Location loc);

// MapParts.cpp

/// Maps of one root whose results lie beside each other along their only axis of features, as
/// one: blocks that read one part of the root each, in order, or columns that all read the
/// whole root. None for others.
std::optional<MapState> beside(llvm::ArrayRef<MapState> parts, mlir::Location loc);

// MapPads.cpp

/// The state of a Pad of features, constant or of what is inside, of an operand that has `state`.
std::optional<MapState> padded(onnx_ir::AnyOp op, MapState state);
/// The numbers of a constant along an axis, if they are the same for every token.
std::optional<std::vector<double>> numbersAlong(mlir::Value value, int64_t axis);
/// An operand of a Concat: a map, or the numbers of a constant.
struct Beside {
  std::optional<MapState> map;
  std::vector<double> numbers;
};
/// A map, or features of one root, with constants and each other along `axis`. None for others.
std::optional<MapState> beside(llvm::ArrayRef<Beside> parts, int64_t axis, mlir::Location loc);

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
