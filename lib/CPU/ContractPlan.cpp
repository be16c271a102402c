//===- ContractPlan.cpp - How a contraction is computed -------------------===//
#include "ContractPlan.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "strut/CPU/CPU.h"
#include "llvm/ADT/SmallBitVector.h"

using namespace mlir;

namespace strut::cpu {

std::optional<kernel::ContractOp::Roles> rolesWithOneColumn(kernel::ContractOp op) {
  kernel::ContractOp::Roles roles = op.getRoles();
  AffineMap written = op.getMaps().back();
  auto place = [&](unsigned d) {
    return *written.getResultPosition(getAffineDimExpr(d, op.getContext()));
  };
  auto column =
      llvm::max_element(roles.n, [&](unsigned a, unsigned b) { return place(a) < place(b); });
  if (column == roles.n.end())
    return std::nullopt;
  unsigned last = *column;
  for (unsigned d : roles.n)
    if (d != last)
      roles.batch.push_back(d);
  llvm::sort(roles.batch);
  roles.n = {last};
  return roles;
}

kernel::ContractOp::Roles rolesOfGroups() {
  using kernel::GroupedOp;
  return {{GroupedOp::kGroup}, {GroupedOp::kRow}, {GroupedOp::kColumn}, {GroupedOp::kTerm}};
}

int64_t registersOfSums(Type element) {
  return kernel::ContractOp::getAccumulatorType(element).getIntOrFloatBitWidth() > 32 ? 2 : 1;
}

SmallVector<SmallVector<unsigned>> productLoops(const Target &target, kernel::ContractOp op) {
  SmallVector<AffineMap> maps = op.getMaps();
  auto isWeight = [](Value v) {
    return isa<kernel::PackedType>(v.getType()) || v.getDefiningOp<kernel::UseOp>();
  };
  size_t most = target.mostSums() / registersOfSums(getElementTypeOrSelf(op.getLhs().getType()));
  SmallVector<SmallVector<unsigned>> loops;
  for (unsigned p = 0; p < op.getNumProducts(); ++p) {
    bool joins = p > 0 && isWeight(op.getRhs(p)) && loops.back().size() < most &&
                 llvm::all_of(
                     loops.back(),
                     [&](unsigned q) {
                       return op.getLhs(p) == op.getLhs(q) && maps[2 * p] == maps[2 * q] &&
                              maps[2 * p + 1] == maps[2 * q + 1] && isWeight(op.getRhs(q)) &&
                              op.getSumOf(p) != op.getSumOf(q);
                     });
    if (!joins)
      loops.emplace_back();
    loops.back().push_back(p);
  }
  return loops;
}

/// The number of products in a sum, kDynamic where the types do not tell.
static int64_t termsOf(ContractPlan &plan, unsigned product, ArrayRef<unsigned> steps) {
  Type type = plan.rhs(product).getType();
  auto packed = dyn_cast<kernel::PackedType>(type);
  ArrayRef<int64_t> shape =
      packed ? packed.getLogical().getShape() : cast<MemRefType>(type).getShape();
  int64_t terms = 1;
  for (unsigned k : steps) {
    auto axis =
        plan.maps[2 * product + 1].getResultPosition(getAffineDimExpr(k, plan.op->getContext()));
    if (!axis || ShapedType::isDynamic(shape[*axis]))
      return ShapedType::kDynamic;
    terms *= shape[*axis];
  }
  return terms;
}

/// Whether places of `type` follow each other as (column, block) does, block running fastest.
static bool liesInterleaved(Type operand, AffineMap map, AffineExpr column, AffineExpr block,
                            int64_t blocks) {
  auto type = dyn_cast<MemRefType>(operand);
  SmallVector<int64_t> strides;
  int64_t offset;
  unsigned rank = map.getNumResults();
  return type && rank >= 2 && map.getResult(rank - 1) == block &&
         map.getResult(rank - 2) == column &&
         succeeded(type.getStridesAndOffset(strides, offset)) && strides[rank - 1] == 1 &&
         strides[rank - 2] == blocks;
}

/// How many blocks of the last batch dimension a task can store side by side, else 1.
static int64_t interleavedBlocks(ContractPlan &plan) {
  constexpr int64_t most = 8; // their accumulators wait in L1
  auto op = dyn_cast<kernel::ContractOp>(*plan.op);
  if (!op || plan.roles.batch.empty() || plan.sumOf.size() > 1)
    return 1;
  AffineExpr column = getAffineDimExpr(plan.n, op.getContext()),
             block = getAffineDimExpr(plan.roles.batch.back(), op.getContext());
  std::optional<unsigned> axis = plan.maps[1].getResultPosition(block);
  auto packed = dyn_cast<kernel::PackedType>(op.getRhs().getType());
  int64_t blocks = axis && packed ? packed.getLogical().getDimSize(*axis) : 1;
  if (blocks < 2 || blocks > most)
    return 1;
  for (auto [operand, map] : llvm::drop_begin(llvm::zip(op->getOperands(), plan.maps), 2)) {
    bool either = map.isFunctionOfDim(plan.n) || map.isFunctionOfDim(plan.roles.batch.back());
    bool init = operand == op.getInit();
    if ((either || init) && !liesInterleaved(operand.getType(), map, column, block, blocks))
      return 1;
  }
  WalkResult indexed = op.getBody().walk([&](kernel::IndexOp index) {
    bool lane = index.getDim() == plan.n || index.getDim() == plan.roles.batch.back();
    return lane ? WalkResult::interrupt() : WalkResult::advance();
  });
  return indexed.wasInterrupted() ? 1 : blocks;
}

/// The rows of a packed panel of a product with one dimension of k that the types of other
/// operands do not tell: they may be fewer.
static std::optional<int64_t> storedRowsOf(ContractPlan &plan, unsigned product, unsigned k) {
  auto packed = dyn_cast<kernel::PackedType>(plan.rhs(product).getType());
  AffineExpr step = getAffineDimExpr(k, plan.op->getContext());
  std::optional<unsigned> read = plan.maps[2 * product].getResultPosition(step),
                          row = plan.maps[2 * product + 1].getResultPosition(step);
  if (!packed || !read || !row ||
      !cast<MemRefType>(plan.lhs(product).getType()).isDynamicDim(*read))
    return std::nullopt;
  return packed.getLogical().getDimSize(*row);
}

/// What is decided per loop over k.
static void addLoops(ContractPlan &plan, kernel::ContractOp op, const Target &target) {
  llvm::SmallBitVector begun(plan.sums);
  for (ArrayRef<unsigned> products : productLoops(target, op)) {
    ContractPlan::Loop &loop = plan.loops.emplace_back();
    loop.products.assign(products.begin(), products.end());
    loop.k = kernel::ContractOp::stepsOf(plan.maps, products.front());
    loop.panels =
        isa<kernel::PackedType>(plan.rhs(products.front()).getType()) || bool(op.getWorkspace());
    if (loop.k.size() == 1)
      loop.storedRows = storedRowsOf(plan, products.front(), loop.k.front());
    for (unsigned inner = 2; inner <= loop.k.size(); ++inner) {
      int64_t terms = termsOf(plan, products.front(), ArrayRef(loop.k).take_back(inner));
      if (terms == ShapedType::kDynamic || terms > blockSize)
        break;
      loop.inRegisters = inner;
    }
    loop.begins = !begun[plan.sumOf[products.front()]];
    for (unsigned p : products)
      begun.set(plan.sumOf[p]);
  }
}

FailureOr<ContractPlan> ContractPlan::create(const Emitter &emitter, kernel::KernelOpInterface op) {
  const Target &target = emitter.getTarget();
  ContractPlan plan;
  plan.fetchesIntoL1 = target.asksAhead();
  plan.asksAhead = emitter.asksAhead();
  plan.op = op;
  plan.maps = op.getMaps();
  plan.lanes = target.lanes();
  plan.registers = target.vectorRegisters;
  if (auto contract = dyn_cast<kernel::ContractOp>(*op)) {
    std::optional<kernel::ContractOp::Roles> roles = rolesWithOneColumn(contract);
    if (!roles)
      return op->emitOpError("needs a column dimension");
    plan.roles = *roles;
    plan.firstExtra = contract.getNumFactors();
    plan.sums = contract.getNumSums();
    for (unsigned p = 0; p < contract.getNumProducts(); ++p)
      plan.sumOf.push_back(contract.getSumOf(p));
    addLoops(plan, contract, target);
  } else {
    plan.roles = rolesOfGroups();
    plan.firstExtra = kernel::GroupedOp::kFirstExtra;
    plan.sumOf = {0};
    Loop &loop = plan.loops.emplace_back();
    loop.products = {0};
    loop.k = plan.roles.k;
    loop.panels = isa<kernel::PackedType>(plan.rhs().getType());
    loop.begins = true;
  }
  plan.n = plan.roles.n.front();
  int64_t together = 0;
  for (const Loop &loop : plan.loops)
    together = std::max<int64_t>(together, loop.products.size());
  AffineExpr n = getAffineDimExpr(plan.n, op->getContext());
  std::optional<int64_t> vectors;
  int64_t columns = ShapedType::kDynamic, sideBySide = 1;
  for (unsigned p = 0; p < plan.sumOf.size(); ++p) {
    Type type = plan.rhs(p).getType();
    auto packed = dyn_cast<kernel::PackedType>(type);
    ShapedType logical = packed ? ShapedType(packed.getLogical()) : cast<MemRefType>(type);
    columns = logical.getDimSize(*plan.maps[2 * p + 1].getResultPosition(n));
    // Of a packed weight the first columns may be read.
    if (packed)
      columns = cast<MemRefType>(plan.init().getType())
                    .getDimSize(*plan.maps.back().getResultPosition(n));
    plan.accumulator = kernel::ContractOp::getAccumulatorType(logical.getElementType());
    sideBySide = together * registersOfSums(logical.getElementType());
    int64_t width =
        packed
            ? cast<PanelsAttr>(packed.getLayout()).getN() / plan.lanes
            : target.panelVectors(ShapedType::isDynamic(columns) ? INT32_MAX : columns, sideBySide);
    if (vectors && *vectors != width)
      return op->emitOpError("has products in panels of different width");
    vectors = width;
  }
  plan.vectors = *vectors;
  plan.rows = target.tileRows(plan.vectors * sideBySide);
  plan.masked = ShapedType::isDynamic(columns) || columns % plan.columns() != 0;
  plan.blocks = interleavedBlocks(plan);
  return plan;
}

/// The distance in elements of one step along `dim` of lhs, if it is known.
static std::optional<int64_t> strideOf(AffineMap map, ArrayRef<int64_t> strides, unsigned d) {
  int64_t stride = 0;
  AffineExpr dim = getAffineDimExpr(d, map.getContext());
  for (auto [expr, place] : llvm::zip(map.getResults(), strides)) {
    AffineExpr step =
        simplifyAffineExpr(expr.replace(dim, dim + 1) - expr, map.getNumDims(), /*numSymbols=*/0);
    auto known = dyn_cast<AffineConstantExpr>(step);
    if (!known || (known.getValue() != 0 && ShapedType::isDynamic(place)))
      return std::nullopt;
    if (known.getValue() != 0)
      stride += known.getValue() * place;
  }
  return stride;
}

static void joinSteps(OpBuilder &host, Location loc, ContractPlan &plan,
                      const ContractPlan::Loop &loop, SmallVector<Value> &extents) {
  SmallVector<int64_t> strides;
  int64_t offset;
  unsigned product = loop.products.front();
  if (failed(cast<MemRefType>(plan.lhs(product).getType()).getStridesAndOffset(strides, offset)))
    return;
  AffineMap map = plan.maps[2 * product];
  unsigned inner = loop.k.back();
  ArrayRef<unsigned> joined = loop.k;
  if (loop.inRegisters > 1) // what is summed in registers must not grow
    joined = joined.take_back(loop.inRegisters);
  for (unsigned outer : llvm::reverse(joined.drop_back())) {
    std::optional<int64_t> run = getConstantIntValue(extents[inner]);
    auto outerStride = strideOf(map, strides, outer);
    auto innerStride = strideOf(map, strides, inner);
    if (!run || !outerStride || !innerStride || *outerStride != *run * *innerStride)
      return;
    extents[inner] = host.createOrFold<arith::MulIOp>(loc, extents[inner], extents[outer]);
    extents[outer] = arith::ConstantIndexOp::create(host, loc, 1);
  }
}

void joinSteps(OpBuilder &host, Location loc, ContractPlan &plan, SmallVector<Value> &extents) {
  for (const ContractPlan::Loop &loop : plan.loops) {
    // Other products that step along the same k would have to agree.
    bool alone = llvm::none_of(plan.loops, [&](const ContractPlan::Loop &other) {
      return &other != &loop &&
             llvm::any_of(loop.k, [&](unsigned k) { return llvm::is_contained(other.k, k); });
    });
    if (alone && !loop.k.empty() && loop.panels)
      joinSteps(host, loc, plan, loop, extents);
  }
}

Value chooseRowsPerTask(OpBuilder &b, Location loc, Value rows, Value panels, int64_t tileRows) {
  auto index = [&](int64_t value) { return arith::ConstantIndexOp::create(b, loc, value); };
  Value tiles = b.createOrFold<arith::CeilDivUIOp>(loc, rows, index(tileRows));
  Value most = b.createOrFold<arith::CeilDivUIOp>(
      loc, b.createOrFold<arith::MulIOp>(loc, tiles, panels), index(32));
  Value perTask = b.createOrFold<arith::MaxUIOp>(loc, most, index(2));
  perTask = b.createOrFold<arith::MinUIOp>(loc, perTask, index(32));
  return b.createOrFold<arith::MulIOp>(loc, perTask, index(tileRows));
}

} // namespace strut::cpu
