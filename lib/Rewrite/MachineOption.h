//===- MachineOption.h - The machine that a pass chooses by ----*- C++ -*-===//
#ifndef STRUT_LIB_REWRITE_MACHINEOPTION_H
#define STRUT_LIB_REWRITE_MACHINEOPTION_H

#include "mlir/IR/Diagnostics.h"
#include "strut/Cost/Machine.h"

namespace strut::rewrite {

/// Reads the description that a pass's option names into `machine`. Fails with a diagnostic if
/// there is none, or if its file does not hold one.
inline llvm::LogicalResult readMachineOption(mlir::MLIRContext *context, const std::string &option,
                                             cost::Machine &machine) {
  llvm::Expected<cost::Machine> read = cost::readMachine(option);
  if (!read)
    return mlir::emitError(mlir::UnknownLoc::get(context)) << llvm::toString(read.takeError());
  machine = std::move(*read);
  return llvm::success();
}

} // namespace strut::rewrite

#endif
