//===- ConvertToLLVM.cpp - Emitted code to the LLVM dialect ---------------===//
#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/FunctionCallUtils.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "strut/CPU/CPU.h"
#include "strut/CPU/Passes.h"
#include "strut/Emit/Emit.h"
#include "strut/Emit/Passes.h"

namespace strut::cpu {
#define GEN_PASS_DEF_CONVERTTOLLVM
#include "strut/CPU/Passes.h.inc"
} // namespace strut::cpu

using namespace mlir;

namespace strut::cpu {
namespace {

/// Writes the arguments to the stack and hands their address to the runtime.
struct LaunchPattern : ConvertOpToLLVMPattern<LaunchOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult matchAndRewrite(LaunchOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    MLIRContext *context = op.getContext();
    Type pointer = LLVM::LLVMPointerType::get(context), i64 = b.getI64Type();
    auto program = op->getParentOfType<kernel::ProgramOp>();
    FailureOr<LLVM::LLVMFuncOp> parallel = LLVM::lookupOrCreateFn(
        b, program, "strut_rt_parallel", {pointer, pointer, pointer, i64, b.getI32Type()},
        LLVM::LLVMVoidType::get(context));
    if (failed(parallel))
      return failure();

    Value bundle = emit::bundle(b, op, adaptor.getArguments()).first;
    auto task = FlatSymbolRefAttr::get(context, (op.getKernel() + "_task").str());
    Value function = LLVM::AddressOfOp::create(b, loc, pointer, task);
    Value number = LLVM::ConstantOp::create(b, loc, b.getI32IntegerAttr(op.getNumber()));
    LLVM::CallOp::create(
        b, loc, *parallel,
        ValueRange{adaptor.getLauncher(), function, bundle, adaptor.getTasks(), number});
    b.eraseOp(op);
    return success();
  }
};

/// Moves f16 and bf16 through masked loads and stores as integers: a target that splits
/// these into elements would carry them as f32 and convert back by a library call.
void maskHalvesAsIntegers(kernel::ProgramOp program) {
  auto integersFor = [](Value v) -> Type {
    auto type = dyn_cast<VectorType>(v.getType());
    if (!type || !(type.getElementType().isF16() || type.getElementType().isBF16()))
      return {};
    return type.clone(IntegerType::get(type.getContext(), 16));
  };
  program.walk([&](LLVM::MaskedLoadOp load) {
    Value result = load.getResult();
    Type type = result.getType(), integers = integersFor(result);
    if (!integers)
      return;
    OpBuilder b(load);
    for (OpOperand &operand : load.getPassThruMutable())
      operand.set(LLVM::BitcastOp::create(b, load.getLoc(), integers, operand.get()));
    result.setType(integers);
    b.setInsertionPointAfter(load);
    Value halves = LLVM::BitcastOp::create(b, load.getLoc(), type, result);
    result.replaceAllUsesExcept(halves, halves.getDefiningOp());
  });
  program.walk([&](LLVM::MaskedStoreOp store) {
    OpBuilder b(store);
    if (Type integers = integersFor(store.getValue()))
      store.getValueMutable().set(
          LLVM::BitcastOp::create(b, store.getLoc(), integers, store.getValue()));
  });
}

struct ConvertToLLVMPass : impl::ConvertToLLVMBase<ConvertToLLVMPass> {
  using ConvertToLLVMBase::ConvertToLLVMBase;

  void runOnOperation() override {
    if (!isa<TargetAttr>(getOperation().getTarget()))
      return;
    MLIRContext *context = &getContext();
    LowerToLLVMOptions options(context);
    LLVMTypeConverter converter(context, options);
    RewritePatternSet patterns(context);
    arith::populateArithToLLVMConversionPatterns(converter, patterns);
    index::populateIndexToLLVMConversionPatterns(converter, patterns);
    cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
    populateFuncToLLVMConversionPatterns(converter, patterns);
    populateFinalizeMemRefToLLVMConversionPatterns(converter, patterns);
    populateMathToLLVMConversionPatterns(converter, patterns);
    populateVectorToLLVMConversionPatterns(converter, patterns);
    ub::populateUBToLLVMConversionPatterns(converter, patterns);
    patterns.add<LaunchPattern>(converter);
    emit::populateToLLVMPatterns(converter, patterns);
    LLVMConversionTarget target(*context);
    target.addLegalOp<kernel::ProgramOp>();
    if (failed(applyFullConversion(getOperation(), target, std::move(patterns))))
      return signalPassFailure();
    maskHalvesAsIntegers(getOperation());
    emit::annotateLoops(getOperation());
  }
};

} // namespace

void buildPipeline(OpPassManager &pm, const Options &options) {
  pm.addPass(createLowerKernels());
  pm.addPass(createCheckVectorized({options.allowScalarLoops}));
  pm.addPass(emit::createExpandMath());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(arith::createArithExpandOpsPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createLoopInvariantCodeMotionPass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createConvertVectorToLLVMPass());
  pm.addPass(createConvertToLLVM());
  pm.addPass(createReconcileUnrealizedCastsPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

} // namespace strut::cpu
