//===- TensorContract.cpp - kernel.contract on tensor cores ---------------===//
//
// Where a product of few rows has a workspace (strut-split-steps), segments of its steps are summed
// by blocks of their own, and then added in the order in which one block would add them.
//
//===----------------------------------------------------------------------===//
#include "TensorContract.h"
#include "TensorTile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
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
  void launchFew(OpBuilder &host, const TensorShape &shape);
  void emitSegment(OpBuilder &b, const TensorShape &shape, Value workspace);
  void emitTotal(OpBuilder &b, Value workspace, int64_t threads);

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
  // A product that is added to an older one of its sum has sums of its own meanwhile.
  unsigned sums = code.op.getNumSums() + (code.op.getNumProducts() > code.op.getNumSums());
  launchContraction(simt, host, code, "tensor_contract" + shape.suffix(plans), shape.rows,
                    shape.columns, shape.threads(), shape.resident(sums, plans),
                    [&](OpBuilder &b) { emitBody(b, shape); });
}

/// As far as is known.
static int64_t mostRows(const Contraction &code) {
  int64_t rows = 1;
  for (unsigned d : code.roles.m) {
    int64_t extent = code.nest.staticExtent(d);
    if (ShapedType::isDynamic(extent))
      return std::numeric_limits<int64_t>::max();
    rows *= extent;
  }
  return rows;
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
  bool isAlwaysFew = mostRows(code) <= TensorShapes::fewRows;
  if (code.op.getWorkspace() && isAlwaysFew) {
    shapes.few.segment = segmentStepsOf(shapes.few.elementBytes());
    return launchFew(host, shapes.few);
  }
  gpu::launchBySize(
      host, loc, isFew, isMany, [&](OpBuilder &b) { launchFew(b, shapes.few); },
      [&](OpBuilder &b) { launch(b, shapes.middle); },
      [&](OpBuilder &b) { launch(b, shapes.many); });
}

/// In segments if there is a workspace for their sums, [segment][row][column].
void TensorContract::launchFew(OpBuilder &host, const TensorShape &shape) {
  Value workspace = code.op.getWorkspace();
  if (!workspace)
    return launch(host, shape);
  constexpr int64_t threads = 256;
  Location loc = code.loc;
  code.setGroups(host, code.nest.operands);
  Value blocks = code.blocks(host, shape.rows, shape.columns);
  Value segments = memref::DimOp::create(host, loc, workspace, 0);
  SmallVector<Value> arguments = code.nest.arguments();
  arguments.push_back(workspace);
  Grid ofSegments{product(host, loc, {segments, blocks}), indexConstant(host, loc, shape.threads()),
                  shape.threads(), shape.resident(/*sums=*/1, plans)};
  Grid ofTotals = gridFor(host, loc, product(host, loc, {code.m.size, code.n.size}), threads);
  auto begin = [&](OpBuilder &b, ValueRange parameters) {
    code.begin(b, parameters.drop_back());
    return parameters.back();
  };
  simt.launch(host, code.op, "tensor_contract_segment" + shape.suffix(plans), code.nest.key(),
              arguments, ofSegments, [&](OpBuilder &b, ValueRange parameters) {
                emitSegment(b, shape, begin(b, parameters));
              });
  simt.launch(
      host, code.op, "tensor_contract_total", code.nest.key(), arguments, ofTotals,
      [&](OpBuilder &b, ValueRange parameters) { emitTotal(b, begin(b, parameters), threads); });
  ++simt.splitContractions;
}

void TensorContract::emitSegment(OpBuilder &b, const TensorShape &shape, Value workspace) {
  Location loc = code.loc;
  Value tiles = code.blocks(b, shape.rows, shape.columns), block = blockIndex(b, loc);
  Value segment = arith::DivUIOp::create(b, loc, block, tiles);
  code.place(b, arith::RemUIOp::create(b, loc, block, tiles), shape.rows, shape.columns);
  TensorTile tile(simt, b, loc, shape, /*count=*/1);
  Value firstStep = arith::MulIOp::create(b, loc, segment, indexConstant(b, loc, shape.segment));
  SmallVector<Value> sums = tile.multiply(b, code.lhs(0), plans[0], code.firstRow, code.rhs(0),
                                          plans[1], code.firstColumn, firstStep);
  tile.forSums(b, sums, code.firstRow, code.m.size, code.firstColumn, code.n.size,
               [&](OpBuilder &b, Value row, Value column, ValueRange here) {
                 memref::StoreOp::create(b, loc, here.front(), workspace,
                                         ValueRange{segment, row, column});
               });
}

void TensorContract::emitTotal(OpBuilder &b, Value workspace, int64_t threads) {
  Location loc = code.loc;
  forItem(b, loc, product(b, loc, {code.m.size, code.n.size}), threads,
          [&](OpBuilder &b, Value item) {
            Value row = arith::DivUIOp::create(b, loc, item, code.n.size);
            Value column = arith::RemUIOp::create(b, loc, item, code.n.size);
            Value nothing = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0));
            auto loop = scf::ForOp::create(
                b, loc, indexConstant(b, loc, 0), memref::DimOp::create(b, loc, workspace, 0),
                indexConstant(b, loc, 1), nothing,
                [&](OpBuilder &b, Location, Value segment, ValueRange total) {
                  Value sum =
                      memref::LoadOp::create(b, loc, workspace, ValueRange{segment, row, column});
                  Value next = arith::AddFOp::create(b, loc, total.front(), sum);
                  scf::YieldOp::create(b, loc, next);
                });
            code.finish(b, row, column, loop.getResults());
          });
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
