//===- Progress.h - signs of life from what takes long ----------*- C++ -*-===//

#ifndef STRUT_DRIVER_PROGRESS_H
#define STRUT_DRIVER_PROGRESS_H

#include "llvm/ADT/StringRef.h"
#include <memory>

namespace llvm {
class raw_ostream;
} // namespace llvm

namespace strut::driver {

/// Names the stage at work on `log` once two seconds have gone by, and each later
/// stage as it begins; silent on anything quicker. A thread of its own writes the
/// first line, so `log` must not be written to while a stage runs.
class Progress {
public:
  explicit Progress(llvm::raw_ostream &log);
  ~Progress();
  Progress(const Progress &) = delete;
  Progress &operator=(const Progress &) = delete;

  /// What begins now, as in "generating code".
  void stage(llvm::StringRef name);

private:
  struct State;
  std::unique_ptr<State> state;
};

} // namespace strut::driver

#endif // STRUT_DRIVER_PROGRESS_H
