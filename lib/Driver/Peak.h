//===- Peak.h - the machine's arithmetic peak, measured ---------*- C++ -*-===//

#ifndef LIB_DRIVER_PEAK_H
#define LIB_DRIVER_PEAK_H

namespace strut::driver {

/// FLOP/s of independent f32 fused multiply-adds in the widest vectors that this
/// CPU has, summed over `threads` threads; the best of many short windows, about
/// 50 ms in all. An FMA counts as two.
double measurePeak(int threads);

} // namespace strut::driver

#endif // LIB_DRIVER_PEAK_H
