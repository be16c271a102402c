//===- Timing.h - What the measuring commands share -------------*- C++ -*-===//
#ifndef LIB_DRIVER_TIMING_H
#define LIB_DRIVER_TIMING_H

#include "llvm/ADT/ArrayRef.h"
#include <chrono>

namespace strut::driver {

inline double secondsSince(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// The median of sorted numbers, of which there is at least one.
inline double medianOf(llvm::ArrayRef<double> sorted) {
  size_t middle = sorted.size() / 2;
  return sorted.size() % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

} // namespace strut::driver

#endif // LIB_DRIVER_TIMING_H
