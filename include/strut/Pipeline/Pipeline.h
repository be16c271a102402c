//===- Pipeline.h - The road from a module to generated code ----*- C++ -*-===//
//
// The stages between a module in the onnx dialect and one in the LLVM dialect, as
// the driver and the evaluator both run them.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_PIPELINE_PIPELINE_H
#define STRUT_PIPELINE_PIPELINE_H

#include "dialects/Onnx/Onnx.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "strut/CPU/Target.h"
#include "strut/Package/Target.h"
#include "strut/Package/Weights.h"

namespace strut::pipeline {

/// Whether no stage can lower the operator as it is.
bool hasNoLowering(onnx_ir::AnyOp op);

/// onnx: what the file says, in normal form. `foldConstants` evaluates what depends
/// on constants alone; the evaluator itself goes without.
void buildNormalizePipeline(mlir::OpPassManager &pm, bool foldConstants = true);
/// onnx to onnx and layer.
void buildLayerPipeline(mlir::OpPassManager &pm);
/// onnx and layer to kernels on tensors.
void buildKernelPipeline(mlir::OpPassManager &pm);
/// Kernels on tensors to kernels on planned memory, weights in their layouts.
void buildPlanPipeline(mlir::OpPassManager &pm, const cpu::Target &target);
/// Kernels on planned memory to the LLVM dialect.
void buildCPUPipeline(mlir::OpPassManager &pm, const cpu::Target &target);

/// What the emitters must know of the machine that the packager generates code for.
cpu::Target emitterTarget(const package::TargetSpec &target);

/// The packed weights in the order of `cpu.weights`, of a module that has passed
/// buildCPUPipeline. Their bytes are read when they are packed. Fails where two
/// would overlap.
llvm::Expected<package::WeightPlan> planWeights(mlir::ModuleOp module);

} // namespace strut::pipeline

#endif // STRUT_PIPELINE_PIPELINE_H
