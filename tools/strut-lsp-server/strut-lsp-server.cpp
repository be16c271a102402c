//===- strut-lsp-server.cpp - Strut's dialects in an editor ----------------===//

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "strut/Driver/Register.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  strut::registerDialects(registry);
  return failed(mlir::MlirLspServerMain(argc, argv, registry));
}
