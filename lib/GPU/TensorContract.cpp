//===- TensorContract.cpp - kernel.contract on tensor cores ---------------===//
//
// The sums of a tile go through shared memory to the epilogue, row by row of warps, so that
// neighbouring threads read and write neighbouring elements and the epilogue's code is there once.
// All tiles of a kind add in the same order: an element's bits do not depend on which one runs.
//
//===----------------------------------------------------------------------===//
#include "TensorContract.h"
#include "TensorTile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace strut::gpu {
namespace {

constexpr int64_t leastExtent = 16; ///< of columns and steps, below which most would be padding
constexpr int64_t fewRows = 32;
constexpr int64_t manyBlocks = 96; ///< of the largest tile, which then fill a GPU
constexpr unsigned mostSums = 2;   ///< that fit in registers

/// What multiplies these elements at this precision, if anything does.
std::optional<Multiplicand> multiplicandOf(Type element, Precision precision) {
  if (element.isF16())
    return Multiplicand::F16;
  if (element.isBF16())
    return Multiplicand::BF16;
  if (element.isF32())
    return precision == Precision::TF32 ? Multiplicand::TF32 : Multiplicand::SplitTF32;
  return std::nullopt;
}

/// The tiles of a kind, from few rows to many.
struct Tiles {
  TensorShape few, middle, many;

  Tiles(Multiplicand kind, unsigned sums) {
    // Three products of rounded numbers are as good as f32 if their sums are: the sums of tensor
    // cores are cut off, not rounded, so that long ones drift.
    int64_t segment = kind == Multiplicand::SplitTF32 ? 256 : 0;
    few = {kind, 32, 64, 32, 16, /*stages=*/6, segment};
    middle = {kind, 64, 64, 32, 32, /*stages=*/6, segment};
    bool heavy = segment || sums > 1; // in registers
    many = heavy ? TensorShape{kind, 128, 64, 32, 32, /*stages=*/4, segment}
                 : TensorShape{kind, 128, 128, 64, 64, /*stages=*/3, segment};
  }
};

class TensorContract {
public:
  TensorContract(Simt &simt, Contraction &code) : simt(simt), code(code) {}

  bool plan();
  void launch(OpBuilder &host, const TensorShape &shape);
  void launchBySize(OpBuilder &host);

private:
  bool isWide(ArrayRef<unsigned> dims) const;
  void emitBody(OpBuilder &b, const TensorShape &shape);
  void finish(OpBuilder &b, const TensorTile &tile, const TensorShape &shape,
              ArrayRef<SmallVector<Value>> sums);

  Simt &simt;
  Contraction &code;
  Multiplicand kind;
  SmallVector<CopyPlan> plans; ///< one for each factor
};

/// Whether dimensions have, or at run time may have, enough elements together.
bool TensorContract::isWide(ArrayRef<unsigned> dims) const {
  int64_t product = 1;
  for (unsigned d : dims) {
    int64_t extent = code.nest.staticExtent(d);
    if (ShapedType::isDynamic(extent))
      return true;
    product *= extent;
  }
  return product >= leastExtent;
}

/// Whether the map's results are sums of multiples of dimensions.
bool isLinear(AffineMap map) {
  bool linear = map.getNumSymbols() == 0;
  for (AffineExpr e : map.getResults())
    e.walk([&](AffineExpr part) {
      linear &= part.getKind() != AffineExprKind::Mod &&
                part.getKind() != AffineExprKind::FloorDiv &&
                part.getKind() != AffineExprKind::CeilDiv;
    });
  return linear;
}

bool TensorContract::plan() {
  const Nest &nest = code.nest;
  Type element = nest.typeOf(0).getElementType();
  auto found = multiplicandOf(element, simt.target().getPrecision());
  if (!found || simt.target().getCapability() < 80 || code.op.getNumSums() > mostSums ||
      !isWide(code.roles.n))
    return false;
  kind = *found;
  for (unsigned product = 0; product < code.op.getNumProducts(); ++product) {
    SmallVector<unsigned> steps = kernel::ContractOp::stepsOf(nest.maps, product);
    if (!isWide(steps))
      return false;
    for (unsigned number : {2 * product, 2 * product + 1}) {
      MemRefType type = nest.typeOf(number);
      if (type.getElementType() != element || !isLinear(nest.maps[number]))
        return false;
      auto plan =
          planCopy(type, nest.maps[number], nest, number % 2 ? code.roles.n : code.roles.m, steps);
      if (!plan)
        return false;
      plans.push_back(*plan);
    }
  }
  return true;
}

void TensorContract::launch(OpBuilder &host, const TensorShape &shape) {
  std::string name = "tensor_contract";
  for (const CopyPlan &plan : plans)
    name += "_" + std::string(plan.alongSteps ? "k" : "w") + std::to_string(plan.bytes);
  name += "_" + std::to_string(shape.rows) + "x" + std::to_string(shape.columns);
  // Many sums, and the addresses of many copies, need registers.
  int64_t sums = shape.warpRows * shape.warpColumns / warpSize *
                 (code.op.getNumSums() + (shape.segment ? 1 : 0));
  bool isHeavy =
      sums > 64 || llvm::any_of(plans, [](const CopyPlan &plan) { return plan.bytes < 8; });
  launchContraction(simt, host, code, name, shape.rows, shape.columns, shape.threads(),
                    isHeavy ? 256 : 512, [&](OpBuilder &b) { emitBody(b, shape); });
}

void TensorContract::launchBySize(OpBuilder &host) {
  Tiles tiles(kind, code.op.getNumSums());
  Location loc = code.loc;
  code.setGroups(host, code.nest.operands);
  Value few = arith::CmpIOp::create(host, loc, arith::CmpIPredicate::ule, code.m.size,
                                    indexConstant(host, loc, fewRows));
  Value many = arith::CmpIOp::create(host, loc, arith::CmpIPredicate::uge,
                                     code.blocks(host, tiles.many.rows, tiles.many.columns),
                                     indexConstant(host, loc, manyBlocks));
  auto branch = [&](OpBuilder &b, const TensorShape &shape) {
    launch(b, shape);
    scf::YieldOp::create(b, loc);
  };
  scf::IfOp::create(
      host, loc, few, [&](OpBuilder &b, Location) { branch(b, tiles.few); },
      [&](OpBuilder &b, Location) {
        scf::IfOp::create(
            b, loc, many, [&](OpBuilder &b, Location) { branch(b, tiles.many); },
            [&](OpBuilder &b, Location) { branch(b, tiles.middle); });
        scf::YieldOp::create(b, loc);
      });
}

void TensorContract::emitBody(OpBuilder &b, const TensorShape &shape) {
  unsigned numSums = code.op.getNumSums();
  TensorTile tile(simt, b, code.loc, shape, TensorTile::exchangeBytes(shape, numSums));
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
  finish(b, tile, shape, sums);
}

void TensorContract::finish(OpBuilder &b, const TensorTile &tile, const TensorShape &shape,
                            ArrayRef<SmallVector<Value>> sums) {
  Location loc = code.loc;
  auto constant = [&](OpBuilder &b, int64_t value) { return indexConstant(b, loc, value); };
  auto writePart = [&](OpBuilder &b, Value part) {
    Value row = arith::IndexCastUIOp::create(b, loc, b.getIndexType(), tile.warpRow);
    Value isMine = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, row, part);
    scf::IfOp::create(b, loc, isMine, [&](OpBuilder &b, Location) {
      for (auto [number, sum] : llvm::enumerate(sums))
        tile.storeSums(b, sum, number);
      scf::YieldOp::create(b, loc);
    });
  };
  auto finishPart = [&](OpBuilder &b, Value part) {
    Value top = arith::MulIOp::create(b, loc, part, constant(b, shape.warpRows));
    top = arith::AddIOp::create(b, loc, code.firstRow, top);
    scf::ForOp::create(
        b, loc, threadIndex(b, loc), constant(b, shape.warpRows * shape.columns),
        constant(b, shape.threads()), ValueRange(),
        [&](OpBuilder &b, Location, Value element, ValueRange) {
          Value row = arith::DivUIOp::create(b, loc, element, constant(b, shape.columns));
          Value column = arith::RemUIOp::create(b, loc, element, constant(b, shape.columns));
          Value toRow = arith::AddIOp::create(b, loc, top, row);
          Value toColumn = arith::AddIOp::create(b, loc, code.firstColumn, column);
          Value inside = arith::AndIOp::create(
              b, loc, arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, toRow, code.m.size),
              arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, toColumn, code.n.size));
          scf::IfOp::create(b, loc, inside, [&](OpBuilder &b, Location) {
            SmallVector<Value> here;
            for (size_t number = 0; number < sums.size(); ++number)
              here.push_back(tile.loadSum(b, row, column, number));
            code.finish(b, toRow, toColumn, here);
            scf::YieldOp::create(b, loc);
          });
          scf::YieldOp::create(b, loc);
        });
  };
  scf::ForOp::create(b, loc, constant(b, 0), constant(b, shape.rows / shape.warpRows),
                     constant(b, 1), ValueRange(),
                     [&](OpBuilder &b, Location, Value part, ValueRange) {
                       writePart(b, part);
                       barrier(b, loc);
                       finishPart(b, part);
                       barrier(b, loc);
                       scf::YieldOp::create(b, loc);
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
