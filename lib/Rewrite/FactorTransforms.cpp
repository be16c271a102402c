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
#include <array>
#include <cmath>

namespace strut::rewrite {
#define GEN_PASS_DEF_FACTORTRANSFORMS
#include "strut/Rewrite/Passes.h.inc"
} // namespace strut::rewrite

using namespace mlir;

namespace strut::rewrite {
namespace {

using algebra::Columns;
using algebra::FourierColumns;
using algebra::Kronecker;
using algebra::Matrix;
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

/// The numbers of a weight that may be known, of which one column is read first.
std::optional<Matrix> matrixToTry(layer::LinearOp map) {
  RankedTensorType type = map.getWeight().getType();
  // Condition 1 of factor-transforms.
  if (!type.getElementType().isF32() && !type.getElementType().isF64())
    return std::nullopt;
  auto view = recognize::ConstantView::of(map.getWeight());
  auto column = view ? view->sliced(1, 0, 1, 1) : std::nullopt;
  auto numbers = column ? column->numbers() : std::nullopt;
  if (!numbers || !algebra::mayBeKnown(*numbers, toleranceOf(type.getElementType())))
    return std::nullopt;
  return readMatrix(map.getWeight());
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
  Value transpose(Value value, ArrayRef<int64_t> features) {
    SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, tokens.size() + 2));
    std::swap(order[tokens.size()], order[tokens.size() + 1]);
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

/// x W as (x (A (x) B))[from] scale; no columns where those are in order.
struct Product {
  Kronecker factors;
  Columns columns;
};

std::vector<Product> productsOf(const Matrix &weight, double tolerance) {
  std::vector<Product> found;
  for (Kronecker &factors : algebra::kroneckerFactors(weight, tolerance))
    found.push_back({std::move(factors), {}});
  if (!found.empty())
    return found;
  std::optional<Columns> columns = algebra::hadamardColumns(weight, tolerance);
  if (!columns)
    return found;
  auto hadamard = [](int64_t size) {
    return algebra::Map::transform(algebra::Transform::Hadamard, size).materialise();
  };
  for (int64_t size = 2; size < weight.rows(); size *= 2)
    found.push_back({{hadamard(size), hadamard(weight.rows() / size)}, *columns});
  return found;
}

/// The inner product, with a row for each row of A, and the outer one, whose columns are those of
/// the inner one.
std::array<cost::Phase, 2> kernelsOf(const Kronecker &factors, double rows, StringRef type) {
  double a = double(factors.outer.rows()), m = double(factors.outer.cols());
  double b = double(factors.inner.rows()), n = double(factors.inner.cols());
  cost::Phase inner = cost::dense(rows * a, b, n, type), outer = cost::dense(m, a, rows * n, type);
  double bytes = cost::elementBytes(type);
  outer.weightBytes = a * m * bytes;
  outer.valueBytes = rows * n * (a + m) * bytes;
  return {inner, outer};
}

double secondsOf(const Kronecker &factors, double rows, StringRef type,
                 const cost::Setting &setting) {
  double narrow = std::max(1.0, kFilled / double(factors.inner.cols())), seconds = 0;
  for (cost::Phase &kernel : kernelsOf(factors, rows, type)) {
    kernel.flops *= narrow;
    seconds += cost::timeOf(kernel, setting);
  }
  return seconds;
}

void build(layer::LinearOp map, const Product &product, StringRef type) {
  const auto &[factors, columns] = product;
  int64_t a = factors.outer.rows(), m = factors.outer.cols(), b = factors.inner.rows(),
          n = factors.inner.cols();
  auto [inputs, outputs] = map.getMapShape();
  Maker make(map);
  Value x = make.reshape(map.getInput(), {a, b});
  x = make.transpose(make.linear(x, factors.inner, {a, n}), {n, a});
  x = make.linear(x, factors.outer, {n, m});
  Operation *last = x.getDefiningOp();
  x = make.reshape(make.transpose(x, {m, n}), {m * n});
  if (!columns.from.empty()) {
    bool isInOrder = columns.from == algebra::Map::identity(m * n).as<algebra::Selection>()->from;
    x = make.times(isInOrder ? x : make.select(x, columns.from), columns.scale);
  }
  Builder &attrs = make.b;
  auto form = [&](StringRef name, ArrayRef<cost::Phase> kernels) {
    SmallVector<DenseF64ArrayAttr> all;
    for (const cost::Phase &kernel : kernels)
      all.push_back(
          attrs.getDenseF64ArrayAttr({kernel.flops, kernel.weightBytes, kernel.valueBytes}));
    return layer::FormAttr::get(map.getContext(), name, all);
  };
  std::string name = std::to_string(a) + " x " + std::to_string(b);
  last->setAttr(layer::kConsideredAttr,
                attrs.getArrayAttr({form("dense", cost::dense(1, inputs, outputs, type)),
                                    form(name, kernelsOf(factors, 1, type))}));
  last->setAttr(layer::kChosenAttr, attrs.getStringAttr(name));
  last->setAttr(layer::kKindAttr, attrs.getStringAttr("transform"));
  make.replace(x);
}

//===----------------------------------------------------------------------===//
// Fourier transforms
//===----------------------------------------------------------------------===//

void build(layer::LinearOp map, const FourierColumns &columns) {
  Maker make(map);
  int64_t length = map.getMapShape().first, bins = length / 2 + 1;
  Value x = map.getInput();
  if (!columns.order.empty())
    x = make.select(x, columns.order);
  x = make.reshape(x, {length, 1});
  Value none = onnx_ir::Absent::create(make.b, make.loc, make.b.getNoneType());
  Operation *transform =
      Op<"DFT">::create(make.b, make.loc, {x, none, make.integers({-2}, true)},
                        {make.b.getNamedAttr("inverse", make.b.getI64IntegerAttr(0)),
                         make.b.getNamedAttr("onesided", make.b.getI64IntegerAttr(1))});
  transform->getResult(0).setType(make.typeOf({bins, 2}));
  transform->setAttr(layer::kKindAttr, make.b.getStringAttr("transform"));
  Value parts = make.reshape(transform->getResult(0), {2 * bins});
  auto partsOf = [&](ArrayRef<int64_t> which) {
    SmallVector<int64_t> from;
    for (auto [bin, part] : llvm::zip_equal(columns.bin, which))
      from.push_back(2 * bin + part);
    return make.select(parts, from);
  };
  size_t count = columns.bin.size();
  SmallVector<int64_t> zeros(count, 0), ones(count, 1), only;
  SmallVector<double> factors;
  bool isPure = true; // each column reads one part
  for (auto [real, imaginary] : llvm::zip_equal(columns.real, columns.imaginary)) {
    isPure &= real == 0 || imaginary == 0;
    only.push_back(imaginary != 0);
    factors.push_back(imaginary != 0 ? imaginary : real);
  }
  if (isPure)
    return make.replace(make.times(partsOf(only), factors));
  Value real = make.times(partsOf(zeros), columns.real);
  make.replace(make.pointwise("onnx.Add", real, make.times(partsOf(ones), columns.imaginary)));
}

/// The stages, and the kernel that puts the parts where they are read.
double secondsOf(double length, double outputs, double rows, Type element,
                 const cost::Setting &setting) {
  Transforms what{int64_t(length), rows, true, element};
  double bytes = element.getIntOrFloatBitWidth() / 8.0;
  cost::Phase move;
  move.valueBytes = rows * (length + outputs) * bytes;
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
    std::optional<Product> best;
    for (Product &product : productsOf(*weight, toleranceOf(element))) {
      double gain =
          gainOf([&](double count) { return secondsOf(product.factors, count, type, setting); });
      if (gain > most) {
        most = gain;
        best = std::move(product);
      }
    }
    if (best &&
        // Condition 3 of factor-transforms.
        most >= kWorthwhile) {
      build(map, *best, type);
      ++numKronecker;
      return;
    }
    std::optional<FourierColumns> waves = algebra::fourierColumns(*weight, toleranceOf(element));
    if (!waves)
      return;
    double gain = gainOf([&](double count) {
      return secondsOf(double(inputs), double(outputs), count, element, setting);
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
