//===- PlanMemory.cpp - Intermediates in one arena ------------------------===//
//
// Lifetimes are known at compile time, sizes when dimensions are bound: so this
// pass writes down the lifetimes and generates the code for the sizes, and the
// runtime lays out the arena. What the host function asserts of dimensions is found
// out then, too, before anything runs.
//
//===----------------------------------------------------------------------===//
#include "dialects/Kernel/Kernel.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Analysis/TopologicalSortUtils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "mlir/Pass/PassManager.h"
#include "strut/Plan/Passes.h"

namespace strut::plan {
#define GEN_PASS_DEF_PLANMEMORY
#include "strut/Plan/Passes.h.inc"
} // namespace strut::plan

using namespace mlir;

namespace strut::plan {
namespace {

struct Buffer {
  memref::AllocOp alloc;
  int32_t first, last; ///< positions in the body of @main
};

class HostPlanner {
public:
  explicit HostPlanner(func::FuncOp main) : main(main), body(main.getBody().front()) {}

  /// Computes outputs where they are wanted; returns how many.
  unsigned elideOutputCopies();
  /// The op that is first to write the buffer, if the buffer may lie in the memory of
  /// `input`; else null.
  Operation *firstToUpdate(Value input, memref::AllocOp buffer);
  LogicalResult collect();
  LogicalResult generateBind();
  void placeInArena();

  SmallVector<Buffer> buffers;

private:
  Operation *inBody(Operation *op) { return body.findAncestorOpInBlock(*op); }
  int32_t positionOf(Operation *op) { return positions.lookup(inBody(op)); }
  static Value bytesOf(OpBuilder &b, memref::AllocOp alloc);
  /// Takes the assertions out of the function: a number for each, 0 where it holds.
  LogicalResult takeAssertions(SmallVectorImpl<Value> &numbers);

  func::FuncOp main;
  Block &body;
  DenseMap<Operation *, int32_t> positions;
};

/// The memory behind a chain of reshapes, which keep all elements in order.
Value reshaped(Value value) {
  while (isa_and_present<memref::CollapseShapeOp, memref::ExpandShapeOp>(value.getDefiningOp()))
    value = value.getDefiningOp()->getOperand(0);
  return value;
}

/// Uses of memory, also through views of it and results of structured control flow.
SmallVector<OpOperand *> usesOf(Value memory) {
  SmallVector<OpOperand *> uses;
  SmallVector<Value> aliases{memory};
  while (!aliases.empty()) {
    for (OpOperand &use : aliases.pop_back_val().getUses()) {
      uses.push_back(&use);
      Operation *user = use.getOwner();
      // What a loop starts with may be what it ends with.
      bool isCarrier = isa<ViewLikeOpInterface, LoopLikeOpInterface>(user);
      if (isCarrier || user->hasTrait<OpTrait::IsTerminator>()) {
        Operation *carrier = isCarrier ? user : user->getParentOp();
        if (!isa<func::FuncOp>(carrier))
          llvm::copy_if(carrier->getResults(), std::back_inserter(aliases),
                        [](Value v) { return isa<MemRefType>(v.getType()); });
      }
    }
  }
  return uses;
}

/// Whether a copy is one of all of `source`.
bool copiesAllOf(Operation *op, Value source) {
  auto copy = dyn_cast<memref::CopyOp>(op);
  return copy && reshaped(copy.getSource()) == source;
}

/// Whether the user may write `buffer` over what it reads here: it copies the whole, or
/// is pointwise and reads each element just where it writes.
bool readsWhereItWrites(OpOperand &read, Value buffer) {
  if (auto copy = dyn_cast<memref::CopyOp>(read.getOwner()))
    return reshaped(copy.getTarget()) == buffer && copiesAllOf(copy, reshaped(read.get()));
  auto map = dyn_cast<kernel::MapOp>(read.getOwner());
  if (!map || read.getOperandNumber() >= map.getInputs().size())
    return false;
  SmallVector<AffineMap> maps = map.getMaps();
  ArrayRef<AffineMap> writes = ArrayRef(maps).drop_front(map.getInputs().size());
  AffineMap reads = maps[read.getOperandNumber()];
  return reads.isPermutation() &&
         llvm::all_of_zip(map.getInits(), writes, [&](Value init, auto at) {
           return reshaped(init) != buffer || at == reads;
         });
}

/// The dense array `memory` as `type` with `sizes`, which make as many elements.
Value viewAs(OpBuilder &b, Location loc, Value memory, MemRefType type,
             ArrayRef<OpFoldResult> sizes) {
  SmallVector<OpFoldResult> strides(sizes.size());
  OpFoldResult stride = b.getIndexAttr(1);
  for (size_t axis = sizes.size(); axis-- > 0;) {
    strides[axis] = stride;
    Value size = getValueOrCreateConstantIndexOp(b, loc, sizes[axis]);
    Value product =
        b.createOrFold<arith::MulIOp>(loc, getValueOrCreateConstantIndexOp(b, loc, stride), size);
    stride = getAsOpFoldResult(product);
  }
  Value view = memref::ReinterpretCastOp::create(b, loc, memory, b.getIndexAttr(0), sizes, strides);
  return memref::CastOp::create(b, loc, type, view);
}

/// Turns the reshapes of dense memory into casts: upstream's expansion of them takes
/// one dynamic extent per group, and ours have several.
void lowerReshapes(func::FuncOp main) {
  auto dense = [](Value v) { return cast<MemRefType>(v.getType()).getLayout().isIdentity(); };
  main.walk([&](Operation *op) {
    OpBuilder b(op);
    SmallVector<OpFoldResult> sizes;
    if (auto expand = dyn_cast<memref::ExpandShapeOp>(op)) {
      sizes = expand.getMixedOutputShape();
    } else if (auto collapse = dyn_cast<memref::CollapseShapeOp>(op)) {
      for (const auto &group : collapse.getReassociationIndices()) {
        Value size = arith::ConstantIndexOp::create(b, op->getLoc(), 1);
        for (int64_t axis : group) {
          Value extent = b.createOrFold<memref::DimOp>(op->getLoc(), collapse.getSrc(), axis);
          size = b.createOrFold<arith::MulIOp>(op->getLoc(), size, extent);
        }
        sizes.push_back(getAsOpFoldResult(size));
      }
    } else {
      return;
    }
    Value source = op->getOperand(0), result = op->getResult(0);
    if (!dense(source) || !dense(result))
      return;
    result.replaceAllUsesWith(
        viewAs(b, op->getLoc(), source, cast<MemRefType>(result.getType()), sizes));
    op->erase();
  });
}

Operation *HostPlanner::firstToUpdate(Value input, memref::AllocOp buffer) {
  Operation *first = nullptr;
  for (OpOperand *use : usesOf(buffer))
    if (Operation *op = inBody(use->getOwner());
        !isa<ViewLikeOpInterface>(op) && (!first || op->isBeforeInBlock(first)))
      first = op;
  // From there on nothing else may look at the input.
  bool isLast = llvm::all_of(usesOf(input), [&](OpOperand *use) {
    Operation *user = use->getOwner();
    return isa<ViewLikeOpInterface, memref::DimOp>(user) || inBody(user)->isBeforeInBlock(first) ||
           (user == first && reshaped(use->get()) == input && readsWhereItWrites(*use, buffer));
  });
  return isLast ? first : nullptr;
}

unsigned HostPlanner::elideOutputCopies() {
  unsigned elided = 0;
  DenseSet<Value> used;
  for (auto copy : llvm::make_early_inc_range(body.getOps<memref::CopyOp>())) {
    auto output = dyn_cast<BlockArgument>(copy.getTarget());
    auto alloc = reshaped(copy.getSource()).getDefiningOp<memref::AllocOp>();
    if (!output || !alloc || !main.getArgAttr(output.getArgNumber(), "strut.output"))
      continue;
    memref::CopyOp wholeInput;
    if (auto alias = main.getArgAttrOfType<IntegerAttr>(output.getArgNumber(), kAliasAttr)) {
      Value input = main.getArgument(alias.getInt());
      Operation *first = firstToUpdate(input, alloc);
      if (!first)
        continue;
      if (copiesAllOf(first, input))
        wholeInput = cast<memref::CopyOp>(first);
    }
    if (!used.insert(output).second)
      continue;
    // Sizes are those of the allocation: an argument does not know its own.
    OpBuilder b(alloc);
    Value view = viewAs(b, alloc.getLoc(), output, alloc.getType(), alloc.getMixedSizes());
    alloc.replaceAllUsesWith(view);
    alloc.erase();
    if (wholeInput) // the runtime has seen to it that the output begins as its input
      wholeInput.erase();
    copy.erase();
    ++elided;
  }
  return elided;
}

/// Makes a kernel of each copy that is left: parallel, vector code, and no call of
/// MLIR's C runtime, which artefacts do not have.
void copyByKernels(func::FuncOp main) {
  main.walk([](memref::CopyOp copy) {
    OpBuilder b(copy);
    Location loc = copy.getLoc();
    Value source = copy.getSource(), target = copy.getTarget();
    auto from = cast<MemRefType>(source.getType()), to = cast<MemRefType>(target.getType());
    Type element = from.getElementType();
    SmallVector<OpFoldResult> sizes = memref::getMixedSizes(b, loc, source);
    // Sizes are those of the source: an output does not know its own.
    if (from.getLayout().isIdentity() && to.getLayout().isIdentity()) {
      Value count = arith::ConstantIndexOp::create(b, loc, 1);
      for (OpFoldResult size : sizes)
        count = b.createOrFold<arith::MulIOp>(loc, count,
                                              getValueOrCreateConstantIndexOp(b, loc, size));
      sizes = {getAsOpFoldResult(count)};
      int64_t fixed = getConstantIntValue(sizes[0]).value_or(ShapedType::kDynamic);
      auto flat = MemRefType::get({fixed}, element);
      source = viewAs(b, loc, source, flat, sizes);
      target = viewAs(b, loc, target, flat, sizes);
    } else if (to.getLayout().isIdentity()) {
      target = viewAs(b, loc, target, MemRefType::get(from.getShape(), element), sizes);
    }
    AffineMap identity = b.getMultiDimIdentityMap(sizes.size());
    auto op = kernel::MapOp::create(b, loc, TypeRange(), source, target, Value(),
                                    b.getAffineMapArrayAttr({identity, identity}));
    Block *block = b.createBlock(&op.getBody());
    kernel::YieldOp::create(b, loc, ValueRange(block->addArgument(element, loc)));
    copy.erase();
  });
}

LogicalResult HostPlanner::collect() {
  for (auto [i, op] : llvm::enumerate(body))
    positions[&op] = i;
  WalkResult walked = main.walk([&](memref::AllocOp alloc) {
    Buffer buffer{alloc, positionOf(alloc), positionOf(alloc)};
    if (!alloc.getType().getLayout().isIdentity()) {
      alloc.emitError("a planned buffer must be dense, got ") << alloc.getType();
      return WalkResult::interrupt();
    }
    for (OpOperand *use : usesOf(alloc))
      buffer.last = std::max(buffer.last, positionOf(use->getOwner()));
    buffers.push_back(buffer);
    return WalkResult::advance();
  });
  return failure(walked.wasInterrupted());
}

/// Emits the size of a buffer from the operands of its allocation.
Value HostPlanner::bytesOf(OpBuilder &b, memref::AllocOp alloc) {
  Location loc = alloc.getLoc();
  MemRefType type = alloc.getType();
  int64_t fixed = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  for (int64_t extent : type.getShape())
    fixed *= ShapedType::isDynamic(extent) ? 1 : extent;
  Value bytes = arith::ConstantIndexOp::create(b, loc, fixed);
  for (Value extent : alloc.getDynamicSizes())
    bytes = b.createOrFold<arith::MulIOp>(loc, bytes, extent);
  return bytes;
}

LogicalResult HostPlanner::takeAssertions(SmallVectorImpl<Value> &numbers) {
  SmallVector<Attribute> messages;
  SmallVector<cf::AssertOp> assertions;
  main.walk([&](cf::AssertOp assertion) { assertions.push_back(assertion); });
  for (cf::AssertOp assertion : assertions) {
    SetVector<Operation *> slice;
    BackwardSliceOptions options;
    options.omitBlockArguments = true;
    (void)getBackwardSlice(assertion.getOperation(), &slice, options);
    auto reads = [](Operation *op) {
      return llvm::any_of(op->getOperandTypes(), llvm::IsaPred<MemRefType>);
    };
    if (assertion->getBlock() != &body || llvm::any_of(slice, reads))
      return assertion.emitError("an assertion must be one on dimensions alone");
    OpBuilder b(assertion);
    Location loc = assertion.getLoc();
    Value fine = arith::ConstantIndexOp::create(b, loc, 0),
          trouble = arith::ConstantIndexOp::create(b, loc, 1);
    numbers.push_back(arith::SelectOp::create(b, loc, assertion.getArg(), fine, trouble));
    messages.push_back(assertion.getMsgAttr());
    assertion.erase();
  }
  if (!messages.empty())
    main->setAttr(kRequirementsAttr, ArrayAttr::get(main.getContext(), messages));
  return success();
}

LogicalResult HostPlanner::generateBind() {
  unsigned symbols = 0, first = 0;
  if (auto names = main->getAttrOfType<ArrayAttr>("strut.symbols"))
    symbols = names.size();
  while (first < main.getNumArguments() && !main.getArgument(first).getType().isIndex())
    ++first;

  // The sizes are computed in @main first, so that one clone serves all of them.
  auto ret = cast<func::ReturnOp>(body.getTerminator());
  SmallVector<Value> wanted;
  for (Buffer &buffer : buffers) {
    OpBuilder b(buffer.alloc);
    wanted.push_back(bytesOf(b, buffer.alloc));
  }
  llvm::append_range(wanted, ret.getOperands());
  SmallVector<Attribute> choices;
  for (auto branch : body.getOps<scf::IndexSwitchOp>())
    if (Attribute choice = branch->getAttr(kChoiceAttr)) {
      choices.push_back(choice);
      wanted.push_back(branch.getArg());
    }
  if (!choices.empty())
    main->setAttr(kChoicesAttr, ArrayAttr::get(main.getContext(), choices));
  if (failed(takeAssertions(wanted)))
    return failure();

  OpBuilder b(main);
  SmallVector<Type> indices(symbols, b.getIndexType()), results(wanted.size(), b.getIndexType());
  auto bind =
      func::FuncOp::create(b, main.getLoc(), "main_bind", b.getFunctionType(indices, results));
  b.setInsertionPointToStart(bind.addEntryBlock());
  IRMapping mapping;
  for (unsigned i = 0; i < symbols; ++i)
    mapping.map(main.getArgument(first + i), bind.getArgument(i));
  SetVector<Operation *> slice;
  BackwardSliceOptions options;
  options.inclusive = true;
  options.omitBlockArguments = true;
  for (Value value : wanted)
    if (value.getDefiningOp())
      (void)getBackwardSlice(value, &slice, options);
  for (Operation *op : topologicalSort(slice))
    b.clone(*op, mapping);
  SmallVector<Value> returned =
      llvm::map_to_vector(wanted, [&](Value v) { return mapping.lookupOrDefault(v); });
  func::ReturnOp::create(b, main.getLoc(), returned);

  ret.getOperandsMutable().clear();
  main.setFunctionType(b.getFunctionType(main.getArgumentTypes(), {}));
  return success();
}

void HostPlanner::placeInArena() {
  OpBuilder b(main.getContext());
  Location loc = main.getLoc();
  auto arenaType = MemRefType::get({ShapedType::kDynamic}, b.getI8Type());
  unsigned arena = main.getNumArguments();
  (void)main.insertArgument(
      arena, arenaType, b.getDictionaryAttr(b.getNamedAttr("strut.arena", b.getUnitAttr())), loc);
  SmallVector<Attribute> lifetimes;
  for (Buffer &buffer : buffers) {
    unsigned offset = main.getNumArguments();
    (void)main.insertArgument(offset, b.getIndexType(), {}, loc);
    lifetimes.push_back(b.getDenseI32ArrayAttr({buffer.first, buffer.last}));
    b.setInsertionPoint(buffer.alloc);
    auto view = memref::ViewOp::create(b, buffer.alloc.getLoc(), buffer.alloc.getType(),
                                       main.getArgument(arena), main.getArgument(offset),
                                       buffer.alloc.getDynamicSizes());
    buffer.alloc.replaceAllUsesWith(view.getResult());
    buffer.alloc.erase();
  }
  main->setAttr("strut.lifetimes", b.getArrayAttr(lifetimes));
}

struct PlanMemoryPass : impl::PlanMemoryBase<PlanMemoryPass> {
  using PlanMemoryBase::PlanMemoryBase;

  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main)
      return;
    HostPlanner planner(main);
    inPlace += planner.elideOutputCopies();
    copyByKernels(main);
    if (failed(planner.collect()) || failed(planner.generateBind()))
      return signalPassFailure();
    planner.placeInArena();
    lowerReshapes(main);
    buffers += planner.buffers.size();
  }
};

} // namespace

void buildPipeline(OpPassManager &pm) {
  pm.addPass(createBufferizeHost());
  pm.addPass(createPlanMemory());
}

} // namespace strut::plan
