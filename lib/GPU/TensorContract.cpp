//===- TensorContract.cpp - kernel.contract on tensor cores ---------------===//
#include "TensorContract.h"
#include "TensorTile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace strut::gpu {
namespace {

constexpr unsigned mostSums = 2; ///< that fit in registers

class TensorContract {
public:
  TensorContract(Simt &simt, Contraction &code) : simt(simt), code(code) {}

  bool plan();
  void launch(OpBuilder &host, const TensorShape &shape);
  void launchBySize(OpBuilder &host);

private:
  void emitBody(OpBuilder &b, const TensorShape &shape);

  Simt &simt;
  Contraction &code;
  Multiplicand kind;
  SmallVector<CopyPlan> plans; ///< one for each factor
};

bool TensorContract::plan() {
  const Nest &nest = code.nest;
  Type element = nest.typeOf(0).getElementType();
  auto found = multiplicandOf(element, simt.target());
  if (!found || code.op.getNumSums() > mostSums || !isWide(nest, code.roles.n))
    return false;
  kind = *found;
  for (unsigned product = 0; product < code.op.getNumProducts(); ++product) {
    SmallVector<unsigned> steps = kernel::ContractOp::stepsOf(nest.maps, product);
    if (!isWide(nest, steps))
      return false;
    for (unsigned number : {2 * product, 2 * product + 1}) {
      if (nest.typeOf(number).getElementType() != element)
        return false;
      auto plan = planCopy(nest, number, number % 2 ? code.roles.n : code.roles.m, steps);
      if (!plan)
        return false;
      plans.push_back(*plan);
    }
  }
  return true;
}

void TensorContract::launch(OpBuilder &host, const TensorShape &shape) {
  launchContraction(simt, host, code, "tensor_contract" + shape.suffix(plans), shape.rows,
                    shape.columns, shape.threads(), shape.resident(code.op.getNumSums(), plans),
                    [&](OpBuilder &b) { emitBody(b, shape); });
}

void TensorContract::launchBySize(OpBuilder &host) {
  TensorShapes shapes(kind, code.op.getNumSums());
  Location loc = code.loc;
  code.setGroups(host, code.nest.operands);
  Value isFew = arith::CmpIOp::create(host, loc, arith::CmpIPredicate::ule, code.m.size,
                                      indexConstant(host, loc, TensorShapes::fewRows));
  Value isMany = arith::CmpIOp::create(host, loc, arith::CmpIPredicate::uge,
                                       code.blocks(host, shapes.many.rows, shapes.many.columns),
                                       indexConstant(host, loc, TensorShapes::manyBlocks));
  shapes.choose(host, loc, isFew, isMany,
                [&](OpBuilder &b, const TensorShape &shape) { launch(b, shape); });
}

void TensorContract::emitBody(OpBuilder &b, const TensorShape &shape) {
  unsigned numSums = code.op.getNumSums();
  TensorTile tile(simt, b, code.loc, shape, numSums);
  SmallVector<SmallVector<Value>> sums(numSums);
  for (unsigned product = 0; product < code.op.getNumProducts(); ++product) {
    SmallVector<Value> made =
        tile.multiply(b, code.lhs(product), plans[2 * product], code.firstRow, code.rhs(product),
                      plans[2 * product + 1], code.firstColumn);
    SmallVector<Value> &sum = sums[code.op.getSumOf(product)];
    for (auto [i, older] : llvm::enumerate(sum))
      made[i] = arith::AddFOp::create(b, code.loc, older, made[i]);
    sum = std::move(made);
  }
  tile.forSums(b, sums, code.firstRow, code.m.size, code.firstColumn, code.n.size,
               [&](OpBuilder &b, Value row, Value column, ValueRange here) {
                 code.finish(b, row, column, here);
               });
}

} // namespace

bool emitTensorContract(Simt &simt, OpBuilder &host, Contraction &code) {
  TensorContract contract(simt, code);
  if (!contract.plan())
    return false;
  contract.launchBySize(host);
  ++simt.tensorContractions;
  return true;
}

} // namespace strut::gpu
