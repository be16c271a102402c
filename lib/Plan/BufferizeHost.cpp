//===- BufferizeHost.cpp - The host function from tensors to memrefs ------===//
#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotModuleBufferize.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"
#include "strut/Plan/Passes.h"

namespace strut::plan {
#define GEN_PASS_DEF_BUFFERIZEHOST
#include "strut/Plan/Passes.h.inc"
} // namespace strut::plan

using namespace mlir;

namespace strut::plan {
namespace {

/// `tensor.dim` or `memref.dim` of an argument is the index argument of that axis's symbol.
template <typename DimOp> struct DimOfArgument : OpRewritePattern<DimOp> {
  using OpRewritePattern<DimOp>::OpRewritePattern;
  LogicalResult matchAndRewrite(DimOp dim, PatternRewriter &rewriter) const override {
    Value source = dim.getSource();
    auto argument = dyn_cast<BlockArgument>(source);
    std::optional<int64_t> axis = dim.getConstantIndex();
    if (!argument || !axis)
      return failure();
    auto func = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
    if (!func)
      return failure();
    auto names = func.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(), "strut.dims");
    auto symbols = func->getAttrOfType<ArrayAttr>("strut.symbols");
    if (!names || !symbols)
      return failure();
    auto first = llvm::find_if(func.getArguments(),
                               [](BlockArgument argument) { return argument.getType().isIndex(); });
    for (auto [i, symbol] : llvm::enumerate(symbols))
      if (symbol == names[*axis]) {
        rewriter.replaceOp(dim, first[i]);
        return success();
      }
    return failure();
  }
};

/// What a loop carries keeps its shape: `tensor.dim` of it is that of the start.
struct DimOfLoopState : OpRewritePattern<tensor::DimOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::DimOp dim, PatternRewriter &rewriter) const override {
    Value source = dim.getSource();
    Operation *owner = source.getDefiningOp();
    auto argument = dyn_cast<BlockArgument>(source);
    auto loop =
        dyn_cast<LoopLikeOpInterface>(argument ? argument.getOwner()->getParentOp() : owner);
    if (!loop)
      return failure();
    OpOperand *init;
    if (auto conditional = dyn_cast<scf::WhileOp>(*loop)) // passes on all that it carries
      init = &conditional.getInitsMutable()[argument ? argument.getArgNumber()
                                                     : cast<OpResult>(source).getResultNumber()];
    else
      init =
          argument ? loop.getTiedLoopInit(argument) : loop.getTiedLoopInit(cast<OpResult>(source));
    if (!init)
      return failure();
    rewriter.modifyOpInPlace(dim, [&] { dim.getSourceMutable().assign(init->get()); });
    return success();
  }
};

/// `memref.dim` of an expansion is what the expansion says, not a load from memory that
/// is yet to be planned.
struct DimOfExpansion : OpRewritePattern<memref::DimOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(memref::DimOp dim, PatternRewriter &rewriter) const override {
    auto expand = dim.getSource().getDefiningOp<memref::ExpandShapeOp>();
    std::optional<int64_t> axis = dim.getConstantIndex();
    if (!expand || !axis)
      return failure();
    OpFoldResult size = expand.getMixedOutputShape()[*axis];
    rewriter.replaceOp(dim, getValueOrCreateConstantIndexOp(rewriter, dim.getLoc(), size));
    return success();
  }
};

/// The operand that stands for where `insert` puts its source: the init of a kernel, if
/// that is the same slice. Null if there is none.
OpOperand *initOf(tensor::InsertSliceOp insert) {
  auto kernelOp = insert.getSource().getDefiningOp<DestinationStyleOpInterface>();
  if (!kernelOp)
    return nullptr;
  OpOperand *init = kernelOp.getTiedOpOperand(cast<OpResult>(insert.getSource()));
  auto part = init->get().getDefiningOp<tensor::ExtractSliceOp>();
  return part && part.getSource() == insert.getDest() ? init : nullptr;
}

/// A tensor of its own that holds what `tensor` does: empty, with parts filled by maps
/// that read nothing. Null for one that holds data.
Value refill(OpBuilder &b, Value tensor) {
  if (auto empty = tensor.getDefiningOp<tensor::EmptyOp>())
    return b.clone(*empty)->getResult(0);
  auto insert = tensor.getDefiningOp<tensor::InsertSliceOp>();
  OpOperand *init = insert ? initOf(insert) : nullptr;
  auto fill = init ? dyn_cast<kernel::MapOp>(init->getOwner()) : kernel::MapOp();
  if (!fill || !fill.getInputs().empty())
    return {};
  Value target = refill(b, insert.getDest());
  if (!target)
    return {};
  IRMapping mapping;
  mapping.map(insert.getDest(), target);
  for (Operation *op : {init->get().getDefiningOp(), fill.getOperation(), insert.getOperation()})
    b.clone(*op, mapping);
  return mapping.lookup(tensor);
}

/// Tensors with equal borders, which common subexpressions have made one, become several
/// again where more than one of them is written to: filling is cheaper than a copy.
void separateFills(func::FuncOp main) {
  DenseSet<Value> written;
  main.walk([&](tensor::InsertSliceOp insert) {
    Value target = insert.getDest();
    if (written.insert(target).second)
      return;
    OpBuilder b(target.getContext());
    b.setInsertionPointAfterValue(target);
    Value own = refill(b, target);
    if (!own)
      return;
    if (OpOperand *init = initOf(insert)) {
      auto part = init->get().getDefiningOp<tensor::ExtractSliceOp>();
      b.setInsertionPointAfter(part);
      auto ownPart = cast<tensor::ExtractSliceOp>(b.clone(*part));
      ownPart.getSourceMutable().assign(own);
      init->set(ownPart);
    }
    insert.getDestMutable().assign(own);
  });
}

struct BufferizeHostPass : impl::BufferizeHostBase<BufferizeHostPass> {
  using BufferizeHostBase::BufferizeHostBase;

  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main)
      return;
    separateFills(main);
    if (failed(returnThroughArguments(main)) || failed(bufferize()))
      signalPassFailure();
  }

  LogicalResult returnThroughArguments(func::FuncOp main);
  LogicalResult bufferize();
};

/// Whether a value is an argument or made of one by reshapes and slices alone.
static bool viewsInput(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::ExtractSliceOp,
             tensor::CastOp>(op))
      return false;
    value = op->getOperand(0);
  }
  return true;
}

LogicalResult BufferizeHostPass::returnThroughArguments(func::FuncOp main) {
  auto ret = cast<func::ReturnOp>(main.getBody().front().getTerminator());
  OpBuilder b(ret);
  SmallVector<Value> extents, results(ret.getOperands());
  // Copies to memory that may be an input's come last.
  SmallVector<std::pair<Value, Value>> copies, lastCopies;
  for (auto [i, result] : llvm::enumerate(results)) {
    auto type = dyn_cast<RankedTensorType>(result.getType());
    if (!type)
      return ret.emitError("the host function must return ranked tensors, got ")
             << result.getType();
    auto buffer = MemRefType::get(type.getShape(), type.getElementType());
    NamedAttrList attributes(b.getNamedAttr("strut.output", b.getI64IntegerAttr(i)));
    Attribute alias = main.getResultAttr(i, kAliasAttr);
    if (alias)
      attributes.set(kAliasAttr, alias);
    unsigned position = main.getNumArguments();
    if (failed(main.insertArgument(position, buffer, attributes.getDictionary(&getContext()),
                                   result.getLoc())))
      return failure();
    for (int64_t axis = 0; axis < type.getRank(); ++axis)
      extents.push_back(b.createOrFold<tensor::DimOp>(ret.getLoc(), result, axis));
    (alias ? lastCopies : copies).push_back({result, main.getArgument(position)});
  }
  for (auto &[result, output] : lastCopies)
    if (viewsInput(result))
      result = bufferization::AllocTensorOp::create(
          b, ret.getLoc(), cast<RankedTensorType>(result.getType()), ValueRange(), result);
  for (auto [result, output] : llvm::concat<std::pair<Value, Value>>(copies, lastCopies))
    bufferization::MaterializeInDestinationOp::create(b, ret.getLoc(), TypeRange(), result, output,
                                                      /*restrict=*/true, /*writable=*/true);
  ret.getOperandsMutable().assign(extents);
  SmallVector<Type> indices(extents.size(), b.getIndexType());
  main.removeResAttrsAttr();
  main.setFunctionType(b.getFunctionType(main.getArgumentTypes(), indices));
  for (BlockArgument argument : main.getArguments())
    if (isa<TensorType>(argument.getType()))
      main.setArgAttr(argument.getArgNumber(),
                      bufferization::BufferizationDialect::kWritableAttrName, b.getBoolAttr(false));

  RewritePatternSet patterns(&getContext());
  memref::populateResolveRankedShapedTypeResultDimsPatterns(patterns);
  tensor::DimOp::getCanonicalizationPatterns(patterns, &getContext());
  patterns.add<DimOfArgument<tensor::DimOp>, DimOfLoopState>(&getContext());
  return applyPatternsGreedily(main, std::move(patterns));
}

LogicalResult BufferizeHostPass::bufferize() {
  bufferization::OneShotBufferizationOptions options;
  options.bufferizeFunctionBoundaries = true;
  options.setFunctionBoundaryTypeConversion(bufferization::LayoutMapOption::IdentityLayoutMap);
  options.bufferAlignment = 64;
  // The body of a kernel.region stays on tensors until its target takes it, so the op
  // counts as done when its operands are memrefs.
  options.opFilter.denyOperation([](Operation *op) {
    auto onTensors = [](Operation *region) {
      return llvm::any_of(region->getOperandTypes(), llvm::IsaPred<TensorType>);
    };
    return op->getParentOfType<kernel::RegionOp>() || (isa<kernel::RegionOp>(op) && !onTensors(op));
  });
  auto main = getOperation().lookupSymbol<func::FuncOp>("main");
  // Bufferisation makes new switches, in the same order and without attributes.
  SmallVector<Attribute> choices;
  for (auto branch : main.getOps<scf::IndexSwitchOp>())
    choices.push_back(branch->getAttr(kChoiceAttr));
  bufferization::BufferizationState state;
  if (failed(bufferization::runOneShotModuleBufferize(getOperation(), options, state)))
    return failure();
  for (auto [branch, choice] : llvm::zip(main.getOps<scf::IndexSwitchOp>(), choices))
    if (choice)
      branch->setAttr(kChoiceAttr, choice);
  RewritePatternSet patterns(&getContext());
  // The sizes of a copy are asked of what is copied.
  patterns.add<DimOfArgument<memref::DimOp>, DimOfExpansion>(&getContext());
  memref::DimOp::getCanonicalizationPatterns(patterns, &getContext());
  if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
    return failure();
  OpPassManager cleanup(kernel::ProgramOp::getOperationName());
  // A part is copied onto itself, which shows when both views of it have become one.
  cleanup.addPass(createCSEPass());
  cleanup.addPass(createCanonicalizerPass());
  cleanup.addPass(createCSEPass());
  return runPipeline(cleanup, getOperation());
}

} // namespace
} // namespace strut::plan
