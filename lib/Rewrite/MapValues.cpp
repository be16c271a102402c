//===- MapValues.cpp - Recognised maps with their numbers -----------------===//
#include "MapValues.h"
#include "Constants.h"
#include "strut/Evaluate/Evaluate.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace strut::rewrite {

using algebra::Affine;
using algebra::Map;
using recognize::Chain;
using recognize::Product;
using recognize::Step;

static std::optional<Map> mapOf(const Product &product) {
  std::optional<std::vector<double>> values = product.weight.numbers();
  if (!values)
    return std::nullopt;
  std::vector<Map> blocks;
  int64_t size = product.inputs() * product.outputs();
  for (auto begin = values->begin(); begin != values->end(); begin += size)
    blocks.push_back(Map::dense({product.inputs(), product.outputs(), {begin, begin + size}}));
  return Map::blockDiagonal(std::move(blocks));
}

static std::optional<Affine> affineOf(const Step &step, int64_t inputs) {
  if (auto *product = step.as<Product>()) {
    std::optional<Map> map = mapOf(*product);
    return map ? std::optional(Affine{std::move(*map), {}}) : std::nullopt;
  }
  if (auto *selection = step.as<algebra::Selection>())
    return Affine{Map::selection(selection->inputs, selection->from), {}};
  if (auto *diagonal = step.as<algebra::Diagonal>())
    return Affine{Map::diagonal(diagonal->scale), {}};
  if (auto *shift = step.as<recognize::Shift>())
    return Affine{Map::identity(inputs), shift->values};
  std::vector<Map> maps;
  std::vector<double> bias;
  for (const Chain &term : step.as<recognize::Terms>()->chains) {
    std::optional<Affine> affine = affineOf(term, inputs);
    if (!affine)
      return std::nullopt;
    bias.resize(std::max(bias.size(), affine->bias.size()));
    for (auto [total, addend] : llvm::zip(bias, affine->bias))
      total += addend;
    maps.push_back(std::move(affine->map));
  }
  return Affine{Map::sum(std::move(maps)), std::move(bias)};
}

std::optional<Affine> affineOf(const Chain &chain, int64_t inputs) {
  Affine whole{Map::identity(inputs), {}};
  for (const auto &step : chain) {
    std::optional<Affine> affine = affineOf(*step, whole.map.shape().outputs);
    if (!affine)
      return std::nullopt;
    whole = algebra::compose(whole, *affine);
  }
  return whole;
}

bool appendDense(Chain &chain, const Affine &map, Type element, ArrayRef<Location> locations) {
  algebra::Matrix matrix = map.map.materialise();
  std::vector<double> values;
  values.reserve(matrix.rows() * matrix.cols());
  for (int64_t row = 0; row < matrix.rows(); ++row)
    for (int64_t column = 0; column < matrix.cols(); ++column)
      values.push_back(matrix(row, column));
  // Condition 5 of merge-sums.
  if (!areFinite(values, element))
    return false;
  // Condition 5 of merge-sums.
  if (!areFinite(map.bias, element))
    return false;
  Location loc = locations.front();
  auto type = RankedTensorType::get({1, matrix.rows(), matrix.cols()}, element);
  StringRef name = onnx_ir::nodeNameOf(loc);
  ElementsAttr attr =
      evaluate::Array::toAttr(evaluate::ofDoubles(type, values), name.empty() ? "merged" : name);
  SmallVector<Location, 2> nodes(locations);
  recognize::append(chain, {Product{recognize::ConstantView::whole(attr, loc)}, nodes});
  if (llvm::any_of(map.bias, [](double value) { return value != 0; }))
    recognize::append(chain, {recognize::Shift{map.bias}, {loc}});
  return true;
}

/// The matrices that a region reads, each once, and whether it alone reads them.
static llvm::MapVector<Value, bool> weightsOf(const recognize::MapRegion &region) {
  llvm::MapVector<Value, bool> weights;
  for (Operation *op : region.ops)
    for (Value operand : op->getOperands()) {
      auto type = dyn_cast<RankedTensorType>(operand.getType());
      if (type && type.getRank() > 1 && isConstant(operand))
        weights[operand] = isConstantOf(operand, op);
    }
  return weights;
}

bool ownsWeights(const recognize::MapRegion &region) {
  return llvm::all_of(weightsOf(region), [](const auto &weight) { return weight.second; });
}

double ownedElements(const recognize::MapRegion &region) {
  double elements = 0;
  for (const auto &[weight, isOwned] : weightsOf(region))
    if (isOwned)
      elements += double(cast<RankedTensorType>(weight.getType()).getNumElements());
  return elements;
}

double elementsOf(const Chain &chain) {
  double elements = 0;
  for (const auto &step : chain) {
    if (auto *product = step->as<Product>())
      elements += double(product->weight.count());
    if (auto *terms = step->as<recognize::Terms>())
      for (const Chain &term : terms->chains)
        elements += elementsOf(term);
  }
  return elements;
}

} // namespace strut::rewrite
