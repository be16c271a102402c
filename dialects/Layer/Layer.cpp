//===- Layer.cpp - The layer dialect --------------------------------------===//
#include "dialects/Layer/Layer.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

#include "dialects/Layer/LayerDialect.cpp.inc"
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

} // namespace strut::layer
