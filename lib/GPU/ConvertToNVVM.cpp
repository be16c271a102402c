//===- ConvertToNVVM.cpp - Kernels and host function to the LLVM dialect --===//
#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/FunctionCallUtils.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "strut/Emit/Emit.h"
#include "strut/Emit/Passes.h"
#include "strut/GPU/CUDA.h"
#include "strut/GPU/Passes.h"

namespace strut::gpu {
#define GEN_PASS_DEF_CONVERTTONVVM
#include "strut/GPU/Passes.h.inc"
} // namespace strut::gpu

using namespace mlir;

namespace strut::gpu {
namespace {

/// The runtime's function that puts a kernel on the stream (program.h).
constexpr StringLiteral launchFunction = "strut_rt_device_launch";

/// Writes the arguments to the stack and hands their address to the runtime.
struct LaunchPattern : ConvertOpToLLVMPattern<LaunchOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult matchAndRewrite(LaunchOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    Type pointer = LLVM::LLVMPointerType::get(op.getContext());
    Type i64 = b.getI64Type(), i32 = b.getI32Type();
    auto program = op->getParentOfType<kernel::ProgramOp>();
    FailureOr<LLVM::LLVMFuncOp> launch =
        LLVM::lookupOrCreateFn(b, program, launchFunction, {pointer, i32, pointer, i64, i64, i32},
                               LLVM::LLVMVoidType::get(op.getContext()));
    if (failed(launch))
      return failure();
    auto names = program->getAttrOfType<ArrayAttr>(kKernelsAttr);
    StringAttr name = op.getKernel().getLeafReference();
    const auto *place = llvm::find(names, name);
    Value function = LLVM::ConstantOp::create(b, loc, b.getI32IntegerAttr(place - names.begin()));
    Value bundle = emit::bundle(b, op, adaptor.getArguments()).first;
    Value number = LLVM::ConstantOp::create(b, loc, b.getI32IntegerAttr(op.getNumber()));
    LLVM::CallOp::create(b, loc, *launch,
                         ValueRange{adaptor.getLauncher(), function, bundle, adaptor.getBlocks(),
                                    adaptor.getThreads(), number});
    b.eraseOp(op);
    return success();
  }
};

/// Says of the parameter of each kernel function what struct it points to: the driver then
/// takes that struct as the parameter, and code reads it in place.
LogicalResult passByValue(ModuleOp device, const LLVMTypeConverter &converter) {
  for (auto kernel : device.getOps<func::FuncOp>()) {
    emit::UnbundleOp unbundle = *kernel.getOps<emit::UnbundleOp>().begin();
    SmallVector<Type> types;
    if (failed(converter.convertTypes(unbundle.getResultTypes(), types)))
      return failure();
    Type bundle = LLVM::LLVMStructType::getLiteral(device.getContext(), types);
    Builder b(device.getContext());
    kernel.setArgAttr(0, LLVM::LLVMDialect::getByValAttrName(), TypeAttr::get(bundle));
    kernel.setArgAttr(0, NVVM::NVVMDialect::getGridConstantAttrName(), b.getUnitAttr());
    if (kernel->hasAttr(kTensorMapsAttr)) // which bulk copies want at such addresses
      kernel.setArgAttr(0, LLVM::LLVMDialect::getAlignAttrName(), b.getI64IntegerAttr(64));
  }
  return success();
}

/// Marks what has become of the kernel functions.
void markKernels(ModuleOp device) {
  Builder b(device.getContext());
  for (auto kernel : device.getOps<LLVM::LLVMFuncOp>()) {
    auto threads = dyn_cast_or_null<IntegerAttr>(kernel->removeAttr(kThreadsAttr));
    if (!threads)
      continue;
    kernel->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(), b.getUnitAttr());
    int32_t most[] = {int32_t(threads.getInt()), 1, 1};
    kernel->setAttr(NVVM::NVVMDialect::getMaxntidAttrName(), b.getDenseI32ArrayAttr(most));
    if (auto blocks = dyn_cast_or_null<IntegerAttr>(kernel->removeAttr(kBlocksAttr)))
      kernel->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                      b.getI32IntegerAttr(blocks.getInt()));
    if (auto cluster = dyn_cast_or_null<IntegerAttr>(kernel->removeAttr(kClusterAttr)))
      kernel->setAttr(NVVM::NVVMDialect::getClusterDimAttrName(),
                      b.getDenseI32ArrayAttr({int32_t(cluster.getInt()), 1, 1}));
  }
}

struct ConvertToNVVMPass : impl::ConvertToNVVMBase<ConvertToNVVMPass> {
  using ConvertToNVVMBase::ConvertToNVVMBase;

  void runOnOperation() override {
    if (!isa<TargetAttr>(getOperation().getTarget()))
      return;
    MLIRContext *context = &getContext();
    LLVMTypeConverter converter(context, LowerToLLVMOptions(context));
    auto device = getOperation().lookupSymbol<ModuleOp>(kDeviceModule);
    if (device && failed(passByValue(device, converter)))
      return signalPassFailure();
    RewritePatternSet patterns(context);
    // Upstream's pass would expand maxima too, each of which is one instruction.
    arith::populateCeilFloorDivExpandOpsPatterns(patterns);
    arith::populateArithToLLVMConversionPatterns(converter, patterns);
    index::populateIndexToLLVMConversionPatterns(converter, patterns);
    cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
    populateFuncToLLVMConversionPatterns(converter, patterns);
    populateFinalizeMemRefToLLVMConversionPatterns(converter, patterns);
    populateMathToLLVMConversionPatterns(converter, patterns);
    ub::populateUBToLLVMConversionPatterns(converter, patterns);
    emit::populateToLLVMPatterns(converter, patterns);
    patterns.add<LaunchPattern>(converter);
    LLVMConversionTarget target(*context);
    target.addLegalOp<kernel::ProgramOp, ModuleOp>();
    target.addLegalDialect<NVVM::NVVMDialect>();
    if (failed(applyFullConversion(getOperation(), target, std::move(patterns))))
      return signalPassFailure();
    emit::annotateLoops(getOperation());
    if (device)
      markKernels(device);
  }
};

} // namespace

void buildPipeline(OpPassManager &pm) {
  pm.addPass(createEmitSimt());
  pm.addPass(emit::createExpandMath());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createLoopInvariantCodeMotionPass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createConvertToNVVM());
  pm.addPass(createReconcileUnrealizedCastsPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

} // namespace strut::gpu
