//===- CheckVectorized.cpp - No loop over data is scalar ------------------===//
//
// A kernel that an emitter could not vectorise still gives right results, a tenth as
// fast. So that nobody finds out from a profile, such a loop is an error at its node.
//
//===----------------------------------------------------------------------===//
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "strut/CPU/CPU.h"
#include "strut/CPU/Emit.h"
#include "strut/CPU/Passes.h"
#include "llvm/ADT/SetVector.h"

namespace strut::cpu {
#define GEN_PASS_DEF_CHECKVECTORIZED
#include "strut/CPU/Passes.h.inc"
} // namespace strut::cpu

using namespace mlir;

namespace strut::cpu {
namespace {

/// Steps of a loop that is too short to matter: the lanes of the widest vector.
constexpr int64_t fewSteps = 64;

bool isVector(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  return vector && vector.getNumElements() > 1;
}

bool worksOnVectors(Operation *op) {
  return llvm::any_of(op->getOperandTypes(), isVector) ||
         llvm::any_of(op->getResultTypes(), isVector);
}

bool touchesMemory(Operation *op) { return !isMemoryEffectFree(op); }

bool contains(LoopLikeOpInterface loop, llvm::function_ref<bool(Operation *)> property) {
  return loop
      ->walk([&](Operation *op) {
        return op != loop && op->getNumRegions() == 0 && property(op) ? WalkResult::interrupt()
                                                                      : WalkResult::advance();
      })
      .wasInterrupted();
}

/// Whether `v` is at most `fewSteps`, by being a constant or the minimum with one.
bool isFew(Value v) {
  if (std::optional<int64_t> constant = getConstantIntValue(v))
    return *constant <= fewSteps;
  if (Operation *op = v.getDefiningOp(); isa_and_nonnull<arith::MinSIOp, arith::MinUIOp>(op))
    return llvm::any_of(op->getOperands(), isFew);
  return false;
}

/// A loop from a constant to a bound that is known to be small.
bool hasFewSteps(LoopLikeOpInterface loop) {
  auto counted = dyn_cast<scf::ForOp>(*loop);
  if (!counted)
    return false;
  std::optional<int64_t> start = getConstantIntValue(counted.getLowerBound());
  return start && *start >= 0 && isFew(counted.getUpperBound());
}

bool isFine(LoopLikeOpInterface loop) {
  return
      // Condition 3 of check-vectorized.
      hasFewSteps(loop) ||
      // Condition 1 of check-vectorized.
      contains(loop, worksOnVectors) ||
      // Condition 2 of check-vectorized.
      !contains(loop, touchesMemory);
}

/// Calls `found` on the outermost loops of a kernel's tasks that are scalar; returns how many
/// loops it has looked at.
unsigned findScalarLoops(func::FuncOp kernel, function_ref<void(LoopLikeOpInterface)> found) {
  unsigned checked = 0;
  for (auto tasks : kernel.getOps<scf::ForOp>())
    tasks.getBody()->walk<WalkOrder::PreOrder>([&](LoopLikeOpInterface loop) {
      ++checked;
      if (isFine(loop))
        return WalkResult::advance();
      found(loop);
      return WalkResult::skip();
    });
  return checked;
}

struct CheckVectorizedPass : impl::CheckVectorizedBase<CheckVectorizedPass> {
  using CheckVectorizedBase::CheckVectorizedBase;

  void runOnOperation() override {
    llvm::SetVector<func::FuncOp> kernels;
    SymbolTableCollection tables;
    getOperation().walk([&](LaunchOp launch) {
      kernels.insert(tables.lookupNearestSymbolFrom<func::FuncOp>(launch, launch.getKernelAttr()));
    });
    bool failed = false;
    for (func::FuncOp kernel : kernels) {
      if (kernel->hasAttr(kScalarAttr)) {
        ++declared;
        continue;
      }
      checked += findScalarLoops(kernel, [&](LoopLikeOpInterface loop) {
        report(loop, kernel);
        failed = true;
      });
    }
    if (failed && !warnOnly)
      signalPassFailure();
  }

private:
  void report(LoopLikeOpInterface loop, func::FuncOp kernel) {
    InFlightDiagnostic report = warnOnly ? loop->emitWarning() : loop->emitError();
    report << "the loop over its data is scalar, in the kernel '" << kernel.getName()
           << "': nothing in it works on vectors";
  }
};

} // namespace

bool isVectorized(func::FuncOp kernel) {
  bool result = true;
  findScalarLoops(kernel, [&](LoopLikeOpInterface) { result = false; });
  return result;
}

} // namespace strut::cpu
