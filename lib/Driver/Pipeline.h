//===- Pipeline.h - The road from a module to generated code ----*- C++ -*-===//
#ifndef LIB_DRIVER_PIPELINE_H
#define LIB_DRIVER_PIPELINE_H

#include "strut/CPU/Target.h"
#include "strut/Package/Artifact.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"

namespace strut::driver {

/// onnx: what the file says, in normal form.
void buildNormalizePipeline(mlir::OpPassManager &pm);
/// onnx to onnx and layer.
void buildLayerPipeline(mlir::OpPassManager &pm);
/// onnx and layer to kernels on tensors.
void buildKernelPipeline(mlir::OpPassManager &pm);
/// Kernels on tensors to kernels on planned memory, weights in their layouts.
void buildPlanPipeline(mlir::OpPassManager &pm, const cpu::Target &target);
/// Kernels on planned memory to the LLVM dialect.
void buildCPUPipeline(mlir::OpPassManager &pm, const cpu::Target &target);

/// Whether the module has passed buildKernelPipeline.
bool isKernelStage(mlir::ModuleOp module);

/// Fixes symbolic dimensions of a module in the onnx dialect; fails by name where
/// the model has no such dimension.
llvm::Error fixDimensions(mlir::ModuleOp module,
                          llvm::ArrayRef<std::pair<std::string, int64_t>> dims);

/// Inputs, outputs and dimensions of a module at the kernel stage. The extents of
/// outputs are filled in by completeInterface.
llvm::Expected<package::ModelInfo> describeInterface(mlir::ModuleOp module);
/// The metadata of a module at the kernel stage: the work of each kernel, as JSON.
std::string describeWork(mlir::ModuleOp module);
/// Reads the extents of outputs and the lifetimes of buffers off planned code.
package::ProgramInfo completeInterface(mlir::ModuleOp module, package::ModelInfo &model);

/// The packed weights in the order of `cpu.weights`.
llvm::Expected<package::WeightPlan> planWeights(mlir::ModuleOp module);

} // namespace strut::driver

#endif // LIB_DRIVER_PIPELINE_H
