//===- DeviceCode.cpp - code for the GPUs that are asked for ---------------===//
#include "DeviceCode.h"
#include "strut/GPU/Emulate.h"
#include "strut/Package/Ptx.h"
#include "strut/Package/Ptxas.h"
#include "llvm/IR/Module.h"
#include "llvm/Transforms/Utils/Cloning.h"

using namespace llvm;

namespace strut::driver {

Expected<GpuTargets> resolveGpus(const CompileOptions &options) {
  GpuTargets targets;
  for (const std::string &name : options.gpuArchs) {
    if (name == "emulate") {
      targets.isEmulated = true;
      continue;
    }
    auto gpu = package::resolveGpuArch(name);
    if (!gpu)
      return gpu.takeError();
    if (none_of(targets.archs, [&](const auto &other) { return other.cpu == gpu->cpu; }))
      targets.archs.push_back(std::move(*gpu));
  }
  targets.isReal = !targets.archs.empty();
  bool wantsPtx = options.emit == CompileOptions::Ptx || options.emit == CompileOptions::Cubin;
  if (wantsPtx && !targets.isReal)
    return createStringError("say which GPU the code is for: --gpu-arch sm_80 or later");
  if (options.emit == CompileOptions::MlirGpu && options.gpuArchs.empty())
    return createStringError("say which GPU the kernels are for: --gpu-arch sm_80 or later");
  if (options.noCpu && options.gpuArchs.empty())
    return createStringError("--no-cpu leaves nothing to run the model; name a GPU by --gpu-arch");
  if (options.noCpu && options.emit == CompileOptions::Asm)
    return createStringError("the assembly of a GPU is PTX: --emit ptx");
  if (!options.precision.empty()) {
    auto precision = gpu::symbolizePrecision(options.precision);
    if (!precision)
      return createStringError("unknown precision '" + options.precision +
                               "'; products are computed in f32, tf32, f16 or bf16");
    if (options.gpuArchs.empty())
      return createStringError("--precision is that of a GPU's products; name one by --gpu-arch");
    targets.precision = *precision;
  }
  if (targets.isEmulated && !targets.isReal)
    targets.archs.push_back(cantFail(package::resolveGpuArch("sm_80")));
  return targets;
}

static StrutImageReach reachOf(const package::TargetSpec &gpu) {
  StringRef name = gpu.cpu;
  return name.ends_with("a")   ? StrutReachExact
         : name.ends_with("f") ? StrutReachFamily
                               : StrutReachLater;
}

Expected<std::string> DeviceCode::assemble(StringRef ptx, const package::TargetSpec &gpu,
                                           std::string &why) {
  std::string ptxas = package::findPtxas();
  if (ptxas.empty()) {
    why = "there is no ptxas of the CUDA toolkit, on PATH or under $CUDA_HOME";
    return "";
  }
  auto code = package::assemble(ptxas, ptx, gpu);
  if (!code)
    return code.takeError();
  if (code->cubin.empty())
    why = ptxas + " is too old: " + code->report.errors.front();
  for (const std::string &warning : code->report.warnings)
    log << "warning: " << gpu.cpu << ": " << warning << "\n";
  for (const package::AssembledKernel &kernel : code->report.kernels)
    if (kernel.spilledBytes)
      log << "warning: " << gpu.cpu << ": kernel '" << kernel.name << "' needs more registers than "
          << "there are: " << kernel.spilledBytes << " bytes are spilled\n";
  return std::move(code->cubin);
}

Expected<std::string> DeviceCode::cubin(StringRef ptx, const package::TargetSpec &gpu) {
  std::string why;
  auto code = assemble(ptx, gpu, why);
  if (code && code->empty())
    return createStringError("machine code for " + gpu.cpu + " cannot be made: " + why);
  return code;
}

Expected<std::vector<DeviceCode::Image>> DeviceCode::images(std::unique_ptr<Module> code,
                                                            const package::TargetSpec &gpu) {
  std::vector<Image> images;
  unsigned capability = package::computeCapability(gpu);
  StrutImageReach reach = reachOf(gpu);
  if (targets.isEmulated) {
    std::unique_ptr<Module> emulated = CloneModule(*code);
    if (Error error = gpu::emulate(*emulated))
      return error;
    auto library = package::linkEmulated(*emulated, gpu::kEmulatedImage, host);
    if (!library)
      return library.takeError();
    images.push_back({StrutImageEmulated, capability, reach, std::move(*library)});
  }
  if (!targets.isReal)
    return images;
  auto ptx = package::emitPtx(*code, gpu);
  if (!ptx)
    return ptx.takeError();
  std::string why;
  auto cubin = assemble(*ptx, gpu, why);
  if (!cubin)
    return cubin.takeError();
  if (!cubin->empty())
    images.push_back({StrutImageCubin, capability, reach, std::move(*cubin)});
  else if (!std::exchange(told, true))
    log << "note: the library has PTX and no machine code, so that the driver compiles it when "
           "the model is opened: "
        << why << "\n";
  images.push_back({StrutImagePtx, capability, reach, std::move(*ptx)});
  return images;
}

} // namespace strut::driver
