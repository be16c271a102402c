//===- ScalarCode.cpp - Scalar regions as vector code ---------------------===//
//
// The body of a kernel is scalar code. Here it becomes code on vectors, one lane
// per step of a chosen iteration dimension; what is the same for all lanes stays
// scalar. With one lane everything stays scalar.
//
//===----------------------------------------------------------------------===//
#include "strut/Emit/ScalarCode.h"
#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace strut::emit {

Value indexConstant(OpBuilder &b, Location loc, int64_t value) {
  return arith::ConstantIndexOp::create(b, loc, value);
}

SmallVector<Value> delinearize(OpBuilder &b, Location loc, Value index, ValueRange extents) {
  SmallVector<Value> result(extents.size());
  for (size_t i = extents.size(); i-- > 1;) {
    result[i] = arith::RemUIOp::create(b, loc, index, extents[i]);
    index = arith::DivUIOp::create(b, loc, index, extents[i]);
  }
  if (!extents.empty())
    result[0] = index;
  return result;
}

static Value splat(OpBuilder &b, Location loc, VectorType type, Attribute element) {
  return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, element));
}

Value asVector(OpBuilder &b, Location loc, Value value, int64_t lanes) {
  if (lanes == 1 || isa<VectorType>(value.getType()))
    return value;
  auto type = VectorType::get({lanes}, value.getType());
  Attribute constant;
  if (matchPattern(value, m_Constant(&constant)))
    return splat(b, loc, type, constant);
  return vector::BroadcastOp::create(b, loc, type, value);
}

Value extractLane(OpBuilder &b, Location loc, Value value, int64_t lane) {
  if (!isa<VectorType>(value.getType()))
    return value;
  return vector::ExtractOp::create(b, loc, value, lane);
}

SmallVector<Value> applyMap(OpBuilder &b, Location loc, AffineMap map, ValueRange iterators) {
  SmallVector<Value> results;
  for (AffineExpr e : map.getResults()) {
    if (auto dim = dyn_cast<AffineDimExpr>(e))
      results.push_back(iterators[dim.getPosition()]);
    else
      results.push_back(affine::expandAffineExpr(b, loc, e, iterators, {}));
  }
  return results;
}

//===----------------------------------------------------------------------===//
// Bodies
//===----------------------------------------------------------------------===//

/// The same op on vectors, its scalar operands broadcast. Only the condition of
/// a select may stay scalar.
static void cloneElementwise(OpBuilder &b, Operation *op, IRMapping &values, int64_t lanes) {
  SmallVector<Value> operands;
  for (Value v : op->getOperands())
    operands.push_back(values.lookup(v));
  for (auto [i, v] : llvm::enumerate(operands))
    if (!(isa<arith::SelectOp>(op) && i == 0))
      v = asVector(b, op->getLoc(), v, lanes);
  SmallVector<Type> types;
  for (Type t : op->getResultTypes())
    types.push_back(VectorType::get({lanes}, t));
  OperationState state(op->getLoc(), op->getName(), operands, types, op->getAttrs());
  values.map(op->getResults(), b.create(state)->getResults());
}

/// What has no form on vectors: one clone per lane.
static void cloneLanes(OpBuilder &b, Operation *op, IRMapping &values, int64_t lanes) {
  SmallVector<SmallVector<Value>> results(op->getNumResults());
  for (int64_t lane = 0; lane < lanes; ++lane) {
    IRMapping scalars;
    for (Value v : op->getOperands())
      scalars.map(v, extractLane(b, op->getLoc(), values.lookup(v), lane));
    Operation *clone = b.clone(*op, scalars);
    for (auto [list, result] : llvm::zip(results, clone->getResults()))
      list.push_back(result);
  }
  for (auto [result, elements] : llvm::zip(op->getResults(), results)) {
    auto type = VectorType::get({lanes}, result.getType());
    values.map(result, Value(vector::FromElementsOp::create(b, op->getLoc(), type, elements)));
  }
}

/// Constants that canonicalisation hoisted out of the body come back in.
static void bringIn(OpBuilder &b, Value v, IRMapping &values) {
  if (values.contains(v))
    return;
  Operation *definition = v.getDefiningOp();
  assert(definition && definition->hasTrait<OpTrait::ConstantLike>() &&
         "values captured by a kernel's body are arguments of its function");
  values.map(v, b.clone(*definition)->getResult(cast<OpResult>(v).getResultNumber()));
}

void cloneAsVector(OpBuilder &b, Operation *op, IRMapping &values, int64_t lanes,
                   SpecialOp special) {
  for (Value v : op->getOperands())
    bringIn(b, v, values);
  auto isVector = [&](Value v) { return isa<VectorType>(values.lookup(v).getType()); };
  if (isa_and_nonnull<kernel::KernelDialect>(op->getDialect()))
    values.map(op->getResult(0), special(b, op));
  else if (llvm::none_of(op->getOperands(), isVector))
    b.clone(*op, values);
  else if (OpTrait::hasElementwiseMappableTraits(op) || isa<UnrealizedConversionCastOp>(op))
    cloneElementwise(b, op, values, lanes);
  else
    cloneLanes(b, op, values, lanes);
}

void cloneAsVectors(OpBuilder &b, Block &body, IRMapping &values, int64_t lanes,
                    SpecialOp special) {
  for (Operation &op : body.without_terminator())
    cloneAsVector(b, &op, values, lanes, special);
  for (Value v : body.getTerminator()->getOperands())
    bringIn(b, v, values);
}

SmallVector<Value> capturesOf(Operation *kernel) {
  llvm::SetVector<Value> captures;
  for (Region &region : kernel->getRegions())
    region.walk([&](Operation *op) {
      for (Value v : op->getOperands()) {
        if (region.isAncestor(v.getParentRegion()))
          continue;
        Operation *definition = v.getDefiningOp();
        if (!definition || !definition->hasTrait<OpTrait::ConstantLike>())
          captures.insert(v);
      }
    });
  return captures.takeVector();
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Access classify(MemRefType type, AffineMap map, unsigned laneDim, int64_t lanes) {
  if (lanes == 1 || !map.isFunctionOfDim(laneDim))
    return Access::uniform;
  for (AffineExpr e : map.getResults().drop_back())
    if (e.isFunctionOfDim(laneDim))
      return Access::scattered;
  AffineExpr last = map.getResults().back();
  AffineExpr dim = getAffineDimExpr(laneDim, map.getContext());
  AffineExpr step = simplifyAffineExpr(last.replace(dim, dim + 1) - last, map.getNumDims(), 0);
  auto constant = dyn_cast<AffineConstantExpr>(step);
  return constant && constant.getValue() == 1 && type.isLastDimUnitStride() ? Access::contiguous
                                                                            : Access::scattered;
}

/// The type that an element is moved as. Booleans take a byte in memory (DLPack),
/// but a vector of i1 would be stored as bits. Halves are moved as integers, for
/// not every target can hold them in vectors.
Type storageOf(Type element) {
  Builder b(element.getContext());
  if (element.isInteger(1))
    return b.getI8Type();
  return element.isF16() || element.isBF16() ? Type(b.getI16Type()) : element;
}

Value storageView(OpBuilder &b, Location loc, Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  Type storage = storageOf(type.getElementType());
  if (storage == type.getElementType())
    return memref;
  auto view = MemRefType::get(type.getShape(), storage, type.getLayout(), type.getMemorySpace());
  return UnrealizedConversionCastOp::create(b, loc, view, memref).getResult(0);
}

static Type sameShape(Type shape, Type element) {
  if (auto vector = dyn_cast<VectorType>(shape))
    return vector.clone(element);
  return element;
}

Value fromStorage(OpBuilder &b, Location loc, Value stored, Type element) {
  if (getElementTypeOrSelf(stored.getType()) == element)
    return stored;
  if (!element.isInteger(1))
    return arith::BitcastOp::create(b, loc, sameShape(stored.getType(), element), stored);
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(stored.getType()));
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, stored, zero);
}

static Value toStorage(OpBuilder &b, Location loc, Value value) {
  Type element = getElementTypeOrSelf(value.getType()), storage = storageOf(element);
  if (storage == element)
    return value;
  Type type = sameShape(value.getType(), storage);
  if (element.isInteger(1))
    return arith::ExtUIOp::create(b, loc, type, value);
  return arith::BitcastOp::create(b, loc, type, value);
}

Value laneMask(OpBuilder &b, Location loc, int64_t lanes, Value count) {
  return vector::CreateMaskOp::create(b, loc, VectorType::get({lanes}, b.getI1Type()), count);
}

/// The iterators of one lane. Lanes at or beyond `count` get index 0, which is in
/// bounds of whatever has elements.
static SmallVector<Value> laneIterators(OpBuilder &b, Location loc, ValueRange iterators,
                                        unsigned laneDim, Value lane, Value count) {
  SmallVector<Value> result(iterators);
  Value index = arith::AddIOp::create(b, loc, iterators[laneDim], lane);
  if (count) {
    Value valid = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, lane, count);
    index = arith::SelectOp::create(b, loc, valid, index, indexConstant(b, loc, 0));
  }
  result[laneDim] = index;
  return result;
}

Value loadElement(OpBuilder &b, Location loc, Value source, ValueRange indices) {
  Value loaded = memref::LoadOp::create(b, loc, storageView(b, loc, source), indices);
  return fromStorage(b, loc, loaded, cast<MemRefType>(source.getType()).getElementType());
}

/// The number of lanes that count where that is a constant, kDynamic else.
static int64_t constantCount(Value count, int64_t lanes) {
  IntegerAttr constant;
  if (!count || !matchPattern(count, m_Constant(&constant)))
    return ShapedType::kDynamic;
  return std::min(constant.getInt(), lanes);
}

Value loadContiguous(OpBuilder &b, Location loc, Value source, ValueRange indices, int64_t lanes,
                     Value count) {
  auto vector = VectorType::get({lanes}, cast<MemRefType>(source.getType()).getElementType());
  if (!count)
    return vector::LoadOp::create(b, loc, vector, source, indices);
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(vector));
  if (int64_t few = constantCount(count, lanes); few > 0) {
    auto type = VectorType::get({few}, vector.getElementType());
    Value part = vector::LoadOp::create(b, loc, type, source, indices);
    return vector::InsertStridedSliceOp::create(b, loc, part, zero, ArrayRef<int64_t>{0},
                                                ArrayRef<int64_t>{1});
  }
  return vector::MaskedLoadOp::create(b, loc, vector, source, indices,
                                      laneMask(b, loc, lanes, count), zero);
}

static Value loadRaw(OpBuilder &b, Location loc, Value source, AffineMap map, ValueRange iterators,
                     unsigned laneDim, int64_t lanes, Value count) {
  auto type = cast<MemRefType>(source.getType());
  Access access = classify(type, map, laneDim, lanes);
  if (access == Access::uniform)
    return memref::LoadOp::create(b, loc, source, applyMap(b, loc, map, iterators));
  if (access == Access::contiguous)
    return loadContiguous(b, loc, source, applyMap(b, loc, map, iterators), lanes, count);
  SmallVector<Value> elements;
  for (int64_t l = 0; l < lanes; ++l) {
    SmallVector<Value> at =
        laneIterators(b, loc, iterators, laneDim, indexConstant(b, loc, l), count);
    elements.push_back(memref::LoadOp::create(b, loc, source, applyMap(b, loc, map, at)));
  }
  auto vector = VectorType::get({lanes}, type.getElementType());
  return vector::FromElementsOp::create(b, loc, vector, elements);
}

Value loadStored(OpBuilder &b, Location loc, Value source, AffineMap map, ValueRange iterators,
                 unsigned laneDim, int64_t lanes, Value count) {
  return loadRaw(b, loc, storageView(b, loc, source), map, iterators, laneDim, lanes, count);
}

Value loadLanes(OpBuilder &b, Location loc, Value source, AffineMap map, ValueRange iterators,
                unsigned laneDim, int64_t lanes, Value count) {
  Value loaded = loadStored(b, loc, source, map, iterators, laneDim, lanes, count);
  return fromStorage(b, loc, loaded, cast<MemRefType>(source.getType()).getElementType());
}

/// Stores lane by lane: unrolled where all lanes count, else in a loop that ends
/// at `count`.
static void storeScattered(OpBuilder &b, Location loc, Value value, Value target, AffineMap map,
                           ValueRange iterators, unsigned laneDim, int64_t lanes, Value count) {
  auto storeAt = [&](OpBuilder &b, Value element, Value lane) {
    SmallVector<Value> at = laneIterators(b, loc, iterators, laneDim, lane, nullptr);
    memref::StoreOp::create(b, loc, element, target, applyMap(b, loc, map, at));
  };
  if (!count) {
    for (int64_t l = 0; l < lanes; ++l)
      storeAt(b, extractLane(b, loc, value, l), indexConstant(b, loc, l));
    return;
  }
  Value end = arith::MinSIOp::create(b, loc, count, indexConstant(b, loc, lanes));
  scf::ForOp::create(b, loc, indexConstant(b, loc, 0), end, indexConstant(b, loc, 1), ValueRange(),
                     [&](OpBuilder &b, Location, Value lane, ValueRange) {
                       Value element = vector::ExtractOp::create(b, loc, value, OpFoldResult(lane));
                       storeAt(b, element, lane);
                       scf::YieldOp::create(b, loc);
                     });
}

void storeLanes(OpBuilder &b, Location loc, Value value, Value target, AffineMap map,
                ValueRange iterators, unsigned laneDim, int64_t lanes, Value count) {
  target = storageView(b, loc, target);
  value = toStorage(b, loc, value);
  Access access = classify(cast<MemRefType>(target.getType()), map, laneDim, lanes);
  if (access == Access::uniform) {
    memref::StoreOp::create(b, loc, extractLane(b, loc, value, 0), target,
                            applyMap(b, loc, map, iterators));
    return;
  }
  value = asVector(b, loc, value, lanes);
  if (access == Access::scattered)
    return storeScattered(b, loc, value, target, map, iterators, laneDim, lanes, count);
  SmallVector<Value> indices = applyMap(b, loc, map, iterators);
  if (int64_t few = constantCount(count, lanes); few > 0)
    vector::StoreOp::create(b, loc,
                            vector::ExtractStridedSliceOp::create(
                                b, loc, value, ArrayRef<int64_t>{0}, few, ArrayRef<int64_t>{1}),
                            target, indices);
  else if (count)
    vector::MaskedStoreOp::create(b, loc, target, indices, laneMask(b, loc, lanes, count), value);
  else
    vector::StoreOp::create(b, loc, value, target, indices);
}

//===----------------------------------------------------------------------===//
// Parameters and keys
//===----------------------------------------------------------------------===//

MemRefType generalize(MemRefType type) {
  if (type.getRank() == 0)
    return type;
  SmallVector<int64_t> shape(type.getRank(), ShapedType::kDynamic), strides;
  int64_t offset;
  if (failed(type.getStridesAndOffset(strides, offset)))
    return type;
  for (int64_t &stride : MutableArrayRef(strides).drop_back())
    stride = ShapedType::kDynamic;
  if (strides.back() != 1)
    strides.back() = ShapedType::kDynamic;
  auto layout = StridedLayoutAttr::get(type.getContext(), ShapedType::kDynamic, strides);
  return MemRefType::get(shape, type.getElementType(), layout, type.getMemorySpace());
}

Value generalize(OpBuilder &b, Location loc, Value argument) {
  auto type = dyn_cast<MemRefType>(argument.getType());
  if (!type || generalize(type) == type)
    return argument;
  return memref::CastOp::create(b, loc, generalize(type), argument);
}

namespace {
/// Prints a region with values numbered in order of appearance, so that equal
/// code gives equal text wherever it stands.
class KeyPrinter {
public:
  explicit KeyPrinter(llvm::raw_ostream &os) : os(os) {}

  void print(Operation *op) {
    os << op->getName() << '(';
    llvm::interleave(op->getOperands(), os, [&](Value v) { printValue(v); }, ",");
    os << ')' << op->getAttrDictionary() << ':';
    for (Value result : op->getResults())
      define(result);
    for (Region &region : op->getRegions())
      print(region);
    os << '\n';
  }

  void print(Region &region) {
    os << '{';
    for (Block &block : region) {
      for (Value argument : block.getArguments())
        define(argument);
      for (Operation &op : block)
        print(&op);
    }
    os << '}';
  }

private:
  void define(Value v) {
    numbers.try_emplace(v, numbers.size());
    os << v.getType() << ' ';
  }
  void printValue(Value v) {
    Attribute constant;
    if (!numbers.count(v) && matchPattern(v, m_Constant(&constant)))
      os << constant;
    else if (auto [it, fresh] = numbers.try_emplace(v, numbers.size()); fresh)
      os << "captured " << it->second << ' ' << v.getType();
    else
      os << it->second;
  }

  llvm::raw_ostream &os;
  llvm::DenseMap<Value, unsigned> numbers;
};
} // namespace

std::string keyOf(Operation *kernel) {
  std::string key;
  llvm::raw_string_ostream os(key);
  os << kernel->getName() << kernel->getPropertiesAsAttribute();
  KeyPrinter printer(os);
  for (Region &region : kernel->getRegions())
    printer.print(region);
  return key;
}

} // namespace strut::emit
