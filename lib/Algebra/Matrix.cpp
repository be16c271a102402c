//===- Matrix.cpp - Dense matrices of f64 ---------------------------------===//
#include "Dense.h"

namespace strut::algebra {

Matrix Matrix::identity(int64_t size) {
  Matrix result(size, size);
  for (int64_t i = 0; i < size; ++i)
    result(i, i) = 1;
  return result;
}

Matrix Matrix::transposed() const {
  Matrix result(colCount, rowCount);
  for (int64_t i = 0; i < rowCount; ++i)
    for (int64_t j = 0; j < colCount; ++j)
      result(j, i) = (*this)(i, j);
  return result;
}

Matrix &Matrix::operator+=(const Matrix &other) {
  assert(rowCount == other.rowCount && colCount == other.colCount);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] += other.values[i];
  return *this;
}

Matrix operator*(const Matrix &a, const Matrix &b) {
  assert(a.cols() == b.rows());
  Matrix result(a.rows(), b.cols());
  dense(result).noalias() = dense(a) * dense(b);
  return result;
}

} // namespace strut::algebra
