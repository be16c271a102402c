//===- Divisors.h - What strides and offsets are multiples of ---*- C++ -*-===//
//
// Which runs of memory are aligned, where a run alone knows the strides: powers of two that divide
// them, found by the way in which the host function makes a view.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_LIB_GPU_DIVISORS_H
#define STRUT_LIB_GPU_DIVISORS_H

#include "mlir/IR/Value.h"

namespace strut::gpu {

/// More than any run needs; it stands for all larger ones.
constexpr int64_t largestDivisor = 16;

/// The largest power of two that divides a number.
int64_t divisorOf(int64_t number);
/// The same of a product, given those of its factors.
int64_t divisorOfProduct(int64_t x, int64_t y);

/// The largest powers of two that are known to divide the strides of a memref and its offset, in
/// elements.
struct Divisors {
  llvm::SmallVector<int64_t> strides;
  int64_t offset;
};
Divisors divisorsOf(mlir::Value memref);

} // namespace strut::gpu

#endif // STRUT_LIB_GPU_DIVISORS_H
