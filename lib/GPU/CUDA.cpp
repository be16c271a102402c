//===- CUDA.cpp - The cuda dialect ----------------------------------------===//
#include "strut/GPU/CUDA.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/Endian.h"

using namespace mlir;

static ParseResult parseKeyword(AsmParser &parser, std::string &keyword) {
  return parser.parseKeywordOrString(&keyword);
}

static void printKeyword(AsmPrinter &printer, StringRef keyword) {
  printer.printKeywordOrString(keyword);
}

#include "strut/GPU/CUDADialect.cpp.inc"
#include "strut/GPU/CUDAEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "strut/GPU/CUDAAttrs.cpp.inc"
#define GET_OP_CLASSES
#include "strut/GPU/CUDAOps.cpp.inc"

namespace strut::gpu {

void CUDADialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "strut/GPU/CUDAAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "strut/GPU/CUDAOps.cpp.inc"
      >();
}

unsigned TargetAttr::getCapability() const {
  StringRef name = getArch();
  unsigned capability = 0;
  if (name.consume_front("sm_"))
    name.consumeInteger(10, capability);
  return capability;
}

RankedTensorType RoundedAttr::getPhysicalType(RankedTensorType logical) const {
  return logical.clone(getElement());
}

void RoundedAttr::pack(RankedTensorType logical, ArrayRef<char> source,
                       MutableArrayRef<char> target) const {
  const llvm::fltSemantics &semantics = getElement().getFloatSemantics();
  for (int64_t i = 0, count = logical.getNumElements(); i < count; ++i) {
    llvm::APFloat number(llvm::bit_cast<float>(llvm::support::endian::read32le(&source[4 * i])));
    bool losesInfo;
    number.convert(semantics, llvm::APFloat::rmNearestTiesToEven, &losesInfo);
    llvm::support::endian::write16le(&target[2 * i], number.bitcastToAPInt().getZExtValue());
  }
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &tables) {
  Operation *kernel = tables.lookupNearestSymbolFrom(*this, getKernelAttr());
  if (!kernel)
    return emitOpError("launches no function named ") << getKernel();
  if (!kernel->hasAttr(kThreadsAttr))
    return emitOpError("launches ")
           << getKernel() << ", which is no kernel: it has no '" << kThreadsAttr << "'";
  return success();
}

} // namespace strut::gpu
