//===- Matrix.h - Dense matrices of f64 ------------------------*- C++ -*-===//
#ifndef STRUT_ALGEBRA_MATRIX_H
#define STRUT_ALGEBRA_MATRIX_H

#include <cassert>
#include <cstdint>
#include <utility>
#include <vector>

namespace strut::algebra {

/// A row-major matrix of f64.
class Matrix {
public:
  /// Zeros.
  Matrix(int64_t rows, int64_t cols) : Matrix(rows, cols, std::vector<double>(rows * cols)) {}
  Matrix(int64_t rows, int64_t cols, std::vector<double> values)
      : rowCount(rows), colCount(cols), values(std::move(values)) {
    assert(int64_t(this->values.size()) == rows * cols);
  }
  static Matrix identity(int64_t size);

  int64_t rows() const { return rowCount; }
  int64_t cols() const { return colCount; }
  double &operator()(int64_t row, int64_t col) { return values[row * colCount + col]; }
  double operator()(int64_t row, int64_t col) const { return values[row * colCount + col]; }
  double *data() { return values.data(); }
  const double *data() const { return values.data(); }

  Matrix transposed() const;
  Matrix &operator+=(const Matrix &other);
  friend Matrix operator*(const Matrix &a, const Matrix &b);
  bool operator==(const Matrix &) const = default;

private:
  int64_t rowCount, colCount;
  std::vector<double> values;
};

} // namespace strut::algebra

#endif // STRUT_ALGEBRA_MATRIX_H
