//===- Rows.h - Matrices with other rows -----------------------*- C++ -*-===//
#ifndef LIB_ALGEBRA_ROWS_H
#define LIB_ALGEBRA_ROWS_H

#include "strut/Algebra/Matrix.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLExtras.h"

namespace strut::algebra {

/// The rows of the given numbers, in this order.
inline Matrix rowsOf(const Matrix &w, llvm::ArrayRef<int64_t> order) {
  Matrix rows(int64_t(order.size()), w.cols());
  for (auto [k, from] : llvm::enumerate(order))
    for (int64_t n = 0; n < w.cols(); ++n)
      rows(int64_t(k), n) = w(from, n);
  return rows;
}

} // namespace strut::algebra

#endif // LIB_ALGEBRA_ROWS_H
