//===- Addresses.cpp - Addresses of memory on a GPU -----------------------===//
#include "Addresses.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace strut::gpu {

Value pointerTo(OpBuilder &b, Location loc, Value memref, unsigned space) {
  Value place = memref::ExtractAlignedPointerAsIndexOp::create(b, loc, memref);
  place = arith::IndexCastOp::create(b, loc, b.getI64Type(), place);
  auto type = LLVM::LLVMPointerType::get(b.getContext(), space);
  if (space == sharedSpace)
    return LLVM::IntToPtrOp::create(b, loc, type, place);
  auto generic = LLVM::LLVMPointerType::get(b.getContext());
  return LLVM::AddrSpaceCastOp::create(b, loc, type,
                                       LLVM::IntToPtrOp::create(b, loc, generic, place));
}

Value movedBy(OpBuilder &b, Location loc, Value pointer, Value offset, int64_t bytes) {
  return LLVM::GEPOp::create(b, loc, pointer.getType(), b.getIntegerType(8 * bytes), pointer,
                             ValueRange{offset});
}

} // namespace strut::gpu
