//===- DeviceCode.h - code for the GPUs that are asked for ------*- C++ -*-===//
#ifndef LIB_DRIVER_DEVICECODE_H
#define LIB_DRIVER_DEVICECODE_H

#include "strut/Driver/Compile.h"
#include "strut/GPU/CUDA.h"
#include "strut/Package/Description.h"
#include "strut/Package/Target.h"
#include <memory>
#include <vector>

namespace llvm {
class Module;
} // namespace llvm

namespace strut::driver {

/// `--gpu-arch` and `--precision`, resolved.
struct GpuTargets {
  std::vector<package::TargetSpec> archs; ///< each once, in the order asked for
  gpu::Precision precision = gpu::Precision::F32;
  bool isReal = false;     ///< the artefact has code for GPUs
  bool isEmulated = false; ///< the artefact has code for the emulator
};
/// Fails on unknown names, and where what is to be emitted needs a GPU and none is named.
llvm::Expected<GpuTargets> resolveGpus(const CompileOptions &options);

/// Makes images of kernels.
class DeviceCode {
public:
  DeviceCode(const GpuTargets &targets, package::TargetSpec host, llvm::raw_ostream &log)
      : targets(targets), host(std::move(host)), log(log) {}

  using Image = package::ProgramInfo::Image;
  /// What an artefact has of a program's kernels: LLVM IR that is optimised for `gpu`. Machine
  /// code is among it if there is a ptxas; that there is none is told once.
  llvm::Expected<std::vector<Image>> images(std::unique_ptr<llvm::Module> code,
                                            const package::TargetSpec &gpu);
  /// Machine code alone; fails where there is no ptxas, or one that is too old.
  llvm::Expected<std::string> cubin(llvm::StringRef ptx, const package::TargetSpec &gpu);

private:
  /// Empty where there is no ptxas for it; then `why` says so.
  llvm::Expected<std::string> assemble(llvm::StringRef ptx, const package::TargetSpec &gpu,
                                       std::string &why);

  const GpuTargets &targets;
  package::TargetSpec host;
  llvm::raw_ostream &log;
  bool told = false;
};

} // namespace strut::driver

#endif // LIB_DRIVER_DEVICECODE_H
