//===- FoldMoves.cpp - Pure maps into their neighbours --------------------===//
#include "FuseKernels.h"
#include "Parts.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

/// A pure map as a function from places of its result to places of its source.
struct Move {
  Value source;
  AffineMap map;
};

std::optional<Move> moveBehind(Value value) {
  auto map = value.getDefiningOp<kernel::MapOp>();
  std::optional<unsigned> input = map ? asPureMove(map) : std::nullopt;
  if (!input)
    return std::nullopt;
  SmallVector<AffineMap> maps = map.getMaps();
  if (!maps.back().isPermutation())
    return std::nullopt;
  return Move{map.getInputs()[*input], maps[*input].compose(inversePermutation(maps.back()))};
}

/// Sums of dimensions with factors: what a strided view can say.
bool isStrided(AffineMap map) {
  WalkResult bad = WalkResult::advance();
  for (AffineExpr result : map.getResults())
    result.walk([&](AffineExpr expr) {
      if (expr.getKind() == AffineExprKind::FloorDiv || expr.getKind() == AffineExprKind::CeilDiv ||
          expr.getKind() == AffineExprKind::Mod)
        bad = WalkResult::interrupt();
    });
  return !bad.wasInterrupted();
}

/// Whether both maps depend on the same dimensions. A dimension that lhs alone
/// drops would change its role to one of columns.
bool readsSameDims(AffineMap a, AffineMap b) {
  for (unsigned d = 0; d < a.getNumDims(); ++d)
    if (a.isFunctionOfDim(d) != b.isFunctionOfDim(d))
      return false;
  return true;
}

/// kernel(..., move(x), ...) = kernel(..., x, ...) with composed maps
struct FoldMoveIntoConsumer : OpInterfaceRewritePattern<kernel::KernelOpInterface> {
  FoldMoveIntoConsumer(MLIRContext *context, FusionCounts &counts)
      : OpInterfaceRewritePattern(context), counts(counts) {}

  LogicalResult matchAndRewrite(kernel::KernelOpInterface op,
                                PatternRewriter &rewriter) const override {
    if (writesLoopState(op))
      return failure();
    // A move of a move stays a move; other kernels take it in.
    for (unsigned i = 0; i < op.getKernelInputs().size(); ++i) {
      Value value = op.getKernelInputs()[i];
      std::optional<Move> move = moveBehind(value);
      if (!move)
        continue;
      KernelEdit edit(rewriter, op);
      std::optional<BlockArgument> argument = edit.argument(i);
      if (argument && isa<NoneType>(argument->getType())) {
        foldIntoFetches(edit, i, *move, rewriter);
      } else {
        AffineMap composed = move->map.compose(edit.map(i));
        auto contract = dyn_cast<kernel::ContractOp>(op.getOperation());
        bool factor = contract && i < contract.getNumFactors();
        // A contraction reads lhs as a strided view and rhs as a permuted one.
        // Condition 3 of fuse-kernels.
        if (factor && i % 2 == 0 && !(isStrided(composed) && readsSameDims(composed, edit.map(i))))
          continue;
        // A ragged one reads its rows by a list, and has a place to pack weights only.
        bool grouped = isa<kernel::GroupedOp>(op.getOperation());
        if (grouped && i < kernel::GroupedOp::kFirstExtra &&
            !(i == 1 && move->source.getDefiningOp<kernel::UseOp>()))
          continue;
        bool right = (factor && i % 2 == 1) || (grouped && i == 1);
        if (right && !composed.isProjectedPermutation())
          continue;
        SmallVector<AffineMap> maps = op.getMaps();
        maps[i] = composed;
        if (!knowsExtents(op, maps))
          continue;
        edit.map(i) = composed;
      }
      edit.input(i) = move->source;
      edit.commit();
      ++counts.moves;
      return success();
    }
    return failure();
  }

  /// Fetches at indices of the result become fetches at indices of the source.
  static void foldIntoFetches(KernelEdit &edit, unsigned input, const Move &move,
                              PatternRewriter &rewriter) {
    edit.body().walk([&](kernel::FetchOp fetch) {
      if (fetch.getInput() != input)
        return;
      OpBuilder::InsertionGuard guard(rewriter);
      rewriter.setInsertionPoint(fetch);
      SmallVector<Value> indices;
      for (AffineExpr expr : move.map.getResults())
        indices.push_back(expand(rewriter, fetch.getLoc(), expr, fetch.getIndices()));
      rewriter.modifyOpInPlace(fetch, [&] { fetch.getIndicesMutable().assign(indices); });
    });
  }

  FusionCounts &counts;
};

/// permute(kernel(...)) = kernel(...) that writes in that order
struct FoldPermutationIntoProducer : OpRewritePattern<kernel::MapOp> {
  FoldPermutationIntoProducer(MLIRContext *context, FusionCounts &counts)
      : OpRewritePattern(context), counts(counts) {}

  LogicalResult matchAndRewrite(kernel::MapOp op, PatternRewriter &rewriter) const override {
    std::optional<unsigned> input = asPureMove(op);
    if (!input || op.getInputs().size() != 1 || writesLoopState(op))
      return failure();
    auto producer = op.getInputs()[0].getDefiningOp<kernel::KernelOpInterface>();
    SmallVector<AffineMap> maps = op.getMaps();
    if (!producer || producer->getNumResults() != 1 || !producer->hasOneUse() ||
        producer->getBlock() != op->getBlock() || !maps[0].isPermutation() ||
        !maps[1].isPermutation())
      return failure();
    // Kernels that read the result will read the source instead.
    if (llvm::any_of(op->getUsers(),
                     [](Operation *user) { return isa<kernel::KernelOpInterface>(user); }))
      return failure();
    AffineMap order = maps[1].compose(inversePermutation(maps[0]));
    if (!writesRuns(producer, order.compose(producer.getMaps().back())))
      return failure();
    Operation *moved = rewriter.clone(*producer);
    KernelEdit edit(rewriter, cast<kernel::KernelOpInterface>(moved));
    edit.initMaps[0] = order.compose(edit.initMaps[0]);
    edit.inits[0] = op.getInits()[0];
    edit.commit();
    rewriter.replaceOp(op, moved);
    rewriter.eraseOp(producer);
    ++counts.permutedInits;
    return success();
  }

  FusionCounts &counts;
};

/// A move from each place to itself.
struct DropIdentityMove : OpRewritePattern<kernel::MapOp> {
  DropIdentityMove(MLIRContext *context, FusionCounts &counts)
      : OpRewritePattern(context), counts(counts) {}
  LogicalResult matchAndRewrite(kernel::MapOp op, PatternRewriter &rewriter) const override {
    if (op->getNumResults() != 1)
      return failure();
    std::optional<Move> move = moveBehind(op->getResult(0));
    // A move into a slice of another tensor is what puts it there, one of a choice
    // what gives it dimensions, and one of a loop's state what outlives the step.
    if (!move || !move->map.isIdentity() || move->source.getType() != op->getResult(0).getType() ||
        !op.getInits()[0].getDefiningOp<tensor::EmptyOp>() || viewsLoopState(move->source) ||
        isa_and_present<scf::IndexSwitchOp, scf::IfOp>(move->source.getDefiningOp()))
      return failure();
    rewriter.replaceOp(op, move->source);
    ++counts.moves;
    return success();
  }
  FusionCounts &counts;
};

/// map(permute(x)) = permute(map(x)): pointwise code runs in the order in which
/// its operands lie, so that the kernel before it can take it in as an epilogue
/// and the permutation goes on to the next reader. What is fetched in runs along
/// another dimension than the last is fetched in that order.
struct SinkPermutation : OpRewritePattern<kernel::MapOp> {
  SinkPermutation(MLIRContext *context, FusionCounts &counts)
      : OpRewritePattern(context), counts(counts) {}

  /// The one permutation by which all operands of full rank are read.
  static AffineMap commonPermutation(kernel::MapOp op) {
    AffineMap common;
    SmallVector<AffineMap> maps = op.getMaps();
    for (AffineMap map : ArrayRef(maps).drop_back()) {
      if (map.getNumResults() != map.getNumDims() || !map.isPermutation())
        continue;
      if (common && common != map)
        return {};
      common = map;
    }
    return common && !common.isIdentity() ? common : AffineMap();
  }

  /// The dimension along which runs are fetched made the innermost one, if it is not, and if
  /// it is long enough for lanes.
  static AffineMap orderOfFetches(kernel::MapOp op) {
    constexpr int64_t few = 4;
    std::optional<unsigned> run = fetchedRun(op);
    unsigned rank = op.getMaps().back().getNumDims();
    auto type = cast<RankedTensorType>(op.getInits()[0].getType());
    if (!run || *run + 1 == rank || (!type.isDynamicDim(*run) && type.getDimSize(*run) < few))
      return {};
    SmallVector<unsigned> order;
    for (unsigned d = 0; d < rank; ++d)
      if (d != *run)
        order.push_back(d);
    order.push_back(*run);
    return AffineMap::getPermutationMap(order, op.getContext());
  }

  LogicalResult matchAndRewrite(kernel::MapOp op, PatternRewriter &rewriter) const override {
    if (op->getNumResults() != 1 || asPureMove(op) || !op.getMaps().back().isIdentity())
      return failure();
    AffineMap order = commonPermutation(op);
    if (!order)
      order = orderOfFetches(op);
    auto init = op.getInits()[0].getDefiningOp<tensor::EmptyOp>();
    if (!order || !init)
      return failure();
    Location loc = op.getLoc();
    RankedTensorType type = init.getType();
    SmallVector<OpFoldResult> sizes = init.getMixedSizes();
    SmallVector<OpFoldResult> permuted = applyPermutationMap(order, ArrayRef<OpFoldResult>(sizes));
    Value first = tensor::EmptyOp::create(rewriter, loc, permuted, type.getElementType());
    auto before = cast<kernel::MapOp>(rewriter.clone(*op));
    KernelEdit edit(rewriter, before);
    AffineMap back = inversePermutation(order);
    for (unsigned i = 0; i < edit.numInputs(); ++i)
      if (!isa<NoneType>(edit.argument(i)->getType()))
        edit.map(i) = edit.map(i).compose(back);
    edit.inits[0] = first;
    before->walk([&](kernel::IndexOp index) { index.setDim(back.getDimPosition(index.getDim())); });
    edit.commit();
    auto after =
        kernel::MapOp::create(rewriter, loc, type, before->getResult(0), init.getResult(), Value(),
                              rewriter.getAffineMapArrayAttr({order, op.getMaps().back()}));
    Block *block = rewriter.createBlock(&after.getBody());
    kernel::YieldOp::create(rewriter, loc,
                            ValueRange(block->addArgument(type.getElementType(), loc)));
    rewriter.replaceOp(op, after);
    ++counts.moves;
    return success();
  }

  FusionCounts &counts;
};

/// concat(permute(x), ...) = permute(concat(x, ...)), where a part would be written
/// across its innermost dimension. The parts are then computed where they belong, and
/// the permutation goes on to the next reader.
struct SinkPermutationOfConcat : OpRewritePattern<tensor::InsertSliceOp> {
  SinkPermutationOfConcat(MLIRContext *context, FusionCounts &counts)
      : OpRewritePattern(context), counts(counts) {}

  /// The permutation by which parts are read, if it makes the axis along which they follow
  /// each other the innermost one, which another dimension is now.
  static AffineMap orderOf(ArrayRef<Part> parts) {
    AffineMap common;
    for (const Part &part : parts) {
      if (!part.read || part.read.isIdentity())
        continue;
      if (common && common != part.read)
        return {};
      common = part.read;
    }
    unsigned last = common ? common.getNumResults() - 1 : 0;
    if (!common || common.getDimPosition(last) == last)
      return {};
    for (Part part : parts)
      for (auto [axis, offset] : llvm::enumerate(part.insert.getMixedOffsets()))
        if (axis != common.getDimPosition(last) && !isZeroInteger(offset))
          return {};
    return common;
  }

  LogicalResult matchAndRewrite(tensor::InsertSliceOp last,
                                PatternRewriter &rewriter) const override {
    if (llvm::any_of(last->getUsers(), llvm::IsaPred<tensor::InsertSliceOp>))
      return failure();
    std::optional<SmallVector<Part>> parts = partsOf(last);
    AffineMap order = parts ? orderOf(*parts) : AffineMap();
    if (!order)
      return failure();
    Location loc = last.getLoc();
    auto permuted = [&](ArrayRef<OpFoldResult> values) {
      return applyPermutationMap(order, values);
    };
    auto empty = parts->front().insert.getDest().getDefiningOp<tensor::EmptyOp>();
    SmallVector<OpFoldResult> sizes = empty.getMixedSizes();
    Value whole =
        tensor::EmptyOp::create(rewriter, loc, permuted(sizes), empty.getType().getElementType());
    for (Part &part : *parts) {
      tensor::InsertSliceOp insert = part.insert;
      auto at = permuted(insert.getMixedOffsets()), extent = permuted(insert.getMixedSizes()),
           step = permuted(insert.getMixedStrides());
      Value source = part.read ? part.writer.getKernelInputs()[0] : ownResult(part, rewriter);
      AffineMap read = part.read ? part.read : rewriter.getMultiDimIdentityMap(at.size());
      Value slice = tensor::ExtractSliceOp::create(rewriter, loc, whole, at, extent, step);
      // In the new order d stands for what order's results say.
      Value copy = moveInto(rewriter, loc, source, read.compose(inversePermutation(order)), slice);
      whole = tensor::InsertSliceOp::create(rewriter, loc, copy, whole, at, extent, step);
    }
    Value back = tensor::EmptyOp::create(rewriter, loc, sizes, empty.getType().getElementType());
    rewriter.replaceOp(last, moveInto(rewriter, loc, whole, order, back));
    ++counts.moves;
    return success();
  }

  /// The result of a kernel that wrote its part, now in memory of its own.
  static Value ownResult(Part &part, PatternRewriter &rewriter) {
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPoint(part.writer);
    auto type = cast<RankedTensorType>(part.writer->getResult(0).getType());
    KernelEdit edit(rewriter, part.writer);
    edit.inits[0] = tensor::EmptyOp::create(rewriter, part.writer.getLoc(),
                                            part.insert.getMixedSizes(), type.getElementType());
    edit.commit();
    return part.writer->getResult(0);
  }

  static Value moveInto(PatternRewriter &rewriter, Location loc, Value source, AffineMap read,
                        Value init) {
    AffineMap identity = rewriter.getMultiDimIdentityMap(read.getNumDims());
    auto move = kernel::MapOp::create(rewriter, loc, init.getType(), source, init, Value(),
                                      rewriter.getAffineMapArrayAttr({read, identity}));
    OpBuilder::InsertionGuard guard(rewriter);
    Block *block = rewriter.createBlock(&move.getBody());
    Type element = cast<RankedTensorType>(source.getType()).getElementType();
    kernel::YieldOp::create(rewriter, loc, ValueRange(block->addArgument(element, loc)));
    return move->getResult(0);
  }

  FusionCounts &counts;
};

} // namespace

void addFoldMoves(RewritePatternSet &patterns, FusionCounts &counts) {
  patterns.add<FoldMoveIntoConsumer, FoldPermutationIntoProducer, DropIdentityMove, SinkPermutation,
               SinkPermutationOfConcat>(patterns.getContext(), counts);
}

} // namespace strut::kernelize
