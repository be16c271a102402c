//===- Einsum.cpp - Sums of products by labels ----------------------------===//
//
// A label is an iteration dimension; the labels of an operand are its map. Two
// matrices in disguise are a contraction, all else a row kernel over the labels that
// are summed.
//
//===----------------------------------------------------------------------===//
#include "Lowering.h"
#include "dialects/Onnx/Equation.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace strut::kernelize {
namespace {

using onnx_ir::Equation;

/// The equation of an op all of whose operands are known.
std::optional<Equation> parse(AnyOp op, Context &context) {
  SmallVector<int64_t> ranks;
  for (Value operand : op->getOperands())
    ranks.push_back(context[operand].rank());
  return onnx_ir::parseEquation(op.attr<StringAttr>("equation").getValue(), ranks);
}

/// The iteration space: the labels of the result, then those that are summed.
struct Space {
  llvm::MapVector<int, Dim> extents;
  unsigned numResult = 0;

  unsigned place(int label) const { return extents.find(label) - extents.begin(); }
  AffineMap map(Context &context, ArrayRef<int> labels, ArrayRef<Dim> dims) const {
    SmallVector<AffineExpr> places;
    for (auto [label, dim] : llvm::zip(labels, dims)) {
      bool repeats = dim.is(1) && !extents.lookup(label).is(1);
      places.push_back(repeats ? context.b.getAffineConstantExpr(0)
                               : context.b.getAffineDimExpr(place(label)));
    }
    return AffineMap::get(extents.size(), 0, places, context.getContext());
  }
};

std::optional<Space> spaceOf(AnyOp op, Context &context, const Equation &equation) {
  Space space;
  for (int label : equation.result)
    if (!space.extents.insert({label, Dim(1)}).second)
      return std::nullopt;
  space.numResult = equation.result.size();
  std::map<int, bool> known;
  for (auto [labels, operand] : llvm::zip(equation.operands, op->getOperands()))
    for (auto [label, dim] : llvm::zip(labels, context[operand].dims)) {
      auto [entry, isNew] = space.extents.insert({label, dim});
      if (isNew || entry->second.is(1))
        entry->second = dim;
      else if (std::optional<Dim> same =
                   dim.is(1) ? entry->second : context.unify(entry->second, dim))
        entry->second = *same;
      else
        return std::nullopt;
      known[label] = true;
    }
  bool all = llvm::all_of(equation.result, [&](int label) { return known.count(label) != 0; });
  return all ? std::optional(space) : std::nullopt;
}

/// Whether two operands are a product of matrices as kernel.contract has it: each label
/// once, columns, and sums over what both have.
bool isContraction(const Space &space, ArrayRef<AffineMap> maps) {
  if (maps.size() != 2 || !maps[0].isProjectedPermutation() || !maps[1].isProjectedPermutation() ||
      maps[0].getNumResults() == 0)
    return false;
  unsigned columns = 0;
  for (unsigned d = 0; d < space.extents.size(); ++d) {
    bool left = maps[0].isFunctionOfDim(d), right = maps[1].isFunctionOfDim(d);
    if (d >= space.numResult && !(left && right))
      return false;
    columns += d < space.numResult && right && !left;
  }
  return columns > 0 && space.extents.size() > space.numResult;
}

LogicalResult lowerEinsum(Operation *operation, Context &context) {
  AnyOp op(operation);
  std::optional<Equation> equation = parse(op, context);
  std::optional<Space> space = equation ? spaceOf(op, context, *equation) : std::nullopt;
  if (!space)
    return context.refuse(op, "its equation '" + op.attr<StringAttr>("equation").getValue() +
                                  "' does not fit its operands");
  SmallVector<Input> inputs;
  SmallVector<AffineMap> maps;
  for (auto [labels, operand] : llvm::zip(equation->operands, op->getOperands())) {
    maps.push_back(space->map(context, labels, context[operand].dims));
    inputs.push_back({context.tensor(operand), maps.back(), {}});
  }
  Context::Init init;
  init.element = context[op->getOperand(0)].element;
  for (auto &[label, dim] : ArrayRef(space->extents.getArrayRef()).take_front(space->numResult))
    init.shape.push_back(dim);
  unsigned size = space->extents.size(), sums = size - space->numResult;
  auto numbers = llvm::to_vector(llvm::seq<unsigned>(0, space->numResult));
  SmallVector<AffineExpr> out;
  for (unsigned i : numbers)
    out.push_back(context.b.getAffineDimExpr(i));
  init.map = AffineMap::get(size, 0, out, op->getContext());
  auto multiply = [](Code &c, ValueRange x) {
    Value result = x.front();
    for (Value next : x.drop_front())
      result = c.mul(result, next);
    return result;
  };
  Value result;
  bool floats = isa<FloatType>(init.element);
  if (floats && maps.size() == 2 && !isContraction(*space, maps) &&
      isContraction(*space, {maps[1], maps[0]})) {
    std::swap(maps[0], maps[1]);
    std::swap(inputs[0], inputs[1]);
  }
  if (floats && isContraction(*space, maps))
    result = context.contract(op->getLoc(), inputs, init);
  else if (sums == 0)
    result = context.map(op->getLoc(), init.shape, init.element, inputs, multiply);
  else
    result = context.rows(op->getLoc(), sums, inputs, init, [&](Code &c, ValueRange x) {
      return c.combine(kernel::CombineKind::Add, multiply(c, x));
    });
  context.define(op->getResult(0), result, init.shape);
  return success();
}

} // namespace

void addEinsum(LoweringTable &table) { table["onnx.Einsum"] = {nullptr, lowerEinsum}; }

} // namespace strut::kernelize
