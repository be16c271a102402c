//===- WarpgroupContract.cpp - kernel.contract by warpgroups --------------===//
//
// Blocks stay for several tiles: while results are made of the sums of one, the copies of the next
// are on their way. Tiles that are worked on at the same time share rows and columns. All tiles
// add in the same order: an element's bits do not depend on which one runs.
//
//===----------------------------------------------------------------------===//
#include "WarpgroupContract.h"
#include "Addresses.h"
#include "TensorTile.h"
#include "WarpgroupTile.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "strut/Emit/Emit.h"

using namespace mlir;

namespace strut::gpu {
namespace {

constexpr unsigned mostSums = 2; ///< that fit in registers
constexpr int64_t bandRows = 8;  ///< of tiles, which are worked on column by column
/// A result that is not copied in bulk goes through shared memory as f32.
constexpr int64_t exchangeColumns = 32, exchangeStride = exchangeColumns + 8;

class WarpgroupContract {
public:
  WarpgroupContract(Simt &simt, Contraction &code) : simt(simt), code(code) {}

  bool plan();
  void launchBySize(OpBuilder &host);

private:
  /// Where a tile is: its first row and column, and the point of its batch index.
  struct Place {
    SmallVector<Value> origin;
    Value row, column;
  };

  void launch(OpBuilder &host, const WarpgroupShape &shape);
  void emitBody(OpBuilder &b, const WarpgroupShape &shape, ValueRange arguments);
  Place placeOf(OpBuilder &b, const WarpgroupShape &shape, Value number) const;
  void forTiles(OpBuilder &b, const WarpgroupTile &tile, const WarpgroupShape &shape,
                function_ref<Turn(OpBuilder &, const Place &, Turn)> body);
  Turn produce(OpBuilder &b, const WarpgroupTile &tile, const Place &place, Turn turn);
  Turn consume(OpBuilder &b, const WarpgroupTile &tile, const WarpgroupShape &shape,
               const Place &place, Turn turn);
  void send(OpBuilder &b, const WarpgroupTile &tile, const WarpgroupShape &shape,
            const Place &place, ArrayRef<SmallVector<Value>> sums);
  void exchange(OpBuilder &b, const WarpgroupTile &tile, const WarpgroupShape &shape,
                const Place &place, ArrayRef<SmallVector<Value>> sums);
  Value slices(OpBuilder &b, unsigned product) const {
    return ceilDiv(b, code.loc, code.steps[product].size,
                   indexConstant(b, code.loc, WarpgroupShape::steps));
  }
  Value mapOf(OpBuilder &b, unsigned number) const;

  Simt &simt;
  Contraction &code;
  SmallVector<BoxPlan, 2> plans; ///< one for each factor
  std::optional<BoxPlan> result; ///< if bulk copies take it
  Value bundle;                  ///< the kernel's argument
};

bool WarpgroupContract::plan() {
  const Nest &nest = code.nest;
  Type element = nest.typeOf(0).getElementType();
  if (simt.target().getArch() != "sm_90a" || code.op.getWorkspace() ||
      !(element.isF16() || element.isBF16()) || code.op.getNumSums() > mostSums ||
      !isWide(nest, code.roles.n))
    return false;
  for (unsigned product = 0; product < code.op.getNumProducts(); ++product) {
    SmallVector<unsigned> steps = kernel::ContractOp::stepsOf(nest.maps, product);
    if (!isWide(nest, steps))
      return false;
    for (unsigned number : {2 * product, 2 * product + 1}) {
      if (nest.typeOf(number).getElementType() != element)
        return false;
      auto plan = planBoxes(nest.typeOf(number), nest.maps[number],
                            number % 2 ? code.roles.n : code.roles.m, steps, code.roles.batch);
      if (!plan)
        return false;
      plans.push_back(*plan);
    }
  }
  MemRefType type = nest.typeOf(nest.inputs);
  if (type.getElementType().isF16() || type.getElementType().isBF16())
    result = planBoxes(type, nest.maps.back(), code.roles.m, code.roles.n, code.roles.batch);
  if (result && result->isTransposed())
    result.reset();
  return true;
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

void WarpgroupContract::launch(OpBuilder &host, const WarpgroupShape &shape) {
  Location loc = code.loc;
  code.setGroups(host, code.nest.operands);
  std::string name = "warpgroup_contract_";
  SmallVector<Value> arguments;
  for (auto [number, plan] : llvm::enumerate(plans)) {
    name += plan.isTransposed() ? "w" : "k";
    llvm::append_range(arguments, describeTensor(host, loc, plan, code.nest.operands[number],
                                                 number % 2 ? shape.columns : shape.rows));
  }
  if (result)
    llvm::append_range(arguments,
                       describeTensor(host, loc, *result, code.nest.operands[code.nest.inputs],
                                      WarpgroupShape::groupRows));
  else
    name += "_f32"; // through shared memory
  int64_t maps = arguments.size() / tensorFields;
  name += "_" + std::to_string(shape.rows) + "x" + std::to_string(shape.columns);
  llvm::append_range(arguments, code.nest.arguments());
  Grid grid{code.blocks(host, shape.rows, shape.columns), indexConstant(host, loc, shape.threads()),
            shape.threads(), shape.threads()};
  func::FuncOp kernel =
      simt.launch(host, code.op, name, code.nest.key(), arguments, grid,
                  [&](OpBuilder &b, ValueRange parameters) { emitBody(b, shape, parameters); });
  kernel->setAttr(kTensorMapsAttr, host.getI64IntegerAttr(maps));
  kernel->setAttr(kResidentAttr, host.getI64IntegerAttr(1));
}

void WarpgroupContract::launchBySize(OpBuilder &host) {
  WarpgroupShapes shapes(code.op.getNumSums());
  Location loc = code.loc;
  code.setGroups(host, code.nest.operands);
  Value isFew = arith::CmpIOp::create(host, loc, arith::CmpIPredicate::ule, code.m.size,
                                      indexConstant(host, loc, WarpgroupShapes::fewRows));
  Value isMany = arith::CmpIOp::create(host, loc, arith::CmpIPredicate::uge,
                                       code.blocks(host, shapes.many.rows, shapes.many.columns),
                                       indexConstant(host, loc, WarpgroupShapes::manyBlocks));
  gpu::launchBySize(
      host, loc, isFew, isMany, [&](OpBuilder &b) { launch(b, shapes.few); },
      [&](OpBuilder &b) { launch(b, shapes.middle); },
      [&](OpBuilder &b) { launch(b, shapes.many); });
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

/// The address of a tensor map among the kernel's arguments, which they begin with.
Value WarpgroupContract::mapOf(OpBuilder &b, unsigned number) const {
  return movedBy(b, code.loc, bundle,
                 I32{b, code.loc}.constant(number * tensorFields * sizeof(int64_t)), 1);
}

/// Bands of rows of tiles come one after another; in a band, columns do.
WarpgroupContract::Place WarpgroupContract::placeOf(OpBuilder &b, const WarpgroupShape &shape,
                                                    Value number) const {
  Location loc = code.loc;
  auto constant = [&](int64_t value) { return indexConstant(b, loc, value); };
  auto mul = [&](Value x, Value y) { return b.createOrFold<arith::MulIOp>(loc, x, y); };
  auto div = [&](Value x, Value y) { return b.createOrFold<arith::DivUIOp>(loc, x, y); };
  auto rem = [&](Value x, Value y) { return b.createOrFold<arith::RemUIOp>(loc, x, y); };
  Value down = ceilDiv(b, loc, code.m.size, constant(shape.rows));
  Value across = ceilDiv(b, loc, code.n.size, constant(shape.columns));
  Value ofBatch = mul(down, across), inBatch = rem(number, ofBatch);
  Value ofBand = mul(constant(bandRows), across), inBand = rem(inBatch, ofBand);
  Value first = mul(div(inBatch, ofBand), constant(bandRows));
  Value rows = arith::MinUIOp::create(b, loc, constant(bandRows),
                                      arith::SubIOp::create(b, loc, down, first));
  Place place;
  place.origin.assign(code.nest.dims, constant(0));
  code.batch.place(b, loc, place.origin, div(number, ofBatch));
  Value row = arith::AddIOp::create(b, loc, first, rem(inBand, rows));
  place.row = mul(row, constant(shape.rows));
  place.column = mul(div(inBand, rows), constant(shape.columns));
  return place;
}

/// Runs `body` for each tile of the block, with the turn that the ring is at then.
void WarpgroupContract::forTiles(OpBuilder &b, const WarpgroupTile &tile,
                                 const WarpgroupShape &shape,
                                 function_ref<Turn(OpBuilder &, const Place &, Turn)> body) {
  Location loc = code.loc;
  Turn first = tile.firstTurn(b);
  scf::ForOp::create(b, loc, blockIndex(b, loc), code.blocks(b, shape.rows, shape.columns),
                     gridBlocks(b, loc), ValueRange{first.stage, first.parity},
                     [&](OpBuilder &b, Location, Value number, ValueRange carried) {
                       Turn turn = body(b, placeOf(b, shape, number), {carried[0], carried[1]});
                       scf::YieldOp::create(b, loc, ValueRange{turn.stage, turn.parity});
                     });
}

void WarpgroupContract::emitBody(OpBuilder &b, const WarpgroupShape &shape, ValueRange arguments) {
  bundle = arguments[0].getDefiningOp<emit::UnbundleOp>().getBundle();
  size_t maps = plans.size() + (result ? 1 : 0);
  code.parameters = arguments.drop_front(maps * tensorFields);
  code.setGroups(b, code.parameters);
  WarpgroupTile tile(simt, b, code.loc, shape);
  tile.run(
      b,
      [&](OpBuilder &b) {
        forTiles(b, tile, shape, [&](OpBuilder &b, const Place &place, Turn turn) {
          return produce(b, tile, place, turn);
        });
      },
      [&](OpBuilder &b) {
        forTiles(b, tile, shape, [&](OpBuilder &b, const Place &place, Turn turn) {
          return consume(b, tile, shape, place, turn);
        });
        if (result)
          tile.inOne(b, [&](OpBuilder &b) {
            NVVM::CpAsyncBulkWaitGroupOp::create(b, code.loc, 0, b.getUnitAttr());
          });
      });
}

Turn WarpgroupContract::produce(OpBuilder &b, const WarpgroupTile &tile, const Place &place,
                                Turn turn) {
  Location loc = code.loc;
  for (unsigned product = 0; product < code.op.getNumProducts(); ++product) {
    const BoxPlan &lhs = plans[2 * product], &rhs = plans[2 * product + 1];
    auto loop =
        scf::ForOp::create(b, loc, indexConstant(b, loc, 0), slices(b, product),
                           indexConstant(b, loc, 1), ValueRange{turn.stage, turn.parity},
                           [&](OpBuilder &b, Location, Value slice, ValueRange carried) {
                             Turn here{carried[0], carried[1]};
                             Value step = arith::MulIOp::create(
                                 b, loc, slice, indexConstant(b, loc, WarpgroupShape::steps));
                             tile.fill(b, here, lhs, mapOf(b, 2 * product), place.origin, place.row,
                                       rhs, mapOf(b, 2 * product + 1), place.column, step);
                             Turn after = tile.next(b, here);
                             scf::YieldOp::create(b, loc, ValueRange{after.stage, after.parity});
                           });
    turn = {loop.getResult(0), loop.getResult(1)};
  }
  return turn;
}

Turn WarpgroupContract::consume(OpBuilder &b, const WarpgroupTile &tile,
                                const WarpgroupShape &shape, const Place &place, Turn turn) {
  SmallVector<SmallVector<Value>> sums(code.op.getNumSums(), tile.zeros(b));
  Type element = code.nest.typeOf(0).getElementType();
  for (unsigned product = 0; product < code.op.getNumProducts(); ++product) {
    SmallVector<Value> &sum = sums[code.op.getSumOf(product)];
    sum = tile.multiply(b, turn, slices(b, product), plans[2 * product].isTransposed(),
                        plans[2 * product + 1].isTransposed(), element, sum);
  }
  code.origin = place.origin;
  if (result)
    send(b, tile, shape, place, sums);
  else
    exchange(b, tile, shape, place, sums);
  return turn;
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

/// Each thread makes the results of its own sums; a bulk copy takes 64 columns of a warpgroup's
/// rows, and leaves out what is not there.
void WarpgroupContract::send(OpBuilder &b, const WarpgroupTile &tile, const WarpgroupShape &shape,
                             const Place &place, ArrayRef<SmallVector<Value>> sums) {
  Location loc = code.loc;
  I32 i{b, loc};
  Type i16 = b.getI16Type(), i32 = b.getI32Type();
  auto resultOf = [&](OpBuilder &b, int64_t number) -> Value {
    auto [row, column] = tile.placeOf(b, number);
    // Operands of the epilogue are read at a row and a column that are there.
    row =
        clamp(b, loc, arith::AddIOp::create(b, loc, place.row, i.toIndex(row)), code.m.size).first;
    column =
        clamp(b, loc, arith::AddIOp::create(b, loc, place.column, i.toIndex(column)), code.n.size)
            .first;
    SmallVector<Value> here;
    for (const SmallVector<Value> &sum : sums)
      here.push_back(sum[number]);
    Value bits = arith::BitcastOp::create(b, loc, i16, code.valueAt(b, row, column, here));
    return arith::ExtUIOp::create(b, loc, i32, bits);
  };
  constexpr int64_t perPanel = WarpgroupShape::groupRows * BoxPlan::lineElements / warpgroupSize;
  // A tile of one panel always takes the same one.
  int64_t others = std::min(shape.sums() / perPanel, WarpgroupShape::panels) - 1;
  for (int64_t panel = 0; panel < shape.sums() / perPanel; ++panel) {
    // The copy of the panel's last contents must have read them: in this tile or in the one before.
    tile.inOne(b, [&](OpBuilder &b) {
      NVVM::CpAsyncBulkWaitGroupOp::create(b, loc, others, b.getUnitAttr());
    });
    tile.meet(b);
    SmallVector<Value> pairs;
    for (int64_t number = panel * perPanel; number < (panel + 1) * perPanel; number += 2) {
      Value low = resultOf(b, number), high = resultOf(b, number + 1);
      high = arith::ShLIOp::create(b, loc, high, i.constant(16));
      pairs.push_back(arith::OrIOp::create(b, loc, low, high));
    }
    Value memory = tile.panel(b, panel % WarpgroupShape::panels);
    tile.storePanel(b, memory, pairs);
    NVVM::FenceProxyOp::create(
        b, loc, NVVM::ProxyKind::async_shared,
        NVVM::SharedSpaceAttr::get(b.getContext(), NVVM::SharedSpace::shared_cta));
    tile.meet(b);
    tile.inOne(b, [&](OpBuilder &b) {
      Value row = i.toIndex(i.mul(tile.group, WarpgroupShape::groupRows));
      row = arith::AddIOp::create(b, loc, place.row, row);
      Value column = plus(b, loc, place.column, panel * BoxPlan::lineElements);
      NVVM::CpAsyncBulkTensorSharedCTAToGlobalOp::create(
          b, loc, mapOf(b, plans.size()), memory, result->corner(b, loc, row, column, place.origin),
          Value(), NVVM::TMAStoreMode::TILE, Value());
      NVVM::CpAsyncBulkCommitGroupOp::create(b, loc);
    });
  }
}

/// Sums go through shared memory, some columns at a time, so that neighbouring threads write
/// neighbouring elements.
void WarpgroupContract::exchange(OpBuilder &b, const WarpgroupTile &tile,
                                 const WarpgroupShape &shape, const Place &place,
                                 ArrayRef<SmallVector<Value>> sums) {
  Location loc = code.loc;
  int64_t columns = exchangeColumns / int64_t(sums.size());
  constexpr int64_t rows = WarpgroupShape::groupRows;
  static_assert(rows * exchangeStride * sizeof(float) <=
                WarpgroupShape::panels * WarpgroupShape::panelBytes);
  auto address = [&](OpBuilder &b, Value row, Value column, size_t sum) {
    I32 i{b, loc};
    Value at = i.add(i.add(i.mul(row, exchangeStride), column), sum * columns);
    return movedBy(b, loc, tile.panel(b, 0), at, sizeof(float));
  };
  I32 i{b, loc};
  Value firstRow = i.mul(tile.group, rows);
  int64_t perPart = rows * columns / warpgroupSize;
  for (int64_t part = 0; part < shape.columns / columns; ++part) {
    tile.meet(b);
    for (int64_t number = part * perPart; number < (part + 1) * perPart; ++number)
      for (auto [sum, values] : llvm::enumerate(sums)) {
        auto [row, column] = tile.placeOf(b, number);
        row = i.sub(row, firstRow);
        column = i.sub(column, i.constant(part * columns));
        LLVM::StoreOp::create(b, loc, values[number], address(b, row, column, sum), 4);
      }
    tile.meet(b);
    Value top = arith::AddIOp::create(b, loc, place.row, i.toIndex(firstRow));
    Value left = plus(b, loc, place.column, part * columns);
    scf::ForOp::create(
        b, loc, i.toIndex(tile.member), indexConstant(b, loc, rows * columns),
        indexConstant(b, loc, warpgroupSize), ValueRange(),
        [&](OpBuilder &b, Location, Value element, ValueRange) {
          I32 i{b, loc};
          Value width = indexConstant(b, loc, columns);
          Value row = arith::DivUIOp::create(b, loc, element, width);
          Value column = arith::RemUIOp::create(b, loc, element, width);
          Value toRow = arith::AddIOp::create(b, loc, top, row);
          Value toColumn = arith::AddIOp::create(b, loc, left, column);
          Value inside = arith::AndIOp::create(
              b, loc, arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, toRow, code.m.size),
              arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, toColumn, code.n.size));
          scf::IfOp::create(b, loc, inside, [&](OpBuilder &b, Location) {
            SmallVector<Value> here;
            for (size_t sum = 0; sum < sums.size(); ++sum)
              here.push_back(LLVM::LoadOp::create(b, loc, b.getF32Type(),
                                                  address(b, i.from(row), i.from(column), sum)));
            code.finish(b, toRow, toColumn, here);
            scf::YieldOp::create(b, loc);
          });
          scf::YieldOp::create(b, loc);
        });
  }
}

} // namespace

bool emitWarpgroupContract(Simt &simt, OpBuilder &host, Contraction &code) {
  WarpgroupContract contract(simt, code);
  if (!contract.plan())
    return false;
  contract.launchBySize(host);
  ++simt.warpgroupContractions;
  return true;
}

} // namespace strut::gpu
