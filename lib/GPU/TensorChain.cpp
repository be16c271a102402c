//===- TensorChain.cpp - kernel.chain on tensor cores ---------------------===//
//
// A block computes the middle for its rows, whole, and then a group of the result's columns of it.
// Blocks of the same rows compute the same middle: there are no more of them than the second cache
// feeds. The first slices of the second right side are on their way
// before all others.
//
//===----------------------------------------------------------------------===//
#include "ChainShape.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace strut::gpu {
namespace {

enum Factor : unsigned { Lhs, Rhs, Next, NumFactors };

/// The iteration space, whose dimensions of each role are numbered as one.
struct ChainSpace {
  ChainSpace(kernel::ChainOp op, const Nest &nest)
      : op(op), nest(nest), roles(kernel::ChainOp::rolesOf(nest.maps)), loc(op.getLoc()) {}

  /// Numbers the dimensions by the extents that the operands have where `b` stands.
  void setGroups(OpBuilder &b, ValueRange operands);
  /// In a kernel function: its arguments, those of the nest.
  void begin(OpBuilder &b, ValueRange arguments);
  /// How many points some dimensions have; kDynamic if that is not known.
  int64_t staticSize(ArrayRef<unsigned> dims) const;
  /// In a kernel function.
  TileOperand operand(Factor factor) const;
  /// Of a row and a column, which is one of `columns`.
  SmallVector<Value> pointAt(OpBuilder &b, const DimGroup &columns, Value row, Value column) const;
  Value constant(OpBuilder &b, int64_t value) const { return indexConstant(b, loc, value); }

  kernel::ChainOp op;
  const Nest &nest;
  kernel::ChainOp::Roles roles;
  Location loc;
  SmallVector<CopyPlan> plans; ///< one for each factor
  DimGroup m, n, r, k;
  ValueRange parameters;
  SmallVector<Value> origin; ///< a point, all 0
};

/// What a block does.
class ChainBody {
public:
  ChainBody(const ChainSpace &chain, OpBuilder &b, const ChainShape &shape, Value memory,
            Value perGroup);
  void emit(OpBuilder &b) const;

private:
  Slices nextSlices(OpBuilder &b, Value firstColumn) const;
  void fetch(OpBuilder &b, Value stage, Value item) const;
  void emitMiddle(OpBuilder &b) const;
  void storeMiddle(OpBuilder &b, Value inTile, Value column, Value sum) const;
  void addParts(OpBuilder &b) const;
  void readOthers(OpBuilder &b) const;
  Value partAt(OpBuilder &b, Value row, Value column) const;
  Value inBlock(OpBuilder &b, Value address, Value which) const;
  void forOwn(OpBuilder &b, int64_t count, function_ref<void(OpBuilder &, Value)> body) const;
  void meet(OpBuilder &b) const {
    arriveAtCluster(b, loc);
    waitForCluster(b, loc);
  }
  Value emitTile(OpBuilder &b, Value number, Value stage) const;
  Value constant(OpBuilder &b, int64_t value) const { return chain.constant(b, value); }

  const ChainSpace &chain;
  const ChainShape &shape;
  Location loc;
  Value ofMiddle, ofNext, ofParts; ///< memory of the middle, of the second right side, of sums
  TensorTile first, second;
  Slices middle;
  Value rank, firstRow, firstTile, tiles; ///< of this block
};

//===----------------------------------------------------------------------===//
// The iteration space
//===----------------------------------------------------------------------===//

void ChainSpace::setGroups(OpBuilder &b, ValueRange operands) {
  SmallVector<Value> extents = nest.extents(b, loc, operands);
  m = DimGroup(b, loc, roles.m, extents);
  n = DimGroup(b, loc, roles.n, extents);
  r = DimGroup(b, loc, roles.r, extents);
  k = DimGroup(b, loc, roles.k, extents);
}

void ChainSpace::begin(OpBuilder &b, ValueRange arguments) {
  parameters = arguments;
  setGroups(b, parameters);
  origin.assign(nest.dims, constant(b, 0));
}

int64_t ChainSpace::staticSize(ArrayRef<unsigned> dims) const {
  int64_t size = 1;
  for (unsigned d : dims) {
    if (ShapedType::isDynamic(nest.staticExtent(d)))
      return ShapedType::kDynamic;
    size *= nest.staticExtent(d);
  }
  return size;
}

TileOperand ChainSpace::operand(Factor factor) const {
  const DimGroup *along[] = {&m, &r, &n}, *steps[] = {&k, &k, &r};
  return {parameters[factor], nest.maps[factor], along[factor], steps[factor], origin};
}

SmallVector<Value> ChainSpace::pointAt(OpBuilder &b, const DimGroup &columns, Value row,
                                       Value column) const {
  SmallVector<Value> point(origin);
  m.place(b, loc, point, row);
  columns.place(b, loc, point, column);
  return point;
}

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

static Value behind(OpBuilder &b, Location loc, Value memory, int64_t bytes) {
  return movedBy(b, loc, memory, I32{b, loc}.constant(bytes), 1);
}

ChainBody::ChainBody(const ChainSpace &chain, OpBuilder &b, const ChainShape &shape, Value memory,
                     Value perGroup)
    : chain(chain), shape(shape), loc(chain.loc), ofMiddle(memory),
      ofNext(behind(b, loc, ofMiddle, shape.middleBytes())),
      ofParts(behind(b, loc, ofNext, shape.nextBytes())),
      first(b, loc, shape.first, behind(b, loc, ofParts, shape.partBytes())),
      second(b, loc, shape.second, behind(b, loc, ofParts, shape.partBytes())),
      middle(loc, second.place(b, ofMiddle, /*isLhs=*/true)) {
  auto times = [&](Value x, Value y) -> Value { return arith::MulIOp::create(b, loc, x, y); };
  Value size = constant(b, shape.cluster), block = blockIndex(b, loc);
  Value across = ceilDiv(b, loc, chain.n.size, constant(b, ChainShape::columns));
  Value groups = ceilDiv(b, loc, across, times(perGroup, size));
  Value cluster = arith::DivUIOp::create(b, loc, block, size);
  rank = arith::RemUIOp::create(b, loc, block, size);
  Value down = arith::DivUIOp::create(b, loc, cluster, groups);
  Value group = arith::RemUIOp::create(b, loc, cluster, groups);
  firstRow = times(down, constant(b, shape.rows()));
  firstTile = times(arith::AddIOp::create(b, loc, times(group, size), rank), perGroup);
  firstTile = arith::MinUIOp::create(b, loc, firstTile, across); // the last ones may have none
  Value left = arith::SubIOp::create(b, loc, across, firstTile);
  tiles = arith::MinUIOp::create(b, loc, perGroup, left);
}

void ChainBody::emit(OpBuilder &b) const {
  I32 i{b, loc};
  for (int64_t stage = 0; stage < shape.second.stages - 1; ++stage)
    fetch(b, i.constant(stage), constant(b, stage));
  emitMiddle(b);
  scf::ForOp::create(b, loc, constant(b, 0), tiles, constant(b, 1), i.constant(0),
                     [&](OpBuilder &b, Location, Value number, ValueRange stage) {
                       Value after = emitTile(b, number, stage.front());
                       scf::YieldOp::create(b, loc, after);
                     });
  if (shape.cluster > 1)
    waitForCluster(b, loc); // others may still read what is here
}

Slices ChainBody::nextSlices(OpBuilder &b, Value firstColumn) const {
  return Slices(b, loc, second.place(b, ofNext, /*isLhs=*/false), chain.operand(Next),
                chain.plans[Next], firstColumn);
}

/// Starts the copies of a slice of the second right side: of one tile of columns after another.
void ChainBody::fetch(OpBuilder &b, Value stage, Value item) const {
  Value perTile = constant(b, shape.middleSlices);
  Value items = arith::MulIOp::create(b, loc, tiles, perTile);
  Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, item, items);
  scf::IfOp::create(b, loc, exists, [&](OpBuilder &b, Location) {
    Value tile =
        arith::AddIOp::create(b, loc, firstTile, arith::DivUIOp::create(b, loc, item, perTile));
    Value column = arith::MulIOp::create(b, loc, tile, constant(b, ChainShape::columns));
    Value slice = arith::RemUIOp::create(b, loc, item, perTile);
    Value step = arith::MulIOp::create(b, loc, slice, constant(b, shape.second.steps()));
    nextSlices(b, column).copy(b, stage, step);
    scf::YieldOp::create(b, loc);
  });
  NVVM::CpAsyncCommitGroupOp::create(b, loc);
}

void ChainBody::emitMiddle(OpBuilder &b) const {
  bool isShared = shape.cluster > 1;
  Value zero = constant(b, 0), firstStep;
  if (isShared)
    firstStep = arith::MulIOp::create(b, loc, rank, constant(b, shape.first.segment));
  SmallVector<Value> sums = first.multiply(b, chain.operand(Lhs), chain.plans[Lhs], firstRow,
                                           chain.operand(Rhs), chain.plans[Rhs], zero, firstStep);
  first.forSums(b, sums, zero, constant(b, shape.rows()), zero, constant(b, shape.middleColumns()),
                [&](OpBuilder &b, Value row, Value column, ValueRange sum) {
                  if (isShared)
                    LLVM::StoreOp::create(b, loc, sum.front(), partAt(b, row, column));
                  else
                    storeMiddle(b, row, column, sum.front());
                });
  if (!isShared)
    return;
  meet(b);
  addParts(b);
  meet(b);
  readOthers(b);
  arriveAtCluster(b, loc);
  barrier(b, loc);
}

/// Runs `body` for the numbers below `count` that are this thread's.
void ChainBody::forOwn(OpBuilder &b, int64_t count,
                       function_ref<void(OpBuilder &, Value)> body) const {
  scf::ForOp::create(b, loc, threadIndex(b, loc), constant(b, count), constant(b, shape.threads()),
                     ValueRange(), [&](OpBuilder &b, Location, Value number, ValueRange) {
                       body(b, number);
                       scf::YieldOp::create(b, loc);
                     });
}

/// Where this block has its part of a sum: [row][column].
Value ChainBody::partAt(OpBuilder &b, Value row, Value column) const {
  I32 i{b, loc};
  Value place = i.add(i.mul(i.from(row), shape.middleColumns()), i.from(column));
  return movedBy(b, loc, ofParts, place, sizeof(float));
}

/// The same address of another block of the cluster.
Value ChainBody::inBlock(OpBuilder &b, Value address, Value which) const {
  Type pointer = LLVM::LLVMPointerType::get(b.getContext(), clusterSpace);
  return NVVM::MapaOp::create(b, loc, pointer, address, which);
}

/// Of this block's rows of the middle: the parts of all blocks, in their order.
void ChainBody::addParts(OpBuilder &b) const {
  int64_t rows = shape.rows() / shape.cluster;
  Value firstOwn = arith::MulIOp::create(b, loc, rank, constant(b, rows));
  Value columns = constant(b, shape.middleColumns());
  forOwn(b, rows * shape.middleColumns(), [&](OpBuilder &b, Value number) {
    Value row =
        arith::AddIOp::create(b, loc, firstOwn, arith::DivUIOp::create(b, loc, number, columns));
    Value column = arith::RemUIOp::create(b, loc, number, columns);
    Value part = partAt(b, row, column), sum;
    for (int64_t block = 0; block < shape.cluster; ++block) {
      Value other = inBlock(b, part, I32{b, loc}.constant(block));
      Value more = LLVM::LoadOp::create(b, loc, b.getF32Type(), other);
      sum = sum ? arith::AddFOp::create(b, loc, sum, more).getResult() : more;
    }
    storeMiddle(b, row, column, sum);
  });
}

/// The rows of the middle that other blocks have made, 16 bytes at once.
void ChainBody::readOthers(OpBuilder &b) const {
  constexpr int64_t chunk = 16;
  int64_t rows = shape.rows() / shape.cluster;
  Type bits = VectorType::get({chunk / 4}, b.getI32Type());
  forOwn(b, shape.middleBytes() / chunk, [&](OpBuilder &b, Value number) {
    I32 i{b, loc};
    Value place = i.from(number);
    Value owner = i.div(i.rem(i.div(place, sliceBytes / chunk), shape.rows()), rows);
    Value isOther = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, owner, i.from(rank));
    scf::IfOp::create(b, loc, isOther, [&](OpBuilder &b, Location) {
      Value here = movedBy(b, loc, ofMiddle, place, chunk);
      Value there = LLVM::LoadOp::create(b, loc, bits, inBlock(b, here, owner), chunk);
      LLVM::StoreOp::create(b, loc, there, here, chunk);
      scf::YieldOp::create(b, loc);
    });
  });
}

/// What rows and columns do not have becomes zero: it is multiplied. `inTile` is the row's number
/// in the block.
void ChainBody::storeMiddle(OpBuilder &b, Value inTile, Value column, Value sum) const {
  kernel::ChainOp op = chain.op;
  Value row = arith::AddIOp::create(b, loc, firstRow, inTile);
  Type element = chain.nest.typeOf(Next).getElementType();
  auto isBelow = [&](Value number, Value bound) -> Value {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, number, bound);
  };
  Value exists =
      arith::AndIOp::create(b, loc, isBelow(row, chain.m.size), isBelow(column, chain.r.size));
  auto value = scf::IfOp::create(
      b, loc, exists,
      [&](OpBuilder &b, Location) {
        Value made = evaluateSums(b, chain.nest, op.getMiddle().front(), sum, NumFactors,
                                  op.getFirstOuterExtra(), chain.parameters,
                                  chain.pointAt(b, chain.r, row, column));
        scf::YieldOp::create(b, loc, made);
      },
      [&](OpBuilder &b, Location) {
        Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(element));
        scf::YieldOp::create(b, loc, zero);
      });
  I32 i{b, loc};
  middle.store(b, i.from(inTile), i.from(column), value.getResult(0));
}

/// One tile of columns; the stage of the slice after its last one.
Value ChainBody::emitTile(OpBuilder &b, Value number, Value stage) const {
  int64_t ahead = shape.second.stages - 1;
  Value perTile = constant(b, shape.middleSlices);
  Value firstItem = arith::MulIOp::create(b, loc, number, perTile);
  Slices right = nextSlices(b, constant(b, 0)); // which reads what lies there
  SmallVector<Value> initial = second.zeros(b);
  initial.push_back(stage);
  auto loop = scf::ForOp::create(
      b, loc, constant(b, 0), perTile, constant(b, 1), initial,
      [&](OpBuilder &b, Location, Value slice, ValueRange state) {
        I32 i{b, loc};
        Value stage = state.back();
        auto isStage = [&](int64_t which) -> Value {
          return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, stage, i.constant(which));
        };
        NVVM::CpAsyncWaitGroupOp::create(b, loc, uint32_t(ahead - 1));
        barrier(b, loc); // all copies of this slice are there, and all have read the last one
        Value last =
            arith::SelectOp::create(b, loc, isStage(0), i.constant(ahead), i.add(stage, -1));
        fetch(b, last, plus(b, loc, arith::AddIOp::create(b, loc, firstItem, slice), ahead));
        SmallVector<Value> next =
            second.multiplySlice(b, middle, i.from(slice), right, stage, state.drop_back());
        next.push_back(
            arith::SelectOp::create(b, loc, isStage(ahead), i.constant(0), i.add(stage, 1)));
        scf::YieldOp::create(b, loc, next);
      });
  Value tile = arith::AddIOp::create(b, loc, firstTile, number);
  Value firstColumn = arith::MulIOp::create(b, loc, tile, constant(b, ChainShape::columns));
  kernel::ChainOp op = chain.op;
  const Nest &nest = chain.nest;
  second.forSums(
      b, SmallVector<Value>(loop.getResults().drop_back()), firstRow, chain.m.size, firstColumn,
      chain.n.size, [&](OpBuilder &b, Value row, Value column, ValueRange sum) {
        SmallVector<Value> point = chain.pointAt(b, chain.n, row, column);
        Value result = evaluateSums(b, nest, sum, op.getFirstOuterExtra(), chain.parameters, point);
        storeLanes(b, loc, result, chain.parameters[nest.inputs], nest.maps.back(), point, 0, 1,
                   nullptr);
      });
  return loop.getResults().back();
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

class TensorChain {
public:
  TensorChain(Simt &simt, ChainSpace &chain)
      : simt(simt), chain(chain), loc(chain.loc),
        machine(cost::machineForGpu(simt.target().getCapability())) {}

  /// Finds how operands are copied, and the tiles; false if tensor cores do not take them.
  bool plan();
  void launchBySize(OpBuilder &host);

private:
  void launch(OpBuilder &host, const ChainShape &shape);

  Simt &simt;
  ChainSpace &chain;
  Location loc;
  const cost::Machine &machine;
  std::optional<ChainShapes> shapes;
  int64_t steps = 0; ///< of the first product
};

bool TensorChain::plan() {
  const Nest &nest = chain.nest;
  const kernel::ChainOp::Roles &roles = chain.roles;
  Type element = nest.typeOf(Lhs).getElementType();
  std::optional<Multiplicand> kind = multiplicandOf(element, simt.target());
  int64_t middle = chain.staticSize(roles.r);
  steps = chain.staticSize(roles.k);
  auto blocks = chain.op->getAttrOfType<IntegerAttr>(kClusterAttr);
  int64_t cluster = blocks ? blocks.getInt() : 1;
  if (!kind || ShapedType::isDynamic(middle) || ShapedType::isDynamic(steps) ||
      (cluster > 1 && !ChainShape::mayHaveClusters(simt.target())) ||
      !(shapes = ChainShapes::create(*kind, middle, steps, cluster)))
    return false;
  for (auto [factor, along, steps] : {std::tuple(Lhs, ArrayRef(roles.m), ArrayRef(roles.k)),
                                      {Rhs, ArrayRef(roles.r), ArrayRef(roles.k)},
                                      {Next, ArrayRef(roles.n), ArrayRef(roles.r)}}) {
    // Rows of a view may begin anywhere.
    int64_t least = factor == Lhs ? element.getIntOrFloatBitWidth() / 8 : leastCopy;
    auto plan = planCopy(nest, factor, along, steps, least);
    if (!plan)
      return false;
    chain.plans.push_back(*plan);
  }
  return true;
}

void TensorChain::launch(OpBuilder &host, const ChainShape &shape) {
  chain.setGroups(host, chain.nest.operands);
  int64_t most = shape.mostBlocks(TileTime(machine, shape.first.kind), steps);
  auto constant = [&](int64_t value) { return indexConstant(host, loc, value); };
  auto atLeastOne = [&](Value x) -> Value {
    return arith::MaxUIOp::create(host, loc, x, constant(1));
  };
  Value down = ceilDiv(host, loc, chain.m.size, constant(shape.rows()));
  Value across = ceilDiv(host, loc, chain.n.size, constant(ChainShape::columns));
  auto blocksOf = [&](Value clusters) -> Value {
    return arith::MulIOp::create(host, loc, clusters, constant(shape.cluster));
  };
  Value groups = atLeastOne(
      arith::DivUIOp::create(host, loc, constant(most / shape.cluster), atLeastOne(down)));
  Value perGroup = atLeastOne(ceilDiv(host, loc, across, blocksOf(groups)));
  groups = ceilDiv(host, loc, across, blocksOf(perGroup));
  SmallVector<Value> arguments = chain.nest.arguments();
  arguments.push_back(perGroup);
  Grid grid{blocksOf(product(host, loc, {down, groups})), constant(shape.threads()),
            shape.threads(), /*resident=*/shape.threads(), shape.cluster};
  std::string name = "tensor_chain" + shape.first.suffix(chain.plans);
  if (shape.cluster > 1)
    name += "_of" + std::to_string(shape.cluster);
  simt.launch(host, chain.op, name, chain.nest.key(), arguments, grid,
              [&](OpBuilder &b, ValueRange parameters) {
                chain.begin(b, parameters.drop_back());
                Value memory = simt.dynamicShared(b, loc, shape.bytes());
                ChainBody(chain, b, shape, memory, parameters.back()).emit(b);
              });
}

void TensorChain::launchBySize(OpBuilder &host) {
  chain.setGroups(host, chain.nest.operands);
  auto compare = [&](arith::CmpIPredicate predicate, int64_t rows) -> Value {
    return arith::CmpIOp::create(host, loc, predicate, chain.m.size,
                                 indexConstant(host, loc, rows));
  };
  Value isFew = compare(arith::CmpIPredicate::ule, shapes->mostOfFew());
  Value isMany = compare(arith::CmpIPredicate::ugt, shapes->mostOfMiddle(machine));
  gpu::launchBySize(
      host, loc, isFew, isMany, [&](OpBuilder &b) { launch(b, shapes->few); },
      [&](OpBuilder &b) { launch(b, shapes->middle); },
      [&](OpBuilder &b) { launch(b, shapes->many); });
}

} // namespace

LogicalResult emitChain(Simt &simt, OpBuilder &host, kernel::ChainOp op) {
  FailureOr<Nest> nest = nestOfProducts(host, op);
  if (failed(nest))
    return failure();
  ChainSpace space(op, *nest);
  TensorChain chain(simt, space);
  if (!chain.plan())
    return op.emitOpError("has no form for this GPU: it needs sm_80, halves or f32, a known number "
                          "of steps, a middle that shared memory and registers have room for, and "
                          "right sides in aligned runs of 4 bytes");
  chain.launchBySize(host);
  ++simt.chains;
  return success();
}

} // namespace strut::gpu
