//===- Target.cpp - The machine an artefact is for --------------*- C++ -*-===//
#include "strut/Package/Target.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/SubtargetFeature.h"
#include <mutex>

using namespace llvm;

namespace strut::package {
namespace {

constexpr StringLiteral kBaselineX86 = "x86-64";
constexpr StringLiteral kBaselineAArch64 = "generic";

void initializeTargets() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser();
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64Target();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64AsmPrinter();
    LLVMInitializeAArch64AsmParser();
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
  });
}

const Target *lookup(const Triple &triple) {
  initializeTargets();
  std::string ignored;
  return TargetRegistry::lookupTarget(triple, ignored);
}

std::unique_ptr<MCSubtargetInfo> subtarget(const Triple &triple, StringRef cpu,
                                           StringRef features) {
  const Target *target = lookup(triple);
  return std::unique_ptr<MCSubtargetInfo>(target->createMCSubtargetInfo(triple, cpu, features));
}

StringRef baselineCpu(const Triple &triple) {
  return triple.getArch() == Triple::x86_64 ? kBaselineX86 : kBaselineAArch64;
}

/// Up to four of `known` that look like `name`, nearest first.
std::string nearestNames(StringRef name, ArrayRef<StringRef> known) {
  SmallVector<std::pair<unsigned, StringRef>> ranked;
  for (StringRef candidate : known) {
    unsigned distance = name.edit_distance_insensitive(candidate);
    if (candidate.contains_insensitive(name) && name.size() > 1)
      distance = 1;
    if (distance <= std::max<size_t>(2, name.size() / 2))
      ranked.push_back({distance, candidate});
  }
  llvm::sort(ranked);
  ranked.truncate(std::min<size_t>(ranked.size(), 4));
  return join(map_range(ranked, [](auto &entry) { return entry.second.str(); }), ", ");
}

Error unknownName(const Twine &what, StringRef name, ArrayRef<StringRef> known) {
  std::string near = nearestNames(name, known);
  std::string hint = near.empty() ? "known: " + join(known, ", ") : "did you mean: " + near + "?";
  return createStringError(what + " '" + name + "'; " + hint);
}

Expected<Triple> resolveTriple(StringRef text) {
  Triple triple(text.empty() ? sys::getDefaultTargetTriple() : Triple::normalize(text));
  if (triple.getOS() == Triple::UnknownOS && triple.getArch() != Triple::UnknownArch)
    triple.setOS(Triple::Linux); // "aarch64" alone is clear enough
  bool architecture = triple.getArch() == Triple::x86_64 || triple.getArch() == Triple::aarch64;
  if (architecture && triple.isOSLinux() && triple.isOSBinFormatELF() && triple.isArch64Bit() &&
      triple.getEnvironment() != Triple::GNUX32 && triple.getEnvironment() != Triple::GNUILP32)
    return triple;
  return unknownName("cannot generate code for target", text.empty() ? triple.str() : text,
                     {"x86_64-linux-gnu", "aarch64-linux-gnu"});
}

std::string hostFeatures() {
  SubtargetFeatures features;
  StringMap<bool> host = sys::getHostCPUFeatures();
  SmallVector<StringRef> names(host.keys());
  llvm::sort(names); // a StringMap's order is arbitrary, artefacts are not
  for (StringRef name : names)
    features.AddFeature(name, host[name]);
  return features.getString();
}

} // namespace

bool TargetSpec::isHostArchitecture() const {
  return triple.getArch() == Triple(sys::getDefaultTargetTriple()).getArch();
}

Expected<TargetSpec> resolveTarget(StringRef tripleText, StringRef cpu) {
  Expected<Triple> triple = resolveTriple(tripleText);
  if (!triple)
    return triple.takeError();
  if (!lookup(*triple))
    return createStringError("this build of LLVM has no code generator for '" + triple->str() +
                             "'");
  TargetSpec spec{*triple, cpu.str(), ""};
  bool host = spec.isHostArchitecture();
  if (cpu.empty())
    spec.cpu = cpu = host ? "native" : baselineCpu(*triple);
  if (cpu == "native") {
    if (!host)
      return createStringError("target CPU 'native' is this machine's, which cannot run '" +
                               triple->str() + "' code; name a CPU of that architecture");
    spec.cpu = sys::getHostCPUName().str();
    spec.features = hostFeatures();
    return spec;
  }
  std::unique_ptr<MCSubtargetInfo> info = subtarget(*triple, baselineCpu(*triple), "");
  // LLVM ends the process when asked for 64-bit code on an i386.
  auto runs64Bit = [&](StringRef name) {
    return triple->getArch() != Triple::x86_64 ||
           subtarget(*triple, name, "")->checkFeatures("+64bit");
  };
  if (info->isCPUStringValid(cpu) && runs64Bit(cpu))
    return spec;
  SmallVector<StringRef> known;
  for (const SubtargetSubTypeKV &entry : info->getAllProcessorDescriptions())
    if (runs64Bit(entry.Key))
      known.push_back(entry.Key);
  known.push_back("native");
  return unknownName("unknown CPU of " + triple->getArchName(), cpu, known);
}

/// The number in sm_80 or sm_90a; 0 where there is none.
static unsigned numberOf(StringRef arch) {
  unsigned number = 0;
  if (arch.consume_front("sm_"))
    arch.consumeInteger(10, number);
  return number;
}

unsigned computeCapability(const TargetSpec &gpu) { return numberOf(gpu.cpu); }

Expected<TargetSpec> resolveGpuArch(StringRef arch) {
  constexpr unsigned oldest = 70;
  TargetSpec spec{Triple("nvptx64-nvidia-cuda"), arch.str(), ""};
  SmallVector<StringRef> known;
  for (const SubtargetSubTypeKV &entry :
       subtarget(spec.triple, "sm_80", "")->getAllProcessorDescriptions())
    if (numberOf(entry.Key) >= oldest)
      known.push_back(entry.Key);
  if (is_contained(known, arch))
    return spec;
  if (unsigned number = numberOf(arch); number && number < oldest)
    return createStringError("code for GPUs before sm_" + Twine(oldest) +
                             " is not generated, and " + arch + " is one");
  return unknownName("unknown GPU architecture", arch, known);
}

VectorUnit vectorUnit(const TargetSpec &target) {
  if (target.triple.getArch() == Triple::aarch64)
    return {16, 32, true};
  std::unique_ptr<MCSubtargetInfo> info = subtarget(target.triple, target.cpu, target.features);
  bool fma = info->checkFeatures("+fma");
  if (info->checkFeatures("+avx512f,+avx512vl,+avx512dq,+avx512bw"))
    return {64, 32, true};
  if (info->checkFeatures("+avx2"))
    return {32, 16, fma};
  return {16, 16, fma};
}

uint64_t requiredCpuFeatures(const TargetSpec &target) {
  std::unique_ptr<MCSubtargetInfo> needs = subtarget(target.triple, target.cpu, target.features);
  std::unique_ptr<MCSubtargetInfo> baseline =
      subtarget(target.triple, baselineCpu(target.triple), "");
  uint64_t bits = 0;
  unsigned bit = 0;
  auto add = [&](StringRef name) {
    std::string feature = ("+" + name).str();
    if (needs->checkFeatures(feature) && !baseline->checkFeatures(feature))
      bits |= uint64_t(1) << bit;
    ++bit;
  };
  if (target.triple.getArch() == Triple::x86_64) {
#define STRUT_X86_FEATURE(name, leaf, subleaf, reg, index, xcr0) add(name);
#include "strut/Runtime/CpuFeatures.def"
  } else {
#define STRUT_AARCH64_FEATURE(name, word, index) add(name);
#include "strut/Runtime/CpuFeatures.def"
  }
  return bits;
}

std::unique_ptr<TargetMachine> createTargetMachine(const TargetSpec &target,
                                                   CodeGenOptLevel level) {
  TargetOptions options;
  return std::unique_ptr<TargetMachine>(
      lookup(target.triple)
          ->createTargetMachine(target.triple, target.cpu, target.features, options, Reloc::PIC_,
                                CodeModel::Small, level));
}

void applyTarget(Module &module, const TargetSpec &target) {
  std::unique_ptr<TargetMachine> machine = createTargetMachine(target);
  module.setTargetTriple(target.triple);
  module.setDataLayout(machine->createDataLayout());
  module.setPICLevel(PICLevel::BigPIC);
  std::string width = std::to_string(vectorUnit(target).bytes * 8);
  for (Function &function : module) {
    if (function.isDeclaration() || function.hasFnAttribute("target-cpu"))
      continue;
    function.addFnAttr("target-cpu", target.cpu);
    if (!target.features.empty())
      function.addFnAttr("target-features", target.features);
    if (!function.hasFnAttribute("prefer-vector-width"))
      function.addFnAttr("prefer-vector-width", width);
  }
}

void applyBaseline(Module &module, const TargetSpec &target) {
  for (Function &function : module)
    if (!function.isDeclaration() && !function.hasFnAttribute("target-cpu"))
      function.addFnAttr("target-cpu", baselineCpu(target.triple));
}

} // namespace strut::package
