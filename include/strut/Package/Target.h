//===- Target.h - The machine an artefact is for ---------------*- C++ -*-===//
//
// Names of targets are LLVM's. Strut packages ELF for 64-bit Linux on x86-64 and
// AArch64; everything else is refused here, by name, before any work is done.
//===----------------------------------------------------------------------===//
#ifndef STRUT_PACKAGE_TARGET_H
#define STRUT_PACKAGE_TARGET_H

#include "llvm/Support/CodeGen.h"
#include "llvm/Support/Error.h"
#include "llvm/TargetParser/Triple.h"
#include <cstdint>
#include <memory>
#include <string>

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace strut::package {

struct TargetSpec {
  llvm::Triple triple;
  std::string cpu;      ///< LLVM's name, never "native"
  std::string features; ///< "+avx2,-sse4a,…": what `cpu` alone does not say

  /// True where `resolveTarget("", ...)` would give this architecture.
  bool isHostArchitecture() const;
};

/// What shapes vector code. Plain data, for the emitters' own target descriptions.
struct VectorUnit {
  int64_t bytes = 16;     ///< widest vector that runs at full speed
  int64_t registers = 16; ///< vector registers of that width
  bool fma = false;       ///< fused multiply-add on vectors of f32
};

/// Resolves a triple ("" = this machine's) and a CPU name. "native" is this
/// machine's CPU with the features that its operating system enables; "" is
/// "native" on this machine's architecture and the architecture's baseline on
/// another one. Unknown names fail with the nearest known ones.
llvm::Expected<TargetSpec> resolveTarget(llvm::StringRef triple, llvm::StringRef cpu);

/// The target of an NVIDIA GPU by the name that LLVM and ptxas use ("sm_80"). Fails for
/// unknown ones, with the nearest known names, and for those before sm_70, whose threads
/// cannot wait for each other one by one. It has device code only: nothing is packaged for
/// it alone.
llvm::Expected<TargetSpec> resolveGpuArch(llvm::StringRef arch);

/// 80 for a GPU target of sm_80.
unsigned computeCapability(const TargetSpec &gpu);

/// The vector registers of the target. AArch64 counts as 16-byte NEON: code for
/// scalable vectors is not generated.
VectorUnit vectorUnit(const TargetSpec &target);

/// The bits of CpuFeatures.def for everything that code for this target may
/// use beyond its architecture's baseline: StrutProgram::cpu_features.
uint64_t requiredCpuFeatures(const TargetSpec &target);

/// Position-independent code, small code model. `target` must come from
/// resolveTarget.
std::unique_ptr<llvm::TargetMachine>
createTargetMachine(const TargetSpec &target,
                    llvm::CodeGenOptLevel level = llvm::CodeGenOptLevel::Aggressive);

/// Gives the module the target's triple and data layout, and every defined
/// function that names no CPU of its own the target's CPU, features and preferred
/// vector width.
void applyTarget(llvm::Module &module, const TargetSpec &target);

/// Gives every defined function that names no CPU the baseline of its architecture.
void applyBaseline(llvm::Module &module, const TargetSpec &target);

} // namespace strut::package

#endif // STRUT_PACKAGE_TARGET_H
