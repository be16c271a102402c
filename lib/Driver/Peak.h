//===- Peak.h - the machine's peaks, measured ------------------*- C++ -*-===//

#ifndef LIB_DRIVER_PEAK_H
#define LIB_DRIVER_PEAK_H

namespace strut::driver {

/// FLOP/s of independent f32 fused multiply-adds in the widest vectors that this
/// CPU has, summed over `threads` threads; the best of many short windows, about
/// 50 ms in all. An FMA counts as two.
double measurePeak(int threads);

/// How many threads a run uses that asks for `asked`, 0 for as many as it may.
int threadsInUse(int asked);

/// Bytes/s at which `threads` threads together read memory that is in no cache; the
/// best of a few passes over 64 MiB each, about 100 ms in all.
double measureBandwidth(int threads);

} // namespace strut::driver

#endif // LIB_DRIVER_PEAK_H
