//===- LowerKernels.cpp - Kernels of the host function to launches --------===//
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "strut/CPU/CPU.h"
#include "strut/CPU/Emit.h"
#include "strut/CPU/Passes.h"
#include "strut/Emit/Emit.h"
#include "strut/Emit/Host.h"
#include "llvm/ADT/TypeSwitch.h"

namespace strut::cpu {
#define GEN_PASS_DEF_LOWERKERNELS
#include "strut/CPU/Passes.h.inc"
} // namespace strut::cpu

using namespace mlir;

namespace strut::cpu {
namespace {

/// The pass on one program.
class HostLowering {
public:
  HostLowering(kernel::ProgramOp program, func::FuncOp main, const Target &target)
      : program(program), main(main), context(program.getContext()), emitter(program, target),
        host(program, main) {}

  LogicalResult run();
  unsigned launchCount = 0;

private:
  LogicalResult lower(Operation *op);
  void lower(Emitter::Launch launch, OpBuilder &b, Operation *op);
  /// `kernel` as the runtime calls it: (bundle, begin, end).
  func::FuncOp taskOf(func::FuncOp kernel);

  kernel::ProgramOp program;
  func::FuncOp main;
  MLIRContext *context;
  Emitter emitter;
  emit::Host host;
  SmallVector<bool> scalarRegions; ///< one per kernel.region
};

func::FuncOp HostLowering::taskOf(func::FuncOp kernel) {
  std::string name = (kernel.getName() + "_task").str();
  if (auto task = program.lookupSymbol<func::FuncOp>(name))
    return task;
  OpBuilder b(kernel);
  b.setInsertionPointAfter(kernel);
  Location loc = kernel.getLoc();
  Type i64 = b.getI64Type(), pointer = LLVM::LLVMPointerType::get(context);
  auto task = func::FuncOp::create(b, loc, name, b.getFunctionType({pointer, i64, i64}, {}));
  task.setPrivate();
  b.setInsertionPointToStart(task.addEntryBlock());
  TypeRange bundled = TypeRange(kernel.getArgumentTypes()).drop_back(2);
  auto unbundle = emit::UnbundleOp::create(b, loc, bundled, task.getArgument(0));
  SmallVector<Value> arguments(unbundle.getResults());
  for (unsigned i : {1, 2})
    arguments.push_back(arith::IndexCastOp::create(b, loc, b.getIndexType(), task.getArgument(i)));
  func::CallOp::create(b, loc, kernel, arguments);
  func::ReturnOp::create(b, loc);
  return task;
}

void HostLowering::lower(Emitter::Launch launch, OpBuilder &b, Operation *op) {
  taskOf(launch.kernel);
  auto launched = LaunchOp::create(b, op->getLoc(), launch.kernel.getName(), host.getLauncher(),
                                   launch.tasks, launch.arguments);
  if (auto number = op->getAttrOfType<IntegerAttr>(kernel::kNumberAttr))
    launched.setNumber(number.getInt());
  ++launchCount;
}

LogicalResult HostLowering::lower(Operation *op) {
  OpBuilder b(op);
  auto launches =
      llvm::TypeSwitch<Operation *, FailureOr<Launches>>(op)
          .Case([&](kernel::ContractOp kernel) { return emitContract(emitter, b, kernel); })
          .Case([&](kernel::GroupedOp kernel) { return emitGrouped(emitter, b, kernel); })
          .Case([&](kernel::AttentionOp kernel) { return emitAttention(emitter, b, kernel); })
          .Case([&](kernel::RowsOp kernel) { return emitRows(emitter, b, kernel); })
          .Case([&](kernel::MapOp kernel) { return emitMap(emitter, b, kernel); })
          .Case([&](kernel::RegionOp kernel) { return emitRegion(emitter, b, kernel); })
          .Default([](Operation *) { return failure(); });
  if (failed(launches))
    return failure();
  for (const Emitter::Launch &launch : *launches)
    lower(launch, b, op);
  if (isa<kernel::RegionOp>(op))
    scalarRegions.push_back(llvm::any_of(*launches, [](const Emitter::Launch &launch) {
      return launch.kernel->hasAttr(kScalarAttr);
    }));
  op->erase();
  return success();
}

LogicalResult HostLowering::run() {
  SmallVector<Operation *> kernels;
  main.walk([&](Operation *op) {
    if (isa<kernel::KernelOpInterface, kernel::RegionOp>(op))
      kernels.push_back(op);
  });
  for (Operation *op : kernels)
    if (failed(lower(op)))
      return failure();
  program->setAttr(kScalarRegionsAttr, DenseBoolArrayAttr::get(context, scalarRegions));
  host.finish();
  return success();
}

struct LowerKernelsPass : impl::LowerKernelsBase<LowerKernelsPass> {
  using LowerKernelsBase::LowerKernelsBase;

  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    auto target = dyn_cast<TargetAttr>(getOperation().getTarget());
    if (!main || !target)
      return;
    HostLowering lowering(getOperation(), main, target.getTarget());
    if (failed(lowering.run()))
      return signalPassFailure();
    launches += lowering.launchCount;
  }
};

} // namespace
} // namespace strut::cpu
