//===- FourierMap.cpp - Matrices that are transforms or their inverse -----===//
//
// A matrix whose rows are columns of a transform T, times factors, is its transpose: with T = P F
// S, an order, a real Fourier transform and sums of its parts, T' = S' F' P', and F' is the inverse
// transform of parts times N / 2, or N at its two ends.
//
//===----------------------------------------------------------------------===//
#include "Rows.h"
#include "strut/Algebra/ByValue.h"
#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace strut::algebra {

using llvm::ArrayRef;
using std::numbers::pi;

static std::vector<int64_t> inOrder(int64_t size) {
  std::vector<int64_t> order(size);
  std::iota(order.begin(), order.end(), 0);
  return order;
}

//===----------------------------------------------------------------------===//
// Orders of rows
//===----------------------------------------------------------------------===//

/// The order in which column `n` is the first wave of the cosine transform, which falls; all others
/// whose frequency has no factor in common with the length are that one in another order.
static std::optional<std::vector<int64_t>> fallingOrder(const Matrix &w, int64_t n,
                                                        double tolerance) {
  int64_t size = w.rows();
  std::vector<int64_t> order = inOrder(size);
  std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return w(a, n) > w(b, n); });
  double scale = w(order[0], n) / std::cos(pi / double(2 * size));
  for (int64_t k = 0; k < size; ++k)
    if (!(std::abs(w(order[k], n) - scale * std::cos(pi * double(2 * k + 1) / double(2 * size))) <=
          tolerance * scale))
      return std::nullopt;
  return order;
}

/// The order in which columns `n` and `m`, a cosine and a sine of one frequency, go round once.
static std::optional<std::vector<int64_t>> circularOrder(const Matrix &w, int64_t n, int64_t m,
                                                         double tolerance) {
  int64_t size = w.rows();
  double radius = std::hypot(w(0, n), w(0, m));
  for (int64_t k = 0; k < size; ++k)
    if (!(std::abs(std::hypot(w(k, n), w(k, m)) - radius) <= 2 * tolerance * radius))
      return std::nullopt;
  std::vector<double> turns(size);
  bool isWhole = true; // turns are multiples of that from one row to the next
  for (int64_t k = 0; k < size; ++k) {
    turns[k] = std::atan2(w(k, m), w(k, n)) * double(size) / (2 * pi);
    isWhole &= std::abs(turns[k] - std::round(turns[k])) < 0.1;
  }
  std::vector<int64_t> order(size, -1);
  for (int64_t k = 0; k < size; ++k) {
    int64_t at = std::llround(turns[k] - (isWhole ? 0 : turns[0]));
    at = (at % size + size) % size;
    if (order[at] >= 0)
      return std::nullopt;
    order[at] = k;
  }
  return order;
}

std::vector<std::vector<int64_t>> waveOrders(const Matrix &w, double tolerance) {
  constexpr int64_t mostFirst = 4; // a column of one number, and some whose frequency has factors
  std::vector<std::vector<int64_t>> orders;
  for (int64_t n = 0; n < w.cols() && orders.empty(); ++n)
    if (auto order = fallingOrder(w, n, tolerance))
      orders.push_back(std::move(*order));
  for (int64_t n = 0; n < std::min(w.cols(), mostFirst) && orders.size() < 2; ++n)
    for (int64_t m = n + 1; m < w.cols(); ++m)
      if (auto order = circularOrder(w, n, m, tolerance)) {
        orders.push_back(std::move(*order));
        break;
      }
  return orders;
}

//===----------------------------------------------------------------------===//
// Maps
//===----------------------------------------------------------------------===//

namespace {
/// One value, or part of a spectrum, times a factor.
struct Addend {
  int64_t from;
  double scale;
};
/// What each result is the sum of.
using Sums = std::vector<std::vector<Addend>>;
} // namespace

static std::vector<FourierMap::Read> readsOf(const Sums &sums) {
  std::vector<FourierMap::Read> reads;
  for (auto [n, addends] : llvm::enumerate(sums))
    for (auto [i, addend] : llvm::enumerate(addends)) {
      if (i == reads.size())
        reads.push_back({std::vector<int64_t>(sums.size()), std::vector<double>(sums.size())});
      reads[i].from[n] = addend.from;
      reads[i].scale[n] = addend.scale;
    }
  return reads;
}

/// `w` by transforms of its rows in this order, so many blocks of them: an order within each block
/// of fourierColumns comes in between.
static std::optional<FourierMap> mapOf(const Matrix &w, ArrayRef<int64_t> rows, int64_t blocks,
                                       bool isInverse, double tolerance) {
  FourierMap map{w.rows() / blocks, blocks, isInverse, {}, {}};
  int64_t bins = map.length / 2 + 1;
  Sums forward(w.cols()), inverse(blocks * bins * 2);
  for (int64_t block = 0; block < blocks; ++block) {
    ArrayRef<int64_t> own = rows.slice(block * map.length, map.length);
    std::optional<FourierColumns> columns = fourierColumns(rowsOf(w, own), tolerance);
    if (!columns)
      return std::nullopt;
    for (int64_t k = 0; k < map.length; ++k)
      map.order.push_back(own[columns->order.empty() ? k : columns->order[k]]);
    for (int64_t n = 0; n < w.cols(); ++n) {
      int64_t bin = columns->bin[n];
      bool isEnd = bin == 0 || 2 * bin == map.length;
      double share = double(map.length) / (isEnd ? 1 : 2);
      for (auto [part, scale] : {std::pair(0, columns->real[n]), {1, columns->imaginary[n]}}) {
        if (scale == 0)
          continue;
        int64_t place = (block * bins + bin) * 2 + part;
        forward[n].push_back({place, scale});
        inverse[place].push_back({n, scale * share});
      }
    }
  }
  map.reads = readsOf(isInverse ? inverse : forward);
  if (map.reads.empty())
    return std::nullopt;
  if (map.order == inOrder(w.rows()))
    map.order.clear();
  return map;
}

static std::optional<FourierMap> oneWay(const Matrix &w, bool isInverse, double tolerance) {
  std::vector<int64_t> rows = inOrder(w.rows());
  if (auto map = mapOf(w, rows, 1, isInverse, tolerance))
    return map;
  if (w.rows() % 2 == 0 && w.rows() >= 8)
    if (auto map = mapOf(w, rows, 2, isInverse, tolerance))
      return map;
  for (const std::vector<int64_t> &order : waveOrders(w, tolerance))
    if (auto map = mapOf(w, order, 1, isInverse, tolerance))
      return map;
  return std::nullopt;
}

std::optional<FourierMap> fourierMap(const Matrix &w, double tolerance) {
  if (!llvm::all_of(ArrayRef(w.data(), size_t(w.rows() * w.cols())),
                    [](double value) { return std::isfinite(value); }))
    return std::nullopt;
  if (auto map = oneWay(w, false, tolerance))
    return map;
  return oneWay(w.transposed(), true, tolerance);
}

} // namespace strut::algebra
