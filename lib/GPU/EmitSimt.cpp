//===- EmitSimt.cpp - Kernels of the host function to launches on a GPU ---===//
#include "Simt.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "strut/Emit/Emit.h"
#include "strut/Emit/Host.h"
#include "strut/GPU/Passes.h"
#include "llvm/ADT/TypeSwitch.h"

namespace strut::gpu {
#define GEN_PASS_DEF_EMITSIMT
#include "strut/GPU/Passes.h.inc"
} // namespace strut::gpu

using namespace mlir;

namespace strut::gpu {
namespace {

LogicalResult emitKernel(Simt &simt, Operation *op) {
  OpBuilder host(op);
  LogicalResult emitted =
      llvm::TypeSwitch<Operation *, LogicalResult>(op)
          .Case([&](kernel::AttentionOp kernel) { return emitAttention(simt, host, kernel); })
          .Case([&](kernel::ChainOp kernel) { return emitChain(simt, host, kernel); })
          .Case([&](kernel::ContractOp kernel) { return emitContract(simt, host, kernel); })
          .Case([&](kernel::GroupedOp kernel) { return emitGrouped(simt, host, kernel); })
          .Case([&](kernel::MapOp kernel) { return emitMap(simt, host, kernel); })
          .Case([&](kernel::RegionOp kernel) { return emitRegion(simt, host, kernel); })
          .Case([&](kernel::RowsOp kernel) { return emitRows(simt, host, kernel); })
          .Default([](Operation *op) {
            return op->emitOpError("has no form for a GPU yet; compile the model for the CPU");
          });
  if (succeeded(emitted))
    op->erase();
  return emitted;
}

/// The host function of a GPU program sees addresses of data and no data.
LogicalResult checkHost(func::FuncOp main) {
  WalkResult walked = main.walk([](Operation *op) {
    if (!isa<memref::LoadOp, memref::StoreOp, memref::CopyOp>(op))
      return WalkResult::advance();
    op->emitOpError("is an access to data by the host function, as If and Loop need, but the data "
                    "lies on the GPU; compile the model for the CPU");
    return WalkResult::interrupt();
  });
  if (walked.wasInterrupted())
    return failure();
  return success();
}

struct EmitSimtPass : impl::EmitSimtBase<EmitSimtPass> {
  using EmitSimtBase::EmitSimtBase;

  void runOnOperation() override {
    kernel::ProgramOp program = getOperation();
    auto main = program.lookupSymbol<func::FuncOp>("main");
    if (!main || !isa<TargetAttr>(program.getTarget()))
      return;
    Host host(program, main);
    Simt simt(program, host.getLauncher());
    SmallVector<Operation *> kernels;
    main.walk([&](Operation *op) {
      if (isa<kernel::KernelOpInterface, kernel::RegionOp>(op))
        kernels.push_back(op);
    });
    // All that is refused is said at once.
    bool failedAny = false;
    for (Operation *op : kernels)
      failedAny |= failed(emitKernel(simt, op));
    if (failedAny || failed(checkHost(main)))
      return signalPassFailure();
    simt.finish();
    host.finish();
    launches += simt.launches;
    functions += simt.functions();
    tensorContractions += simt.tensorContractions;
    tensorAttentions += simt.tensorAttentions;
    warpgroupContractions += simt.warpgroupContractions;
    splitContractions += simt.splitContractions;
    chains += simt.chains;
  }
};

} // namespace
} // namespace strut::gpu
