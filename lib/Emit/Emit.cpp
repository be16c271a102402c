//===- Emit.cpp - The emit dialect ----------------------------------------===//
#include "strut/Emit/Emit.h"
#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Builders.h"

#include "strut/Emit/EmitDialect.cpp.inc"
#define GET_OP_CLASSES
#include "strut/Emit/EmitOps.cpp.inc"

using namespace mlir;

namespace strut::emit {

void EmitDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "strut/Emit/EmitOps.cpp.inc"
      >();
}

namespace {

struct UnbundlePattern : ConvertOpToLLVMPattern<UnbundleOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult matchAndRewrite(UnbundleOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    Type pointer = LLVM::LLVMPointerType::get(op.getContext());
    SmallVector<Type> types;
    if (failed(getTypeConverter()->convertTypes(op.getResultTypes(), types)))
      return failure();
    auto bundleType = LLVM::LLVMStructType::getLiteral(op.getContext(), types);
    SmallVector<Value> results;
    for (auto [i, type] : llvm::enumerate(types)) {
      Value at = LLVM::GEPOp::create(b, loc, pointer, bundleType, adaptor.getBundle(),
                                     ArrayRef<LLVM::GEPArg>{0, int32_t(i)});
      results.push_back(LLVM::LoadOp::create(b, loc, type, at));
    }
    b.replaceOp(op, results);
    return success();
  }
};

struct ViewPattern : ConvertOpToLLVMPattern<ViewOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult matchAndRewrite(ViewOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    auto type = cast<MemRefType>(op.getType());
    SmallVector<Value> sizes, strides;
    Value bytes;
    getMemRefDescriptorSizes(loc, type, adaptor.getSizes(), b, sizes, strides, bytes, false);
    Value descriptor = createMemRefDescriptor(loc, type, adaptor.getPointer(), adaptor.getPointer(),
                                              sizes, strides, b);
    b.replaceOp(op, descriptor);
    return success();
  }
};

} // namespace

void populateToLLVMPatterns(const LLVMTypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<UnbundlePattern, ViewPattern>(converter);
}

std::pair<Value, Type> bundle(OpBuilder &b, Operation *launch, ValueRange arguments) {
  Location loc = launch->getLoc();
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  SmallVector<Type> types(arguments.getTypes());
  auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), types);
  Value memory;
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&launch->getParentRegion()->front());
    Value one = LLVM::ConstantOp::create(b, loc, b.getI64Type(), b.getI64IntegerAttr(1));
    memory = LLVM::AllocaOp::create(b, loc, pointer, type, one, 64);
  }
  for (auto [i, argument] : llvm::enumerate(arguments)) {
    Value at =
        LLVM::GEPOp::create(b, loc, pointer, type, memory, ArrayRef<LLVM::GEPArg>{0, int32_t(i)});
    LLVM::StoreOp::create(b, loc, argument, at);
  }
  return {memory, type};
}

constexpr StringLiteral kLoopAnnotation = "llvm.loop_annotation";

void keepRolled(scf::ForOp loop) {
  MLIRContext *context = loop.getContext();
  auto unroll =
      LLVM::LoopUnrollAttr::get(context, BoolAttr::get(context, true), {}, {}, {}, {}, {}, {});
  loop->setAttr(kLoopAnnotation, LLVM::LoopAnnotationAttr::get(context, {}, {}, {}, unroll, {}, {},
                                                               {}, {}, {}, {}, {}, {}, {}, {}, {}));
}

void annotateLoops(Operation *program) {
  program->walk([](LLVM::BrOp edge) {
    if (auto annotation = edge->getAttrOfType<LLVM::LoopAnnotationAttr>(kLoopAnnotation)) {
      edge->removeAttr(kLoopAnnotation);
      edge.setLoopAnnotationAttr(annotation);
    }
  });
}

} // namespace strut::emit
