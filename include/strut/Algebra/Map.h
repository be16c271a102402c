//===- Map.h - Structured linear maps --------------------------*- C++ -*-===//
//
// Linear maps of a row of K values to a row of N, as expressions: what they are made
// of stays visible, so that they can be merged, split and costed before any is
// computed with. Values are f64, nothing here knows of IR. docs/algebra.md has the
// laws and their proofs.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_ALGEBRA_MAP_H
#define STRUT_ALGEBRA_MAP_H

#include "strut/Algebra/Matrix.h"
#include <memory>
#include <variant>

namespace strut::algebra {

struct Shape {
  int64_t inputs = 0, outputs = 0;
  bool operator==(const Shape &) const = default;
};

class Map;

/// y[n] = sum over k of x[k] * values(k, n).
struct Dense {
  Matrix values;
};
/// Consecutive pieces of x, each through a map of its own, one after the other.
struct BlockDiagonal {
  std::vector<Map> blocks;
};
/// y[i] = x[i] * scale[i].
struct Diagonal {
  std::vector<double> scale;
};
/// y[n] = x[from[n]], or 0 where from[n] is negative: permutations, slices,
/// repetitions, zero padding.
struct Selection {
  int64_t inputs;
  std::vector<int64_t> from;
};
/// A constant transform of `size` values, not normalised.
struct Transform {
  enum Kind {
    Hadamard, ///< y[n] = sum of x[k] (-1)^popcount(k & n); `size` is a power of two
    Cosine,   ///< DCT-II: y[n] = sum of x[k] cos(pi (2 k + 1) n / (2 size))
    Fourier   ///< y[2 j], y[2 j + 1] = real and imaginary part of the sum of
              ///< x[k] e^(-2 pi i j k / size), j from 0 to size / 2
  };
  Kind kind;
  int64_t size;
  bool transposed = false;
};
/// The sum of maps of the same shape.
struct Sum {
  std::vector<Map> terms;
};
/// x through one map after the other.
struct Chain {
  std::vector<Map> factors;
};

/// A linear map: an immutable expression, cheap to copy.
///
/// The makers bring chains and sums into canonical form, so that no FLOPs are lost by
/// how a map was written: see `chain` and `sum`. Extents must fit and be positive;
/// that is the caller's to check.
class Map {
public:
  using Expression = std::variant<Dense, BlockDiagonal, Diagonal, Selection, Transform, Sum, Chain>;

  static Map dense(Matrix values);
  static Map blockDiagonal(std::vector<Map> blocks);
  static Map diagonal(std::vector<double> scale);
  static Map selection(int64_t inputs, std::vector<int64_t> from);
  static Map identity(int64_t size);
  static Map transform(Transform::Kind kind, int64_t size);
  /// Sums in sums are flattened; dense, diagonal and selecting terms become one dense
  /// term if there is a dense one, diagonals one diagonal.
  static Map sum(std::vector<Map> terms);
  /// Chains in chains are flattened, identities vanish; neighbours that are selections,
  /// or diagonals, become one; diagonals and selections go into a dense neighbour
  /// unless that would make it larger.
  static Map chain(std::vector<Map> factors);

  const Expression &expression() const { return *node; }
  template <typename T> const T *as() const { return std::get_if<T>(node.get()); }

  Shape shape() const;
  /// Operations on `rows` rows, as the expression is written; a multiply-add is two.
  double flops(double rows) const;
  /// Constants that must be stored; indices and transforms have none.
  double parameters() const;
  /// Bytes moved for `rows` rows when constants, x and y move once each and what is
  /// between stays on chip.
  double bytes(double rows, double elementBytes) const;

  /// Each row of `x` through the map, without materialising it.
  Matrix apply(const Matrix &x) const;
  /// The K x N matrix. Products are formed of the factors of chains alone.
  Matrix materialise() const;
  /// The map of the transposed matrix.
  Map transpose() const;

private:
  explicit Map(Expression expression)
      : node(std::make_shared<const Expression>(std::move(expression))) {}

  std::shared_ptr<const Expression> node;
};

/// Whether the map gives back what it gets.
bool isIdentity(const Map &map);

/// x to x · map + bias.
struct Affine {
  Map map;
  std::vector<double> bias; ///< one per output, or empty for zeros

  Matrix apply(const Matrix &x) const;
};

/// `first`, then `second`: (A, a) (B, b) = (A B, a B + b).
Affine compose(const Affine &first, const Affine &second);

} // namespace strut::algebra

#endif // STRUT_ALGEBRA_MAP_H
