//===- Profile.h - strut run --profile --------------------------*- C++ -*-===//
#ifndef LIB_DRIVER_PROFILE_H
#define LIB_DRIVER_PROFILE_H

#include "Inputs.h"
#include <chrono>

namespace strut::driver {

/// Writes down when the kernels of a run begin and end.
class LaunchRecorder {
public:
  struct Launch {
    int32_t kernel;    ///< place in the metadata, -1 for a copy between kernels
    double begin, end; ///< seconds since the run began
  };

  LaunchRecorder() : observer{this, onLaunch} {}
  LaunchRecorder(const LaunchRecorder &) = delete;

  const StrutObserver *get() const { return &observer; }
  void beginRun();
  llvm::ArrayRef<Launch> launches() const { return recorded; }
  /// Since beginRun, in seconds.
  double elapsed() const;

private:
  static void onLaunch(void *self, int32_t kernel, int32_t done);

  StrutObserver observer;
  std::chrono::steady_clock::time_point start;
  std::vector<Launch> recorded;
};

/// Runs the call, which reports to `recorder`, for about half a second and prints for
/// each kernel, slowest first, the median of its times, its FLOPs and bytes and the
/// fraction of the roofline that it reaches: of the time that the measured peaks of
/// this machine allow. Writes one run to options.trace if that is named.
llvm::Error profile(Call &call, LaunchRecorder &recorder, const RunOptions &options,
                    llvm::raw_ostream &out);

} // namespace strut::driver

#endif // LIB_DRIVER_PROFILE_H
