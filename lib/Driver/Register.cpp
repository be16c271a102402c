//===- Register.cpp - All of Strut, for tools that take any of it ---------===//
#include "strut/Driver/Register.h"
#include "dialects/Kernel/Kernel.h"
#include "dialects/Layer/Layer.h"
#include "dialects/Onnx/Onnx.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/FuncBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/IR/TensorInferTypeOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "strut/CPU/CPU.h"
#include "strut/CPU/Passes.h"
#include "strut/Emit/Emit.h"
#include "strut/Emit/Passes.h"
#include "strut/GPU/CUDA.h"
#include "strut/GPU/Passes.h"
#include "strut/Kernelize/Passes.h"
#include "strut/Normalize/Passes.h"
#include "strut/Pipeline/Pipeline.h"
#include "strut/Plan/Passes.h"
#include "strut/Recognize/Passes.h"
#include "strut/Reference/Passes.h"
#include "strut/Rewrite/Passes.h"

using namespace mlir;

namespace strut {

void registerDialects(DialectRegistry &registry) {
  registry.insert<onnx_ir::OnnxDialect, layer::LayerDialect, kernel::KernelDialect,
                  emit::EmitDialect, cpu::CPUDialect, gpu::CUDADialect>();
  registry.insert<affine::AffineDialect, arith::ArithDialect, bufferization::BufferizationDialect,
                  cf::ControlFlowDialect, func::FuncDialect, linalg::LinalgDialect,
                  LLVM::LLVMDialect, NVVM::NVVMDialect, math::MathDialect, memref::MemRefDialect,
                  scf::SCFDialect, tensor::TensorDialect, ub::UBDialect, vector::VectorDialect>();
  arith::registerBufferizableOpInterfaceExternalModels(registry);
  bufferization::func_ext::registerBufferizableOpInterfaceExternalModels(registry);
  linalg::registerBufferizableOpInterfaceExternalModels(registry);
  scf::registerBufferizableOpInterfaceExternalModels(registry);
  tensor::registerBufferizableOpInterfaceExternalModels(registry);
  tensor::registerInferTypeOpInterfaceExternalModels(registry);
  kernel::registerBufferizableOpInterfaces(registry);
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
}

namespace {
/// rewrite::Options, as a command line has them.
struct LayerOptions : PassPipelineOptions<LayerOptions> {
  Option<std::string> machine{*this, "machine", llvm::cl::desc("Description of the machine"),
                              llvm::cl::init("generic")};
  Option<std::string> sizeBudget{*this, "size-budget", llvm::cl::desc("How much weights may grow"),
                                 llvm::cl::init("20%")};
  Option<double> compress{*this, "compress", llvm::cl::desc("Largest error of a factorised weight"),
                          llvm::cl::init(0)};
  Option<bool> reducedPrecision{*this, "reduced-precision",
                                llvm::cl::desc("Combine weights of f16 and bf16"),
                                llvm::cl::init(false)};
};
} // namespace

/// The arrows of docs/architecture.md that know no target.
static void registerPipelines() {
  PassPipelineRegistration<>("strut-normalize-pipeline", "onnx in its normal form",
                             [](OpPassManager &pm) { pipeline::buildNormalizePipeline(pm); });
  PassPipelineRegistration<LayerOptions>("strut-layer-pipeline",
                                         "onnx to what it means, rewritten and chosen",
                                         [](OpPassManager &pm, const LayerOptions &given) {
                                           rewrite::Options options;
                                           options.machine = given.machine;
                                           options.sizeBudget = given.sizeBudget;
                                           options.compress = given.compress;
                                           options.reducedPrecision = given.reducedPrecision;
                                           pipeline::buildLayerPipeline(pm, options);
                                         });
  PassPipelineRegistration<>("strut-kernel-pipeline", "layers to kernels on tensors",
                             pipeline::buildKernelPipeline);
}

void registerPasses() {
  registerPipelines();
  normalize::registerExpandFunctions(pipeline::hasNoLowering);
  normalize::registerNormalizePasses();
  recognize::registerPasses();
  rewrite::registerPasses();
  kernelize::registerPasses();
  plan::registerStrutPlanPasses();
  emit::registerStrutEmitPasses();
  cpu::registerStrutCPUPasses();
  gpu::registerStrutGPUPasses();
  reference::registerStrutReferencePasses();
}

} // namespace strut
