//===- WarpgroupTile.cpp - A tile of a product by warpgroups --------------===//
#include "WarpgroupTile.h"
#include "Addresses.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace strut::gpu {

constexpr int64_t mbarrierBytes = 8;
constexpr int64_t stepsOfProduct = 16; ///< that one wgmma takes
/// Of a thread, of which there are 65536 among three warpgroups: what copies needs few.
constexpr uint32_t producerRegisters = 40, consumerRegisters = 232;

WarpgroupTile::WarpgroupTile(Simt &simt, OpBuilder &b, Location loc, const WarpgroupShape &shape)
    : loc(loc), shape(shape) {
  I32 i{b, loc};
  memory = simt.dynamicShared(b, loc, shape.sharedBytes());
  thread = i.from(threadIndex(b, loc));
  // The same in all lanes, and known to be.
  warp = NVVM::ShflOp::create(b, loc, b.getI32Type(), i.constant(-1), i.div(thread, warpSize),
                              i.constant(0), i.constant(warpSize - 1), NVVM::ShflKind::idx,
                              UnitAttr());
  member = i.rem(thread, warpgroupSize);
  // The warpgroup that copies comes last.
  group = i.div(warp, warpgroupSize / warpSize);
}

Value WarpgroupTile::address(OpBuilder &b, Value offset) const {
  return movedBy(b, loc, memory, offset, 1);
}

//===----------------------------------------------------------------------===//
// Roles and turns
//===----------------------------------------------------------------------===//

static void ifSo(OpBuilder &b, Location loc, Value condition,
                 function_ref<void(OpBuilder &)> body) {
  scf::IfOp::create(b, loc, condition, [&](OpBuilder &b, Location) {
    body(b);
    scf::YieldOp::create(b, loc);
  });
}

static Value isEqual(OpBuilder &b, Location loc, Value x, int64_t y) {
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, x, I32{b, loc}.constant(y));
}

void WarpgroupTile::run(OpBuilder &b, function_ref<void(OpBuilder &)> produce,
                        function_ref<void(OpBuilder &)> consume) const {
  ifSo(b, loc, isEqual(b, loc, thread, 0), [&](OpBuilder &b) {
    I32 i{b, loc};
    for (int64_t stage = 0; stage < shape.stages; ++stage) {
      NVVM::MBarrierInitOp::create(b, loc, full(b, i.constant(stage)), i.constant(1), Value());
      NVVM::MBarrierInitOp::create(b, loc, empty(b, i.constant(stage)),
                                   i.constant(shape.consumers()), Value());
    }
    NVVM::FenceMbarrierInitOp::create(b, loc);
  });
  barrier(b, loc);
  bool movesRegisters = shape.consumers() > 1; // else there are enough for all
  auto setRegisters = [&](OpBuilder &b, uint32_t count, NVVM::SetMaxRegisterAction action) {
    if (movesRegisters)
      NVVM::SetMaxRegisterOp::create(b, loc, count, action);
  };
  scf::IfOp::create(
      b, loc, isEqual(b, loc, group, shape.consumers()),
      [&](OpBuilder &b, Location) {
        setRegisters(b, producerRegisters, NVVM::SetMaxRegisterAction::decrease);
        int64_t first = shape.consumers() * warpgroupSize / warpSize;
        ifSo(b, loc, isEqual(b, loc, warp, first), [&](OpBuilder &b) {
          Value isElected = NVVM::ElectSyncOp::create(b, loc, b.getI1Type(), Value());
          ifSo(b, loc, isElected, produce);
        });
        scf::YieldOp::create(b, loc);
      },
      [&](OpBuilder &b, Location) {
        setRegisters(b, consumerRegisters, NVVM::SetMaxRegisterAction::increase);
        consume(b);
        scf::YieldOp::create(b, loc);
      });
}

Turn WarpgroupTile::firstTurn(OpBuilder &b) const {
  I32 i{b, loc};
  return {i.constant(0), i.constant(0)};
}

Turn WarpgroupTile::next(OpBuilder &b, const Turn &turn) const {
  I32 i{b, loc};
  Value stage = i.add(turn.stage, 1), isRound = isEqual(b, loc, stage, shape.stages);
  return {arith::SelectOp::create(b, loc, isRound, i.constant(0), stage),
          i.flip(turn.parity, arith::ExtUIOp::create(b, loc, b.getI32Type(), isRound))};
}

Value WarpgroupTile::full(OpBuilder &b, Value stage) const {
  I32 i{b, loc};
  return address(b, i.add(i.mul(stage, mbarrierBytes), shape.barrierOffset()));
}

Value WarpgroupTile::empty(OpBuilder &b, Value stage) const {
  I32 i{b, loc};
  return address(
      b, i.add(i.mul(stage, mbarrierBytes), shape.barrierOffset() + shape.stages * mbarrierBytes));
}

/// The instruction may give up before the phase is over.
void WarpgroupTile::waitFor(OpBuilder &b, Value mbarrier, Value parity) const {
  scf::WhileOp::create(
      b, loc, TypeRange(), ValueRange(),
      [&](OpBuilder &b, Location, ValueRange) {
        Value isOver =
            NVVM::MBarrierTryWaitOp::create(b, loc, b.getI1Type(), mbarrier, parity, Value());
        Value again =
            arith::XOrIOp::create(b, loc, isOver, arith::ConstantIntOp::create(b, loc, 1, 1));
        scf::ConditionOp::create(b, loc, again, ValueRange());
      },
      [&](OpBuilder &b, Location, ValueRange) { scf::YieldOp::create(b, loc); });
}

void WarpgroupTile::inOne(OpBuilder &b, function_ref<void(OpBuilder &)> body) const {
  ifSo(b, loc, isEqual(b, loc, member, 0), body);
}

/// Barrier 0 is that of the whole block.
void WarpgroupTile::meet(OpBuilder &b) const {
  I32 i{b, loc};
  NVVM::BarrierOp::create(b, loc, TypeRange(), i.add(group, 1), i.constant(warpgroupSize),
                          NVVM::BarrierReductionAttr(), Value());
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

/// `extent` rows or columns from `first` on; transposed, a box for each 64 of them.
void WarpgroupTile::loadBoxes(OpBuilder &b, const BoxPlan &plan, Value map, ValueRange origin,
                              Value first, int64_t extent, Value step, Value offset,
                              Value mbarrier) const {
  I32 i{b, loc};
  Type cluster = LLVM::LLVMPointerType::get(b.getContext(), clusterSpace);
  int64_t rows = plan.isTransposed() ? BoxPlan::lineElements : extent;
  for (int64_t row = 0; row < extent; row += rows) {
    Value to = address(b, i.add(offset, row * WarpgroupShape::lineBytes));
    to = LLVM::AddrSpaceCastOp::create(b, loc, cluster, to);
    NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp::create(
        b, loc, to, map, plan.corner(b, loc, plus(b, loc, first, row), step, origin), mbarrier,
        ValueRange(), Value(), Value(), NVVM::TMALoadMode::TILE, /*isCTAOnly=*/false,
        NVVM::CTAGroupKindAttr(), Value());
  }
}

void WarpgroupTile::fill(OpBuilder &b, const Turn &turn, const BoxPlan &lhs, Value lhsMap,
                         ValueRange origin, Value firstRow, const BoxPlan &rhs, Value rhsMap,
                         Value firstColumn, Value firstStep) const {
  I32 i{b, loc};
  // A stage that was never filled is empty since the phase before the first.
  waitFor(b, empty(b, turn.stage), i.flip(turn.parity, i.constant(1)));
  Value mbarrier = full(b, turn.stage), offset = i.mul(turn.stage, shape.stageBytes());
  NVVM::MBarrierArriveExpectTxOp::create(b, loc, TypeRange(), mbarrier,
                                         i.constant(shape.stageBytes()), NVVM::MemScopeKind::CTA,
                                         /*relaxed=*/false, Value());
  loadBoxes(b, lhs, lhsMap, origin, firstRow, shape.rows, firstStep, offset, mbarrier);
  loadBoxes(b, rhs, rhsMap, origin, firstColumn, shape.columns, firstStep,
            i.add(offset, shape.rows * WarpgroupShape::lineBytes), mbarrier);
}

void WarpgroupTile::release(OpBuilder &b, Value stage) const {
  inOne(b, [&](OpBuilder &b) {
    NVVM::MBarrierArriveOp::create(b, loc, TypeRange(), empty(b, stage), I32{b, loc}.constant(1));
  });
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

SmallVector<Value> WarpgroupTile::zeros(OpBuilder &b) const {
  Value zero = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0));
  return SmallVector<Value>(shape.sums(), zero);
}

/// The matrix descriptor of the operand at `offset` of shared memory. All are swizzled by 128
/// bytes. Along the steps, eight lines are a pattern; across them, 64 rows of eight steps are.
Value WarpgroupTile::descriptor(OpBuilder &b, Value offset, bool isTransposed) const {
  I32 i{b, loc};
  constexpr int64_t unit = 16, pattern = 8 * WarpgroupShape::lineBytes;
  int64_t leading = isTransposed ? WarpgroupShape::panelBytes / unit : 1;
  int64_t fixed = int64_t(1) << 62 | (pattern / unit) << 32 | leading << 16;
  Value place = LLVM::PtrToIntOp::create(b, loc, b.getI32Type(), address(b, offset));
  place = arith::AndIOp::create(b, loc, place, i.constant(0x3ffff));
  place = arith::ExtUIOp::create(b, loc, b.getI64Type(), i.div(place, unit));
  return arith::OrIOp::create(b, loc, place, arith::ConstantIntOp::create(b, loc, fixed, 64));
}

/// Registers that an assembly reads and writes: a text for each, like "$0".
static std::string registerList(int64_t count) {
  std::string text;
  for (int64_t i = 0; i < count; ++i)
    text += (i ? ", $" : "$") + std::to_string(i);
  return text;
}

/// Assembly that takes the sums to those after it, with more operands of 64 bits. Only what is told
/// to read and write the sums keeps the compiler from moving them while products are on their way.
static SmallVector<Value> assembly(OpBuilder &b, Location loc, StringRef text, ValueRange sums,
                                   ValueRange operands = {}) {
  std::string constraints;
  for (size_t i = 0; i < sums.size(); ++i)
    constraints += i ? ",=f" : "=f";
  for (size_t i = 0; i < sums.size(); ++i)
    constraints += "," + std::to_string(i);
  for (size_t i = 0; i < operands.size(); ++i)
    constraints += ",l";
  SmallVector<Type> fields(sums.size(), b.getF32Type());
  Type type = LLVM::LLVMStructType::getLiteral(b.getContext(), fields);
  SmallVector<Value> all(sums);
  llvm::append_range(all, operands);
  auto made = LLVM::InlineAsmOp::create(
      b, loc, type, all, text, constraints, /*has_side_effects=*/true, /*is_align_stack=*/false,
      LLVM::TailCallKind::None, LLVM::AsmDialectAttr(), ArrayAttr());
  SmallVector<Value> results;
  for (size_t i = 0; i < sums.size(); ++i)
    results.push_back(LLVM::ExtractValueOp::create(b, loc, made.getRes(), i));
  return results;
}

SmallVector<Value> WarpgroupTile::multiplyStage(OpBuilder &b, Value stage, bool isLhsTransposed,
                                                bool isRhsTransposed, Type element,
                                                ValueRange sums) const {
  I32 i{b, loc};
  Value offset = i.mul(stage, shape.stageBytes());
  // 64 rows are 64 lines, whichever way they lie.
  Value lhs =
      descriptor(b, i.add(offset, i.mul(group, WarpgroupShape::panelBytes)), isLhsTransposed);
  Value rhs = descriptor(b, i.add(offset, shape.rows * WarpgroupShape::lineBytes), isRhsTransposed);
  auto moved = [&](Value from, int64_t step, bool isTransposed) -> Value {
    int64_t bytes = step * stepsOfProduct * (isTransposed ? WarpgroupShape::lineBytes : 2);
    return b.createOrFold<arith::AddIOp>(loc, from,
                                         arith::ConstantIntOp::create(b, loc, bytes / 16, 64));
  };
  StringRef type = element.isBF16() ? "bf16" : "f16";
  std::string text = "wgmma.fence.sync.aligned; ", registers = registerList(sums.size());
  SmallVector<Value> operands;
  for (int64_t step = 0; step < WarpgroupShape::steps / stepsOfProduct; ++step) {
    size_t next = 2 * sums.size() + operands.size();
    text += llvm::formatv("wgmma.mma_async.sync.aligned.m64n{0}k16.f32.{1}.{1} {{{2}}, ${3}, ${4}, "
                          "1, 1, 1, {5}, {6}; ",
                          shape.columns, type, registers, next, next + 1, int(isLhsTransposed),
                          int(isRhsTransposed))
                .str();
    operands.append({moved(lhs, step, isLhsTransposed), moved(rhs, step, isRhsTransposed)});
  }
  return assembly(b, loc, text + "wgmma.commit_group.sync.aligned;", sums, operands);
}

SmallVector<Value> WarpgroupTile::awaitGroups(OpBuilder &b, int64_t groups, ValueRange sums) const {
  return assembly(b, loc, "wgmma.wait_group.sync.aligned " + std::to_string(groups) + ";", sums);
}

/// While a stage is multiplied, the one before is done with and released. Without a slice the sums
/// stay, on a way of their own: where they met those of products that are still on their way,
/// ptxas would have each product wait for the one before.
SmallVector<Value> WarpgroupTile::multiply(OpBuilder &b, Turn &turn, Value slices,
                                           bool isLhsTransposed, bool isRhsTransposed, Type element,
                                           ValueRange sums) const {
  Value zero = indexConstant(b, loc, 0), one = indexConstant(b, loc, 1);
  Turn first = turn;
  auto multiplyAll = [&](OpBuilder &b, Location) {
    SmallVector<Value> start(sums);
    start.append({first.stage, first.parity, first.stage});
    auto loop = scf::ForOp::create(
        b, loc, zero, slices, one, start,
        [&](OpBuilder &b, Location, Value slice, ValueRange carried) {
          ValueRange before = carried.drop_back(3);
          Turn here{carried[before.size()], carried[before.size() + 1]};
          waitFor(b, full(b, here.stage), here.parity);
          SmallVector<Value> made =
              multiplyStage(b, here.stage, isLhsTransposed, isRhsTransposed, element, before);
          made = awaitGroups(b, 1, made);
          Value isLater = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, slice, zero);
          ifSo(b, loc, isLater, [&](OpBuilder &b) { release(b, carried.back()); });
          Turn after = next(b, here);
          made.append({after.stage, after.parity, here.stage});
          scf::YieldOp::create(b, loc, made);
        });
    ValueRange results = loop.getResults();
    SmallVector<Value> total = awaitGroups(b, 0, results.take_front(sums.size()));
    release(b, results.back());
    llvm::append_range(total, results.slice(sums.size(), 2));
    scf::YieldOp::create(b, loc, total);
  };
  auto keep = [&](OpBuilder &b, Location) {
    SmallVector<Value> kept(sums);
    kept.append({first.stage, first.parity});
    scf::YieldOp::create(b, loc, kept);
  };
  Value isAny = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, slices, zero);
  auto made = scf::IfOp::create(b, loc, isAny, multiplyAll, keep);
  ValueRange results = made.getResults();
  turn = {results[sums.size()], results[sums.size() + 1]};
  return SmallVector<Value>(results.take_front(sums.size()));
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

/// Of each 8 columns a thread has two neighbours in one row, and two 8 rows below.
std::pair<Value, Value> WarpgroupTile::placeOf(OpBuilder &b, int64_t number) const {
  I32 i{b, loc};
  int64_t block = number / 4, half = number % 4 / 2, side = number % 2;
  Value lane = i.rem(member, warpSize);
  Value row = i.add(i.mul(i.div(member, warpSize), 16), i.div(lane, 4));
  row = i.add(i.add(row, i.mul(group, WarpgroupShape::groupRows)), 8 * half);
  return {row, i.add(i.mul(i.rem(lane, 4), 2), 8 * block + side)};
}

Value WarpgroupTile::panel(OpBuilder &b, int64_t number) const {
  I32 i{b, loc};
  Value first = i.mul(group, WarpgroupShape::panels * WarpgroupShape::panelBytes);
  return address(b, i.add(first, shape.resultOffset() + number * WarpgroupShape::panelBytes));
}

/// stmatrix takes four matrices of 8 rows: upper and lower half of 8 columns, then of the next 8.
/// A lane has the address of one of their rows.
void WarpgroupTile::storePanel(OpBuilder &b, Value panel, ValueRange pairs) const {
  I32 i{b, loc};
  constexpr int64_t chunkBytes = 16;
  Value lane = i.rem(member, warpSize);
  Value line = i.add(i.mul(i.div(member, warpSize), 16), i.rem(lane, 16));
  Value start = i.mul(line, WarpgroupShape::lineBytes), permutation = i.rem(line, 8);
  for (size_t at = 0; at < pairs.size(); at += 4) {
    Value chunk = i.flip(i.add(i.div(lane, 16), at / 2), permutation);
    Value to = movedBy(b, loc, panel, i.add(start, i.mul(chunk, chunkBytes)), 1);
    NVVM::StMatrixOp::create(b, loc, to, pairs.slice(at, 4), NVVM::MMALayout::row,
                             NVVM::LdStMatrixShapeAttr::get(b.getContext(), 8, 8),
                             NVVM::LdStMatrixEltType::B16);
  }
}

} // namespace strut::gpu
