//===- KernelOps.cpp - Verifiers and interfaces of the kernel ops ---------===//
#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/OpImplementation.h"

#define GET_OP_CLASSES
#include "dialects/Kernel/KernelOps.cpp.inc"

using namespace mlir;

namespace strut::kernel {

/// Element type and rank of a tensor, memref or packed operand.
static ShapedType shapedTypeOf(Type type) {
  if (auto packed = dyn_cast<PackedType>(type))
    return packed.getLogical();
  return cast<ShapedType>(type);
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

int64_t WeightOp::getBytes() {
  RankedTensorType type = getTensorType();
  return type.getNumElements() * llvm::divideCeil(type.getElementTypeBitWidth(), 8);
}

LogicalResult WeightOp::verify() {
  RankedTensorType type = getTensorType();
  if (!type.hasStaticShape() || !type.getElementType().isIntOrFloat())
    return emitOpError("needs a static shape of integers or floats, got ") << type;
  if (auto file = dyn_cast<FileAttr>(getSource())) {
    if (file.getLength() != uint64_t(getBytes()))
      return emitOpError("has ") << file.getLength() << " bytes in '" << file.getPath()
                                 << "', but its type needs " << getBytes();
    return success();
  }
  auto elements = dyn_cast<ElementsAttr>(getSource());
  if (!elements)
    return emitOpError("needs a source that is #kernel.file or an elements attribute");
  if (elements.getShapedType() != type)
    return emitOpError("has elements of type ") << elements.getShapedType();
  return success();
}

/// Weights are declared in a module around the op, not always the nearest one: the
/// programs of several targets share them.
template <typename LookupFn> static WeightOp findDeclaration(UseOp use, LookupFn lookup) {
  for (Operation *scope = use->getParentOp(); scope; scope = scope->getParentOp())
    if (scope->hasTrait<OpTrait::SymbolTable>())
      if (auto weight = dyn_cast_or_null<WeightOp>(lookup(scope, use.getWeightAttr())))
        return weight;
  return {};
}

WeightOp UseOp::getDeclaration() {
  return findDeclaration(*this, [](Operation *scope, FlatSymbolRefAttr name) {
    return SymbolTable::lookupSymbolIn(scope, name);
  });
}

LogicalResult UseOp::verifySymbolUses(SymbolTableCollection &tables) {
  WeightOp weight = findDeclaration(*this, [&](Operation *scope, FlatSymbolRefAttr name) {
    return tables.lookupSymbolIn(scope, name);
  });
  if (!weight)
    return emitOpError("refers to no kernel.weight named '") << getWeight() << "'";
  ShapedType used = shapedTypeOf(getResult().getType());
  RankedTensorType declared = weight.getTensorType();
  if (used.getShape() != declared.getShape() || used.getElementType() != declared.getElementType())
    return emitOpError("reads '") << getWeight() << "' of type " << declared << " as "
                                  << getResult().getType();
  return success();
}

//===----------------------------------------------------------------------===//
// What all kernels share
//===----------------------------------------------------------------------===//

/// As memrefs, inputs are read, and inits and workspace written. On tensors a kernel
/// is pure.
template <typename OpT>
static void
addKernelEffects(OpT op,
                 SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  // Scalars of a region are no memrefs, so what is not an input is written.
  for (auto [i, operand] : llvm::enumerate(op->getOpOperands())) {
    if (!isa<MemRefType>(operand.get().getType()))
      continue;
    if (i < op.getInputs().size())
      effects.emplace_back(MemoryEffects::Read::get(), &operand);
    else
      effects.emplace_back(MemoryEffects::Write::get(), &operand);
  }
}

/// Results have the shapes of their inits.
static LogicalResult reifyInits(OpBuilder &b, Location loc, OperandRange inits,
                                ReifiedRankedShapedTypeDims &shapes) {
  for (Value init : inits)
    if (isa<TensorType>(init.getType()))
      shapes.push_back(tensor::getMixedSizes(b, loc, init));
  return success();
}

static LogicalResult verifyResults(Operation *op, OperandRange inits, ResultRange results) {
  bool tensors = !results.empty();
  for (Value init : inits)
    if (isa<TensorType>(init.getType()) != tensors)
      return op->emitOpError("has one result per tensor init and none for memrefs");
  if (tensors && TypeRange(inits) != TypeRange(results))
    return op->emitOpError("has results of other types than its inits");
  return success();
}

static LogicalResult verifyArguments(Operation *op, Region &body, ArrayRef<Type> arguments) {
  if (body.front().getArgumentTypes() == TypeRange(arguments))
    return success();
  InFlightDiagnostic error = op->emitOpError("needs a body with arguments (");
  llvm::interleaveComma(arguments, error);
  return error << ")";
}

/// The checks of every op over an iteration space. The body yields elements of the
/// inits, unless `yielded` says what else.
static LogicalResult verifyKernel(Operation *op, OperandRange inputs, OperandRange inits,
                                  ResultRange results, ArrayRef<AffineMap> maps, Region &body,
                                  ArrayRef<Type> leadingArguments, unsigned mappedInputs,
                                  Type yielded = {}) {
  if (failed(verifyResults(op, inits, results)))
    return failure();
  if (maps.size() != inputs.size() + inits.size())
    return op->emitOpError("has ")
           << maps.size() << " indexing maps for " << inputs.size() + inits.size() << " operands";
  SmallVector<Type> arguments(leadingArguments);
  for (auto [i, operand] : llvm::enumerate(
           llvm::concat<Value>(SmallVector<Value>(inputs), SmallVector<Value>(inits)))) {
    AffineMap map = maps[i];
    ShapedType type = shapedTypeOf(operand.getType());
    bool fetched = i < inputs.size() && map.getNumResults() == 0 && type.getRank() != 0;
    if (map.getNumDims() != maps.front().getNumDims() || map.getNumSymbols() != 0)
      return op->emitOpError("has indexing maps of different iteration spaces");
    if (!fetched && map.getNumResults() != type.getRank())
      return op->emitOpError("has a map of ") << map.getNumResults() << " results for operand " << i
                                              << " of rank " << type.getRank();
    if (i >= mappedInputs && i < inputs.size())
      arguments.push_back(fetched ? Type(NoneType::get(op->getContext())) : type.getElementType());
  }
  if (failed(verifyArguments(op, body, arguments)))
    return failure();
  auto yield = cast<YieldOp>(body.front().getTerminator());
  if (yield.getNumOperands() != inits.size())
    return op->emitOpError("yields ")
           << yield.getNumOperands() << " values for " << inits.size() << " inits";
  for (auto [value, init] : llvm::zip(yield.getValues(), inits)) {
    Type wanted = yielded ? yielded : shapedTypeOf(init.getType()).getElementType();
    if (value.getType() != wanted)
      return op->emitOpError("yields a ") << value.getType() << " for an init of type "
                                          << init.getType() << ", needs a " << wanted;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// kernel.contract
//===----------------------------------------------------------------------===//

Type ContractOp::getAccumulatorType(Type element) {
  Builder b(element.getContext());
  if (element.isF64())
    return b.getF64Type();
  return isa<FloatType>(element) ? Type(b.getF32Type()) : Type(b.getI32Type());
}

unsigned ContractOp::getNumSums() {
  return getSums() && !getSums()->empty() ? *llvm::max_element(*getSums()) + 1 : 1;
}

ContractOp::Roles ContractOp::getRoles() { return rolesOf(getMaps()); }

ContractOp::Roles ContractOp::rolesOf(ArrayRef<AffineMap> maps, unsigned product) {
  AffineMap init = maps.back();
  Roles roles;
  for (unsigned d = 0; d < maps[0].getNumDims(); ++d) {
    bool lhs = maps[2 * product].isFunctionOfDim(d), rhs = maps[2 * product + 1].isFunctionOfDim(d),
         out = init.isFunctionOfDim(d);
    if (lhs && rhs && out)
      roles.batch.push_back(d);
    else if (rhs && out)
      roles.n.push_back(d);
    else if (out)
      roles.m.push_back(d);
    else
      roles.k.push_back(d);
  }
  return roles;
}

SmallVector<unsigned> ContractOp::stepsOf(ArrayRef<AffineMap> maps, unsigned product) {
  SmallVector<unsigned> steps = rolesOf(maps).k;
  llvm::erase_if(steps, [&](unsigned d) {
    return !maps[2 * product].isFunctionOfDim(d) && !maps[2 * product + 1].isFunctionOfDim(d);
  });
  return steps;
}

LogicalResult ContractOp::verify() {
  if (getNumProducts() == 0 || getInputs().size() < getNumFactors() || getInits().size() != 1)
    return emitOpError("needs lhs and rhs of every product and one init");
  for (int64_t sum = 0; getSums() && sum <= *llvm::max_element(*getSums()); ++sum)
    if (*llvm::min_element(*getSums()) < 0 || !llvm::is_contained(*getSums(), sum))
      return emitOpError("has numbers of sums with gaps");
  SmallVector<AffineMap> maps = getMaps();
  Type accumulator = getAccumulatorType(shapedTypeOf(getLhs().getType()).getElementType());
  for (Value factor : getInputs().take_front(getNumFactors()))
    if (getAccumulatorType(shapedTypeOf(factor.getType()).getElementType()) != accumulator)
      return emitOpError("has products with different accumulators");
  if (failed(verifyKernel(*this, getInputs(), getInits(), getResults(), maps, getBody(),
                          SmallVector<Type>(getNumSums(), accumulator), getNumFactors())))
    return failure();
  Roles roles = getRoles();
  for (unsigned product = 0; product < getNumProducts(); ++product) {
    if (!maps[2 * product + 1].isProjectedPermutation() || !maps.back().isProjectedPermutation())
      return emitOpError("needs projected permutations as maps of rhs and init");
    Roles own = rolesOf(maps, product);
    if (own.batch != roles.batch || own.m != roles.m || own.n != roles.n)
      return emitOpError("has dimensions of init with other roles in product ") << product;
  }
  for (AffineMap extra : ArrayRef(maps).slice(getNumFactors(), getExtras().size()))
    for (unsigned k : roles.k)
      if (extra.isFunctionOfDim(k))
        return emitOpError("has an extra operand that depends on the contracted d") << k;
  return success();
}

//===----------------------------------------------------------------------===//
// kernel.grouped
//===----------------------------------------------------------------------===//

/// Whether the results of a map are these dimensions in any order, each once.
static bool isOrderOf(AffineMap map, ArrayRef<unsigned> dims) {
  return map.isProjectedPermutation() && map.getNumResults() == dims.size() &&
         llvm::all_of(dims, [&](unsigned d) { return map.isFunctionOfDim(d); });
}

LogicalResult GroupedOp::verify() {
  if (getInputs().size() < kFirstExtra || getInits().size() != 1)
    return emitOpError("needs lhs, rhs, order, offsets and one init");
  SmallVector<AffineMap> maps = getMaps();
  if (maps[0].getNumDims() != kNumDims)
    return emitOpError("needs the iteration dimensions (g, s, n, k)");
  Type accumulator =
      ContractOp::getAccumulatorType(shapedTypeOf(getLhs().getType()).getElementType());
  if (failed(verifyKernel(*this, getInputs(), getInits(), getResults(), maps, getBody(),
                          accumulator, kFirstExtra)))
    return failure();
  for (unsigned i : {2, 3}) {
    ShapedType type = shapedTypeOf(getInputs()[i].getType());
    if (type.getRank() != 1 || !type.getElementType().isInteger(32) || maps[i].getNumResults() != 0)
      return emitOpError("needs order and offsets that are lists of i32 with the empty map, got ")
             << type;
  }
  auto readsLhs = [&](unsigned d) { return maps[0].isFunctionOfDim(d); };
  if (!readsLhs(kRow) || !readsLhs(kTerm) || readsLhs(kGroup) || readsLhs(kColumn) ||
      !isOrderOf(maps[1], {kGroup, kColumn, kTerm}) || !isOrderOf(maps.back(), {kRow, kColumn}))
    return emitOpError("needs maps of lhs over (s, k), of rhs over (g, n, k), of init over (s, n)");
  for (AffineMap extra : ArrayRef(maps).slice(kFirstExtra, getExtras().size()))
    if (extra.isFunctionOfDim(kTerm))
      return emitOpError("has an extra operand that depends on the contracted dimension");
  return success();
}

//===----------------------------------------------------------------------===//
// kernel.chain
//===----------------------------------------------------------------------===//

ChainOp::Roles ChainOp::rolesOf(ArrayRef<AffineMap> maps) {
  Roles roles;
  for (unsigned d = 0; d < maps[0].getNumDims(); ++d) {
    bool next = maps[2].isFunctionOfDim(d), out = maps.back().isFunctionOfDim(d);
    (next && out ? roles.n : next ? roles.r : out ? roles.m : roles.k).push_back(d);
  }
  return roles;
}

/// Of what is stored: a packed weight may have other elements than the one that it is made of.
static Type storedElementOf(Type type) {
  if (auto packed = dyn_cast<PackedType>(type))
    return packed.getLayout().getPhysicalType(packed.getLogical()).getElementType();
  return cast<ShapedType>(type).getElementType();
}

/// Whether a map reads these dimensions and no others.
static bool readsExactly(AffineMap map, ArrayRef<unsigned> some, ArrayRef<unsigned> others) {
  return llvm::all_of(llvm::seq(map.getNumDims()), [&](unsigned d) {
    return map.isFunctionOfDim(d) == (llvm::is_contained(some, d) || llvm::is_contained(others, d));
  });
}

static bool readsNone(ArrayRef<AffineMap> maps, ArrayRef<unsigned> dims) {
  return llvm::none_of(maps, [&](AffineMap map) {
    return llvm::any_of(dims, [&](unsigned d) { return map.isFunctionOfDim(d); });
  });
}

LogicalResult ChainOp::verify() {
  unsigned outer = getFirstOuterExtra();
  if (getInputs().size() < outer || getInits().size() != 1)
    return emitOpError("needs lhs, rhs, next, the middle's extras and one init");
  SmallVector<AffineMap> maps = getMaps();
  Type element = storedElementOf(getLhs().getType());
  if (!isa<FloatType>(element) || llvm::any_of(getInputs().take_front(kFirstExtra), [&](Value v) {
        return storedElementOf(v.getType()) != element;
      }))
    return emitOpError("needs factors of one element type, of floats");
  Type accumulator = ContractOp::getAccumulatorType(element);
  if (failed(verifyKernel(*this, getInputs(), getInits(), getResults(), maps, getBody(),
                          accumulator, outer)))
    return failure();
  Roles roles = rolesOf(maps);
  ArrayRef<AffineMap> permuted[] = {ArrayRef(maps).slice(1, 2), ArrayRef(maps).take_back()};
  for (ArrayRef<AffineMap> some : permuted)
    if (!llvm::all_of(some, [](AffineMap map) { return map.isProjectedPermutation(); }))
      return emitOpError("needs projected permutations as maps of rhs, next and init");
  if (!readsExactly(maps[0], roles.m, roles.k) || !readsExactly(maps[1], roles.r, roles.k))
    return emitOpError("needs a map of lhs over (m, k) and of rhs over (r, k)");
  ArrayRef<AffineMap> extras = ArrayRef(maps).drop_front(kFirstExtra).drop_back();
  if (!readsNone(extras, roles.k) || !readsNone(extras.take_front(getMiddleExtras()), roles.n) ||
      !readsNone(extras.drop_front(getMiddleExtras()), roles.r))
    return emitOpError("has an extra operand that depends on a dimension it is not read at");
  SmallVector<Type> arguments{accumulator};
  for (Value extra : getInputs().slice(kFirstExtra, getMiddleExtras()))
    arguments.push_back(shapedTypeOf(extra.getType()).getElementType());
  if (failed(verifyArguments(*this, getMiddle(), arguments)))
    return failure();
  for (Operation &op : getMiddle().front())
    if (isa<IndexOp, FetchOp>(op))
      return emitOpError("has a middle that knows its place");
  auto yield = cast<YieldOp>(getMiddle().front().getTerminator());
  if (yield->getOperandTypes() != TypeRange(element))
    return emitOpError("needs a middle that yields a ") << element;
  return success();
}

//===----------------------------------------------------------------------===//
// kernel.attention, kernel.rows, kernel.map, kernel.region
//===----------------------------------------------------------------------===//

LogicalResult AttentionOp::verify() {
  if (getInputs().size() < 3 || getInits().size() != 1)
    return emitOpError("needs q, k, v and one init");
  SmallVector<AffineMap> maps = getMaps();
  if (maps[0].getNumDims() < 4)
    return emitOpError("needs the iteration dimensions (batch..., m, s, d, e)");
  Type f32 = Float32Type::get(getContext()); // a score, before and after
  return verifyKernel(*this, getInputs(), getInits(), getResults(), maps, getBody(), f32, 3, f32);
}

LogicalResult RowsOp::verify() {
  SmallVector<AffineMap> maps = getMaps();
  if (maps.empty() || getAxes() < 1 || getAxes() > maps[0].getNumDims())
    return emitOpError("needs between one and all of its dimensions as axes");
  if (auto extents = getExtents()) {
    if (extents->size() != maps[0].getNumDims())
      return emitOpError("has ") << extents->size() << " extents for " << maps[0].getNumDims()
                                 << " dimensions";
    if (llvm::any_of(*extents, [](int64_t e) { return e < -1; }))
      return emitOpError("has a negative extent");
  }
  for (unsigned d = 0; d < maps[0].getNumDims(); ++d) {
    bool given = getExtents() && (*getExtents())[d] >= 0;
    bool indexes = llvm::any_of(maps, [&](AffineMap map) {
      return llvm::is_contained(map.getResults(), getAffineDimExpr(d, getContext()));
    });
    if (!given && !indexes)
      return emitOpError("has no operand and no entry of `extents` that gives the extent of d")
             << d;
  }
  return verifyKernel(*this, getInputs(), getInits(), getResults(), maps, getBody(), {}, 0);
}

LogicalResult MapOp::verify() {
  SmallVector<AffineMap> maps = getMaps();
  if (failed(verifyKernel(*this, getInputs(), getInits(), getResults(), maps, getBody(), {}, 0)))
    return failure();
  WalkResult combines = getBody().walk([](CombineOp) { return WalkResult::interrupt(); });
  if (combines.wasInterrupted())
    return emitOpError("has no rows to combine over; use kernel.rows");
  return success();
}

LogicalResult RegionOp::verify() {
  if (failed(verifyResults(*this, getInits(), getResults())))
    return failure();
  SmallVector<Type> arguments;
  for (Value v :
       llvm::concat<Value>(SmallVector<Value>(getInputs()), SmallVector<Value>(getInits()))) {
    auto type = cast<ShapedType>(v.getType());
    arguments.push_back(RankedTensorType::get(type.getShape(), type.getElementType()));
  }
  llvm::append_range(arguments, getScalars().getTypes());
  Block &block = getBody().front();
  if (block.getArgumentTypes() != TypeRange(arguments))
    return emitOpError("needs a body whose arguments are its inputs and inits as tensors, then "
                       "its scalars");
  auto yield = cast<YieldOp>(block.getTerminator());
  if (yield.getNumOperands() != getInits().size())
    return emitOpError("yields ") << yield.getNumOperands() << " values for " << getInits().size()
                                  << " inits";
  return success();
}

#define STRUT_KERNEL_METHODS(OpT)                                                                  \
  void OpT::getEffects(                                                                            \
      SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {              \
    addKernelEffects(*this, effects);                                                              \
  }                                                                                                \
  LogicalResult OpT::reifyResultShapes(OpBuilder &b, ReifiedRankedShapedTypeDims &shapes) {        \
    return reifyInits(b, getLoc(), getInits(), shapes);                                            \
  }
STRUT_KERNEL_METHODS(ContractOp)
STRUT_KERNEL_METHODS(GroupedOp)
STRUT_KERNEL_METHODS(ChainOp)
STRUT_KERNEL_METHODS(AttentionOp)
STRUT_KERNEL_METHODS(RowsOp)
STRUT_KERNEL_METHODS(MapOp)
#undef STRUT_KERNEL_METHODS

void RegionOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  addKernelEffects(*this, effects);
  if (getUpdates())
    for (OpOperand &init : getInitsMutable())
      if (isa<MemRefType>(init.get().getType()))
        effects.emplace_back(MemoryEffects::Read::get(), &init);
}

} // namespace strut::kernel
