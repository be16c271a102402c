//===- KernelEdit.cpp - Editing the operands and body of a kernel ---------===//
#include "KernelEdit.h"
#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace strut::kernelize {

std::optional<unsigned> asPureMove(kernel::MapOp map) {
  Block &body = map.getBody().front();
  auto yield = cast<kernel::YieldOp>(body.getTerminator());
  if (yield.getNumOperands() != 1)
    return std::nullopt;
  auto argument = dyn_cast<BlockArgument>(yield->getOperand(0));
  if (!argument || argument.getOwner() != &body)
    return std::nullopt;
  return argument.getArgNumber();
}

bool isLoopState(Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  return argument && isa<LoopLikeOpInterface>(argument.getOwner()->getParentOp());
}

bool viewsLoopState(Value value) {
  while (isa_and_present<tensor::ExtractSliceOp, tensor::CollapseShapeOp, tensor::ExpandShapeOp>(
      value.getDefiningOp()))
    value = value.getDefiningOp()->getOperand(0);
  return isLoopState(value);
}

bool writesLoopState(kernel::KernelOpInterface op) {
  return llvm::any_of(op.getKernelInits(), isLoopState);
}

unsigned costOf(Block &body) {
  unsigned cost = 0;
  for (Operation &op : body.without_terminator()) {
    if (isa<math::MathDialect>(op.getDialect()))
      cost += isa<math::AbsFOp, math::AbsIOp, math::FloorOp, math::CeilOp>(op) ? 1 : 10;
    else if (isa<arith::DivFOp, arith::DivSIOp>(op))
      cost += 5;
    else if (!isa<arith::ConstantOp, kernel::IndexOp, arith::ExtFOp, arith::TruncFOp,
                  arith::IndexCastOp>(op))
      ++cost;
  }
  return cost;
}

bool knowsExtents(kernel::KernelOpInterface op, ArrayRef<AffineMap> maps) {
  auto rows = dyn_cast<kernel::RowsOp>(op.getOperation());
  auto extents = rows ? rows.getExtents() : std::nullopt;
  for (unsigned d = 0; d < op.getNumIterators(); ++d) {
    AffineExpr dim = getAffineDimExpr(d, op.getContext());
    bool given = extents && (*extents)[d] != -1;
    if (!given && llvm::none_of(maps, [&](AffineMap map) {
          return llvm::is_contained(map.getResults(), dim);
        }))
      return false;
  }
  return true;
}

bool interleavesBlocks(kernel::ContractOp op, AffineMap written) {
  kernel::ContractOp::Roles roles = op.getRoles();
  unsigned rank = written.getNumResults();
  auto weight = dyn_cast<RankedTensorType>(op.getRhs().getType());
  if (rank < 2 || roles.n.size() != 1 || !weight)
    return false;
  auto block = dyn_cast<AffineDimExpr>(written.getResult(rank - 1)),
       column = dyn_cast<AffineDimExpr>(written.getResult(rank - 2));
  if (!block || !column || column.getPosition() != roles.n[0] ||
      !llvm::is_contained(roles.batch, block.getPosition()))
    return false;
  std::optional<unsigned> axis = op.getMaps()[1].getResultPosition(block);
  int64_t blocks = axis ? weight.getDimSize(*axis) : ShapedType::kDynamic;
  return blocks >= 2 && blocks <= mostInterleaved;
}

std::optional<unsigned> fetchedRun(kernel::MapOp map) {
  std::optional<unsigned> run;
  WalkResult walked = map.walk([&](kernel::FetchOp fetch) {
    auto last = fetch.getIndices().empty()
                    ? kernel::IndexOp()
                    : fetch.getIndices().back().getDefiningOp<kernel::IndexOp>();
    if (!last || (run && *run != last.getDim()))
      return WalkResult::interrupt();
    run = last.getDim();
    return WalkResult::advance();
  });
  return walked.wasInterrupted() ? std::nullopt : run;
}

bool writesRuns(kernel::KernelOpInterface op, AffineMap written) {
  AffineMap before = op.getMaps().back();
  if (before.getNumResults() > 0 && written.getNumResults() > 0 &&
      before.getResults().back() == written.getResults().back())
    return true;
  auto contract = dyn_cast<kernel::ContractOp>(op.getOperation());
  return contract && interleavesBlocks(contract, written);
}

Value expand(OpBuilder &b, Location loc, AffineExpr expr, ValueRange dims) {
  return affine::expandAffineExpr(b, loc, expr, dims, {});
}

static MutableOperandRange inputsOf(Operation *op) {
  return TypeSwitch<Operation *, MutableOperandRange>(op)
      .Case<kernel::ContractOp, kernel::GroupedOp, kernel::AttentionOp, kernel::RowsOp,
            kernel::MapOp>([](auto kernel) { return kernel.getInputsMutable(); });
}

static MutableOperandRange initsOf(Operation *op) {
  return TypeSwitch<Operation *, MutableOperandRange>(op)
      .Case<kernel::ContractOp, kernel::GroupedOp, kernel::AttentionOp, kernel::RowsOp,
            kernel::MapOp>([](auto kernel) { return kernel.getInitsMutable(); });
}

KernelEdit::KernelEdit(RewriterBase &rewriter, kernel::KernelOpInterface op)
    : op(op), inits(op.getKernelInits()), rewriter(rewriter), inputs(op.getKernelInputs()) {
  SmallVector<AffineMap> all = op.getMaps();
  maps.assign(all.begin(), all.begin() + inputs.size());
  initMaps.assign(all.begin() + inputs.size(), all.end());
  if (auto contract = dyn_cast<kernel::ContractOp>(op.getOperation())) {
    unmapped = contract.getNumFactors();
    leading = contract.getNumSums();
  } else if (isa<kernel::GroupedOp, kernel::AttentionOp>(op.getOperation())) {
    unmapped = isa<kernel::GroupedOp>(op.getOperation()) ? kernel::GroupedOp::kFirstExtra : 3;
    leading = 1;
  }
}

std::optional<BlockArgument> KernelEdit::argument(unsigned input) {
  if (input < unmapped)
    return std::nullopt;
  return body().getArgument(input - unmapped + leading);
}

unsigned KernelEdit::addInput(Value value, AffineMap map, bool fetched) {
  for (unsigned i = unmapped; i < inputs.size(); ++i)
    if (inputs[i] == value && maps[i] == map && isa<NoneType>(argument(i)->getType()) == fetched)
      return i;
  Type element = cast<ShapedType>(value.getType()).getElementType();
  inputs.push_back(value);
  maps.push_back(map);
  body().addArgument(fetched ? Type(rewriter.getNoneType()) : element, op.getLoc());
  return inputs.size() - 1;
}

void KernelEdit::removeInput(unsigned input) {
  body().walk([&](kernel::FetchOp fetch) {
    if (fetch.getInput() > input)
      fetch.setInput(fetch.getInput() - 1);
  });
  body().eraseArgument(input - unmapped + leading);
  inputs.erase(inputs.begin() + input);
  maps.erase(maps.begin() + input);
}

Value KernelEdit::inlineMap(OpBuilder &builder, kernel::MapOp map, AffineMap toIterators, Value own,
                            std::optional<unsigned> ownInput) {
  Location loc = map.getLoc();
  Block &source = map.getBody().front();
  IRMapping mapping;
  SmallVector<unsigned> numbers(map.getInputs().size());
  SmallVector<AffineMap> sourceMaps = map.getMaps();
  for (auto [i, value] : llvm::enumerate(map.getInputs())) {
    BlockArgument argument = source.getArgument(i);
    if (ownInput == i) {
      mapping.map(argument, own);
      continue;
    }
    bool fetched = isa<NoneType>(argument.getType());
    AffineMap composed = fetched ? AffineMap::get(toIterators.getNumDims(), 0, op.getContext())
                                 : sourceMaps[i].compose(toIterators);
    numbers[i] = addInput(value, composed, fetched);
    mapping.map(argument, *this->argument(numbers[i]));
  }
  for (Operation &inner : source.without_terminator()) {
    if (auto index = dyn_cast<kernel::IndexOp>(inner)) {
      SmallVector<Value> dims(toIterators.getNumDims());
      AffineExpr expr = toIterators.getResult(index.getDim());
      for (auto [d, value] : llvm::enumerate(dims))
        if (expr.isFunctionOfDim(d))
          value = kernel::IndexOp::create(builder, loc, builder.getI64IntegerAttr(d));
      mapping.map(index.getResult(), expand(builder, loc, expr, dims));
      continue;
    }
    Operation *copy = builder.clone(inner, mapping);
    if (auto fetch = dyn_cast<kernel::FetchOp>(copy))
      fetch.setInput(numbers[fetch.getInput()]);
  }
  return mapping.lookupOrDefault(source.getTerminator()->getOperand(0));
}

void KernelEdit::commit() {
  rewriter.modifyOpInPlace(op, [&] {
    inputsOf(op).assign(inputs);
    initsOf(op).assign(inits);
    for (auto [result, init] : llvm::zip(op->getResults(), inits))
      result.setType(init.getType());
    SmallVector<AffineMap> all(maps);
    llvm::append_range(all, initMaps);
    op.setMaps(all);
  });
}

kernel::MapOp writeInOrder(RewriterBase &rewriter, kernel::KernelOpInterface op, AffineMap order) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  Location loc = op.getLoc();
  auto init = op.getKernelInits()[0].getDefiningOp<tensor::EmptyOp>();
  Type element = init.getType().getElementType();
  SmallVector<OpFoldResult> sizes =
      applyPermutationMap(order, ArrayRef<OpFoldResult>(init.getMixedSizes()));
  Value target = tensor::EmptyOp::create(rewriter, loc, sizes, element);
  auto turned = cast<kernel::KernelOpInterface>(rewriter.clone(*op));
  KernelEdit edit(rewriter, turned);
  edit.initMaps[0] = order.compose(edit.initMaps[0]);
  edit.inits[0] = target;
  edit.commit();
  auto back = kernel::MapOp::create(
      rewriter, loc, init.getType(), turned->getResult(0), init.getResult(), Value(),
      rewriter.getAffineMapArrayAttr({order, rewriter.getMultiDimIdentityMap(order.getNumDims())}));
  Block *block = rewriter.createBlock(&back.getBody());
  kernel::YieldOp::create(rewriter, loc, ValueRange(block->addArgument(element, loc)));
  return back;
}

} // namespace strut::kernelize
