//===- Choice.h - Which form of a chain of maps ----------------*- C++ -*-===//
//
// A chain can be computed factor by factor or with runs of factors multiplied out.
// Which is fastest depends on the number of rows: so a choice is a list of bounds.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_COST_CHOICE_H
#define STRUT_COST_CHOICE_H

#include "strut/Algebra/Forms.h"
#include "strut/Cost/Time.h"

namespace strut::cost {

/// Factors by their costs, and the type of elements.
struct ChainCost {
  std::vector<algebra::FactorCost> factors;
  std::string type = "f32";
};

/// A way to compute a chain.
struct Form {
  std::vector<algebra::Run> runs;

  /// "factored" where all factors are kept, "merged" where they are one product, else
  /// the factors of each kernel, "1-2, 3".
  std::string name() const;
  bool operator==(const Form &) const = default;
};

/// The kernels of a form.
std::vector<Phase> phasesOf(const ChainCost &chain, const Form &form, double rows);
/// Bytes of the weights of a form.
double weightBytes(const ChainCost &chain, const Form &form);

/// The numbers of rows that may occur: multiples of `step` up to `most`.
struct RowRange {
  int64_t step = 1, most = 1;
};

/// The first line with rows < bound chooses, else the last form.
struct Choice {
  std::vector<Form> forms; ///< in the order of rising rows, each once
  struct Line {
    int64_t bound;
    size_t form;
  };
  std::vector<Line> lines;
  size_t otherwise = 0;

  size_t formFor(int64_t rows) const;
};

/// The fastest form for every number of rows, to the row.
Choice fastestForms(const ChainCost &chain, RowRange rows, const Setting &setting);

/// How much slower than the fastest form of `choice` a form is at worst, where rows are
/// of `range`: 1.5 takes half as long again.
double regretOf(const ChainCost &chain, const Form &form, const Choice &choice, RowRange range,
                const Setting &setting);

} // namespace strut::cost

#endif // STRUT_COST_CHOICE_H
