//===- FormPrograms.cpp - A program for each target -----------------------===//
#include "dialects/Kernel/Kernel.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "strut/Plan/Passes.h"

namespace strut::plan {
#define GEN_PASS_DEF_FORMPROGRAMS
#include "strut/Plan/Passes.h.inc"
} // namespace strut::plan

using namespace mlir;

namespace strut::plan {
namespace {

struct FormProgramsPass : impl::FormProgramsBase<FormProgramsPass> {
  using FormProgramsBase::FormProgramsBase;

  void runOnOperation() override {
    auto entries = dyn_cast_or_null<DictionaryAttr>(parseAttribute(targets, &getContext()));
    if (!entries || entries.empty()) {
      getOperation().emitError("the option 'targets' must be a dictionary of program names and "
                               "target attributes, got '")
          << targets << "'";
      return signalPassFailure();
    }
    SmallVector<Operation *> shared;
    for (Operation &op : *getOperation().getBody())
      if (!isa<kernel::WeightOp>(op))
        shared.push_back(&op);
    numberKernels();
    OpBuilder b = OpBuilder::atBlockEnd(getOperation().getBody());
    for (NamedAttribute entry : entries) {
      auto program =
          kernel::ProgramOp::create(b, getOperation().getLoc(), entry.getName(), entry.getValue());
      OpBuilder inside = OpBuilder::atBlockEnd(&program.getBody().front());
      for (Operation *op : shared)
        inside.clone(*op);
    }
    for (Operation *op : shared)
      op->erase();
  }

private:
  /// In the order of cost::workOf, so that a number is a place in the metadata.
  void numberKernels() {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main)
      return;
    OpBuilder b(main);
    int32_t next = 0;
    main.walk([&](Operation *op) {
      if (isa<kernel::KernelOpInterface, kernel::RegionOp>(op))
        op->setAttr(kernel::kNumberAttr, b.getI32IntegerAttr(next++));
    });
  }
};

} // namespace
} // namespace strut::plan
