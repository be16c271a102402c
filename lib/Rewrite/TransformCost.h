//===- TransformCost.h - How long Fourier transforms take ------*- C++ -*-===//
#ifndef STRUT_LIB_REWRITE_TRANSFORMCOST_H
#define STRUT_LIB_REWRITE_TRANSFORMCOST_H

#include "mlir/IR/BuiltinTypes.h"
#include "strut/Cost/Time.h"

namespace strut::rewrite {

/// Transforms of `length` values: how many, and whether these are real.
struct Transforms {
  int64_t length;
  double count;
  bool isReal;
  mlir::Type element;
};

/// One product of a transform: complex, or half of that where one stage alone reads real values.
struct TransformStage {
  double flops;       ///< of one transform
  double weightBytes; ///< of the matrix
  double valueBytes;  ///< that one transform reads and writes
};
TransformStage stageOf(const Transforms &what, int64_t radix);

/// The factors of the length whose stages take the least time.
std::vector<int64_t> fastestFactors(const Transforms &what, const cost::Setting &setting);
/// The time of these stages.
double secondsOf(const Transforms &what, llvm::ArrayRef<int64_t> factors,
                 const cost::Setting &setting);

} // namespace strut::rewrite

#endif // STRUT_LIB_REWRITE_TRANSFORMCOST_H
