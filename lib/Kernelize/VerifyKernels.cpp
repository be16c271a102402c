//===- VerifyKernels.cpp - Nothing but kernels ----------------------------===//
#include "dialects/Onnx/Onnx.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "strut/Kernelize/Passes.h"

namespace strut::kernelize {
#define GEN_PASS_DEF_VERIFYKERNELS
#include "strut/Kernelize/Passes.h.inc"
} // namespace strut::kernelize

using namespace mlir;

namespace strut::kernelize {
namespace {

/// Constants belong to the bodies that read them, wherever they stand; a number that is read
/// from a tensor becomes an index.
bool isIndexArithmetic(Operation *op) {
  if (isa<arith::ConstantOp, arith::IndexCastOp>(op))
    return true;
  if (!isa<arith::ArithDialect>(op->getDialect()))
    return false;
  auto allowed = [](Type type) { return type.isIndex() || type.isInteger(1); };
  return llvm::all_of(op->getOperandTypes(), allowed) &&
         llvm::all_of(op->getResultTypes(), allowed);
}

bool isAllowed(Operation *op) {
  return isa<kernel::KernelDialect, scf::SCFDialect>(op->getDialect()) ||
         isa<cf::AssertOp, func::ReturnOp, tensor::EmptyOp, tensor::CollapseShapeOp,
             tensor::ExpandShapeOp, tensor::ExtractOp, tensor::ExtractSliceOp,
             tensor::InsertSliceOp>(op) ||
         isIndexArithmetic(op);
}

struct VerifyKernelsPass : impl::VerifyKernelsBase<VerifyKernelsPass> {
  void runOnOperation() override {
    bool fine = true;
    getOperation().walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (op == getOperation())
        return WalkResult::advance();
      if (!isAllowed(op)) {
        StringRef node = onnx_ir::nodeNameOf(op->getLoc());
        mlir::emitError(op->getLoc())
            << "'" << op->getName() << "' of node '" << (node.empty() ? "unnamed" : node)
            << "' is neither a kernel nor a view of a tensor nor arithmetic on dimensions";
        fine = false;
      }
      // Bodies of kernels have verifiers of their own.
      return isa<kernel::KernelDialect>(op->getDialect()) ? WalkResult::skip()
                                                          : WalkResult::advance();
    });
    if (!fine)
      signalPassFailure();
  }
};

} // namespace
} // namespace strut::kernelize
