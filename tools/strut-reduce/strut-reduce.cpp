//===- strut-reduce.cpp - shrinks IR that shows a bug ----------------------===//

#include "mlir/IR/MLIRContext.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"
#include "strut/Driver/Register.h"

int main(int argc, char **argv) {
  strut::registerPasses();
  mlir::DialectRegistry registry;
  strut::registerDialects(registry);
  mlir::MLIRContext context(registry);
  return failed(mlir::mlirReduceMain(argc, argv, context));
}
