//===- Work.h - How much a kernel computes and moves -----------*- C++ -*-===//
//
// FLOPs and bytes as polynomials in the symbolic dimensions, so that one artefact
// can say what a run at any size costs.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_COST_WORK_H
#define STRUT_COST_WORK_H

#include "dialects/Kernel/Kernel.h"
#include "mlir/IR/BuiltinOps.h"
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace strut::cost {

/// A sum of monomials; a key holds one exponent per symbolic dimension.
class Polynomial {
public:
  Polynomial() = default;
  explicit Polynomial(double constant);
  /// The dimension number `symbol` of `symbols`.
  static Polynomial dimension(unsigned symbol, unsigned symbols);

  Polynomial &operator+=(const Polynomial &other);
  friend Polynomial operator+(Polynomial a, const Polynomial &b) { return a += b; }
  friend Polynomial operator*(const Polynomial &a, const Polynomial &b);

  const std::map<std::vector<int>, double> &terms() const { return coefficients; }

private:
  std::map<std::vector<int>, double> coefficients;
};

/// Which form of a value a kernel belongs to, where there are several: the first line whose
/// extent is below its bound names the form that runs, else `otherwise` does.
struct FormWork {
  struct Line {
    Polynomial extent;
    int64_t bound, form;
  };
  std::vector<Line> lines;
  int64_t otherwise, form;
};

struct KernelWork {
  std::string name; ///< of the ONNX nodes it was made of: "MatMul_3 + Add_4"
  std::string kind; ///< the op: contract, attention, rows, map, region
  Polynomial flops; ///< operations on floats; a multiply-add is two. Of a region, its linalg ops'
  Polynomial bytes; ///< every operand read or written once
  std::optional<FormWork> form; ///< none: it always runs
};

/// The kernels of `@main` at the kernel stage, in order. A division of a dimension
/// is taken as exact, a dimension that is neither product, sum nor quotient of
/// others as 1.
std::vector<KernelWork> workOf(mlir::ModuleOp module);

} // namespace strut::cost

#endif // STRUT_COST_WORK_H
