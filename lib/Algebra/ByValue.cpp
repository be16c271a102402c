//===- ByValue.cpp - Maps that a matrix of numbers turns out to be --------===//
#include "strut/Algebra/ByValue.h"
#include "Rows.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>
#include <map>
#include <numbers>

namespace strut::algebra {

using llvm::ArrayRef;
using std::numbers::pi;

static double largest(ArrayRef<double> values) {
  double most = 0;
  for (double value : values)
    most = std::max(most, std::abs(value));
  return most;
}

static ArrayRef<double> all(const Matrix &w) {
  return {w.data(), size_t(w.rows()) * size_t(w.cols())};
}

static std::vector<double> column(const Matrix &w, int64_t n) {
  std::vector<double> values(w.rows());
  for (int64_t k = 0; k < w.rows(); ++k)
    values[k] = w(k, n);
  return values;
}

/// Divisors but 1 and the number itself.
static std::vector<int64_t> properDivisors(int64_t number) {
  std::vector<int64_t> divisors;
  for (int64_t d = 2; d <= number / 2; ++d)
    if (number % d == 0)
      divisors.push_back(d);
  return divisors;
}

//===----------------------------------------------------------------------===//
// Kronecker products
//===----------------------------------------------------------------------===//

/// The largest number of each row and of each column.
struct Magnitudes {
  std::vector<double> rows, cols;

  explicit Magnitudes(const Matrix &w) : rows(w.rows()), cols(w.cols()) {
    for (int64_t k = 0; k < w.rows(); ++k)
      for (int64_t n = 0; n < w.cols(); ++n) {
        rows[k] = std::max(rows[k], std::abs(w(k, n)));
        cols[n] = std::max(cols[n], std::abs(w(k, n)));
      }
  }
};

/// The factors whose outer one is a x m. B is the block in which the largest number is, and A how
/// often each block has it. A number is compared with those beside it: of one that is large alone,
/// all others could be the rounding.
static std::optional<Kronecker> split(const Matrix &w, const Magnitudes &most, int64_t a, int64_t m,
                                      int64_t pivot, double tolerance) {
  int64_t b = w.rows() / a, n = w.cols() / m, row = pivot / w.cols(), col = pivot % w.cols();
  Kronecker factors{Matrix(a, m), Matrix(b, n)};
  double top = w(row, col);
  for (int64_t i = 0; i < a; ++i)
    for (int64_t j = 0; j < m; ++j)
      factors.outer(i, j) = w(i * b + row % b, j * n + col % n) / top;
  for (int64_t k = 0; k < b; ++k)
    for (int64_t l = 0; l < n; ++l)
      factors.inner(k, l) = w(row / b * b + k, col / n * n + l);
  for (int64_t k = 0; k < w.rows(); ++k)
    for (int64_t l = 0; l < w.cols(); ++l)
      // Condition 2 of factor-transforms.
      if (!(std::abs(w(k, l) - factors.outer(k / b, l / n) * factors.inner(k % b, l % n)) <=
            tolerance * std::min(most.rows[k], most.cols[l])))
        return std::nullopt;
  return factors;
}

std::vector<Kronecker> kroneckerFactors(const Matrix &w, double tolerance) {
  std::vector<Kronecker> found;
  ArrayRef<double> values = all(w);
  double most = largest(values);
  if (!(most > 0) || !std::isfinite(most))
    return found;
  int64_t pivot =
      llvm::find_if(values, [&](double v) { return std::abs(v) == most; }) - values.begin();
  Magnitudes magnitudes(w);
  for (int64_t a : properDivisors(w.rows()))
    for (int64_t m : properDivisors(w.cols()))
      if (std::optional<Kronecker> factors = split(w, magnitudes, a, m, pivot, tolerance))
        found.push_back(std::move(*factors));
  return found;
}

std::vector<Matrix> kroneckerChain(const Matrix &w, double tolerance) {
  std::vector<Matrix> chain;
  Matrix rest = w;
  for (;;) {
    std::vector<Kronecker> splits = kroneckerFactors(rest, tolerance);
    auto sizeOf = [](const Kronecker &split) { return split.outer.rows() * split.outer.cols(); };
    auto least = llvm::min_element(
        splits, [&](const Kronecker &a, const Kronecker &b) { return sizeOf(a) < sizeOf(b); });
    if (least == splits.end())
      break;
    chain.push_back(std::move(least->outer));
    rest = std::move(least->inner);
  }
  chain.push_back(std::move(rest));
  return chain;
}

Matrix kroneckerProduct(const Matrix &outer, const Matrix &inner) {
  int64_t b = inner.rows(), n = inner.cols();
  Matrix w(outer.rows() * b, outer.cols() * n);
  for (int64_t k = 0; k < w.rows(); ++k)
    for (int64_t l = 0; l < w.cols(); ++l)
      w(k, l) = outer(k / b, l / n) * inner(k % b, l % n);
  return w;
}

//===----------------------------------------------------------------------===//
// Hadamard matrices
//===----------------------------------------------------------------------===//

/// Signs of row k and row 0 multiply to a row of the same matrix, and those of rows i and j to that
/// of row i ^ j. So each row that no product of earlier ones is has a bit of its own. None where
/// two rows are the same.
static std::optional<std::vector<int64_t>> hadamardOrder(const Matrix &w) {
  std::map<std::vector<bool>, int64_t> numbers = {{std::vector<bool>(w.cols()), 0}};
  std::vector<int64_t> order(w.rows(), -1);
  for (int64_t k = 0; k < w.rows(); ++k) {
    std::vector<bool> signs(w.cols());
    for (int64_t n = 0; n < w.cols(); ++n)
      signs[n] = (w(k, n) < 0) != (w(0, n) < 0);
    auto found = numbers.find(signs);
    if (found == numbers.end()) {
      int64_t bit = int64_t(numbers.size());
      if (bit == w.rows())
        return std::nullopt;
      std::map<std::vector<bool>, int64_t> products;
      for (const auto &[other, number] : numbers) {
        std::vector<bool> product = other;
        for (int64_t n = 0; n < w.cols(); ++n)
          product[n] = product[n] != signs[n];
        products[std::move(product)] = number | bit;
      }
      numbers.merge(products);
      found = numbers.find(signs);
    }
    if (order[found->second] >= 0)
      return std::nullopt;
    order[found->second] = k;
  }
  return order;
}

static std::optional<Columns> hadamardColumnsInOrder(const Matrix &w, double tolerance) {
  Columns columns;
  for (int64_t n = 0; n < w.cols(); ++n) {
    double scale = w(0, n);
    if (scale == 0 || !std::isfinite(scale))
      return std::nullopt;
    // Bit b of the column's number says whether the sign changes from row 0 to row 2^b.
    int64_t from = 0;
    for (int64_t bit = 1; bit < w.rows(); bit *= 2)
      if ((w(bit, n) < 0) != (scale < 0))
        from |= bit;
    for (int64_t k = 0; k < w.rows(); ++k) {
      double expected = llvm::popcount(uint64_t(k & from)) % 2 ? -scale : scale;
      // Condition 2 of factor-transforms.
      if (!(std::abs(w(k, n) - expected) <= tolerance * std::abs(scale)))
        return std::nullopt;
    }
    columns.from.push_back(from);
    columns.scale.push_back(scale);
  }
  return columns;
}

std::optional<Columns> hadamardColumns(const Matrix &w, double tolerance) {
  if (w.rows() < 2 || !llvm::isPowerOf2_64(w.rows()))
    return std::nullopt;
  if (std::optional<Columns> columns = hadamardColumnsInOrder(w, tolerance))
    return columns;
  // With column 0 as the one of equal numbers, what it has are the factors of rows.
  Matrix straight = w;
  std::vector<double> factors(w.rows());
  for (int64_t k = 0; k < w.rows(); ++k) {
    factors[k] = w(k, 0) < 0 ? -1 : 1;
    for (int64_t n = 0; n < w.cols(); ++n)
      straight(k, n) *= factors[k];
  }
  std::optional<std::vector<int64_t>> order = hadamardOrder(straight);
  auto columns = order ? hadamardColumnsInOrder(rowsOf(straight, *order), tolerance) : std::nullopt;
  if (!columns)
    return std::nullopt;
  columns->signs = std::move(factors);
  columns->order = std::move(*order);
  return columns;
}

//===----------------------------------------------------------------------===//
// Waves
//===----------------------------------------------------------------------===//

/// The angle from one element to the next, between 0 and pi, if the values are samples of one wave:
/// v[k - 1] + v[k + 1] = 2 cos(angle) v[k]. A guess, made where v is largest.
static std::optional<double> angleOf(ArrayRef<double> v) {
  if (v.size() < 3)
    return std::nullopt;
  ArrayRef<double> inner = v.drop_front().drop_back();
  size_t at =
      1 + (llvm::max_element(inner, [](double x, double y) { return std::abs(x) < std::abs(y); }) -
           inner.begin());
  if (v[at] == 0)
    return std::nullopt;
  double cosine = (v[at - 1] + v[at + 1]) / (2 * v[at]);
  if (!(std::abs(cosine) <= 1.5))
    return std::nullopt;
  return std::acos(std::clamp(cosine, -1.0, 1.0));
}

/// cos(pi number / half), exact in its argument.
static double cosineOf(int64_t number, int64_t half) {
  return std::cos(pi * double(number % (2 * half)) / double(half));
}
static double sineOf(int64_t number, int64_t half) {
  return std::sin(pi * double(number % (2 * half)) / double(half));
}

/// A column as real Re X[bin] + imaginary Im X[bin].
struct Wave {
  int64_t bin;
  double real, imaginary;
};

static std::optional<Wave> waveOf(ArrayRef<double> v, double tolerance) {
  int64_t size = v.size();
  std::optional<double> angle = angleOf(v);
  if (!angle)
    return std::nullopt;
  int64_t bin = std::llround(*angle * double(size) / (2 * pi));
  if (2 * bin > size)
    return std::nullopt;
  bool isEnd = bin == 0 || 2 * bin == size; // the sine is 0
  double cosine = 0, sine = 0;
  for (int64_t k = 0; k < size; ++k) {
    cosine += v[k] * cosineOf(2 * bin * k, size);
    sine += v[k] * sineOf(2 * bin * k, size);
  }
  cosine *= (isEnd ? 1.0 : 2.0) / double(size);
  sine *= isEnd ? 0 : 2.0 / double(size);
  double allowed = tolerance * largest(v);
  // What is not there but for the rounding of the numbers is not there.
  for (double *part : {&cosine, &sine})
    if (std::abs(*part) <= allowed)
      *part = 0;
  for (int64_t k = 0; k < size; ++k) {
    double expected = cosine * cosineOf(2 * bin * k, size) + sine * sineOf(2 * bin * k, size);
    // Condition 2 of factor-transforms.
    if (!(std::abs(v[k] - expected) <= allowed))
      return std::nullopt;
  }
  return Wave{bin, cosine, -sine};
}

/// The number of a column of the cosine transform, and its factor.
static std::optional<std::pair<int64_t, double>> cosineColumnOf(ArrayRef<double> v,
                                                                double tolerance) {
  int64_t size = v.size();
  std::optional<double> angle = angleOf(v);
  if (!angle)
    return std::nullopt;
  int64_t number = std::llround(*angle * double(size) / pi);
  if (number >= size)
    return std::nullopt;
  auto element = [&](int64_t k) { return cosineOf((2 * k + 1) * number, 2 * size); };
  double scale = 0;
  for (int64_t k = 0; k < size; ++k)
    scale += v[k] * element(k);
  scale *= (number == 0 ? 1.0 : 2.0) / double(size);
  double allowed = tolerance * largest(v);
  for (int64_t k = 0; k < size; ++k)
    // Condition 2 of factor-transforms.
    if (!(std::abs(v[k] - scale * element(k)) <= allowed))
      return std::nullopt;
  return std::pair(number, scale);
}

/// With z[k] = x[2 k] for the first half and z[N - 1 - k] = x[2 k + 1] for the second, Y[n] of the
/// cosine transform is Re(e^(-pi i n / 2 N) Z[n]), and Z[n] for n above N / 2 is the conjugate of
/// Z[N - n].
static void addCosineColumn(FourierColumns &columns, int64_t number, double scale, int64_t size) {
  bool isUpper = 2 * number > size;
  columns.bin.push_back(isUpper ? size - number : number);
  columns.real.push_back(scale * cosineOf(number, 2 * size));
  columns.imaginary.push_back((isUpper ? -1 : 1) * scale * sineOf(number, 2 * size));
}

static std::optional<FourierColumns> cosineColumns(const Matrix &w, double tolerance) {
  FourierColumns columns;
  for (int64_t n = 0; n < w.cols(); ++n) {
    auto found = cosineColumnOf(column(w, n), tolerance);
    if (!found)
      return std::nullopt;
    addCosineColumn(columns, found->first, found->second, w.rows());
  }
  for (int64_t k = 0; k < w.rows(); k += 2)
    columns.order.push_back(k);
  for (int64_t k = w.rows() / 2 * 2 - 1; k > 0; k -= 2)
    columns.order.push_back(k);
  return columns;
}

std::optional<FourierColumns> fourierColumns(const Matrix &w, double tolerance) {
  if (!llvm::all_of(all(w), [](double value) { return std::isfinite(value); }))
    return std::nullopt;
  FourierColumns columns;
  double nothing = tolerance * largest(all(w));
  for (int64_t n = 0; n < w.cols(); ++n) {
    std::vector<double> values = column(w, n);
    std::optional<Wave> wave = waveOf(values, tolerance);
    // The sine of frequency 0 or N / 2.
    if (!wave && largest(values) <= nothing)
      wave = Wave{0, 0, 0};
    if (!wave)
      return cosineColumns(w, tolerance);
    columns.bin.push_back(wave->bin);
    columns.real.push_back(wave->real);
    columns.imaginary.push_back(wave->imaginary);
  }
  return columns;
}

//===----------------------------------------------------------------------===//
// One column
//===----------------------------------------------------------------------===//

bool mayBeKnown(ArrayRef<double> v, double tolerance) {
  double most = largest(v);
  if (!std::isfinite(most) || v.size() < 4)
    return false;
  // A sine of frequency 0, a column of a Hadamard matrix.
  if (llvm::all_of(v, [&](double x) { return most - std::abs(x) <= tolerance * most; }))
    return true;
  if (waveOf(v, tolerance) || cosineColumnOf(v, tolerance))
    return true;
  // Real and imaginary parts may be apart.
  size_t half = v.size() / 2;
  if (v.size() % 2 == 0 && half >= 4 &&
      llvm::all_of(v.drop_front(half), [](double x) { return x == 0; }) &&
      mayBeKnown(v.take_front(half), tolerance))
    return true;
  // A column of a Kronecker product is one of columns.
  Matrix one(v.size(), 2);
  for (auto [k, value] : llvm::enumerate(v))
    one(k, 0) = value;
  size_t pivot = llvm::find_if(v, [&](double x) { return std::abs(x) == most; }) - v.begin();
  // Whether its numbers are small in their rows is not known here.
  Magnitudes magnitudes(one);
  magnitudes.rows.assign(v.size(), most);
  return llvm::any_of(properDivisors(v.size()), [&](int64_t a) {
    return split(one, magnitudes, a, 1, int64_t(pivot) * 2, tolerance).has_value();
  });
}

} // namespace strut::algebra
