//===- Dense.h - Matrices as those of Eigen ---------------------*- C++ -*-===//
#ifndef LIB_ALGEBRA_DENSE_H
#define LIB_ALGEBRA_DENSE_H

#include "strut/Algebra/Matrix.h"
#include <Eigen/Core>

namespace strut::algebra {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// The same elements, not copied.
inline Eigen::Map<RowMajor> dense(Matrix &matrix) {
  return {matrix.data(), matrix.rows(), matrix.cols()};
}
inline Eigen::Map<const RowMajor> dense(const Matrix &matrix) {
  return {matrix.data(), matrix.rows(), matrix.cols()};
}

} // namespace strut::algebra

#endif // LIB_ALGEBRA_DENSE_H
