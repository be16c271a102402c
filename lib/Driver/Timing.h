//===- Timing.h - What the measuring commands share -------------*- C++ -*-===//
#ifndef LIB_DRIVER_TIMING_H
#define LIB_DRIVER_TIMING_H

#include "Inputs.h"
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

/// Seconds of runs of each call, in turns, until each had `budget` seconds, after a
/// warm-up of a fifth of it; at least five. Sorted, one list a call.
llvm::Expected<std::vector<std::vector<double>>> timeRuns(llvm::MutableArrayRef<Call> calls,
                                                          double budget);

} // namespace strut::driver

#endif // LIB_DRIVER_TIMING_H
