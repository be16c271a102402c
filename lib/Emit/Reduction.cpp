//===- Reduce.cpp - Combining the values of a row -------------------------===//
#include "strut/Emit/Reduction.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using strut::kernel::CombineKind;

namespace strut::emit {

bool Reduction::tracksNaN() const {
  return isa<FloatType>(type) && (kind == CombineKind::Max || kind == CombineKind::Min);
}

TypedAttr Reduction::neutral(OpBuilder &b) const {
  if (auto floating = dyn_cast<FloatType>(type)) {
    const llvm::fltSemantics &semantics = floating.getFloatSemantics();
    switch (kind) {
    case CombineKind::Add:
      return b.getZeroAttr(type);
    case CombineKind::Mul:
      return b.getFloatAttr(type, 1.0);
    case CombineKind::Max:
      return b.getFloatAttr(type, APFloat::getInf(semantics, true));
    case CombineKind::Min:
      return b.getFloatAttr(type, APFloat::getInf(semantics, false));
    }
  }
  unsigned width = type.getIntOrFloatBitWidth();
  switch (kind) {
  case CombineKind::Add:
    return b.getZeroAttr(type);
  case CombineKind::Mul:
    return b.getIntegerAttr(type, APInt(width, 1));
  case CombineKind::Max:
    return b.getIntegerAttr(type, width == 1 ? APInt(1, 0) : APInt::getSignedMinValue(width));
  case CombineKind::Min:
    return b.getIntegerAttr(type, width == 1 ? APInt(1, 1) : APInt::getSignedMaxValue(width));
  }
  llvm_unreachable("all kinds of combine are handled");
}

Value Reduction::combine(OpBuilder &b, Location loc, Value value, Value accumulator) const {
  if (tracksNaN()) {
    // Exactly what maxps and minps do.
    auto better = kind == CombineKind::Max ? arith::CmpFPredicate::OGT : arith::CmpFPredicate::OLT;
    Value wins = arith::CmpFOp::create(b, loc, better, value, accumulator);
    return arith::SelectOp::create(b, loc, wins, value, accumulator);
  }
  bool floating = isa<FloatType>(type), boolean = type.isInteger(1);
  switch (kind) {
  case CombineKind::Add:
    return floating ? Value(arith::AddFOp::create(b, loc, accumulator, value))
                    : arith::AddIOp::create(b, loc, accumulator, value);
  case CombineKind::Mul:
    return floating ? Value(arith::MulFOp::create(b, loc, accumulator, value))
                    : arith::MulIOp::create(b, loc, accumulator, value);
  case CombineKind::Max:
    return boolean ? Value(arith::OrIOp::create(b, loc, accumulator, value))
                   : arith::MaxSIOp::create(b, loc, accumulator, value);
  case CombineKind::Min:
    return boolean ? Value(arith::AndIOp::create(b, loc, accumulator, value))
                   : arith::MinSIOp::create(b, loc, accumulator, value);
  }
  llvm_unreachable("all kinds of combine are handled");
}

SmallVector<Value> Reduction::start(OpBuilder &b, Location loc, int64_t lanes) const {
  SmallVector<Value> carried{
      asVector(b, loc, arith::ConstantOp::create(b, loc, neutral(b)), lanes)};
  if (tracksNaN())
    carried.push_back(
        asVector(b, loc, arith::ConstantOp::create(b, loc, b.getZeroAttr(type)), lanes));
  return carried;
}

static Value isNaN(OpBuilder &b, Location loc, Value v) {
  return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, v, v);
}

SmallVector<Value> Reduction::add(OpBuilder &b, Location loc, ValueRange carried, Value value,
                                  Value mask) const {
  if (mask) {
    auto lanes = cast<VectorType>(mask.getType()).getDimSize(0);
    value = arith::SelectOp::create(b, loc, mask, value, start(b, loc, lanes)[0]);
  }
  SmallVector<Value> result{combine(b, loc, value, carried[0])};
  if (tracksNaN())
    result.push_back(arith::SelectOp::create(b, loc, isNaN(b, loc, value), value, carried[1]));
  return result;
}

SmallVector<Value> Reduction::addProduct(OpBuilder &b, Location loc, ValueRange carried, Value x,
                                         Value y, Value mask) const {
  Value sum = isa<VectorType>(x.getType()) ? Value(vector::FMAOp::create(b, loc, x, y, carried[0]))
                                           : math::FmaOp::create(b, loc, x, y, carried[0]);
  if (mask)
    sum = arith::SelectOp::create(b, loc, mask, sum, carried[0]);
  return {sum};
}

SmallVector<Value> Reduction::merge(OpBuilder &b, Location loc, ValueRange a,
                                    ValueRange other) const {
  SmallVector<Value> result{combine(b, loc, other[0], a[0])};
  if (tracksNaN()) // both are zero or NaN
    result.push_back(arith::AddFOp::create(b, loc, a[1], other[1]));
  return result;
}

SmallVector<Value> Reduction::fold(OpBuilder &b, Location loc, ValueRange carried,
                                   int64_t lanes) const {
  SmallVector<Value> current(carried);
  for (int64_t half = lanes / 2; half >= 1; half /= 2) {
    SmallVector<Value> low, high;
    SmallVector<int64_t> lower = llvm::to_vector(llvm::seq<int64_t>(0, half));
    SmallVector<int64_t> upper = llvm::to_vector(llvm::seq<int64_t>(half, 2 * half));
    for (Value v : current) {
      low.push_back(vector::ShuffleOp::create(b, loc, v, v, lower));
      high.push_back(vector::ShuffleOp::create(b, loc, v, v, upper));
    }
    current = merge(b, loc, low, high);
  }
  for (Value &v : current)
    v = extractLane(b, loc, v, 0);
  return current;
}

Value Reduction::finish(OpBuilder &b, Location loc, ValueRange carried) const {
  if (!tracksNaN())
    return carried[0];
  return arith::SelectOp::create(b, loc, isNaN(b, loc, carried[1]), carried[1], carried[0]);
}

} // namespace strut::emit
