//===- Work.cpp - How much a kernel computes and moves --------------------===//
#include "strut/Cost/Work.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace strut::cost {

//===----------------------------------------------------------------------===//
// Polynomial
//===----------------------------------------------------------------------===//

Polynomial::Polynomial(double constant) {
  if (constant != 0)
    coefficients[{}] = constant;
}

Polynomial Polynomial::dimension(unsigned symbol, unsigned symbols) {
  Polynomial p;
  std::vector<int> exponents(symbols, 0);
  exponents[symbol] = 1;
  p.coefficients[exponents] = 1;
  return p;
}

Polynomial &Polynomial::operator+=(const Polynomial &other) {
  for (const auto &[exponents, coefficient] : other.coefficients)
    if ((coefficients[exponents] += coefficient) == 0)
      coefficients.erase(exponents);
  return *this;
}

Polynomial operator*(const Polynomial &a, const Polynomial &b) {
  Polynomial result;
  for (const auto &[ea, ca] : a.coefficients)
    for (const auto &[eb, cb] : b.coefficients) {
      std::vector<int> exponents(std::max(ea.size(), eb.size()), 0);
      for (size_t i = 0; i < ea.size(); ++i)
        exponents[i] += ea[i];
      for (size_t i = 0; i < eb.size(); ++i)
        exponents[i] += eb[i];
      result.coefficients[exponents] += ca * cb;
    }
  return result;
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

namespace {

class Counter {
public:
  explicit Counter(func::FuncOp main) : main(main) {
    if (auto names = main->getAttrOfType<ArrayAttr>("strut.symbols"))
      symbols = names.size();
    for (BlockArgument argument : main.getArguments())
      if (argument.getType().isIndex()) {
        firstSymbol = argument.getArgNumber();
        break;
      }
  }

  /// The work of all runs of a kernel that stands in a loop.
  KernelWork countAllRuns(Operation *op) {
    KernelWork work = count(op);
    Polynomial runs = runsOf(op);
    work.flops = work.flops * runs;
    work.bytes = work.bytes * runs;
    return work;
  }

private:
  KernelWork count(Operation *op);
  std::optional<FormWork> formOf(Operation *op);
  /// How often the loops around the op run it: all of them, or those inside of `within`.
  Polynomial runsOf(Operation *op, Operation *within = nullptr);
  Polynomial valueOf(OpFoldResult size);
  /// Extents of a tensor's axes.
  SmallVector<Polynomial> shapeOf(Value tensor);
  Polynomial bytesOf(Value operand);
  Polynomial pointsOf(kernel::KernelOpInterface op, ArrayRef<unsigned> without = {});
  Polynomial flopsOf(linalg::LinalgOp op);

  func::FuncOp main;
  unsigned symbols = 0, firstSymbol = 0;
};

/// What an argument of a region's body stands for.
Value fromOutside(Value v) {
  auto argument = dyn_cast<BlockArgument>(v);
  auto region = argument ? dyn_cast<kernel::RegionOp>(argument.getOwner()->getParentOp()) : nullptr;
  return region ? region->getOperand(argument.getArgNumber()) : v;
}

/// What a loop carries has the shape that it starts with.
Value startOf(Value v) {
  auto argument = dyn_cast<BlockArgument>(v);
  Operation *owner = argument ? argument.getOwner()->getParentOp() : v.getDefiningOp();
  auto loop = dyn_cast<LoopLikeOpInterface>(owner);
  if (!loop)
    return v;
  // What an scf.while of the host carries, it passes on whole.
  if (auto conditional = dyn_cast<scf::WhileOp>(*loop))
    return startOf(conditional.getInits()[argument ? argument.getArgNumber()
                                                   : cast<OpResult>(v).getResultNumber()]);
  OpOperand *init =
      argument ? loop.getTiedLoopInit(argument) : loop.getTiedLoopInit(cast<OpResult>(v));
  return init ? startOf(init->get()) : v;
}

/// Operations on floats for each run of a body.
double floatOps(Block &body) {
  return llvm::count_if(body.without_terminator(), [](Operation &op) {
    return !op.hasTrait<OpTrait::ConstantLike>() && !isa<kernel::FetchOp>(op) &&
           llvm::all_of(op.getResultTypes(), llvm::IsaPred<FloatType>);
  });
}

Polynomial Counter::valueOf(OpFoldResult size) {
  if (std::optional<int64_t> constant = getConstantIntValue(size))
    return Polynomial(*constant);
  Value value = fromOutside(cast<Value>(size));
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    unsigned symbol = argument.getArgNumber() - firstSymbol;
    return argument.getOwner() == &main.getBody().front() && symbol < symbols
               ? Polynomial::dimension(symbol, symbols)
               : Polynomial(1);
  }
  return llvm::TypeSwitch<Operation *, Polynomial>(value.getDefiningOp())
      .Case([&](arith::MulIOp op) { return valueOf(op.getLhs()) * valueOf(op.getRhs()); })
      .Case([&](arith::AddIOp op) { return valueOf(op.getLhs()) + valueOf(op.getRhs()); })
      .Case([&](arith::SubIOp op) {
        return valueOf(op.getLhs()) + valueOf(op.getRhs()) * Polynomial(-1);
      })
      .Case<arith::DivSIOp, arith::DivUIOp, arith::FloorDivSIOp, arith::CeilDivSIOp,
            arith::CeilDivUIOp>([&](auto op) {
        std::optional<int64_t> divisor = getConstantIntValue(op.getRhs());
        return divisor && *divisor ? valueOf(op.getLhs()) * Polynomial(1.0 / *divisor)
                                   : Polynomial(1);
      })
      .Case([&](tensor::DimOp op) {
        std::optional<int64_t> axis = op.getConstantIndex();
        return axis ? shapeOf(op.getSource())[*axis] : Polynomial(1);
      })
      .Default([](Operation *) { return Polynomial(1); });
}

SmallVector<Polynomial> Counter::shapeOf(Value tensor) {
  SmallVector<Polynomial> shape;
  tensor = startOf(fromOutside(tensor));
  if (auto packed = dyn_cast<kernel::PackedType>(tensor.getType())) {
    for (int64_t extent : packed.getLogical().getShape())
      shape.push_back(Polynomial(extent));
    return shape;
  }
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<OpFoldResult> sizes;
  Operation *producer = tensor.getDefiningOp();
  if (auto kernelOp = dyn_cast_or_null<DestinationStyleOpInterface>(producer))
    return shapeOf(kernelOp.getTiedOpOperand(cast<OpResult>(tensor))->get());
  if (auto empty = dyn_cast_or_null<tensor::EmptyOp>(producer))
    sizes = empty.getMixedSizes();
  else if (auto expand = dyn_cast_or_null<tensor::ExpandShapeOp>(producer))
    sizes = expand.getMixedOutputShape();
  else if (auto slice = dyn_cast_or_null<tensor::ExtractSliceOp>(producer))
    sizes = slice.getMixedSizes();
  if (size_t(type.getRank()) == sizes.size()) {
    for (OpFoldResult size : sizes)
      shape.push_back(valueOf(size));
    return shape;
  }
  if (auto collapse = dyn_cast_or_null<tensor::CollapseShapeOp>(producer)) {
    SmallVector<Polynomial> source = shapeOf(collapse.getSrc());
    for (const auto &group : collapse.getReassociationIndices()) {
      Polynomial extent(1);
      for (int64_t axis : group)
        extent = extent * source[axis];
      shape.push_back(extent);
    }
    return shape;
  }
  ArrayAttr names;
  if (auto argument = dyn_cast<BlockArgument>(tensor);
      argument && argument.getOwner() == &main.getBody().front())
    names = main.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(), "strut.dims");
  auto symbolNames = main->getAttrOfType<ArrayAttr>("strut.symbols");
  for (auto [axis, extent] : llvm::enumerate(type.getShape())) {
    shape.push_back(Polynomial(ShapedType::isDynamic(extent) ? 1 : extent));
    for (unsigned s = 0; ShapedType::isDynamic(extent) && names && s < symbols; ++s)
      if (symbolNames[s] == names[axis])
        shape.back() = Polynomial::dimension(s, symbols);
  }
  return shape;
}

Polynomial Counter::bytesOf(Value operand) {
  Type type = operand.getType();
  if (auto packed = dyn_cast<kernel::PackedType>(type))
    type = packed.getLogical();
  Polynomial bytes(llvm::divideCeil(cast<ShapedType>(type).getElementTypeBitWidth(), 8));
  for (const Polynomial &extent : shapeOf(operand))
    bytes = bytes * extent;
  return bytes;
}

/// Points of the iteration space, some dimensions left out.
Polynomial Counter::pointsOf(kernel::KernelOpInterface op, ArrayRef<unsigned> without) {
  Polynomial points(1);
  SmallVector<AffineMap> maps = op.getMaps();
  for (unsigned d = 0; d < maps[0].getNumDims(); ++d) {
    if (llvm::is_contained(without, d))
      continue;
    // Only `extents` tells the size of a window.
    auto rows = dyn_cast<kernel::RowsOp>(*op);
    if (rows && rows.getExtents() && (*rows.getExtents())[d] >= 0) {
      points = points * Polynomial(double((*rows.getExtents())[d]));
      continue;
    }
    AffineExpr expr = getAffineDimExpr(d, op->getContext());
    for (auto [operand, map] : llvm::zip(op->getOperands(), maps))
      if (std::optional<unsigned> axis = map.getResultPosition(expr)) {
        points = points * shapeOf(operand)[*axis];
        break;
      }
  }
  return points;
}

Polynomial Counter::flopsOf(linalg::LinalgOp op) {
  Polynomial flops(floatOps(*op.getBlock()));
  for (unsigned d = 0; d < op.getNumLoops(); ++d) {
    Value operand;
    unsigned axis = 0;
    if (succeeded(op.mapIterationSpaceDimToOperandDim(d, operand, axis)))
      flops = flops * shapeOf(operand)[axis];
  }
  return flops;
}

/// The names of the nodes that a location is made of, in the order of fusion.
std::string nameOf(Location loc) {
  llvm::SetVector<StringRef> names;
  loc->walk([&](Location inner) {
    if (auto named = dyn_cast<NameLoc>(inner); named && !named.getName().empty())
      names.insert(named.getName());
    return WalkResult::advance();
  });
  return llvm::join(names, " + ");
}

Polynomial Counter::runsOf(Operation *op, Operation *within) {
  Polynomial runs(1);
  for (auto loop = op->getParentOfType<scf::ForOp>();
       loop && (!within || within->isProperAncestor(loop));
       loop = loop->getParentOfType<scf::ForOp>())
    runs = runs * (valueOf(loop.getUpperBound()) + valueOf(loop.getLowerBound()) * Polynomial(-1));
  return runs;
}

/// Reads the decision list that form-kernels wrote as nested selects.
std::optional<FormWork> Counter::formOf(Operation *op) {
  auto branch = op->getParentOfType<scf::IndexSwitchOp>();
  if (!branch)
    return std::nullopt;
  FormWork form;
  unsigned region = branch->getNumRegions();
  for (Region &candidate : branch->getRegions())
    if (candidate.isAncestor(op->getParentRegion()))
      region = candidate.getRegionNumber();
  // Region 0 is the default, which is the last form.
  form.form = region == 0 ? branch.getNumCases() : branch.getCases()[region - 1];
  Value choice = branch.getArg();
  while (auto select = choice.getDefiningOp<arith::SelectOp>()) {
    auto less = select.getCondition().getDefiningOp<arith::CmpIOp>();
    std::optional<int64_t> number = getConstantIntValue(select.getTrueValue());
    std::optional<int64_t> bound = less ? getConstantIntValue(less.getRhs()) : std::nullopt;
    if (!number || !bound || less.getPredicate() != arith::CmpIPredicate::ult)
      return std::nullopt;
    form.lines.push_back({valueOf(less.getLhs()), *bound, *number});
    choice = select.getFalseValue();
  }
  std::optional<int64_t> otherwise = getConstantIntValue(choice);
  if (!otherwise)
    return std::nullopt;
  form.otherwise = *otherwise;
  return form;
}

KernelWork Counter::count(Operation *op) {
  KernelWork work{nameOf(op->getLoc()), op->getName().stripDialect().str(), {}, {}, formOf(op)};
  auto kernelOp = dyn_cast<kernel::KernelOpInterface>(op);
  SmallVector<AffineMap> maps = kernelOp ? kernelOp.getMaps() : SmallVector<AffineMap>();
  auto region = dyn_cast<kernel::RegionOp>(op);
  bool updates = region && region.getUpdates();
  llvm::DenseSet<std::pair<Value, AffineMap>> moved; // what products share moves once
  for (auto [i, operand] : llvm::enumerate(op->getOperands())) {
    if (!isa<RankedTensorType, kernel::PackedType>(operand.getType()) ||
        !moved.insert({operand, i < maps.size() ? maps[i] : AffineMap()}).second)
      continue;
    // Of what is updated in place, as much is written as comes in.
    if (updates && i >= region.getInputs().size())
      continue;
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    // A table that is looked up is read once per point, not whole.
    bool fetched = type && i < maps.size() && type.getRank() && !maps[i].getNumResults() &&
                   !isa<kernel::GroupedOp>(op);
    if (fetched)
      work.bytes +=
          pointsOf(kernelOp) * Polynomial(llvm::divideCeil(type.getElementTypeBitWidth(), 8));
    else
      work.bytes += bytesOf(operand);
  }
  if (updates)
    work.bytes = work.bytes * Polynomial(2);
  if (!kernelOp) {
    op->walk([&](linalg::LinalgOp nest) { work.flops += flopsOf(nest) * runsOf(nest, op); });
    return work;
  }
  double bodyOps = floatOps(op->getRegion(0).front());
  if (auto contract = dyn_cast<kernel::ContractOp>(op)) {
    SmallVector<unsigned> steps = contract.getRoles().k;
    for (unsigned product = 0; product < contract.getNumProducts(); ++product) {
      SmallVector<unsigned> others(steps);
      llvm::erase_if(others, [own = kernel::ContractOp::stepsOf(maps, product)](unsigned k) {
        return llvm::is_contained(own, k);
      });
      work.flops += pointsOf(kernelOp, others) * Polynomial(2);
    }
    work.flops += pointsOf(kernelOp, steps) * Polynomial(bodyOps);
  } else if (isa<kernel::GroupedOp>(op)) {
    // Each row has one group.
    using kernel::GroupedOp;
    work.flops += pointsOf(kernelOp, {GroupedOp::kGroup}) * Polynomial(2);
    work.flops += pointsOf(kernelOp, {GroupedOp::kGroup, GroupedOp::kTerm}) * Polynomial(bodyOps);
  } else if (isa<kernel::AttentionOp>(op)) {
    unsigned dims = kernelOp.getNumIterators();
    work.flops += pointsOf(kernelOp, {dims - 1}) * Polynomial(2);
    work.flops += pointsOf(kernelOp, {dims - 2}) * Polynomial(2);
    // Shift, exponential and sum of the softmax beside the score's own code.
    work.flops += pointsOf(kernelOp, {dims - 1, dims - 2}) * Polynomial(bodyOps + 3);
  } else {
    work.flops += pointsOf(kernelOp) * Polynomial(bodyOps);
  }
  return work;
}

} // namespace

std::vector<KernelWork> workOf(ModuleOp module) {
  std::vector<KernelWork> list;
  auto main = module.lookupSymbol<func::FuncOp>("main");
  Counter counter(main);
  main.walk([&](Operation *op) {
    if (isa<kernel::KernelOpInterface, kernel::RegionOp>(op))
      list.push_back(counter.countAllRuns(op));
  });
  return list;
}

} // namespace strut::cost
