//===- Dims.h - Symbolic dimensions ----------------------------*- C++ -*-===//
//
// A dimension is a polynomial with integer coefficients over index values: the
// arguments of the function and what is computed from them. Two dimensions are
// equal iff their normal forms are.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_LIB_KERNELIZE_DIMS_H
#define STRUT_LIB_KERNELIZE_DIMS_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/DenseMap.h"
#include <map>
#include <optional>
#include <vector>

namespace strut::kernelize {

class Dim {
public:
  Dim(int64_t constant = 0) {
    if (constant != 0)
      terms[{}] = constant;
  }

  bool isConstant() const { return terms.empty() || (terms.size() == 1 && terms.count({})); }
  /// The value; only of a constant.
  int64_t constant() const { return terms.empty() ? 0 : terms.begin()->second; }
  bool is(int64_t value) const { return isConstant() && constant() == value; }
  /// Whether it is at least 0 whatever the dimensions, as far as the signs of
  /// the coefficients tell.
  bool isNonNegative() const;

  bool operator==(const Dim &other) const = default;
  bool operator<(const Dim &other) const { return terms < other.terms; }
  friend Dim operator+(const Dim &a, const Dim &b);
  friend Dim operator-(const Dim &a, const Dim &b) { return a + b * Dim(-1); }
  friend Dim operator*(const Dim &a, const Dim &b);
  /// The quotient, if the division leaves nothing.
  std::optional<Dim> dividedBy(const Dim &divisor) const;

private:
  friend class DimEnv;
  /// Numbers of index values in ascending order; a power is a repetition.
  using Monomial = std::vector<unsigned>;
  /// The term of the highest degree; only of what is not 0.
  const std::pair<const Monomial, int64_t> &leading() const;

  std::map<Monomial, int64_t> terms; // no coefficient is 0
};

Dim product(llvm::ArrayRef<Dim> dims);

/// The index values behind dimensions, and the arithmetic on them. Arithmetic is
/// emitted at `builder`'s place, once per dimension.
class DimEnv {
public:
  explicit DimEnv(mlir::OpBuilder builder) : builder(builder) {}

  /// The dimension that an attribute or index value stands for.
  Dim of(mlir::OpFoldResult value);
  /// One per axis, found by following the tensor to its tensor.empty, its
  /// function argument, and through views. None where it cannot be known.
  std::optional<llvm::SmallVector<Dim>> ofTensor(mlir::Value tensor);
  /// An attribute for a constant, else an index value.
  mlir::OpFoldResult operand(const Dim &dim);
  mlir::Value value(const Dim &dim);
  llvm::SmallVector<mlir::OpFoldResult> operands(llvm::ArrayRef<Dim> dims);

  /// Whether it can be proved, whatever the sizes of the function's arguments.
  bool isNonNegative(const Dim &dim) const;
  bool areEqual(const Dim &a, const Dim &b) const;
  /// Whether it is computed with minima, maxima or divisions.
  bool hasOpaque(const Dim &dim) const;

  Dim floorDiv(const Dim &a, const Dim &b);
  /// The dimension for another value of one that it depends on: what is divided
  /// without a rest afterwards loses its division. None if it cannot be told.
  std::optional<Dim> substitute(const Dim &dim, const Dim &symbol, const Dim &by) const;
  /// Whether the other's value matters, as far as can be told.
  bool dependsOn(const Dim &dim, const Dim &symbol) const {
    return substitute(dim, symbol, Dim(0)) != std::optional(dim);
  }
  Dim ceilDiv(const Dim &a, const Dim &b);
  Dim min(const Dim &a, const Dim &b);
  Dim max(const Dim &a, const Dim &b);
  /// What an axis of extent `own` is as one of an expansion to `wanted`: the latter, or `own`
  /// where 1 is wanted.
  Dim expanded(const Dim &own, const Dim &wanted);
  /// Whether `dim` is an expansion of something to `wanted`.
  bool isExpandedTo(const Dim &dim, const Dim &wanted) const;

  /// If `dim` is min(x, constant): x and the constant.
  std::optional<std::pair<Dim, int64_t>> asBounded(const Dim &dim) const;
  /// The index value, if the dimension is one and nothing else.
  mlir::Value asValue(const Dim &dim) const;

  /// A tensor type with `?` for what is not constant.
  static mlir::RankedTensorType type(llvm::ArrayRef<Dim> dims, mlir::Type element);

private:
  /// Of a function's argument, by the names that its attributes give dimensions.
  std::optional<llvm::SmallVector<Dim>> ofArgument(mlir::BlockArgument argument);
  class Cases;
  Dim atom(mlir::Value value);
  Dim opaque(char kind, const Dim &a, const Dim &b,
             llvm::function_ref<mlir::Value(mlir::Value, mlir::Value)> make);
  template <typename OpT> Dim opaque(char kind, const Dim &a, const Dim &b);

  mlir::OpBuilder builder;
  std::vector<mlir::Value> atoms;
  llvm::DenseMap<mlir::Value, unsigned> numbers;
  std::map<Dim, mlir::Value> emitted;
  std::map<std::tuple<char, Dim, Dim>, Dim> opaques;
  /// The same by the number of their value.
  llvm::DenseMap<unsigned, std::tuple<char, Dim, Dim>> meanings;
  std::map<Dim, std::pair<Dim, int64_t>> bounded;
};

} // namespace strut::kernelize

#endif // STRUT_LIB_KERNELIZE_DIMS_H
