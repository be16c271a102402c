//===- Layer.cpp - The layer dialect --------------------------------------===//
#include "dialects/Layer/Layer.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

#include "dialects/Layer/LayerDialect.cpp.inc"
#include "dialects/Layer/LayerEnums.cpp.inc"
#include "dialects/Layer/LayerOpInterfaces.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Layer/LayerAttrs.cpp.inc"

namespace strut::layer {

void LayerDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Layer/LayerAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Layer/LayerOps.cpp.inc"
      >();
}

mlir::LogicalResult FormAttr::verify(llvm::function_ref<mlir::InFlightDiagnostic()> emitError,
                                     llvm::StringRef name,
                                     llvm::ArrayRef<mlir::DenseF64ArrayAttr> kernels) {
  for (mlir::DenseF64ArrayAttr kernel : kernels)
    if (kernel.size() != 3)
      return emitError() << "a kernel has FLOPs a row, bytes of weights and bytes a row, got "
                         << kernel.size() << " numbers";
  return mlir::success();
}

} // namespace strut::layer
