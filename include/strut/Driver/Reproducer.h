//===- Reproducer.h - what a crash of the compiler leaves -------*- C++ -*-===//

#ifndef STRUT_DRIVER_REPRODUCER_H
#define STRUT_DRIVER_REPRODUCER_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>

namespace strut::driver {

/// What happens when a pass crashes, makes invalid IR or fails without a word.
struct CrashOptions {
  /// Catches crashes, for which the passes run on a thread of their own and the
  /// process's handlers of fatal signals are taken while they do. A library in
  /// somebody else's process leaves them alone.
  bool recover = false;
  /// With `recover`: gets the module as it was before the passes, and the passes, as
  /// text for `strut-opt --run-reproducer`. Written whole or not at all.
  std::string file;
  /// Write the file also for a pass that fails and says why.
  bool onAnyFailure = false;
};

/// How a run of passes ended.
struct PassesResult {
  llvm::Error error = llvm::Error::success();
  /// A pass crashed: the module and its context are in no state to be used, nor to
  /// be destroyed.
  bool crashed = false;
};

/// Runs the passes of `manager` on `module`. The error holds the diagnostics, what a
/// bug of the compiler is said to be, and the file that was written; warnings go to
/// `log`.
PassesResult runPasses(std::unique_ptr<mlir::PassManager> manager, mlir::ModuleOp module,
                       llvm::StringRef stage, const CrashOptions &options, llvm::raw_ostream &log);

/// Where a compilation of `input` to `output` leaves its reproducer: beside the
/// output, or, where that is no file, in the current folder.
std::string defaultReproducer(llvm::StringRef input, llvm::StringRef output);

} // namespace strut::driver

#endif // STRUT_DRIVER_REPRODUCER_H
