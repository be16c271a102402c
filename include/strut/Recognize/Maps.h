//===- Maps.h - Regions of a model that are linear maps --------*- C++ -*-===//
//
// A region between two values that is an affine map of features, the same for every
// token, as what it is made of: weights, selections, factors, addends, sums. Structure
// first: weights are not read. docs/recognition.md has the method and the rules.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_RECOGNIZE_MAPS_H
#define STRUT_RECOGNIZE_MAPS_H

#include "dialects/Layer/Layer.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "strut/Algebra/Map.h"
#include "strut/Recognize/ConstantView.h"
#include <memory>
#include <variant>

namespace strut::recognize {

struct Step;
/// Steps one after the other; each is immutable and may be shared.
using Chain = std::vector<std::shared_ptr<const Step>>;

/// Consecutive pieces of the features through a matrix each: `weight` is
/// [blocks, inputs, outputs].
struct Product {
  ConstantView weight;

  int64_t blocks() const { return weight.extent(0); }
  int64_t inputs() const { return weight.extent(1); }
  int64_t outputs() const { return weight.extent(2); }
};
/// An addend for every feature.
struct Shift {
  std::vector<double> values;
};
/// The sum of what several chains make of the same features, an empty one being the
/// features themselves.
struct Terms {
  std::vector<Chain> chains;
};

struct Step {
  std::variant<Product, algebra::Selection, algebra::Diagonal, Shift, Terms> what;
  llvm::SmallVector<mlir::Location, 2> locations; ///< of the nodes that it was written as

  template <typename T> const T *as() const { return std::get_if<T>(&what); }
};

/// Appends a step. A matrix does without rows that meet zeros; selections become one; factors and
/// addends go before a permutation, to the weight that they follow, and become one where they meet.
/// Equal bits, but for factors and addends that meet, which are equal over the reals.
void append(Chain &chain, Step step);
/// How many features come out of `inputs` that go in.
int64_t outputsOf(const Chain &chain, int64_t inputs);
/// The number of weights, those of sums included.
unsigned countProducts(const Chain &chain);

/// What the literature calls it: "dense", "lowrank", "blockdiagonal", "blockdense",
/// "blockshuffle", "lora", "sum"; "chain" where it has no name. Empty without weights.
llvm::StringRef formOf(const Chain &chain, int64_t inputs);

/// A region and what it computes: from `root`, [tokens..., features..., tokens...], to `exit`,
/// with the same tokens.
struct MapRegion {
  mlir::OpOperand *read; ///< one that reads the root, which may change its place
  unsigned rootFeatures; ///< how many of its axes are features
  unsigned tokensBehind; ///< how many are tokens behind these: 2 for channels of an image
  llvm::SmallVector<int64_t> exitFeatures;
  Chain chain;
  /// The operators between the two, in the order of the block; the last one has the exit.
  llvm::SmallVector<mlir::Operation *> ops;

  mlir::Value root() const { return read->get(); }
  mlir::Value exit() const { return ops.back()->getResult(0); }
  int64_t inputs() const;
  /// Whether it is written as layer ops already, and as factors and addends.
  bool isCanonical() const;
};

/// The maximal regions with a weight in a block, in its order. A value that is read twice
/// ends one, so no operator is in two.
std::vector<MapRegion> regionsOf(mlir::Block &block);

/// Writes the map canonically: layer.linear, layer.block_linear, Gather, Mul, Add, between
/// transpositions where features lie between tokens. The
/// location of the last op names `rewrite` and all nodes, its attribute kFormAttr the
/// form. Null where a weight cannot be read, or zeros would have to be put between features.
mlir::Value build(mlir::OpBuilder &builder, const MapRegion &region, llvm::StringRef rewrite);

/// Builds it before its last op, and puts it in the region's place. Fails, with nothing
/// changed, where `build` does.
llvm::LogicalResult replace(MapRegion &region, llvm::StringRef rewrite);

/// Of the op that ends a map: what formOf calls it.
inline constexpr llvm::StringLiteral kFormAttr = "layer.form";

} // namespace strut::recognize

#endif // STRUT_RECOGNIZE_MAPS_H
