//===- Ptxas.h - Machine code of NVIDIA GPUs -------------------*- C++ -*-===//
//
// PTX to machine code by ptxas of the CUDA toolkit, a program of its own. Nothing depends
// on it: without it an artefact has PTX, which the driver compiles when it is loaded.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_PACKAGE_PTXAS_H
#define STRUT_PACKAGE_PTXAS_H

#include "strut/Package/Target.h"
#include <string>
#include <vector>

namespace strut::package {

/// What `ptxas -v` says of one kernel.
struct AssembledKernel {
  std::string name;
  unsigned registers = 0;    ///< of a thread
  uint64_t sharedBytes = 0;  ///< of a block, as far as known before a launch
  uint64_t spilledBytes = 0; ///< that are stored and loaded for want of registers
};

struct PtxasReport {
  std::vector<AssembledKernel> kernels;
  std::vector<std::string> warnings; ///< also remarks on lost performance (C75xx)
  std::vector<std::string> errors;
};

/// Reads what ptxas has printed; lines of another form are passed over.
PtxasReport parsePtxasReport(llvm::StringRef text);

/// ptxas on PATH, or in bin/ of $CUDA_HOME, $CUDA_PATH or $CUDA_ROOT; empty if there is none.
std::string findPtxas();

struct MachineCode {
  std::string cubin; ///< empty where this ptxas is too old for the code
  PtxasReport report;
};

/// Runs ptxas. Where it does not know the architecture, or PTX of this version,
/// `report.errors` says so and there is no code; fails with its first message where the PTX is
/// wrong.
llvm::Expected<MachineCode> assemble(llvm::StringRef ptxas, llvm::StringRef ptx,
                                     const TargetSpec &gpu);

} // namespace strut::package

#endif // STRUT_PACKAGE_PTXAS_H
