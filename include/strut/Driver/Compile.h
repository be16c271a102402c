//===- Compile.h - a model file to a native library -------------*- C++ -*-===//
//
// The one road that `strut compile`, the C API and Python take.
//
//===----------------------------------------------------------------------===//

#ifndef STRUT_DRIVER_COMPILE_H
#define STRUT_DRIVER_COMPILE_H

#include "strut/Driver/Reproducer.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace llvm {
class raw_ostream;
} // namespace llvm

namespace strut::package {
struct TargetSpec;
} // namespace strut::package

namespace strut::driver {

struct CompileOptions {
  /// What is written: the finished library, or a stage on the way to it.
  enum Emit { Artifact, MlirOnnx, MlirLayer, MlirKernel, MlirGpu, Llvm, Asm, Ptx, Cubin };

  /// A model.onnx, or an emitted MLIR stage (text or bytecode) to go on from.
  std::string input;
  /// Artifact: the suffix says what is made (.so, .a or .o). Stages: "-" or
  /// empty is standard output; MLIR is written as bytecode when the name ends
  /// in .mlirbc. May stay empty with `checkOnly`.
  std::string output;
  Emit emit = Artifact;

  /// LLVM triple; empty is the host's.
  std::string triple;
  /// LLVM CPU name. "native" is this machine's; empty is native on this machine's
  /// architecture and the baseline of another one.
  std::string cpu;

  /// Architectures of NVIDIA GPUs to add code for, as "sm_80", which later GPUs run too; the
  /// first is what stages are written of. "emulate" adds code for the emulator.
  std::vector<std::string> gpuArchs;
  /// Of products of f32 on such a GPU: "f32", or what operands are rounded to: "tf32", "f16" or
  /// "bf16". Empty is f32.
  std::string precision;
  /// Leave out the code for the CPU, which runs where no GPU can be used.
  bool noCpu = false;

  /// Symbolic dimensions that are fixed at compile time.
  std::vector<std::pair<std::string, int64_t>> dims;
  /// Outputs that are an input with some elements changed (a cache), as names of
  /// output and input: a run updates the input's memory.
  std::vector<std::pair<std::string, std::string>> aliases;
  /// Names the exported table `strut_model_<name>` of .a and .o, and the
  /// functions of the header. Empty: made from the output's file name.
  std::string name;

  /// Largest error of a dense weight that may become factors (low rank or Monarch), as
  /// a share of its Frobenius norm; 0: weights stay what they are. What became of each
  /// is written to the log.
  double compress = 0;

  /// The machine by whose description forms are chosen: a file or a name. Empty: what
  /// `strut calibrate` has measured, for code for this machine, or what comes with Strut
  /// for the CPU; for the first GPU where code is for GPUs alone.
  std::string machine;
  /// By how much weights may grow where several forms of a layer are kept: "20%", or
  /// bytes as "64M"; empty is 20%.
  std::string sizeBudget;
  /// Rewrite layers of f16 and bf16 as those of f32, though combined weights lose bits there.
  bool reducedPrecision = false;

  /// Threads of the compiler; 0 is one per CPU that the process may use.
  int threads = 0;
  /// Write the time of each stage to the log.
  bool timing = false;
  /// Stop after the pre-flight check, which lists every unsupported node.
  bool checkOnly = false;
  /// Warn of kernels that could not be vectorised instead of refusing the model.
  bool allowScalarLoops = false;
  /// With `checkOnly`: the report as JSON on standard output.
  bool json = false;
  /// What a crash of a pass leaves.
  CrashOptions crash;
};

/// Where the machine that `options` compile for is described, as a file or a name: the first GPU
/// where code is for GPUs alone, else the CPU.
std::string machineFor(const CompileOptions &options, const package::TargetSpec &target);

/// Compiles `options.input`. Progress and timing go to `log`. On failure the
/// message names file or node, and no output file is left or changed.
llvm::Error compile(const CompileOptions &options, llvm::raw_ostream &log);

} // namespace strut::driver

#endif // STRUT_DRIVER_COMPILE_H
