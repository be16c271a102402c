//===- JoinContractions.cpp - Contractions that meet in an epilogue -------===//
#include "Dims.h"
#include "KernelEdit.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "strut/Kernelize/Passes.h"

namespace strut::kernelize {
#define GEN_PASS_DEF_JOINCONTRACTIONS
#include "strut/Kernelize/Passes.h.inc"
} // namespace strut::kernelize

using namespace mlir;

namespace strut::kernelize {
namespace {

constexpr unsigned mostSums = 4;

//===----------------------------------------------------------------------===//
// What is added up in a body
//===----------------------------------------------------------------------===//

/// What `root` adds up, by additions whose partial results nothing else reads.
SmallVector<Value> addendsOf(Value root) {
  SmallVector<Value> open = {root}, addends;
  while (!open.empty()) {
    Value value = open.pop_back_val();
    auto sum = value.getDefiningOp<arith::AddFOp>();
    if (sum && (value == root || value.hasOneUse()))
      open.append({sum.getLhs(), sum.getRhs()});
    else
      addends.push_back(value);
  }
  return addends;
}

/// The largest sum that `addend` is an addend of.
Value sumAround(Value addend) {
  while (addend.hasOneUse() && isa<arith::AddFOp>(*addend.user_begin()))
    addend = addend.user_begin()->getResult(0);
  return addend;
}

/// Which sum of `op` the argument is added to, and nothing else is done with either.
std::optional<unsigned> sumAddedTo(kernel::ContractOp op, BlockArgument argument) {
  if (!argument.hasOneUse())
    return std::nullopt;
  SmallVector<Value> addends = addendsOf(sumAround(argument));
  for (unsigned s = 0; s < op.getNumSums(); ++s) {
    Value sum = op.getBody().getArgument(s);
    if (sum.hasOneUse() && llvm::is_contained(addends, sum))
      return s;
  }
  return std::nullopt;
}

/// Whether the kernel's result is its only sum and something added to it.
bool yieldsSum(kernel::ContractOp op) {
  Value sum = op.getBody().getArgument(0),
        result = op.getBody().front().getTerminator()->getOperand(0);
  return op.getNumSums() == 1 && sum.hasOneUse() && llvm::is_contained(addendsOf(result), sum);
}

//===----------------------------------------------------------------------===//
// The joint iteration space
//===----------------------------------------------------------------------===//

/// `first`, whose result is input `input` of `second`, and what its dimensions are there.
struct Pair {
  kernel::ContractOp first, second;
  unsigned input;
  SmallVector<AffineExpr> dims; ///< one per dimension of `first`
  unsigned numDims;             ///< of the joint space
};

/// Names the dimensions of the value between by those of its reader; fails where that reads
/// another part or order of extents.
LogicalResult nameResult(Pair &pair) {
  AffineMap written = pair.first.getMaps().back(), read = pair.second.getMaps()[pair.input],
            init = pair.second.getMaps().back();
  DimEnv env{OpBuilder(pair.second)};
  auto inner = env.ofTensor(pair.first.getInit()), outer = env.ofTensor(pair.second.getInit());
  if (!inner || !outer || !read.isProjectedPermutation() ||
      read.getNumResults() != init.getNumResults())
    return failure();
  for (auto [axis, expr] : llvm::enumerate(read.getResults())) {
    std::optional<unsigned> place = init.getResultPosition(expr);
    if (!place)
      return failure();
    // Condition 2 of join-contractions.
    if ((*inner)[axis] != (*outer)[*place])
      return failure();
    pair.dims[cast<AffineDimExpr>(written.getResult(axis)).getPosition()] = expr;
  }
  // Rows stay rows and columns columns.
  unsigned columns = pair.second.getRoles().n[0];
  return success(pair.dims[pair.first.getRoles().n[0]] ==
                 getAffineDimExpr(columns, read.getContext()));
}

/// Names the steps of a product of `first`: as those of a product of `second` over the same
/// rows, else by dimensions of their own.
void nameSteps(Pair &pair, unsigned product) {
  SmallVector<AffineMap> maps = pair.first.getMaps(), others = pair.second.getMaps();
  SmallVector<unsigned> steps = kernel::ContractOp::stepsOf(maps, product);
  if (llvm::any_of(steps, [&](unsigned k) { return bool(pair.dims[k]); }))
    return;
  MLIRContext *context = pair.first.getContext();
  for (unsigned q = 0; q < pair.second.getNumProducts(); ++q) {
    SmallVector<unsigned> same = kernel::ContractOp::stepsOf(others, q);
    if (pair.first.getLhs(product) != pair.second.getLhs(q) || same.size() != steps.size())
      continue;
    SmallVector<AffineExpr> dims(pair.dims);
    for (auto [k, other] : llvm::zip(steps, same))
      dims[k] = getAffineDimExpr(other, context);
    for (AffineExpr &dim : dims)
      if (!dim)
        dim = getAffineConstantExpr(0, context); // steps of other products
    AffineMap read = others[2 * q];
    if (maps[2 * product].replaceDimsAndSymbols(dims, {}, read.getNumDims(), 0) != read)
      continue;
    for (unsigned k : steps)
      pair.dims[k] = dims[k];
    return;
  }
  for (unsigned k : steps)
    pair.dims[k] = getAffineDimExpr(pair.numDims++, context);
}

//===----------------------------------------------------------------------===//
// Joining
//===----------------------------------------------------------------------===//

struct JoinCounts {
  unsigned accumulated = 0, beside = 0;
};

struct JoinPair : OpRewritePattern<kernel::ContractOp> {
  JoinPair(MLIRContext *context, JoinCounts &counts) : OpRewritePattern(context), counts(counts) {}

  LogicalResult matchAndRewrite(kernel::ContractOp op, PatternRewriter &rewriter) const override {
    if (!isPlain(op))
      return failure();
    for (unsigned i = op.getNumFactors(); i < op.getInputs().size(); ++i) {
      auto first = op.getInputs()[i].getDefiningOp<kernel::ContractOp>();
      if (!first || first->getBlock() != op->getBlock() || !isPlain(first))
        continue;
      // Condition 1 of join-contractions.
      if (!first->hasOneUse())
        continue;
      Pair pair{first, op, i, SmallVector<AffineExpr>(first.getMaps()[0].getNumDims()),
                op.getMaps()[0].getNumDims()};
      if (failed(nameResult(pair)))
        continue;
      std::optional<unsigned> sum = sumAddedTo(op, argumentOf(pair));
      if (!yieldsSum(first))
        sum.reset();
      // Condition 6 of join-contractions.
      if (!sum && first.getNumSums() + op.getNumSums() > mostSums)
        continue;
      for (unsigned product = 0; product < first.getNumProducts(); ++product)
        nameSteps(pair, product);
      join(pair, sum, rewriter);
      ++(sum ? counts.accumulated : counts.beside);
      return success();
    }
    return failure();
  }

  static BlockArgument argumentOf(const Pair &pair) {
    kernel::ContractOp op = pair.second;
    return op.getBody().getArgument(op.getNumSums() + pair.input - op.getNumFactors());
  }

  /// What the conditions ask of one contraction.
  static bool isPlain(kernel::ContractOp op) {
    kernel::ContractOp::Roles roles = op.getRoles();
    if (op->getNumResults() != 1 || op.getWorkspace() || roles.n.size() != 1)
      return false;
    // Condition 3 of join-contractions.
    if (!roles.batch.empty())
      return false;
    // Condition 4 of join-contractions.
    if (writesLoopState(op))
      return false;
    // Condition 4 of join-contractions.
    if (llvm::any_of(op.getInputs(), viewsLoopState))
      return false;
    for (unsigned p = 0; p < op.getNumProducts(); ++p)
      // Condition 3 of join-contractions.
      if (!op.getRhs(p).getDefiningOp<kernel::UseOp>())
        return false;
    // Condition 5 of join-contractions.
    return llvm::none_of(op.getBody().getArgumentTypes(), llvm::IsaPred<NoneType>);
  }

  static void join(const Pair &pair, std::optional<unsigned> sum, PatternRewriter &rewriter);

  JoinCounts &counts;
};

/// The operands, maps and sums of two kernels in the order of a kernel.
struct Operands {
  SmallVector<Value> factors, extras;
  SmallVector<AffineMap> factorMaps, extraMaps;
  SmallVector<int64_t> sums;

  /// Adds those of `op` but for `without`. `dims` names its dimensions, `sumOf` its sums.
  void add(kernel::ContractOp op, std::optional<unsigned> without, ArrayRef<AffineExpr> dims,
           unsigned numDims, llvm::function_ref<int64_t(unsigned)> sumOf) {
    SmallVector<AffineMap> maps = op.getMaps();
    for (auto [i, value] : llvm::enumerate(op.getInputs())) {
      if (i == without)
        continue;
      bool factor = i < op.getNumFactors();
      (factor ? factors : extras).push_back(value);
      (factor ? factorMaps : extraMaps)
          .push_back(maps[i].replaceDimsAndSymbols(dims, {}, numDims, 0));
    }
    for (unsigned p = 0; p < op.getNumProducts(); ++p)
      sums.push_back(sumOf(op.getSumOf(p)));
  }
};

/// Copies a body with its arguments already in `values`; returns what it yields.
Value copyBody(OpBuilder &b, kernel::ContractOp op, ArrayRef<AffineExpr> dims, IRMapping &values) {
  Block &body = op.getBody().front();
  for (Operation &inner : body.without_terminator()) {
    Operation *copy = b.clone(inner, values);
    if (auto index = dyn_cast<kernel::IndexOp>(copy))
      index.setDim(cast<AffineDimExpr>(dims[index.getDim()]).getPosition());
  }
  return values.lookupOrDefault(body.getTerminator()->getOperand(0));
}

/// `sum` is the one of the second kernel that the first one adds to; without it the first one's
/// sums become sums of their own.
void JoinPair::join(const Pair &pair, std::optional<unsigned> sum, PatternRewriter &rewriter) {
  kernel::ContractOp first = pair.first, second = pair.second;
  unsigned own = second.getNumSums(), count = sum ? own : own + first.getNumSums();
  SmallVector<AffineExpr> same;
  for (unsigned d = 0; d < second.getMaps()[0].getNumDims(); ++d)
    same.push_back(rewriter.getAffineDimExpr(d));
  Operands operands;
  operands.add(second, pair.input, same, pair.numDims, [](unsigned s) { return s; });
  operands.add(first, std::nullopt, pair.dims, pair.numDims,
               [&](unsigned s) { return sum ? *sum : own + s; });
  SmallVector<Value> inputs(operands.factors);
  llvm::append_range(inputs, operands.extras);
  SmallVector<AffineMap> maps(operands.factorMaps);
  llvm::append_range(maps, operands.extraMaps);
  maps.push_back(second.getMaps().back().replaceDimsAndSymbols(same, {}, pair.numDims, 0));

  Location loc = rewriter.getFusedLoc({first.getLoc(), second.getLoc()});
  auto joint = kernel::ContractOp::create(
      rewriter, loc, second->getResultTypes(), inputs, second.getInits(), Value(),
      rewriter.getAffineMapArrayAttr(maps), rewriter.getDenseI64ArrayAttr(operands.sums));
  OpBuilder::InsertionGuard guard(rewriter);
  Block *block = rewriter.createBlock(&joint.getBody());
  Type accumulator = second.getBody().getArgument(0).getType();
  for (unsigned s = 0; s < count; ++s)
    block->addArgument(accumulator, loc);
  for (Value extra : operands.extras)
    block->addArgument(cast<ShapedType>(extra.getType()).getElementType(), loc);

  unsigned next = count;
  IRMapping outer, inner;
  for (unsigned s = 0; s < own; ++s)
    outer.map(second.getBody().getArgument(s), block->getArgument(s));
  for (BlockArgument argument : second.getBody().getArguments().drop_front(own))
    if (argument != argumentOf(pair))
      outer.map(argument, block->getArgument(next++));
  // Adding -0 changes nothing and is folded away.
  for (unsigned s = 0; s < first.getNumSums(); ++s)
    inner.map(first.getBody().getArgument(s),
              sum ? Value(arith::ConstantOp::create(rewriter, loc,
                                                    rewriter.getFloatAttr(accumulator, -0.0)))
                  : block->getArgument(own + s));
  for (BlockArgument argument : first.getBody().getArguments().drop_front(first.getNumSums()))
    inner.map(argument, block->getArgument(next++));
  outer.map(argumentOf(pair), copyBody(rewriter, first, pair.dims, inner));
  Value result = copyBody(rewriter, second, same, outer);
  kernel::YieldOp::create(rewriter, loc, result);
  rewriter.replaceOp(second, joint);
  rewriter.eraseOp(first);
}

struct JoinContractionsPass : impl::JoinContractionsBase<JoinContractionsPass> {
  void runOnOperation() override {
    JoinCounts counts;
    RewritePatternSet patterns(&getContext());
    patterns.add<JoinPair>(&getContext(), counts);
    GreedyRewriteConfig config;
    // Constants stay in the bodies that use them.
    config.enableConstantCSE(false).setUseTopDownTraversal();
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      return signalPassFailure();
    numAccumulated += counts.accumulated;
    numBeside += counts.beside;
  }
};

} // namespace
} // namespace strut::kernelize
