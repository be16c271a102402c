//===- Pipeline.h - The road from a module to generated code ----*- C++ -*-===//
//
// The stages between a module in the onnx dialect and one in the LLVM dialect, as
// the driver and the evaluator both run them.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_PIPELINE_PIPELINE_H
#define STRUT_PIPELINE_PIPELINE_H

#include "dialects/Kernel/Kernel.h"
#include "dialects/Onnx/Onnx.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "strut/CPU/Passes.h"
#include "strut/GPU/CUDA.h"
#include "strut/Package/Target.h"
#include "strut/Package/Weights.h"
#include "strut/Rewrite/Passes.h"

namespace strut::pipeline {

/// Whether no stage can lower the operator as it is.
bool hasNoLowering(onnx_ir::AnyOp op);

/// onnx: what the file says, in normal form. `foldConstants` evaluates what depends
/// on constants alone; the evaluator itself goes without.
void buildNormalizePipeline(mlir::OpPassManager &pm, bool foldConstants = true);
/// onnx to onnx and layer.
void buildLayerPipeline(mlir::OpPassManager &pm, const rewrite::Options &options = {});
/// onnx and layer to kernels on tensors.
void buildKernelPipeline(mlir::OpPassManager &pm);
/// The program for a target, by name and attribute: an entry of what form-programs takes.
std::string programFor(const package::TargetSpec &target);
/// Likewise for an NVIDIA GPU, with products of that precision.
std::string programForGpu(const package::TargetSpec &gpu,
                          gpu::Precision precision = gpu::Precision::F32);
/// Kernels on tensors to such programs: kernels on planned memory, weights in their
/// layouts.
void buildPlanPipeline(mlir::OpPassManager &pm, llvm::ArrayRef<std::string> programs);
/// Programs for CPUs to the LLVM dialect.
void buildCPUPipeline(mlir::OpPassManager &pm, const cpu::Options &options = {});

/// Programs for NVIDIA GPUs to the LLVM dialect. Neither pipeline may meet programs of the
/// other.
void buildGPUPipeline(mlir::OpPassManager &pm);

/// The only program of a module that has passed buildPlanPipeline.
kernel::ProgramOp getProgram(mlir::ModuleOp module);
/// Whether a program's kernels run on a GPU.
bool isForGpu(kernel::ProgramOp program);
/// What bind computes at these dimensions, of a planned program: bytes of each buffer,
/// extents of the outputs, forms of the choices. Nothing where that cannot be folded.
std::optional<llvm::SmallVector<int64_t>> foldBind(kernel::ProgramOp planned,
                                                   llvm::ArrayRef<int64_t> dims);
/// The code of a program in the LLVM dialect as a module of its own, as translation to
/// LLVM IR wants it; the program is gone afterwards.
mlir::OwningOpRef<mlir::ModuleOp> takeProgram(kernel::ProgramOp program);

/// The kernels of a GPU's program in the LLVM dialect as a module of its own, which the
/// program then lacks.
mlir::OwningOpRef<mlir::ModuleOp> takeDeviceModule(kernel::ProgramOp program);

/// The packed weights in the order of `emit.weights`, of a program that has passed
/// buildCPUPipeline or buildGPUPipeline. Their bytes are read when they are packed. Fails where two
/// would overlap.
llvm::Expected<package::WeightPlan> planWeights(kernel::ProgramOp program);

/// Adds those of one more program behind the others. Returns where they begin; its own
/// offsets count from there.
llvm::Expected<uint64_t> addWeights(kernel::ProgramOp program, package::WeightPlan &plan);

/// How many bytes of packed weights the program reads.
uint64_t weightBytesOf(kernel::ProgramOp program);

} // namespace strut::pipeline

#endif // STRUT_PIPELINE_PIPELINE_H
