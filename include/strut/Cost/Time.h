//===- Time.h - How long kernels take --------------------------*- C++ -*-===//
//
//   T(kernel) = tau + sum over its phases of max(FLOP / (eta P), bytes / beta)
//
// with tau, eta, P and beta of a machine's description. docs/cost.md explains the
// model and shows how far it is from what was measured.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_COST_TIME_H
#define STRUT_COST_TIME_H

#include "strut/Algebra/Map.h"
#include "strut/Cost/Machine.h"

namespace strut::cost {

/// A part of a kernel that runs after the other parts.
struct Phase {
  double flops = 0;
  double weightBytes = 0; ///< constants that are read
  double valueBytes = 0;  ///< of values that are read and written
  double rows = 1;        ///< that a weight is applied to, which fill the tiles
  std::string type = "f32";
  /// Whether it is the first of its kernel.
  bool launches = true;
};

/// The circumstances of a kernel.
struct Setting {
  const Machine &machine;
  int threads;
  /// Bytes that are read between two uses of a weight, such as all weights of a model:
  /// they decide from which cache it comes. At least the weight itself.
  double resident = 0;

  explicit Setting(const Machine &machine, double resident = 0)
      : machine(machine), threads(machine.threads), resident(resident) {}
};

/// Seconds. A phase is shared by the threads only where that is faster.
double timeOf(const Phase &phase, const Setting &setting);
/// Seconds of one after the other.
double timeOf(llvm::ArrayRef<Phase> phases, const Setting &setting);

/// A map of `rows` rows, as algebra::associate describes it: one kernel.
Phase phaseOf(double flops, double parameters, algebra::Shape shape, double rows,
              llvm::StringRef type);

/// x W of [rows, inputs] and [inputs, outputs].
Phase dense(double rows, double inputs, double outputs, llvm::StringRef type);
/// x U V with a row of `rank` values between. `isFused`: one kernel that keeps these on
/// chip, else two.
std::vector<Phase> lowRank(double rows, double inputs, double rank, double outputs, bool isFused,
                           llvm::StringRef type);

/// How many of `experts` the `chosen` ones of each row are expected to hit, if rows
/// choose evenly: E (1 - (1 - k / E)^M).
double expertsHit(double experts, double chosen, double rows);

/// Experts x U_e V_e of which each row goes through `chosen`.
struct Experts {
  double experts, chosen, rows, inputs, hidden, outputs;
};
/// Rows are sorted by expert, each expert runs on its own, and their results are added
/// row by row.
std::vector<Phase> routed(const Experts &what, llvm::StringRef type);
/// All experts on all rows as one product, those not chosen times zero.
std::vector<Phase> stacked(const Experts &what, llvm::StringRef type);

/// How routed experts are best run.
enum class Dispatch {
  Gather,  ///< a product of a row and a matrix for each row and expert
  Buckets, ///< most experts have a row or two
  Grouped, ///< rows sorted by expert, one product of many matrices
  All      ///< all experts on all rows
};
Dispatch dispatchOf(const Experts &what, const Setting &setting, llvm::StringRef type);

/// Bytes of an element of a type by its name: "bf16" has 2; 4 for what is unknown.
double elementBytes(llvm::StringRef type);

} // namespace strut::cost

#endif // STRUT_COST_TIME_H
