//===- Addresses.h - Addresses of memory on a GPU ---------------*- C++ -*-===//
#ifndef STRUT_LIB_GPU_ADDRESSES_H
#define STRUT_LIB_GPU_ADDRESSES_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"

namespace strut::gpu {

/// The spaces of addresses, as LLVM numbers them.
constexpr unsigned globalSpace = 1, sharedSpace = 3, clusterSpace = 7;

/// Arithmetic on i32, in which addresses of shared memory are computed.
struct I32 {
  mlir::OpBuilder &b;
  mlir::Location loc;

  mlir::Value constant(int64_t value) const {
    return mlir::arith::ConstantIntOp::create(b, loc, value, 32);
  }
  mlir::Value add(mlir::Value x, mlir::Value y) const {
    return b.createOrFold<mlir::arith::AddIOp>(loc, x, y);
  }
  mlir::Value add(mlir::Value x, int64_t y) const { return add(x, constant(y)); }
  mlir::Value sub(mlir::Value x, mlir::Value y) const {
    return b.createOrFold<mlir::arith::SubIOp>(loc, x, y);
  }
  mlir::Value mul(mlir::Value x, int64_t y) const {
    return b.createOrFold<mlir::arith::MulIOp>(loc, x, constant(y));
  }
  mlir::Value div(mlir::Value x, int64_t y) const {
    return b.createOrFold<mlir::arith::DivUIOp>(loc, x, constant(y));
  }
  mlir::Value rem(mlir::Value x, int64_t y) const {
    return b.createOrFold<mlir::arith::RemUIOp>(loc, x, constant(y));
  }
  mlir::Value flip(mlir::Value x, mlir::Value y) const {
    return b.createOrFold<mlir::arith::XOrIOp>(loc, x, y);
  }
  mlir::Value from(mlir::Value index) const {
    return b.createOrFold<mlir::arith::IndexCastUIOp>(loc, b.getI32Type(), index);
  }
  mlir::Value toIndex(mlir::Value x) const {
    return b.createOrFold<mlir::arith::IndexCastUIOp>(loc, b.getIndexType(), x);
  }
};

/// The address of a memref's memory, without its offset, as a pointer to `space`.
mlir::Value pointerTo(mlir::OpBuilder &b, mlir::Location loc, mlir::Value memref, unsigned space);
/// `pointer` moved by `offset` times `bytes`.
mlir::Value movedBy(mlir::OpBuilder &b, mlir::Location loc, mlir::Value pointer, mlir::Value offset,
                    int64_t bytes);

} // namespace strut::gpu

#endif // STRUT_LIB_GPU_ADDRESSES_H
