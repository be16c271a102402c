//===- Region.cpp - The body of a kernel.region as loops on memory --------===//
//
// The body is bufferised alone, in a function of its own, by upstream passes; pointwise linalg
// ops become loops of vectors, others loops of scalars. Temporaries must be small: a kernel does
// not allocate. An scf.forall that is all of a body becomes the code of one of its iterations,
// which the target runs as tasks.
//
//===----------------------------------------------------------------------===//
#include "strut/Emit/Region.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/Transforms.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Dominance.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/CSE.h"
#include "strut/Emit/ScalarCode.h"

using namespace mlir;

namespace strut::emit {
namespace {

constexpr int64_t largestTemporary = 16384; ///< bytes on the stack of a worker

/// The type of a kernel's parameter with the extents that the body knows.
MemRefType withShapeOf(RankedTensorType tensor, MemRefType parameter) {
  return MemRefType::get(tensor.getShape(), tensor.getElementType(), parameter.getLayout());
}

/// A pointwise linalg op as loops, the innermost one of vectors.
class VectorNest {
public:
  VectorNest(linalg::LinalgOp nest, int64_t lanes)
      : nest(nest), maps(nest.getIndexingMapsArray()), lanes(lanes), loc(nest.getLoc()) {}

  /// Whether it computes each element alone and its operands lie along the last dimension.
  bool canEmit();
  void emit(OpBuilder &b);

private:
  void emitRow(OpBuilder &b, SmallVector<Value> iterators, Value length);
  void emitPoint(OpBuilder &b, ArrayRef<Value> iterators, Value count);
  unsigned laneDim() { return nest.getNumLoops() - 1; }

  linalg::LinalgOp nest;
  SmallVector<AffineMap> maps;
  int64_t lanes;
  Location loc;
};

bool VectorNest::canEmit() {
  unsigned loops = nest.getNumLoops();
  if (loops == 0 || nest.getNumParallelLoops() != loops || nest.hasIndexSemantics())
    return false;
  for (auto [operand, map] : llvm::zip(nest->getOperands(), maps)) {
    auto type = dyn_cast<MemRefType>(operand.getType());
    if (type && (!map.isProjectedPermutation() ||
                 classify(type, map, laneDim(), lanes) == Access::scattered))
      return false;
  }
  return llvm::all_of(nest.getDpsInitsMutable(), [&](OpOperand &init) {
    return nest.getMatchingIndexingMap(&init).isPermutation();
  });
}

void VectorNest::emit(OpBuilder &b) {
  SmallVector<Value> iterators;
  OpBuilder::InsertionGuard guard(b);
  SmallVector<Range> ranges = nest.createLoopRanges(b, loc);
  auto extent = [&](unsigned dim) {
    return getValueOrCreateConstantIndexOp(b, loc, ranges[dim].size);
  };
  Value zero = indexConstant(b, loc, 0), one = indexConstant(b, loc, 1), length = extent(laneDim());
  for (unsigned dim = 0; dim < laneDim(); ++dim) {
    auto loop = scf::ForOp::create(b, loc, zero, extent(dim), one);
    iterators.push_back(loop.getInductionVar());
    b.setInsertionPointToStart(loop.getBody());
  }
  emitRow(b, iterators, length);
}

void VectorNest::emitRow(OpBuilder &b, SmallVector<Value> iterators, Value length) {
  Value zero = indexConstant(b, loc, 0), step = indexConstant(b, loc, lanes);
  Value rest = arith::RemUIOp::create(b, loc, length, step);
  Value full = arith::SubIOp::create(b, loc, length, rest);
  iterators.push_back(full);
  scf::ForOp::create(b, loc, zero, full, step, {},
                     [&](OpBuilder &b, Location, Value at, ValueRange) {
                       SmallVector<Value> here(iterators);
                       here.back() = at;
                       emitPoint(b, here, nullptr);
                       scf::YieldOp::create(b, loc);
                     });
  Value hasRest = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, rest, zero);
  scf::IfOp::create(b, loc, hasRest, [&](OpBuilder &b, Location) {
    emitPoint(b, iterators, rest);
    scf::YieldOp::create(b, loc);
  });
}

void VectorNest::emitPoint(OpBuilder &b, ArrayRef<Value> iterators, Value count) {
  Block &body = *nest.getBlock();
  IRMapping values;
  for (Operation &op : body) // what it uses from outside
    for (Value v : op.getOperands())
      if (v.getParentBlock() != &body)
        values.map(v, v);
  for (auto [argument, operand, map] : llvm::zip(body.getArguments(), nest->getOperands(), maps)) {
    if (argument.use_empty())
      continue;
    Value value = isa<MemRefType>(operand.getType())
                      ? loadLanes(b, loc, operand, map, iterators, laneDim(), lanes, count)
                      : operand;
    values.map(argument, value);
  }
  auto special = [](OpBuilder &, Operation *) -> Value {
    llvm_unreachable("a linalg op has no ops of the kernel dialect in its body");
  };
  cloneAsVectors(b, body, values, lanes, special);
  for (auto [value, init] :
       llvm::zip(body.getTerminator()->getOperands(), nest.getDpsInitsMutable()))
    storeLanes(b, loc, values.lookup(value), init.get(), nest.getMatchingIndexingMap(&init),
               iterators, laneDim(), lanes, count);
}

/// What was updated in place is copied onto itself, which shows when both views of it have
/// become one.
void eraseSelfCopies(func::FuncOp kernel, IRRewriter &rewriter) {
  DominanceInfo dominance;
  eliminateCommonSubExpressions(rewriter, dominance, kernel);
  kernel.walk([&](memref::CopyOp copy) {
    if (copy.getSource() == copy.getTarget())
      rewriter.eraseOp(copy);
  });
}

/// What a bound of tasks may be computed by: it is the same on the host.
bool isArithmetic(Operation *op) {
  return isa<tensor::DimOp>(op) || isa<arith::ArithDialect>(op->getDialect());
}

/// The loop whose iterations are the tasks of a region; null if there is none.
scf::ForallOp taskLoopOf(kernel::RegionOp op) {
  Block &body = op.getBody().front();
  Operation *yield = body.getTerminator();
  auto loop = yield->getOperand(0).getDefiningOp<scf::ForallOp>();
  auto inits = body.getArguments().slice(op.getInputs().size(), op.getInits().size());
  bool isAll = loop && loop.isNormalized() &&
               ValueRange(loop.getResults()) == yield->getOperands() &&
               ValueRange(loop.getOutputs()) == ValueRange(inits);
  for (Operation &other : body.without_terminator())
    isAll &= &other == loop || isArithmetic(&other);
  return isAll ? loop : scf::ForallOp();
}

/// The body as one task; its results.
SmallVector<Value> cloneWhole(Block &body, OpBuilder &b, IRMapping &mapping) {
  for (Operation &op : body.without_terminator())
    b.clone(op, mapping);
  return llvm::map_to_vector(body.getTerminator()->getOperands(),
                             [&](Value v) { return mapping.lookupOrDefault(v); });
}

/// The iteration `task` of the loop, which is all of a body; its results.
SmallVector<Value> cloneTask(scf::ForallOp loop, OpBuilder &b, IRMapping &mapping, Value task) {
  Location loc = loop.getLoc();
  for (Operation &op : loop->getBlock()->without_terminator())
    if (&op != loop)
      b.clone(op, mapping);
  SmallVector<Value> extents;
  for (OpFoldResult bound : loop.getMixedUpperBound())
    extents.push_back(isa<Value>(bound) ? mapping.lookupOrDefault(cast<Value>(bound))
                                        : getValueOrCreateConstantIndexOp(b, loc, bound));
  mapping.map(loop.getInductionVars(), delinearize(b, loc, task, extents));
  for (auto [shared, init] : llvm::zip(loop.getRegionIterArgs(), loop.getOutputs()))
    mapping.map(shared, mapping.lookup(init));
  for (Operation &op : loop.getBody()->without_terminator())
    b.clone(op, mapping);
  for (Operation &yielding : loop.getTerminator().getYieldingOps()) {
    auto part = cast<tensor::ParallelInsertSliceOp>(yielding);
    auto mapped = [&](ArrayRef<OpFoldResult> values) {
      return llvm::map_to_vector(values, [&](OpFoldResult v) {
        return isa<Value>(v) ? OpFoldResult(mapping.lookupOrDefault(cast<Value>(v))) : v;
      });
    };
    Value whole = tensor::InsertSliceOp::create(
        b, loc, mapping.lookup(part.getSource()), mapping.lookup(part.getDest()),
        mapped(part.getMixedOffsets()), mapped(part.getMixedSizes()),
        mapped(part.getMixedStrides()));
    mapping.map(part.getDest(), whole);
  }
  return llvm::map_to_vector(loop.getRegionIterArgs(),
                             [&](BlockArgument shared) { return mapping.lookup(shared); });
}

} // namespace

SmallVector<Value> tasksOf(kernel::RegionOp op, OpBuilder &host) {
  scf::ForallOp loop = taskLoopOf(op);
  if (!loop)
    return {};
  IRMapping mapping;
  for (auto [argument, operand] : llvm::zip(op.getBody().getArguments(), op->getOperands()))
    mapping.map(argument, operand);
  for (Operation &inner : loop->getBlock()->without_terminator()) {
    auto dim = dyn_cast<tensor::DimOp>(inner);
    if (dim)
      mapping.map(dim.getResult(),
                  memref::DimOp::create(host, dim.getLoc(), mapping.lookup(dim.getSource()),
                                        mapping.lookup(dim.getIndex()))
                      .getResult());
    else if (&inner != loop)
      host.clone(inner, mapping);
  }
  SmallVector<Value> extents;
  for (OpFoldResult bound : loop.getMixedUpperBound())
    extents.push_back(isa<Value>(bound)
                          ? mapping.lookup(cast<Value>(bound))
                          : getValueOrCreateConstantIndexOp(host, op.getLoc(), bound));
  return extents;
}

void cloneRegion(kernel::RegionOp op, OpBuilder &b, ValueRange parameters, Value task) {
  Location loc = op.getLoc();
  Block &body = op.getBody().front();
  unsigned buffers = op.getInputs().size() + op.getInits().size();
  IRMapping mapping;
  SmallVector<Value> inits;
  for (auto [i, argument] : llvm::enumerate(body.getArguments())) {
    Value parameter = parameters[i];
    if (i >= buffers) {
      mapping.map(argument, parameter);
      continue;
    }
    auto type = cast<RankedTensorType>(argument.getType());
    auto wanted = withShapeOf(type, cast<MemRefType>(parameter.getType()));
    if (wanted != parameter.getType())
      parameter = memref::CastOp::create(b, loc, wanted, parameter);
    bool isInit = i >= op.getInputs().size();
    if (isInit)
      inits.push_back(parameter);
    mapping.map(argument, bufferization::ToTensorOp::create(b, loc, type, parameter,
                                                            /*restrict=*/true, isInit));
  }
  scf::ForallOp loop = taskLoopOf(op);
  SmallVector<Value> results =
      loop ? cloneTask(loop, b, mapping, task) : cloneWhole(body, b, mapping);
  for (auto [value, init] : llvm::zip(results, inits))
    bufferization::MaterializeInDestinationOp::create(b, loc, TypeRange(), value, init,
                                                      /*restrict=*/true, /*writable=*/true);
}

LogicalResult lowerRegion(func::FuncOp kernel, kernel::RegionOp op, int64_t lanes) {
  bufferization::OneShotBufferizationOptions options;
  bufferization::BufferizationState state;
  if (failed(bufferization::runOneShotBufferize(kernel, options, state)))
    return failure();
  IRRewriter rewriter(kernel.getContext());
  SmallVector<linalg::LinalgOp> nests;
  kernel.walk([&](linalg::LinalgOp nest) { nests.push_back(nest); });
  for (linalg::LinalgOp nest : nests) {
    rewriter.setInsertionPoint(nest);
    if (VectorNest vectors(nest, lanes); lanes > 1 && vectors.canEmit())
      vectors.emit(rewriter);
    else if (failed(linalg::linalgOpToLoops(rewriter, nest)))
      return op.emitOpError("has a '") << nest->getName() << "' that cannot become loops";
    rewriter.eraseOp(nest);
  }
  eraseSelfCopies(kernel, rewriter);
  WalkResult walked = kernel.walk([&](memref::AllocOp alloc) {
    MemRefType type = alloc.getType();
    int64_t width = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
    if (!type.hasStaticShape() || type.getNumElements() * width > largestTemporary) {
      op.emitOpError("needs a temporary of type ")
          << type << "; a kernel has at most " << largestTemporary << " bytes for these";
      return WalkResult::interrupt();
    }
    rewriter.setInsertionPointToStart(&kernel.getBody().front());
    Value stack = memref::AllocaOp::create(rewriter, alloc.getLoc(), type);
    rewriter.replaceOp(alloc, stack);
    return WalkResult::advance();
  });
  return failure(walked.wasInterrupted());
}

} // namespace strut::emit
