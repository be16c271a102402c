//===- DimProofs.cpp - What holds of dimensions whatever the sizes --------===//
//
// Minima, maxima, expansions and divisions have no normal form. What is asked of
// them is decided by cases: a minimum is one operand where that is the lesser one,
// and the other elsewhere; a division by a constant is bounded by its dividend. Each
// case is a set of linear constraints, with one variable per monomial, and a
// claim holds if its opposite has no integer point in any case.
//
//===----------------------------------------------------------------------===//
#include "Dims.h"
#include "mlir/Analysis/Presburger/IntegerRelation.h"

using namespace mlir;

namespace strut::kernelize {

using presburger::IntegerPolyhedron;
using presburger::PresburgerSpace;

/// The constraints that a dimension's opaque values obey.
class DimEnv::Cases {
  using Monomial = Dim::Monomial;

public:
  Cases(const DimEnv &env, const Dim &dim) : env(env) {
    collect(dim);
    IntegerPolyhedron all(PresburgerSpace::getSetSpace(columns.size()));
    for (const auto &[monomial, column] : columns)
      if (llvm::none_of(monomial, [&](unsigned number) { return env.meanings.count(number); }))
        all.addInequality(row(monomialDim(monomial)));
    sets.push_back(std::move(all));
    for (unsigned number : opaque)
      define(number);
  }

  /// Whether `dim` is at least 0 in none of them; false as well where there are
  /// too many to ask.
  bool exclude(const Dim &dim) const {
    return !tooMany && llvm::all_of(sets, [&](const IntegerPolyhedron &set) {
      IntegerPolyhedron opposite(set);
      opposite.addInequality(row(dim));
      return opposite.isIntegerEmpty();
    });
  }

private:
  /// Beyond this a question costs more than it is worth.
  static constexpr size_t mostCases = 64;
  static constexpr int64_t largest = int64_t(1) << 40;

  static Dim monomialDim(const Monomial &monomial) {
    Dim dim;
    dim.terms[monomial] = 1;
    return dim;
  }

  /// Gives a column to every monomial of `dim` and of what its opaque values
  /// are made from.
  void collect(const Dim &dim) {
    for (const auto &[monomial, coefficient] : dim.terms) {
      tooMany |= std::abs(coefficient) > largest;
      if (monomial.empty() || !columns.try_emplace(monomial, columns.size()).second)
        continue;
      for (unsigned number : monomial) {
        auto meaning = env.meanings.find(number);
        if (meaning == env.meanings.end() || llvm::is_contained(opaque, number))
          continue;
        opaque.push_back(number);
        columns.try_emplace({number}, columns.size());
        collect(std::get<1>(meaning->second));
        collect(std::get<2>(meaning->second));
      }
    }
  }

  SmallVector<int64_t> row(const Dim &dim) const {
    SmallVector<int64_t> coefficients(columns.size() + 1, 0);
    for (const auto &[monomial, coefficient] : dim.terms)
      coefficients[monomial.empty() ? columns.size() : columns.at(monomial)] = coefficient;
    return coefficients;
  }

  void require(const Dim &nonNegative) {
    for (IntegerPolyhedron &set : sets)
      set.addInequality(row(nonNegative));
  }

  void define(unsigned number) {
    const auto &[kind, a, b] = env.meanings.find(number)->second;
    Dim value = monomialDim({number});
    if (kind == '<' || kind == '>') {
      Dim above = kind == '<' ? b - a : a - b;
      split({{value - a, above}, {value - b, Dim(0) - above}});
    } else if (kind == 'e') {
      split({{value - a, Dim(0)}, {value - b, Dim(0)}});
    } else if (b.isConstant() && b.constant() > 0 && b.constant() < largest) {
      // b q <= a < b (q + 1), or the same from above.
      Dim rest = kind == '/' ? a - value * b : value * b - a;
      require(rest);
      require(b - Dim(1) - rest);
    } else if (a.isNonNegative() && b.isNonNegative()) {
      require(value);
    }
  }

  /// Each alternative: what is 0 in it, and what is at least 0.
  void split(ArrayRef<std::pair<Dim, Dim>> alternatives) {
    std::vector<IntegerPolyhedron> each;
    if (sets.size() * alternatives.size() > mostCases) {
      tooMany = true;
      return;
    }
    for (const IntegerPolyhedron &set : sets)
      for (const auto &[zero, nonNegative] : alternatives) {
        IntegerPolyhedron part(set);
        part.addEquality(row(zero));
        part.addInequality(row(nonNegative));
        each.push_back(std::move(part));
      }
    sets = std::move(each);
  }

  const DimEnv &env;
  std::map<Monomial, unsigned> columns;
  SmallVector<unsigned> opaque;
  std::vector<IntegerPolyhedron> sets;
  bool tooMany = false;
};

bool DimEnv::hasOpaque(const Dim &dim) const {
  return llvm::any_of(dim.terms, [&](const auto &term) {
    return llvm::any_of(term.first, [&](unsigned number) { return meanings.count(number); });
  });
}

bool DimEnv::isNonNegative(const Dim &dim) const {
  if (dim.isNonNegative())
    return true;
  return hasOpaque(dim) && Cases(*this, dim).exclude(Dim(-1) - dim);
}

bool DimEnv::areEqual(const Dim &a, const Dim &b) const {
  return a == b || (isNonNegative(a - b) && isNonNegative(b - a));
}

} // namespace strut::kernelize
