//===- Canonical.cpp - Chains and sums in canonical form ------------------===//
//
// Each rule names its exactness: equal bits, or equal over the reals. None adds FLOPs
// or parameters.
//
//===----------------------------------------------------------------------===//
#include "strut/Algebra/Map.h"
#include "llvm/ADT/STLExtras.h"
#include <optional>

namespace strut::algebra {

//===----------------------------------------------------------------------===//
// Neighbours in a chain
//===----------------------------------------------------------------------===//

/// Reading what was read. Equal bits.
static Map join(const Selection &a, const Selection &b) {
  std::vector<int64_t> from;
  for (int64_t i : b.from)
    from.push_back(i < 0 ? -1 : a.from[i]);
  return Map::selection(a.inputs, std::move(from));
}

/// (x_i a_i) b_i = x_i (a_i b_i). Equal over the reals.
static Map join(const Diagonal &a, const Diagonal &b) {
  std::vector<double> scale = a.scale;
  for (auto [s, other] : llvm::zip_equal(scale, b.scale))
    s *= other;
  return Map::diagonal(std::move(scale));
}

/// diag(s) W scales the rows of W. Equal over the reals.
static Map join(const Diagonal &a, const Dense &b) {
  Matrix values = b.values;
  for (int64_t k = 0; k < values.rows(); ++k)
    for (int64_t n = 0; n < values.cols(); ++n)
      values(k, n) *= a.scale[k];
  return Map::dense(std::move(values));
}

/// W diag(s) scales the columns of W. Equal over the reals.
static Map join(const Dense &a, const Diagonal &b) {
  Matrix values = a.values;
  for (int64_t k = 0; k < values.rows(); ++k)
    for (int64_t n = 0; n < values.cols(); ++n)
      values(k, n) *= b.scale[n];
  return Map::dense(std::move(values));
}

/// What is read several times meets the sum of its rows of W. A selection that does not
/// read all inputs stays: W would get rows of zeros, which take time, and an infinity
/// that nobody read would meet them. Equal over the reals.
static std::optional<Map> join(const Selection &a, const Dense &b) {
  std::vector<bool> isRead(a.inputs);
  for (int64_t from : a.from)
    if (from >= 0)
      isRead[from] = true;
  if (!llvm::all_of(isRead, [](bool read) { return read; }))
    return std::nullopt;
  Matrix values(a.inputs, b.values.cols());
  for (auto [k, from] : llvm::enumerate(a.from))
    for (int64_t n = 0; from >= 0 && n < values.cols(); ++n)
      values(from, n) += b.values(k, n);
  return Map::dense(std::move(values));
}

/// Columns that nobody reads need not be computed. A selection that reads columns
/// several times, or puts zeros beside them, stays. Equal bits.
static std::optional<Map> join(const Dense &a, const Selection &b) {
  if (int64_t(b.from.size()) > a.values.cols() ||
      llvm::any_of(b.from, [](int64_t from) { return from < 0; }))
    return std::nullopt;
  Matrix values(a.values.rows(), b.from.size());
  for (int64_t k = 0; k < values.rows(); ++k)
    for (auto [n, from] : llvm::enumerate(b.from))
      values(k, n) = a.values(k, from);
  return Map::dense(std::move(values));
}

/// Blocks that meet end to end are chains of blocks. Equal bits.
static std::optional<Map> join(const BlockDiagonal &a, const BlockDiagonal &b) {
  if (a.blocks.size() != b.blocks.size())
    return std::nullopt;
  std::vector<Map> blocks;
  for (auto [first, second] : llvm::zip_equal(a.blocks, b.blocks)) {
    if (first.shape().outputs != second.shape().inputs)
      return std::nullopt;
    blocks.push_back(Map::chain({first, second}));
  }
  return Map::blockDiagonal(std::move(blocks));
}

/// Scaling goes into the blocks, on the side where it stands.
static Map scaleBlocks(const BlockDiagonal &map, const Diagonal &diagonal, bool before) {
  std::vector<Map> blocks;
  auto at = diagonal.scale.begin();
  for (const Map &block : map.blocks) {
    int64_t count = before ? block.shape().inputs : block.shape().outputs;
    Map piece = Map::diagonal({at, at + count});
    blocks.push_back(before ? Map::chain({piece, block}) : Map::chain({block, piece}));
    at += count;
  }
  return Map::blockDiagonal(std::move(blocks));
}
static Map join(const BlockDiagonal &a, const Diagonal &b) { return scaleBlocks(a, b, false); }
static Map join(const Diagonal &a, const BlockDiagonal &b) { return scaleBlocks(b, a, true); }

/// Any other pair stays two.
template <typename A, typename B> static std::optional<Map> join(const A &, const B &) {
  return std::nullopt;
}

Map Map::chain(std::vector<Map> factors) {
  assert(!factors.empty());
  int64_t inputs = factors.front().shape().inputs;
  std::vector<Map> kept;
  auto append = [&](Map map) {
    while (!kept.empty()) {
      auto joined =
          std::visit([](const auto &a, const auto &b) -> std::optional<Map> { return join(a, b); },
                     kept.back().expression(), map.expression());
      if (!joined)
        break;
      kept.pop_back();
      map = std::move(*joined);
    }
    if (!isIdentity(map))
      kept.push_back(std::move(map));
  };
  for (Map &factor : factors) {
    if (auto *inner = factor.as<Chain>())
      llvm::for_each(inner->factors, append);
    else
      append(std::move(factor));
  }
  if (kept.empty())
    return identity(inputs);
  return kept.size() == 1 ? kept.front() : Map(Chain{std::move(kept)});
}

//===----------------------------------------------------------------------===//
// Terms of a sum
//===----------------------------------------------------------------------===//

/// Selections that give values at different places are one. Equal bits, but for the
/// sign of a zero.
static std::optional<Map> unite(const Map &a, const Map &b) {
  auto *first = a.as<Selection>(), *second = b.as<Selection>();
  if (!first || !second)
    return std::nullopt;
  std::vector<int64_t> from = first->from;
  for (auto [i, other] : llvm::zip_equal(from, second->from)) {
    if (i >= 0 && other >= 0)
      return std::nullopt;
    i = std::max(i, other);
  }
  return Map::selection(first->inputs, std::move(from));
}

Map Map::sum(std::vector<Map> terms) {
  assert(!terms.empty());
  std::vector<Map> flat;
  for (Map &term : terms) {
    if (auto *inner = term.as<Sum>())
      llvm::append_range(flat, inner->terms);
    else
      flat.push_back(std::move(term));
  }
  // x W + x diag(s) = x (W + diag(s)), so a residual costs nothing. Equal over the reals.
  bool hasDense = llvm::any_of(flat, [](const Map &map) { return map.as<Dense>(); });
  auto merges = [&](const Map &map) {
    return map.as<Diagonal>() || (hasDense && (map.as<Dense>() || map.as<Selection>()));
  };
  std::vector<Map> merged, kept;
  for (Map &term : flat) {
    std::optional<Map> united;
    for (Map &other : merges(term) ? merged : kept)
      if ((united = unite(other, term))) {
        other = *united;
        break;
      }
    if (!united)
      (merges(term) ? merged : kept).push_back(std::move(term));
  }
  if (merged.size() == 1) {
    kept.insert(kept.begin(), merged.front());
  } else if (hasDense) {
    Matrix values = merged.front().materialise();
    for (const Map &term : llvm::drop_begin(merged))
      values += term.materialise();
    kept.insert(kept.begin(), dense(std::move(values)));
  } else if (!merged.empty()) {
    std::vector<double> scale = merged.front().as<Diagonal>()->scale;
    for (const Map &term : llvm::drop_begin(merged))
      for (auto [s, other] : llvm::zip_equal(scale, term.as<Diagonal>()->scale))
        s += other;
    kept.insert(kept.begin(), diagonal(std::move(scale)));
  }
  return kept.size() == 1 ? kept.front() : Map(Sum{std::move(kept)});
}

} // namespace strut::algebra
