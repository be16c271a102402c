//===- TensorGrouped.cpp - kernel.grouped on tensor cores -----------------===//
#include "Grouping.h"
#include "TensorTile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace strut::gpu {

using kernel::GroupedOp;

static void emitBody(Simt &simt, OpBuilder &b, Grouping &code, const TensorShape &shape,
                     ArrayRef<CopyPlan> plans) {
  TensorTile tile(simt, b, code.loc, shape, /*count=*/1);
  SmallVector<Value> sums = tile.multiply(b, code.lhs(), plans[0], code.firstPlace, code.rhs(),
                                          plans[1], code.firstColumn);
  tile.forSums(b, sums, code.firstPlace, code.places.size, code.firstColumn, code.n.size,
               [&](OpBuilder &b, Value place, Value column, ValueRange here) {
                 code.finish(b, place, column, here.front());
               });
}

/// One of three tiles, by the rows that a group has if all have the same.
static void launchBySize(Simt &simt, OpBuilder &host, Grouping &code, Multiplicand kind,
                         ArrayRef<CopyPlan> plans) {
  TensorShapes shapes(kind, /*sums=*/1);
  Location loc = code.loc;
  code.setExtents(host, code.nest.operands);
  auto compare = [&](arith::CmpIPredicate predicate, Value x, Value y) -> Value {
    return arith::CmpIOp::create(host, loc, predicate, x, y);
  };
  auto perGroup = [&](int64_t rows) -> Value {
    return arith::MulIOp::create(host, loc, code.groups(), indexConstant(host, loc, rows));
  };
  Value isFew = compare(arith::CmpIPredicate::ule, code.rows(), perGroup(TensorShapes::fewRows));
  Value blocks = code.blocks(host, shapes.many.rows, shapes.many.columns);
  Value isMany = arith::AndIOp::create(
      host, loc, compare(arith::CmpIPredicate::uge, code.rows(), perGroup(shapes.many.rows)),
      compare(arith::CmpIPredicate::uge, blocks,
              indexConstant(host, loc, TensorShapes::manyBlocks)));
  shapes.choose(host, loc, isFew, isMany, [&](OpBuilder &b, const TensorShape &shape) {
    launchGrouping(simt, b, code, "tensor_grouped" + shape.suffix(plans), shape.rows, shape.columns,
                   shape.threads(), shape.resident(/*sums=*/1, plans),
                   [&](OpBuilder &b) { emitBody(simt, b, code, shape, plans); });
  });
}

bool emitTensorGrouped(Simt &simt, OpBuilder &host, Grouping &code) {
  const Nest &nest = code.nest;
  Type element = nest.typeOf(0).getElementType();
  std::optional<Multiplicand> kind = multiplicandOf(element, simt.target());
  if (!kind || nest.typeOf(1).getElementType() != element || !isWide(nest, {GroupedOp::kColumn}) ||
      !isWide(nest, {GroupedOp::kTerm}))
    return false;
  // Neighbouring places have rows anywhere: those of the left side can only be copied along k.
  auto lhs = planCopy(nest, 0, {}, {GroupedOp::kTerm});
  auto rhs = planCopy(nest, 1, {GroupedOp::kColumn}, {GroupedOp::kTerm});
  if (!lhs || !rhs)
    return false;
  launchBySize(simt, host, code, *kind, {*lhs, *rhs});
  ++simt.tensorContractions;
  return true;
}

} // namespace strut::gpu
