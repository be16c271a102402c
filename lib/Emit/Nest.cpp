//===- Nest.cpp - The iteration space of a kernel -------------------------===//
#include "strut/Emit/Nest.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace strut::emit {

//===----------------------------------------------------------------------===//
// Analysis
//===----------------------------------------------------------------------===//

/// What the emitters take for granted about a body and its operands.
static LogicalResult check(kernel::KernelOpInterface kernel) {
  for (Region &region : kernel->getRegions())
    for (Operation &op : region.front())
      if (op.getNumRegions() != 0)
        return kernel.emitOpError("has a body with control flow (")
               << op.getName() << "), which no back end takes";
  return success();
}

FailureOr<Nest> Nest::create(OpBuilder &host, Operation *op, int64_t axes,
                             std::optional<ArrayRef<int64_t>> extents, Unpack unpack) {
  auto kernel = cast<kernel::KernelOpInterface>(op);
  if (failed(check(kernel)))
    return failure();
  Nest nest;
  nest.op = op;
  nest.operands = llvm::to_vector(kernel.getKernelInputs());
  nest.inputs = nest.operands.size();
  llvm::append_range(nest.operands, kernel.getKernelInits());
  nest.maps = kernel.getMaps();
  for (unsigned n = 0; n < nest.inputs; ++n)
    if (isa<kernel::PackedType>(nest.operands[n].getType()) &&
        (!unpack || failed(unpack(host, nest.operands[n], nest.maps[n]))))
      return kernel.emitOpError("reads an operand of type ")
             << nest.operands[n].getType() << "; only contractions read weights in several panels";
  nest.captures = capturesOf(op);
  nest.dims = nest.maps.front().getNumDims();
  nest.axes = axes;
  if (extents)
    nest.fixed.assign(extents->begin(), extents->end());
  nest.fixed.resize(nest.dims, -1);
  nest.newDims = llvm::to_vector(llvm::seq(nest.dims));
  for (unsigned d = 0; d + 1 < nest.dims;)
    if (nest.canCollapse(d))
      nest.collapse(host, d);
    else
      ++d;
  return nest;
}

bool Nest::isFetched(unsigned operand) const {
  return operand < inputs && isa<NoneType>(body().getArgument(operand).getType());
}

bool Nest::mayBeEmpty(unsigned operand) const {
  return llvm::any_of(typeOf(operand).getShape(),
                      [](int64_t extent) { return ShapedType::isDynamic(extent) || extent == 0; });
}

bool Nest::usesAxis(AffineMap map) const {
  return llvm::any_of(llvm::seq(dims - axes, dims),
                      [&](unsigned d) { return map.isFunctionOfDim(d); });
}

std::pair<unsigned, unsigned> Nest::sourceOf(unsigned dim) const {
  AffineExpr expr = getAffineDimExpr(dim, op->getContext());
  unsigned count = operands.size();
  for (unsigned n = 0; n < count; ++n) {
    unsigned operand = (n + inputs) % count; // inits first
    if (std::optional<unsigned> r = maps[operand].getResultPosition(expr))
      return {operand, *r};
  }
  llvm_unreachable("the verifier saw to it that every dimension has an extent");
}

int64_t Nest::staticExtent(unsigned dim) const {
  if (fixed[dim] >= 0)
    return fixed[dim];
  auto [operand, position] = sourceOf(dim);
  return typeOf(operand).getDimSize(position);
}

SmallVector<Value> Nest::extents(OpBuilder &b, Location loc, ValueRange from) const {
  SmallVector<Value> result;
  for (unsigned d = 0; d < dims; ++d) {
    if (fixed[d] >= 0) {
      result.push_back(indexConstant(b, loc, fixed[d]));
      continue;
    }
    auto [operand, position] = sourceOf(d);
    result.push_back(b.createOrFold<memref::DimOp>(loc, from[operand], position));
  }
  return result;
}

SmallVector<Value> Nest::arguments() const {
  SmallVector<Value> result(operands);
  llvm::append_range(result, captures);
  return result;
}

IRMapping Nest::captured(ValueRange parameters) const {
  IRMapping values;
  for (auto [capture, parameter] : llvm::zip(captures, parameters.drop_front(operands.size())))
    values.map(capture, parameter);
  return values;
}

std::string Nest::key() const {
  std::string key = keyOf(op);
  llvm::raw_string_ostream os(key);
  for (AffineMap map : maps)
    os << map;
  body().walk([&](kernel::FetchOp fetch) { os << mayBeEmpty(fetch.getInput()); });
  return key;
}

//===----------------------------------------------------------------------===//
// Collapsing
//===----------------------------------------------------------------------===//

/// The reassociation that joins dimensions r and r + 1.
static SmallVector<ReassociationIndices> joinAt(int64_t rank, int64_t r) {
  SmallVector<ReassociationIndices> groups;
  for (int64_t i = 0; i < rank; ++i)
    if (i == r + 1)
      groups.back().push_back(i);
    else
      groups.push_back({i});
  return groups;
}

bool Nest::canCollapse(unsigned d) const {
  if (fixed[d] >= 0 || fixed[d + 1] >= 0 || d + 1 == dims - axes)
    return false;
  WalkResult indexed = op->getRegion(0).walk([&](kernel::IndexOp index) {
    unsigned dim = dimOf(index);
    return dim == d || dim == d + 1 ? WalkResult::interrupt() : WalkResult::advance();
  });
  if (indexed.wasInterrupted())
    return false;
  MLIRContext *context = op->getContext();
  for (auto [n, map] : llvm::enumerate(maps)) {
    if (!map.isFunctionOfDim(d) && !map.isFunctionOfDim(d + 1))
      continue;
    auto uses = llvm::count_if(map.getResults(), [&](AffineExpr e) {
      return e.isFunctionOfDim(d) || e.isFunctionOfDim(d + 1);
    });
    auto first = map.getResultPosition(getAffineDimExpr(d, context));
    auto second = map.getResultPosition(getAffineDimExpr(d + 1, context));
    if (uses != 2 || !first || !second || *second != *first + 1)
      return false;
    // 0 times an open extent is known, which a view may not change.
    ArrayRef<int64_t> shape = typeOf(n).getShape();
    if (shape[*first] == 0 || shape[*second] == 0)
      return false;
    if (!memref::CollapseShapeOp::isGuaranteedCollapsible(typeOf(n),
                                                          joinAt(map.getNumResults(), *first)))
      return false;
  }
  return true;
}

void Nest::collapse(OpBuilder &host, unsigned d) {
  MLIRContext *context = op->getContext();
  SmallVector<AffineExpr> renamed;
  for (unsigned i = 0; i < dims; ++i)
    renamed.push_back(getAffineDimExpr(i > d ? i - 1 : i, context));
  for (auto [n, map] : llvm::enumerate(maps)) {
    SmallVector<AffineExpr> results(map.getResults());
    if (auto r = map.getResultPosition(getAffineDimExpr(d, context))) {
      operands[n] = memref::CollapseShapeOp::create(host, op->getLoc(), operands[n],
                                                    joinAt(map.getNumResults(), *r));
      results.erase(results.begin() + *r + 1);
    }
    maps[n] =
        AffineMap::get(dims, 0, results, context).replaceDimsAndSymbols(renamed, {}, dims - 1, 0);
  }
  if (d >= dims - axes)
    --axes;
  --dims;
  fixed.erase(fixed.begin() + d + 1);
  for (unsigned &dim : newDims)
    if (dim > d)
      --dim;
}

//===----------------------------------------------------------------------===//
// Index arithmetic
//===----------------------------------------------------------------------===//

Value product(OpBuilder &b, Location loc, ArrayRef<Value> values) {
  Value result = indexConstant(b, loc, 1);
  for (Value v : values)
    result = b.createOrFold<arith::MulIOp>(loc, result, v);
  return result;
}

Value ceilDiv(OpBuilder &b, Location loc, Value a, Value by) {
  return arith::CeilDivUIOp::create(b, loc, a, by);
}

} // namespace strut::emit
