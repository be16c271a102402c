//===- PackKeys.cpp - The keys of attention as panels of their transpose --===//
#include "PackKeys.h"
#include "MicroKernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace strut::cpu {
namespace {

/// Transposes a square of vectors: one full interleave per stage.
SmallVector<Value> transpose(OpBuilder &b, Location loc, SmallVector<Value> rows) {
  int64_t lanes = rows.size();
  SmallVector<int64_t> low, high;
  for (int64_t i = 0; i < lanes / 2; ++i) {
    low.append({i, i + lanes});
    high.append({i + lanes / 2, i + lanes + lanes / 2});
  }
  for (int64_t stage = 1; stage < lanes; stage *= 2) {
    SmallVector<Value> next(lanes);
    for (int64_t i = 0; i < lanes / 2; ++i) {
      next[2 * i] = vector::ShuffleOp::create(b, loc, rows[i], rows[i + lanes / 2], low);
      next[2 * i + 1] = vector::ShuffleOp::create(b, loc, rows[i], rows[i + lanes / 2], high);
    }
    rows = std::move(next);
  }
  return rows;
}

/// Extents of the keys' axes other than key and feature.
SmallVector<Value> keyBatchSizes(OpBuilder &b, Location loc, const AttentionPlan &plan,
                                 Value keys) {
  SmallVector<Value> sizes;
  for (unsigned axis = 0; axis < plan.maps[1].getNumResults(); ++axis)
    if (axis != plan.keyAxis && axis != plan.featureAxis)
      sizes.push_back(memref::DimOp::create(b, loc, keys, axis));
  return sizes;
}

/// Emits one task of the packing: a panel of keys of one batch.
class PackEmitter : TaskCode {
public:
  PackEmitter(const AttentionPlan &decided, const OpBuilder &builder, ValueRange arguments)
      : TaskCode(builder, decided.op->getLoc()), plan(decided), keys(arguments[0]),
        workspace(arguments[1]), view(b, loc, keys) {}

  void emit(Value task) {
    keyCount = memref::DimOp::create(b, loc, keys, plan.keyAxis);
    features = memref::DimOp::create(b, loc, keys, plan.featureAxis);
    Value panels = arith::CeilDivUIOp::create(b, loc, keyCount, index(plan.panel()));
    Value panel = arith::RemUIOp::create(b, loc, task, panels);
    Value batch = arith::DivUIOp::create(b, loc, task, panels);
    auto batches = delinearize(b, loc, batch, keyBatchSizes(b, loc, plan, keys));
    base = view.offset;
    size_t next = 0;
    for (unsigned axis = 0; axis < view.strides.size(); ++axis)
      if (axis != plan.keyAxis && axis != plan.featureAxis)
        base = add(base, mul(batches[next++], view.strides[axis]));
    firstKey = mul(panel, index(plan.panel()));
    target = mul(mul(task, features), index(plan.panel()));

    // Squares of lanes × lanes features and keys, then what is left of the features.
    Value whole =
        mul(arith::DivUIOp::create(b, loc, features, index(plan.lanes)), index(plan.lanes));
    if (isUnitStride()) {
      auto squares = scf::ForOp::create(b, loc, index(0), whole, index(plan.lanes));
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(squares.getBody());
      emitSquares(squares.getInductionVar());
    } else {
      whole = index(0);
    }
    auto rest = scf::ForOp::create(b, loc, whole, features, index(1));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(rest.getBody());
    emitFeature(rest.getInductionVar());
  }

private:
  bool isUnitStride() {
    SmallVector<int64_t> strides;
    int64_t offset;
    (void)cast<MemRefType>(keys.getType()).getStridesAndOffset(strides, offset);
    return strides[plan.featureAxis] == 1;
  }
  /// Offset of key `firstKey + i`; keys beyond the last repeat it and are never used.
  Value offsetOfKey(int64_t i) {
    Value key = add(firstKey, index(i));
    key = arith::MinUIOp::create(b, loc, key, arith::SubIOp::create(b, loc, keyCount, index(1)));
    return add(base, mul(key, view.strides[plan.keyAxis]));
  }
  Type element() { return cast<MemRefType>(keys.getType()).getElementType(); }

  void emitSquares(Value feature) {
    auto type = VectorType::get(plan.lanes, element());
    for (int64_t v = 0; v < plan.vectors; ++v) {
      SmallVector<Value> rows;
      for (int64_t i = 0; i < plan.lanes; ++i)
        rows.push_back(vector::LoadOp::create(b, loc, type, view.flat,
                                              add(offsetOfKey(v * plan.lanes + i), feature)));
      for (auto [i, column] : llvm::enumerate(transpose(b, loc, rows))) {
        Value row = mul(add(feature, index(i)), index(plan.panel()));
        vector::StoreOp::create(b, loc, column, workspace,
                                add(add(target, row), index(v * plan.lanes)));
      }
    }
  }
  void emitFeature(Value feature) {
    Value at = mul(feature, view.strides[plan.featureAxis]);
    Value row = add(target, mul(feature, index(plan.panel())));
    auto type = VectorType::get(plan.lanes, element());
    for (int64_t v = 0; v < plan.vectors; ++v) {
      SmallVector<Value> gathered;
      for (int64_t i = 0; i < plan.lanes; ++i)
        gathered.push_back(
            memref::LoadOp::create(b, loc, view.flat, add(offsetOfKey(v * plan.lanes + i), at)));
      Value column = vector::FromElementsOp::create(b, loc, type, gathered);
      vector::StoreOp::create(b, loc, column, workspace, add(row, index(v * plan.lanes)));
    }
  }

  AttentionPlan plan;
  Value keys, workspace;
  FlatView view;
  Value keyCount, features, base, firstKey, target;
};

} // namespace

Emitter::Launch packKeys(Emitter &emitter, OpBuilder &host, const AttentionPlan &decided,
                         StringRef key, Value keyCount) {
  AttentionPlan plan = decided;
  Location loc = plan.op.getLoc();
  Value keys = plan.op.getInputs()[1];
  Value panel = arith::ConstantIndexOp::create(host, loc, plan.panel());
  Value panels = host.createOrFold<arith::CeilDivUIOp>(loc, keyCount, panel);
  for (Value size : keyBatchSizes(host, loc, plan, keys))
    panels = host.createOrFold<arith::MulIOp>(loc, panels, size);
  return emitter.launch(host, loc, "pack_keys", key, {keys, plan.op.getWorkspace()}, panels,
                        [&](OpBuilder &b, ValueRange parameters, Value task) {
                          PackEmitter(plan, b, parameters).emit(task);
                        });
}

} // namespace strut::cpu
