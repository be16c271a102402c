//===- Peak.h - the machine's peaks, measured ------------------*- C++ -*-===//

#ifndef LIB_DRIVER_PEAK_H
#define LIB_DRIVER_PEAK_H

#include <cstddef>

namespace strut::driver {

/// FLOP/s of independent f32 fused multiply-adds in the widest vectors that this
/// CPU has, summed over `threads` threads; the best of many short windows, about
/// 50 ms in all. An FMA counts as two.
double measurePeak(int threads);

/// How many threads a run uses that asks for `asked`, 0 for as many as it may.
int threadsInUse(int asked);

/// Bytes/s at which `threads` threads together read again and again `bytes` bytes
/// each, by default more than caches hold; the best of many windows, about 100 ms in
/// all.
double measureBandwidth(int threads, size_t bytes = size_t(64) << 20);

} // namespace strut::driver

#endif // LIB_DRIVER_PEAK_H
