//===- Commands.h - what the tool `strut` does ------------------*- C++ -*-===//
//
// One function a subcommand, besides compile (Compile.h). Results go to `out`,
// notes to `log`; a returned error is the one message that the user sees.
//
//===----------------------------------------------------------------------===//

#ifndef STRUT_DRIVER_COMMANDS_H
#define STRUT_DRIVER_COMMANDS_H

#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace llvm {
class raw_ostream;
} // namespace llvm

namespace strut::driver {

using DimValues = std::vector<std::pair<std::string, int64_t>>;

/// Parses "seq=128"; an error says what is wrong with it.
llvm::Expected<std::pair<std::string, int64_t>> parseDim(const std::string &text);

/// Where the inputs of a run come from.
struct InputOptions {
  /// Each is "NAME=file.npy", "NAME=file.npz" (its member of that name, or its
  /// only one), or "file.npz" (its members are named like inputs).
  std::vector<std::string> inputs;
  /// Makes up the inputs that are not given: uniform floats in [-1, 1), and 0 or
  /// 1 for integers and bools, so that indices and masks are legal.
  bool random = false;
  uint64_t seed = 0;
  /// Dimensions of made-up inputs; 1, with a note, for those neither named here
  /// nor fixed by a given input.
  DimValues dims;
};

struct RunOptions {
  std::string model; ///< a compiled .so
  InputOptions inputs;
  int threads = 0; ///< 0: as many as the process may use
  /// "cpu", "cuda", "cuda:1", or "emulate" for a GPU without one. Empty: a GPU, if the model
  /// has code for one and it can be used, else the CPU. A profile is of the CPU.
  std::string device;
  /// .npz, or .npy for a model with one output; empty: a summary on `out`.
  std::string output;
  /// Times every kernel over many runs and prints a table in place of the outputs.
  bool profile = false;
  std::string trace; ///< with `profile`: where one run goes in Chrome's trace event format
};
llvm::Error run(const RunOptions &options, llvm::raw_ostream &out, llvm::raw_ostream &log);

struct BenchOptions {
  std::string model;
  InputOptions inputs; ///< `random` is implied for those not given
  int threads = 0;
  std::string device =
      "cpu";          ///< as in RunOptions; a run on a GPU includes the copies there and back
  double seconds = 1; ///< time for measured runs; there are at least 5 of them
  bool json = false;
  /// Another model, measured in turns of some milliseconds in the same process, so that the
  /// ratio of the two holds on a machine that others use.
  std::string against;
};
/// The JSON keys: median_ms, min_ms, max_ms, runs, threads, device, gflops and
/// peak_fraction; the last two are null where the artefact does not tell its
/// FLOPs, peak_fraction also on a GPU. The peak is that of f32 FMAs on as many threads, measured
/// here. With `against`
/// there is an object of that name, with the other model's median_ms and min_ms.
llvm::Error bench(const BenchOptions &options, llvm::raw_ostream &out, llvm::raw_ostream &log);

struct InspectOptions {
  std::string file; ///< .onnx, an MLIR stage, or a compiled .so
  DimValues dims;   ///< where shares are computed; 1 for those not named
  bool json = false;
};
llvm::Error inspect(const InspectOptions &options, llvm::raw_ostream &out, llvm::raw_ostream &log);

struct VerifyOptions {
  std::string model; ///< .onnx
  InputOptions inputs;
  double rtol = 1e-4;
  double atol = 1e-4; ///< in units of the reference value's root mean square
  int threads = 0;
  std::string device; ///< as in RunOptions; empty: the CPU
  std::string tool;   ///< path of the running `strut`: Python's part lies beside it
};
/// Runs Python's strut.verify and gives back its exit code: 0 if all agree, 1 if a
/// node differs, 2 if there is nothing to compare.
llvm::Expected<int> verify(const VerifyOptions &options, llvm::raw_ostream &log);

struct ExplainOptions {
  std::string model;               ///< .onnx, or a stage before the kernels
  DimValues dims;                  ///< where kernels and memory are shown; 1 for the others
  std::vector<int64_t> rows;       ///< of blocks, for which times are predicted; 1, 16, 256
  std::string machine, sizeBudget; ///< as in CompileOptions
  bool reducedPrecision = false;   ///< likewise
  /// Explains what code for this GPU is made of, for which forms are chosen then; empty: the CPU.
  std::string gpuArch;
  bool json = false;
  std::string html; ///< a file for the page
};
/// What was recognised in a model, what was rewritten and which forms were chosen, by the
/// keys of docs/explain.md.
llvm::Expected<llvm::json::Object> explainModel(const ExplainOptions &options,
                                                llvm::raw_ostream &log);
/// Prints it as text or JSON, and writes the page.
llvm::Error explain(const ExplainOptions &options, llvm::raw_ostream &out, llvm::raw_ostream &log);

struct CalibrateOptions {
  /// Where the description goes; empty: where compile looks for it, cost::calibratedFile.
  std::string output;
  int threads = 0; ///< that it is for; 0: as many as the process may use
};
/// Measures this machine with kernels of Strut's own, which takes some seconds, and
/// writes its description (docs/cost.md).
llvm::Error calibrate(const CalibrateOptions &options, llvm::raw_ostream &out,
                      llvm::raw_ostream &log);

} // namespace strut::driver

#endif // STRUT_DRIVER_COMMANDS_H
