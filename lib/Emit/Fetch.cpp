//===- Fetch.cpp - Reading at computed indices ----------------------------===//
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "strut/Emit/ScalarCode.h"

using namespace mlir;

namespace strut::emit {

Value laneIndices(OpBuilder &b, Location loc, Value first, int64_t lanes) {
  if (lanes == 1)
    return first;
  auto type = VectorType::get({lanes}, b.getIndexType());
  return arith::AddIOp::create(b, loc, asVector(b, loc, first, lanes),
                               vector::StepOp::create(b, loc, type));
}

static bool isUniform(Value v) {
  return v.getDefiningOp<vector::BroadcastOp>() || matchPattern(v, m_Constant());
}

/// True if the lanes are known to hold consecutive numbers.
static bool isConsecutive(Value v) {
  if (v.getDefiningOp<vector::StepOp>())
    return true;
  if (auto add = v.getDefiningOp<arith::AddIOp>())
    return (isConsecutive(add.getLhs()) && isUniform(add.getRhs())) ||
           (isUniform(add.getLhs()) && isConsecutive(add.getRhs()));
  if (auto sub = v.getDefiningOp<arith::SubIOp>())
    return isConsecutive(sub.getLhs()) && isUniform(sub.getRhs());
  return false;
}

/// Whether the lanes before `count` hold consecutive numbers, at run time.
static Value testConsecutive(OpBuilder &b, Location loc, Value v, int64_t lanes, Value count) {
  Value expected = laneIndices(b, loc, extractLane(b, loc, v, 0), lanes);
  Value equal = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, v, expected);
  if (count) {
    Value all = asVector(b, loc, arith::ConstantIntOp::create(b, loc, 1, 1), lanes);
    equal = arith::SelectOp::create(b, loc, laneMask(b, loc, lanes, count), equal, all);
  }
  return vector::ReductionOp::create(b, loc, vector::CombiningKind::AND, equal);
}

static Value fetchEachLane(OpBuilder &b, Location loc, Value source, ArrayRef<Value> indices,
                           int64_t lanes, Value count) {
  SmallVector<Value> safe(indices);
  if (count)
    for (Value &v : safe)
      if (isa<VectorType>(v.getType())) // lane 0 always counts
        v = arith::SelectOp::create(b, loc, laneMask(b, loc, lanes, count), v,
                                    asVector(b, loc, extractLane(b, loc, v, 0), lanes));
  SmallVector<Value> elements;
  for (int64_t lane = 0; lane < lanes; ++lane) {
    SmallVector<Value> at;
    for (Value v : safe)
      at.push_back(extractLane(b, loc, v, lane));
    elements.push_back(memref::LoadOp::create(b, loc, source, at));
  }
  auto type = VectorType::get({lanes}, elements.front().getType());
  return vector::FromElementsOp::create(b, loc, type, elements);
}

/// What lies in memory at `indices`, of which one at least has lanes.
static Value fetchStored(OpBuilder &b, Location loc, Value source, ArrayRef<Value> indices,
                         int64_t lanes, Value count) {
  auto isScalar = [](Value v) { return !isa<VectorType>(v.getType()); };
  if (!llvm::all_of(indices.drop_back(), isScalar) ||
      !cast<MemRefType>(source.getType()).isLastDimUnitStride())
    return fetchEachLane(b, loc, source, indices, lanes, count);

  auto contiguous = [&](OpBuilder &b) {
    SmallVector<Value> at(indices);
    at.back() = extractLane(b, loc, at.back(), 0);
    return loadContiguous(b, loc, source, at, lanes, count);
  };
  if (isConsecutive(indices.back()))
    return contiguous(b);
  // Indices clamped to a shape (padding, concatenation) are consecutive nearly
  // everywhere, which only the run can tell.
  auto test = scf::IfOp::create(
      b, loc, testConsecutive(b, loc, indices.back(), lanes, count),
      [&](OpBuilder &b, Location) { scf::YieldOp::create(b, loc, contiguous(b)); },
      [&](OpBuilder &b, Location) {
        scf::YieldOp::create(b, loc, fetchEachLane(b, loc, source, indices, lanes, count));
      });
  return test.getResult(0);
}

/// What `read` gives, of a type that has a zero, if the memory has elements; else zero.
static Value unlessEmpty(OpBuilder &b, Location loc, Value memory,
                         function_ref<Value(OpBuilder &)> read) {
  Value hasElements;
  for (int64_t axis = 0; axis < cast<MemRefType>(memory.getType()).getRank(); ++axis) {
    Value extent = b.createOrFold<memref::DimOp>(loc, memory, axis);
    Value some =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, extent, indexConstant(b, loc, 0));
    hasElements = hasElements ? Value(arith::AndIOp::create(b, loc, hasElements, some)) : some;
  }
  if (!hasElements)
    return read(b);
  Type type;
  auto test = scf::IfOp::create(
      b, loc, hasElements,
      [&](OpBuilder &b, Location) {
        Value value = read(b);
        type = value.getType();
        scf::YieldOp::create(b, loc, value);
      },
      [&](OpBuilder &b, Location) {
        scf::YieldOp::create(
            b, loc, Value(arith::ConstantOp::create(b, loc, cast<TypedAttr>(b.getZeroAttr(type)))));
      });
  return test.getResult(0);
}

Value fetchLanes(OpBuilder &b, Location loc, Value source, ArrayRef<Value> indices, int64_t lanes,
                 Value count, bool mayBeEmpty) {
  Value memory = storageView(b, loc, source);
  bool isUniform = llvm::all_of(indices, [](Value v) { return !isa<VectorType>(v.getType()); });
  auto read = [&](OpBuilder &b) -> Value {
    return isUniform ? Value(memref::LoadOp::create(b, loc, memory, indices))
                     : fetchStored(b, loc, memory, indices, lanes, count);
  };
  // Converted once, behind the branches: vectors of halves are not assembled on every target.
  Value stored = mayBeEmpty ? unlessEmpty(b, loc, memory, read) : read(b);
  return fromStorage(b, loc, stored, cast<MemRefType>(source.getType()).getElementType());
}

} // namespace strut::emit
