//===- Map.cpp - Structured linear maps -----------------------------------===//
#include "strut/Algebra/Map.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace strut::algebra {

//===----------------------------------------------------------------------===//
// Makers
//===----------------------------------------------------------------------===//

Map Map::dense(Matrix values) { return Map(Dense{std::move(values)}); }

Map Map::blockDiagonal(std::vector<Map> blocks) {
  assert(!blocks.empty());
  if (blocks.size() == 1)
    return blocks.front();
  return Map(BlockDiagonal{std::move(blocks)});
}

Map Map::diagonal(std::vector<double> scale) { return Map(Diagonal{std::move(scale)}); }

Map Map::selection(int64_t inputs, std::vector<int64_t> from) {
  assert(llvm::all_of(from, [&](int64_t i) { return i < inputs; }));
  return Map(Selection{inputs, std::move(from)});
}

Map Map::identity(int64_t size) {
  std::vector<int64_t> from(size);
  std::iota(from.begin(), from.end(), 0);
  return selection(size, std::move(from));
}

Map Map::transform(Transform::Kind kind, int64_t size) {
  assert(kind != Transform::Hadamard || llvm::isPowerOf2_64(size));
  return Map(Transform{kind, size});
}

bool isIdentity(const Map &map) {
  if (auto *diagonal = map.as<Diagonal>())
    return llvm::all_of(diagonal->scale, [](double s) { return s == 1; });
  auto *selection = map.as<Selection>();
  return selection && selection->inputs == int64_t(selection->from.size()) &&
         llvm::all_of(llvm::enumerate(selection->from),
                      [](auto pair) { return int64_t(pair.index()) == pair.value(); });
}

//===----------------------------------------------------------------------===//
// Transforms
//===----------------------------------------------------------------------===//

static Shape shapeOf(const Transform &transform) {
  int64_t n = transform.size, outputs = transform.kind == Transform::Fourier ? n / 2 * 2 + 2 : n;
  return transform.transposed ? Shape{outputs, n} : Shape{n, outputs};
}

/// The factor of x[k] in y[n].
static double element(Transform::Kind kind, int64_t size, int64_t k, int64_t n) {
  using std::numbers::pi;
  switch (kind) {
  case Transform::Hadamard:
    return llvm::popcount(uint64_t(k & n)) % 2 ? -1 : 1;
  case Transform::Cosine:
    return std::cos(pi * double((2 * k + 1) * n % (4 * size)) / (2.0 * double(size)));
  case Transform::Fourier: {
    double angle = -2 * pi * double(n / 2 * k % size) / double(size);
    return n % 2 ? std::sin(angle) : std::cos(angle);
  }
  }
  llvm_unreachable("a kind of transform");
}

static Matrix matrixOf(const Transform &transform) {
  Transform straight{transform.kind, transform.size};
  Shape shape = shapeOf(straight);
  Matrix values(shape.inputs, shape.outputs);
  for (int64_t k = 0; k < shape.inputs; ++k)
    for (int64_t n = 0; n < shape.outputs; ++n)
      values(k, n) = element(transform.kind, transform.size, k, n);
  return transform.transposed ? values.transposed() : values;
}

/// Operations of a fast algorithm on one row, where the size is a power of two: n log n
/// additions for Hadamard; the split-radix counts 2 n log n - n + 2 for the cosine and
/// 2 n log n - 4 n + 6 for the real Fourier transform (Sorensen et al., IEEE ASSP 1987).
/// A transposed network of operations has the same number. Other sizes count as dense.
static double flopsOf(const Transform &transform) {
  Shape shape = shapeOf(transform);
  double n = double(transform.size), log = std::log2(n);
  double dense = 2.0 * double(shape.inputs) * double(shape.outputs);
  if (!llvm::isPowerOf2_64(transform.size))
    return dense;
  switch (transform.kind) {
  case Transform::Hadamard:
    return n * log;
  case Transform::Cosine:
    return std::min(dense, 2 * n * log - n + 2);
  case Transform::Fourier:
    return std::min(dense, 2 * n * log - 4 * n + 6);
  }
  llvm_unreachable("a kind of transform");
}

//===----------------------------------------------------------------------===//
// Shape and cost
//===----------------------------------------------------------------------===//

namespace {
/// A visitor of several lambdas.
template <typename... F> struct Cases : F... {
  using F::operator()...;
};
template <typename... F> Cases(F...) -> Cases<F...>;
} // namespace

Shape Map::shape() const {
  return std::visit(
      Cases{
          [](const Dense &m) { return Shape{m.values.rows(), m.values.cols()}; },
          [](const BlockDiagonal &m) {
            Shape total;
            for (const Map &block : m.blocks) {
              total.inputs += block.shape().inputs;
              total.outputs += block.shape().outputs;
            }
            return total;
          },
          [](const Diagonal &m) { return Shape{int64_t(m.scale.size()), int64_t(m.scale.size())}; },
          [](const Selection &m) { return Shape{m.inputs, int64_t(m.from.size())}; },
          [](const Transform &m) { return shapeOf(m); },
          [](const Sum &m) { return m.terms.front().shape(); },
          [](const Chain &m) {
            return Shape{m.factors.front().shape().inputs, m.factors.back().shape().outputs};
          }},
      *node);
}

static double total(const std::vector<Map> &maps, llvm::function_ref<double(const Map &)> of) {
  double sum = 0;
  for (const Map &map : maps)
    sum += of(map);
  return sum;
}

double Map::flops(double rows) const {
  auto each = [&](const Map &map) { return map.flops(rows); };
  return std::visit(Cases{[&](const Dense &m) {
                            return 2 * rows * double(m.values.rows()) * double(m.values.cols());
                          },
                          [&](const BlockDiagonal &m) { return total(m.blocks, each); },
                          [&](const Diagonal &m) { return rows * double(m.scale.size()); },
                          [&](const Selection &) { return 0.0; },
                          [&](const Transform &m) { return rows * flopsOf(m); },
                          [&](const Sum &m) {
                            double additions = double(m.terms.size() - 1) * double(shape().outputs);
                            return total(m.terms, each) + rows * additions;
                          },
                          [&](const Chain &m) { return total(m.factors, each); }},
                    *node);
}

double Map::parameters() const {
  auto each = [](const Map &map) { return map.parameters(); };
  return std::visit(
      Cases{[](const Dense &m) { return double(m.values.rows()) * double(m.values.cols()); },
            [&](const BlockDiagonal &m) { return total(m.blocks, each); },
            [](const Diagonal &m) { return double(m.scale.size()); },
            [](const Selection &) { return 0.0; }, [](const Transform &) { return 0.0; },
            [&](const Sum &m) { return total(m.terms, each); },
            [&](const Chain &m) { return total(m.factors, each); }},
      *node);
}

double Map::bytes(double rows, double elementBytes) const {
  Shape ends = shape();
  return elementBytes * (parameters() + rows * double(ends.inputs + ends.outputs));
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

static Matrix applyBlocks(const BlockDiagonal &map, const Matrix &x, int64_t outputs) {
  Matrix y(x.rows(), outputs);
  int64_t k0 = 0, n0 = 0;
  for (const Map &block : map.blocks) {
    Shape shape = block.shape();
    Matrix piece(x.rows(), shape.inputs);
    for (int64_t row = 0; row < x.rows(); ++row)
      for (int64_t k = 0; k < shape.inputs; ++k)
        piece(row, k) = x(row, k0 + k);
    Matrix result = block.apply(piece);
    for (int64_t row = 0; row < x.rows(); ++row)
      for (int64_t n = 0; n < shape.outputs; ++n)
        y(row, n0 + n) = result(row, n);
    k0 += shape.inputs;
    n0 += shape.outputs;
  }
  return y;
}

static Matrix select(const Selection &map, const Matrix &x) {
  Matrix y(x.rows(), map.from.size());
  for (int64_t row = 0; row < x.rows(); ++row)
    for (auto [n, from] : llvm::enumerate(map.from))
      y(row, n) = from < 0 ? 0 : x(row, from);
  return y;
}

Matrix Map::apply(const Matrix &x) const {
  assert(x.cols() == shape().inputs);
  return std::visit(
      Cases{[&](const Dense &m) { return x * m.values; },
            [&](const BlockDiagonal &m) { return applyBlocks(m, x, shape().outputs); },
            [&](const Diagonal &m) {
              Matrix y = x;
              for (int64_t row = 0; row < x.rows(); ++row)
                for (int64_t n = 0; n < x.cols(); ++n)
                  y(row, n) *= m.scale[n];
              return y;
            },
            [&](const Selection &m) { return select(m, x); },
            [&](const Transform &m) { return x * matrixOf(m); },
            [&](const Sum &m) {
              Matrix y = m.terms.front().apply(x);
              for (const Map &term : llvm::drop_begin(m.terms))
                y += term.apply(x);
              return y;
            },
            [&](const Chain &m) {
              Matrix y = x;
              for (const Map &factor : m.factors)
                y = factor.apply(y);
              return y;
            }},
      *node);
}

static Matrix materialiseBlocks(const BlockDiagonal &map, Shape shape) {
  Matrix whole(shape.inputs, shape.outputs);
  int64_t k0 = 0, n0 = 0;
  for (const Map &block : map.blocks) {
    Matrix piece = block.materialise();
    for (int64_t k = 0; k < piece.rows(); ++k)
      for (int64_t n = 0; n < piece.cols(); ++n)
        whole(k0 + k, n0 + n) = piece(k, n);
    k0 += piece.rows();
    n0 += piece.cols();
  }
  return whole;
}

Matrix Map::materialise() const {
  return std::visit(Cases{[](const Dense &m) { return m.values; },
                          [&](const BlockDiagonal &m) { return materialiseBlocks(m, shape()); },
                          [](const Diagonal &m) {
                            Matrix values(m.scale.size(), m.scale.size());
                            for (auto [i, scale] : llvm::enumerate(m.scale))
                              values(i, i) = scale;
                            return values;
                          },
                          [](const Selection &m) {
                            Matrix values(m.inputs, m.from.size());
                            for (auto [n, from] : llvm::enumerate(m.from))
                              if (from >= 0)
                                values(from, n) = 1;
                            return values;
                          },
                          [](const Transform &m) { return matrixOf(m); },
                          [](const Sum &m) {
                            Matrix total = m.terms.front().materialise();
                            for (const Map &term : llvm::drop_begin(m.terms))
                              total += term.materialise();
                            return total;
                          },
                          [](const Chain &m) {
                            Matrix product = m.factors.front().materialise();
                            for (const Map &factor : llvm::drop_begin(m.factors))
                              product = factor.apply(product);
                            return product;
                          }},
                    *node);
}

/// What was read from place i is now written there. Places that are read several times
/// get the sum: one selection for the first reading of each, one for the second...
static Map transposeOf(const Selection &map) {
  int64_t outputs = map.from.size();
  std::vector<std::vector<int64_t>> readings;
  std::vector<size_t> seen(map.inputs);
  for (auto [n, from] : llvm::enumerate(map.from)) {
    if (from < 0)
      continue;
    if (seen[from] == readings.size())
      readings.emplace_back(map.inputs, -1);
    readings[seen[from]++][from] = n;
  }
  if (readings.empty())
    readings.emplace_back(map.inputs, -1);
  std::vector<Map> terms;
  for (std::vector<int64_t> &reading : readings)
    terms.push_back(Map::selection(outputs, std::move(reading)));
  return Map::sum(std::move(terms));
}

static std::vector<Map> transposed(const std::vector<Map> &maps) {
  std::vector<Map> result;
  for (const Map &map : maps)
    result.push_back(map.transpose());
  return result;
}

Map Map::transpose() const {
  return std::visit(
      Cases{[](const Dense &m) { return dense(m.values.transposed()); },
            [](const BlockDiagonal &m) { return blockDiagonal(transposed(m.blocks)); },
            [&](const Diagonal &) { return *this; },
            [](const Selection &m) { return transposeOf(m); },
            [](const Transform &m) { return Map(Transform{m.kind, m.size, !m.transposed}); },
            [](const Sum &m) { return sum(transposed(m.terms)); },
            [](const Chain &m) {
              std::vector<Map> factors = transposed(m.factors);
              std::reverse(factors.begin(), factors.end());
              return chain(std::move(factors));
            }},
      *node);
}

//===----------------------------------------------------------------------===//
// Affine
//===----------------------------------------------------------------------===//

Matrix Affine::apply(const Matrix &x) const {
  Matrix y = map.apply(x);
  if (!bias.empty())
    for (int64_t row = 0; row < y.rows(); ++row)
      for (int64_t n = 0; n < y.cols(); ++n)
        y(row, n) += bias[n];
  return y;
}

Affine compose(const Affine &first, const Affine &second) {
  std::vector<double> bias = second.bias;
  if (!first.bias.empty()) {
    Matrix through =
        second.apply(Matrix(1, int64_t(first.bias.size()), std::vector<double>(first.bias)));
    bias.resize(through.cols());
    for (int64_t n = 0; n < through.cols(); ++n)
      bias[n] = through(0, n);
  }
  return {Map::chain({first.map, second.map}), std::move(bias)};
}

} // namespace strut::algebra
