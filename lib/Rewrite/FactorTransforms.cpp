//===- FactorTransforms.cpp - Dense constants that are transforms ----------===//
//
// x (A (x) B) = A^T X B with X the row x as a matrix; a Hadamard matrix is such a product, a table
// of cosines and sines a Fourier transform: docs/transforms.md.
//
//===----------------------------------------------------------------------===//
#include "Constants.h"
#include "MachineOption.h"
#include "TransformCost.h"
#include "dialects/Onnx/Onnx.h"
#include "strut/Algebra/ByValue.h"
#include "strut/Algebra/Map.h"
#include "strut/Cost/Layers.h"
#include "strut/Kernelize/Passes.h"
#include "strut/Recognize/ConstantView.h"
#include "strut/Rewrite/Passes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

namespace strut::rewrite {
#define GEN_PASS_DEF_FACTORTRANSFORMS
#include "strut/Rewrite/Passes.h.inc"
} // namespace strut::rewrite

using namespace mlir;

namespace strut::rewrite {
namespace {

using algebra::Columns;
using algebra::FourierMap;
using algebra::Kronecker;
using algebra::Matrix;
using algebra::Shape;
using onnx_ir::Op;

/// A matrix stays where it does not take this much longer.
constexpr double kWorthwhile = 1.3;
/// Columns that fill the registers.
constexpr double kFilled = 16;

double toleranceOf(Type element) { return std::ldexp(1.0, element.isF64() ? -49 : -21); }

/// Rows for which times are compared; none where there are none.
SmallVector<double> rowsOf(RankedTensorType type) {
  constexpr double unknown = 64;
  double rows = 1;
  bool isOpen = false;
  for (int64_t extent : type.getShape().drop_back()) {
    isOpen |= ShapedType::isDynamic(extent);
    rows *= ShapedType::isDynamic(extent) ? 1 : double(extent);
  }
  if (rows == 0)
    return {};
  return isOpen ? SmallVector<double>{rows, unknown * rows} : SmallVector<double>{rows};
}

/// The numbers of a weight that may be known, of which one column and one row are read first.
std::optional<Matrix> matrixToTry(layer::LinearOp map) {
  RankedTensorType type = map.getWeight().getType();
  // Condition 1 of factor-transforms.
  if (!type.getElementType().isF32() && !type.getElementType().isF64())
    return std::nullopt;
  auto view = recognize::ConstantView::of(map.getWeight());
  auto mayBeKnown = [&](size_t axis) {
    auto line = view ? view->sliced(axis, 0, 1, 1) : std::nullopt;
    auto numbers = line ? line->numbers() : std::nullopt;
    return numbers && algebra::mayBeKnown(*numbers, toleranceOf(type.getElementType()));
  };
  return mayBeKnown(1) || mayBeKnown(0) ? readMatrix(map.getWeight()) : std::nullopt;
}

//===----------------------------------------------------------------------===//
// Building
//===----------------------------------------------------------------------===//

/// Makes values whose tokens are those of a map.
class Maker {
public:
  Maker(layer::LinearOp map)
      : b(map), loc(rewritten("factor-transforms", {map.getLoc()})), map(map),
        element(map.getType().getElementType()), tokens(map.getType().getShape().drop_back()) {}

  RankedTensorType typeOf(ArrayRef<int64_t> features) {
    SmallVector<int64_t> shape(tokens);
    llvm::append_range(shape, features);
    return RankedTensorType::get(shape, element);
  }
  Value integers(ArrayRef<int64_t> numbers, bool isScalar = false) {
    SmallVector<int64_t> shape(isScalar ? 0 : 1, int64_t(numbers.size()));
    auto attr = DenseElementsAttr::get(RankedTensorType::get(shape, b.getI64Type()), numbers);
    return Op<"Constant">::create(b, loc, {}, b.getNamedAttr("value", attr))->getResult(0);
  }
  Value reshape(Value value, ArrayRef<int64_t> features) {
    SmallVector<int64_t> wanted(tokens.size(), 0); // as they are
    llvm::append_range(wanted, features);
    return typed(Op<"Reshape">::create(b, loc, {value, integers(wanted)}), features);
  }
  /// Takes the last axis before the others of features.
  Value rotate(Value value, ArrayRef<int64_t> features) {
    SmallVector<int64_t> order =
        llvm::to_vector(llvm::seq<int64_t>(0, tokens.size() + features.size()));
    std::rotate(order.begin() + tokens.size(), order.end() - 1, order.end());
    auto perm = b.getNamedAttr("perm", b.getDenseI64ArrayAttr(order));
    return typed(Op<"Transpose">::create(b, loc, {value}, perm), features);
  }
  Value select(Value value, ArrayRef<int64_t> from) {
    auto axis = b.getNamedAttr("axis", b.getI64IntegerAttr(int64_t(tokens.size())));
    return typed(Op<"Gather">::create(b, loc, {value, integers(from)}, axis),
                 {int64_t(from.size())});
  }
  Value linear(Value value, const Matrix &matrix, ArrayRef<int64_t> features) {
    auto type = RankedTensorType::get({matrix.rows(), matrix.cols()}, element);
    Value weight =
        writeConstant(b, loc, type, {matrix.data(), size_t(matrix.rows() * matrix.cols())});
    return layer::LinearOp::create(b, loc, typeOf(features), value, weight, Value());
  }
  Value times(Value value, ArrayRef<double> factors) {
    if (llvm::all_of(factors, [](double factor) { return factor == 1; }))
      return value;
    return pointwise("onnx.Mul", value, vector(factors));
  }
  /// Takes the value from[n] times scale[n] of each read, and adds these.
  Value sum(Value value, ArrayRef<FourierMap::Read> reads) {
    Value total;
    for (const FourierMap::Read &read : reads) {
      Value addend = times(select(value, read.from), read.scale);
      total = total ? pointwise("onnx.Add", total, addend) : addend;
    }
    return total;
  }
  Value pointwise(StringRef name, Value left, Value right) {
    Value made = onnx_ir::create(b, loc, name, {left, right}, {})->getResult(0);
    made.setType(left.getType());
    return made;
  }
  Value vector(ArrayRef<double> numbers) {
    return writeConstant(b, loc, RankedTensorType::get({int64_t(numbers.size())}, element),
                         numbers);
  }
  /// Adds the bias and takes the map's place.
  void replace(Value result) {
    if (map.getBias())
      result = pointwise("onnx.Add", result, map.getBias());
    result.setType(map.getType());
    map.getResult().replaceAllUsesWith(result);
    map->erase();
  }

  OpBuilder b;
  Location loc;
  layer::LinearOp map;

private:
  Value typed(Operation *op, ArrayRef<int64_t> features) {
    op->getResult(0).setType(typeOf(features));
    return op->getResult(0);
  }

  Type element;
  SmallVector<int64_t> tokens;
};

//===----------------------------------------------------------------------===//
// Kronecker products
//===----------------------------------------------------------------------===//

/// x W as (x (A (x) B (x) ...))[from] scale, by the columns where these are not in order; the
/// outermost factor first.
struct Product {
  std::vector<Matrix> factors;
  Columns columns;
};

std::vector<Product> productsOf(const Matrix &weight, double tolerance) {
  std::vector<Product> found;
  for (Kronecker &factors : algebra::kroneckerFactors(weight, tolerance))
    found.push_back({{std::move(factors.outer), std::move(factors.inner)}, {}});
  if (!found.empty()) {
    std::vector<Matrix> chain = algebra::kroneckerChain(weight, tolerance);
    if (chain.size() > 2)
      found.push_back({std::move(chain), {}});
    return found;
  }
  std::optional<Columns> columns = algebra::hadamardColumns(weight, tolerance);
  if (!columns)
    return found;
  Matrix two = algebra::Map::transform(algebra::Transform::Hadamard, 2).materialise();
  found.push_back({std::vector<Matrix>(llvm::Log2_64(weight.rows()), two), *columns});
  return found;
}

/// Neighbours as one factor: `ends` has a bit for each factor but the last one behind which
/// a group ends.
template <typename T>
SmallVector<T> grouped(ArrayRef<T> factors, uint64_t ends,
                       llvm::function_ref<T(const T &, const T &)> product) {
  SmallVector<T> groups = {factors.front()};
  for (size_t i = 1; i < factors.size(); ++i)
    if (ends >> (i - 1) & 1)
      groups.push_back(factors[i]);
    else
      groups.back() = product(groups.back(), factors[i]);
  return groups;
}

SmallVector<Shape> shapesOf(ArrayRef<Matrix> factors) {
  return llvm::map_to_vector(
      factors, [](const Matrix &factor) { return Shape{factor.rows(), factor.cols()}; });
}

/// The product with each factor, the innermost first: with a row for everything before it, and the
/// others with the columns that those behind it have made.
SmallVector<cost::Phase> kernelsOf(ArrayRef<Shape> factors, double rows, StringRef type) {
  SmallVector<cost::Phase> kernels;
  double before = rows, behind = 1, bytes = cost::elementBytes(type);
  for (const Shape &factor : factors)
    before *= double(factor.inputs);
  for (const Shape &factor : llvm::reverse(factors)) {
    double inputs = double(factor.inputs), outputs = double(factor.outputs);
    before /= inputs;
    if (kernels.empty()) {
      kernels.push_back(cost::dense(before, inputs, outputs, type));
    } else {
      cost::Phase &kernel =
          kernels.emplace_back(cost::dense(outputs, inputs, before * behind, type));
      kernel.weightBytes = inputs * outputs * bytes;
      kernel.valueBytes = before * behind * (inputs + outputs) * bytes;
    }
    behind *= outputs;
  }
  return kernels;
}

double secondsOf(ArrayRef<Shape> factors, double rows, StringRef type,
                 const cost::Setting &setting) {
  double narrow = std::max(1.0, kFilled / double(factors.back().outputs)), seconds = 0;
  auto factor = factors.rbegin();
  for (cost::Phase &kernel : kernelsOf(factors, rows, type)) {
    // A product of few rows with few columns of another matrix is mostly loads.
    auto least = double(std::min(factor->inputs, factor->outputs));
    bool isOuter = factor++ != factors.rbegin();
    kernel.flops *= isOuter ? std::max(narrow, kFilled / least) : narrow;
    seconds += cost::timeOf(kernel, setting);
  }
  return seconds;
}

/// Notes on the op what was considered, the matrix and the factors.
void note(Operation *op, layer::LinearOp map, ArrayRef<Shape> factors, StringRef type) {
  Builder b(map.getContext());
  auto form = [&](StringRef name, ArrayRef<cost::Phase> kernels) {
    SmallVector<DenseF64ArrayAttr> all;
    for (const cost::Phase &kernel : kernels)
      all.push_back(b.getDenseF64ArrayAttr({kernel.flops, kernel.weightBytes, kernel.valueBytes}));
    return layer::FormAttr::get(map.getContext(), name, all);
  };
  auto [inputs, outputs] = map.getMapShape();
  std::string name = llvm::join(
      llvm::map_range(factors, [](Shape factor) { return std::to_string(factor.inputs); }), " x ");
  op->setAttr(layer::kConsideredAttr,
              b.getArrayAttr({form("dense", cost::dense(1, inputs, outputs, type)),
                              form(name, kernelsOf(factors, 1, type))}));
  op->setAttr(layer::kChosenAttr, b.getStringAttr(name));
  op->setAttr(layer::kKindAttr, b.getStringAttr("transform"));
}

void build(layer::LinearOp map, ArrayRef<Matrix> factors, const Columns &columns, StringRef type) {
  SmallVector<int64_t> extents =
      llvm::map_to_vector(factors, [](const Matrix &factor) { return factor.rows(); });
  Maker make(map);
  Value x = map.getInput();
  if (!columns.signs.empty())
    x = make.select(make.times(x, columns.signs), columns.order);
  x = make.reshape(x, extents);
  Operation *last = nullptr;
  int64_t outputs = 1;
  for (const Matrix &factor : llvm::reverse(factors)) {
    extents.back() = factor.cols();
    outputs *= factor.cols();
    x = make.linear(x, factor, extents);
    last = x.getDefiningOp();
    std::rotate(extents.begin(), extents.end() - 1, extents.end());
    x = make.rotate(x, extents);
  }
  x = make.reshape(x, {outputs});
  if (!columns.from.empty()) {
    bool isInOrder = columns.from == algebra::Map::identity(outputs).as<algebra::Selection>()->from;
    x = make.times(isInOrder ? x : make.select(x, columns.from), columns.scale);
  }
  note(last, map, shapesOf(factors), type);
  make.replace(x);
}

//===----------------------------------------------------------------------===//
// Fourier transforms
//===----------------------------------------------------------------------===//

/// The real transform of `blocks` signals, from values to parts or back.
Value transformed(Maker &make, Value x, const FourierMap &what) {
  int64_t bins = what.length / 2 + 1;
  SmallVector<int64_t> shape = {what.blocks, what.length, 1}, parts = {what.blocks, bins, 2};
  if (what.isInverse)
    std::swap(shape, parts);
  x = make.reshape(x, shape);
  auto flag = [&](StringRef name, int64_t value) {
    return make.b.getNamedAttr(name, make.b.getI64IntegerAttr(value));
  };
  Operation *transform = Op<"DFT">::create(
      make.b, make.loc, {x, make.integers({what.length}, true), make.integers({-2}, true)},
      {flag("inverse", what.isInverse), flag("onesided", 1)});
  transform->getResult(0).setType(make.typeOf(parts));
  transform->setAttr(layer::kKindAttr, make.b.getStringAttr("transform"));
  return make.reshape(transform->getResult(0), {parts[0] * parts[1] * parts[2]});
}

void build(layer::LinearOp map, const FourierMap &what) {
  Maker make(map);
  Value x = map.getInput();
  if (!what.isInverse) {
    x = what.order.empty() ? x : make.select(x, what.order);
    return make.replace(make.sum(transformed(make, x, what), what.reads));
  }
  x = transformed(make, make.sum(x, what.reads), what);
  SmallVector<int64_t> places(what.order.size());
  for (auto [i, place] : llvm::enumerate(what.order))
    places[place] = int64_t(i);
  make.replace(places.empty() ? x : make.select(x, places));
}

/// The stages, and the kernel that puts the parts where they are read.
double secondsOf(const FourierMap &map, double values, double rows, Type element,
                 const cost::Setting &setting) {
  Transforms what{map.length, rows * double(map.blocks), true, element};
  double bytes = element.getIntOrFloatBitWidth() / 8.0;
  cost::Phase move;
  move.valueBytes = rows * values * double(map.reads.size()) * bytes;
  move.rows = rows;
  return secondsOf(what, fastestFactors(what, setting), setting) + cost::timeOf(move, setting);
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

struct FactorTransforms : impl::FactorTransformsBase<FactorTransforms> {
  using FactorTransformsBase::FactorTransformsBase;

  LogicalResult initialize(MLIRContext *context) override {
    return readMachineOption(context, machine, described);
  }

  void runOnOperation() override {
    cost::Setting setting(described, cost::weightBytesOf(getOperation()));
    SmallVector<layer::LinearOp> maps;
    for (auto function : getOperation().getOps<func::FuncOp>())
      for (Block &block : function.getBody())
        for (auto map : block.getOps<layer::LinearOp>())
          if (!map->hasAttr(layer::kConsideredAttr))
            maps.push_back(map);
    for (layer::LinearOp map : maps)
      run(map, setting);
  }

  void run(layer::LinearOp map, const cost::Setting &setting) {
    SmallVector<double> rows = rowsOf(map.getType());
    auto [inputs, outputs] = map.getMapShape();
    Type element = map.getType().getElementType();
    // Condition 3 of factor-transforms.
    if (rows.empty())
      return;
    std::optional<Matrix> weight = matrixToTry(map);
    if (!weight)
      return;
    std::string type = nameOf(element);
    // How often the time of a form goes into that of the matrix, where it is least.
    auto gainOf = [&](llvm::function_ref<double(double)> seconds) {
      double least = INFINITY;
      for (double count : rows)
        least = std::min(least, cost::timeOf(cost::dense(count, inputs, outputs, type), setting) /
                                    seconds(count));
      return least;
    };
    double most = 0;
    std::vector<Product> products = productsOf(*weight, toleranceOf(element));
    std::pair<const Product *, uint64_t> best;
    for (const Product &product : products)
      for (uint64_t ends = 1; ends < uint64_t(1) << (product.factors.size() - 1); ++ends) {
        SmallVector<Shape> shapes =
            grouped<Shape>(shapesOf(product.factors), ends, [](Shape a, Shape b) {
              return Shape{a.inputs * b.inputs, a.outputs * b.outputs};
            });
        double gain = gainOf([&](double count) { return secondsOf(shapes, count, type, setting); });
        if (gain > most) {
          most = gain;
          best = {&product, ends};
        }
      }
    // Condition 3 of factor-transforms.
    if (most >= kWorthwhile) {
      build(map, grouped<Matrix>(best.first->factors, best.second, algebra::kroneckerProduct),
            best.first->columns, type);
      ++numKronecker;
      return;
    }
    std::optional<FourierMap> waves = algebra::fourierMap(*weight, toleranceOf(element));
    if (!waves)
      return;
    double gain = gainOf([&](double count) {
      return secondsOf(*waves, double(inputs + outputs), count, element, setting);
    });
    // Condition 3 of factor-transforms.
    if (gain < kWorthwhile)
      return;
    build(map, *waves);
    ++numFourier;
  }

  cost::Machine described;
};

} // namespace
} // namespace strut::rewrite
