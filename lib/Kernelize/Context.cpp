//===- Context.cpp - What the families of lowerings share -----------------===//
#include "Counts.h"
#include "Narrow.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;

namespace strut::kernelize {

/// The same bytes may be read as two types.
static Attribute weightKey(Attribute source, Type type) {
  return ArrayAttr::get(source.getContext(), {source, TypeAttr::get(type)});
}

Context::Context(func::FuncOp function, OpBuilder entry)
    : b(entry), dims(entry), module(function->getParentOfType<ModuleOp>()), symbols(module) {
  for (auto weight : module.getOps<kernel::WeightOp>())
    weights[weightKey(weight.getSource(), weight.getTensorType())] = weight;
}

LogicalResult Context::refuse(Operation *op, const Twine &why) {
  StringRef name = onnx_ir::nodeNameOf(op->getLoc());
  StringRef kind = op->getName().getStringRef();
  kind.consume_front("onnx.");
  return mlir::emitError(op->getLoc())
         << kind << " node '" << (name.empty() ? StringRef("unnamed") : name)
         << "' cannot be compiled: " << why;
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

const Tracked &Context::operator[](Value value) {
  auto it = values.find(value);
  assert(it != values.end() && "an operand that no lowering has defined");
  return it->second;
}

/// A valid and readable symbol name from a node name.
static std::string symbolFor(Location loc) {
  StringRef name = onnx_ir::nodeNameOf(loc);
  std::string symbol;
  for (char c : name)
    symbol += llvm::isAlnum(c) || c == '_' || c == '.' ? c : '_';
  return symbol.empty() ? "weight" : symbol;
}

Value Context::weight(Location loc, ElementsAttr constant) {
  constant = signless(constant);
  Attribute source = constant;
  if (auto file = dyn_cast<onnx_ir::FileDataAttr>(constant))
    source =
        kernel::FileAttr::get(getContext(), file.getPath(), file.getOffset(), file.getLength());
  auto type = cast<RankedTensorType>(constant.getShapedType());
  kernel::WeightOp &declared = weights[weightKey(source, type)];
  if (!declared) {
    OpBuilder detached(getContext());
    declared = kernel::WeightOp::create(detached, loc, symbolFor(loc), type, source);
    symbols.insert(declared, module.getBody()->begin()); // renames where need be
    ++numWeights;
  }
  return kernel::UseOp::create(b, loc, type, FlatSymbolRefAttr::get(declared.getSymNameAttr()));
}

Value Context::tensor(Value value) {
  const Tracked &tracked = (*this)[value];
  if (tracked.tensor)
    return tracked.tensor;
  if (tracked.constant)
    return weight(value.getLoc(), tracked.constant);
  // Computed from shapes: all elements by a choice on the index.
  ArrayRef<Dim> contents = *tracked.contents;
  if (llvm::all_of(contents, [](const Dim &d) { return d.isConstant(); })) {
    auto values = llvm::map_to_vector(contents, [&](const Dim &d) {
      return APInt(tracked.element.getIntOrFloatBitWidth(), d.constant(), true, true);
    });
    auto type = DimEnv::type(tracked.dims, tracked.element);
    return weight(value.getLoc(), DenseElementsAttr::get(type, values));
  }
  SmallVector<Value> elements =
      llvm::map_to_vector(contents, [&](const Dim &d) { return dims.value(d); });
  return map(value.getLoc(), tracked.dims, tracked.element, {}, [&](Code &c, ValueRange) {
    Value result = elements.front();
    for (auto [i, element] : llvm::enumerate(ArrayRef(elements).drop_front())) {
      Value here = c.make<arith::CmpIOp>(arith::CmpIPredicate::eq, c.dim(0), c.index(i + 1));
      result = c.select(here, element, result);
    }
    return c.make<arith::IndexCastOp>(tracked.element, result);
  });
}

/// The only element of a constant that has one, if it is a number.
static TypedAttr scalarOf(ElementsAttr constant) {
  if (!constant || constant.getNumElements() != 1 || !constant.getElementType().isIntOrFloat())
    return {};
  auto elements = constant.tryGetValues<Attribute>();
  auto number = elements ? dyn_cast<TypedAttr>(*elements->begin()) : TypedAttr();
  return number ? signless(number) : number;
}

TypedAttr Context::scalar(Value value) { return scalarOf((*this)[value].constant); }

Input Context::broadcast(Value value, ArrayRef<Dim> shape, ArrayRef<unsigned> axes,
                         unsigned numIterators) {
  if (TypedAttr number = scalar(value))
    return {{}, {}, number};
  Value read = tensor(value);
  SmallVector<Dim> own = (*this)[value].dims;
  if (own.size() > shape.size()) {
    // Leading axes beyond the shape can only be of extent 1.
    SmallVector<Dim> trailing(ArrayRef(own).take_back(shape.size()));
    read = reshape(value.getLoc(), read, own, trailing);
    own = trailing;
  }
  SmallVector<AffineExpr> results;
  unsigned skipped = shape.size() - own.size();
  for (auto [i, dim] : llvm::enumerate(own)) {
    bool repeats = dim.is(1) && !shape[skipped + i].is(1);
    results.push_back(repeats ? b.getAffineConstantExpr(0) : b.getAffineDimExpr(axes[skipped + i]));
  }
  return {read, AffineMap::get(numIterators, 0, results, getContext()), {}};
}

Input Context::broadcast(Value value, ArrayRef<Dim> shape) {
  SmallVector<unsigned> axes = llvm::to_vector(llvm::seq<unsigned>(0, shape.size()));
  return broadcast(value, shape, axes, shape.size());
}

std::optional<SmallVector<int64_t>> Context::integers(Value value) {
  const Tracked &tracked = (*this)[value];
  if (!tracked.contents)
    return std::nullopt;
  SmallVector<int64_t> result;
  for (const Dim &dim : *tracked.contents) {
    if (!dim.isConstant())
      return std::nullopt;
    result.push_back(dim.constant());
  }
  return result;
}

std::optional<SmallVector<Dim>> Context::declaredShape(Value result) {
  auto type = dyn_cast<RankedTensorType>(result.getType());
  if (!type || !type.hasStaticShape())
    return std::nullopt;
  return SmallVector<Dim>(type.getShape());
}

std::optional<SmallVector<Dim>> Context::shapeOperand(Value operand, Value result) {
  if (const auto &contents = (*this)[operand].contents)
    return contents;
  auto declared = declaredShape(result);
  if (!declared || failed(requireShape(*this, result.getDefiningOp(), operand, *declared)))
    return std::nullopt;
  return declared;
}

std::string spell(ArrayRef<Dim> shape) {
  std::string text = "[";
  for (const Dim &dim : shape)
    text += (text.size() > 1 ? ", " : "") +
            (dim.isConstant() ? std::to_string(dim.constant()) : std::string("?"));
  return text + "]";
}

FailureOr<SmallVector<Dim>> Context::broadcastShape(Operation *op, ArrayRef<Value> operands) {
  SmallVector<Dim> shape;
  for (Value operand : operands) {
    ArrayRef<Dim> other = (*this)[operand].dims;
    if (other.size() > shape.size())
      shape.insert(shape.begin(), other.size() - shape.size(), Dim(1));
    for (auto [have, add] : llvm::zip(MutableArrayRef(shape).take_back(other.size()), other)) {
      if (have == add || add.is(1))
        continue;
      if (have.is(1)) {
        have = add;
      } else if (std::optional<Dim> same = unify(have, add)) {
        have = *same;
      } else {
        (void)refuse(op, "its operands have shapes " + spell((*this)[operands[0]].dims) + " and " +
                             spell(other) + ", and it cannot be told that they broadcast");
        return failure();
      }
    }
  }
  return shape;
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

void Context::define(Value result, Value tensor, ArrayRef<Dim> shape) {
  Tracked tracked;
  tracked.element = cast<RankedTensorType>(tensor.getType()).getElementType();
  tracked.dims = llvm::to_vector(shape);
  tracked.tensor = tensor;
  define(result, std::move(tracked));
}

void Context::define(Value result, Tracked tracked) { values[result] = std::move(tracked); }

void Context::defineConstant(Value result, ElementsAttr constant) {
  bool narrow = isNarrow(constant.getElementType());
  if (narrow)
    constant = bytesOf(constant); // once, however many kernels read it
  Tracked tracked;
  auto type = cast<RankedTensorType>(constant.getShapedType());
  tracked.element = signless(type.getElementType());
  tracked.dims.assign(type.getShape().begin(), type.getShape().end());
  tracked.constant = constant;
  constexpr int64_t small = 1024;
  // Unsigned numbers wrap where dimensions do not, and bits are no numbers.
  if (!narrow && tracked.element == type.getElementType() && isa<IntegerType>(tracked.element) &&
      type.getRank() <= 1 && type.getNumElements() <= small)
    if (auto elements = constant.tryGetValues<APInt>()) {
      tracked.contents.emplace();
      for (APInt element : *elements)
        tracked.contents->push_back(tracked.element.isInteger(1) ? int64_t(element.getZExtValue())
                                                                 : element.getSExtValue());
    }
  define(result, std::move(tracked));
}

void Context::defineContents(Value result, ArrayRef<Dim> shape, ArrayRef<Dim> contents) {
  Tracked tracked;
  tracked.element = cast<ShapedType>(result.getType()).getElementType();
  tracked.dims = llvm::to_vector(shape);
  tracked.contents.emplace(contents.begin(), contents.end());
  define(result, std::move(tracked));
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

Value Context::empty(Location loc, ArrayRef<Dim> shape, Type element) {
  return tensor::EmptyOp::create(b, loc, dims.operands(shape), signless(element));
}

/// Fills the body of a kernel: block arguments for what it reads, the body's
/// code, the yield.
Operation *Context::finish(OperationState &state, ArrayRef<Input> inputs, ArrayRef<Value> inits,
                           ArrayRef<AffineMap> maps, Type accumulator, unsigned unmapped,
                           BodyBuilder body) {
  unsigned numIterators = maps.back().getNumDims();
  auto block = std::make_unique<Block>();
  SmallVector<Value> scalars;
  SmallVector<AffineMap> allMaps;
  Location loc = state.location;
  OpBuilder bodyBuilder(getContext());
  bodyBuilder.setInsertionPointToEnd(block.get());
  Code code{bodyBuilder, loc, isUnsigned};
  if (accumulator)
    scalars.push_back(code.widen(block->addArgument(accumulator, loc)));
  SmallVector<Value> operands;
  for (auto [i, input] : llvm::enumerate(inputs)) {
    if (input.scalar) {
      Value constant = arith::ConstantOp::create(bodyBuilder, loc, signless(input.scalar));
      scalars.push_back(code.widen(constant));
      continue;
    }
    operands.push_back(input.tensor);
    allMaps.push_back(input.map ? input.map : AffineMap::get(numIterators, 0, getContext()));
    if (i < unmapped)
      continue;
    Type element = cast<ShapedType>(input.tensor.getType()).getElementType();
    Value argument = block->addArgument(input.map ? element : b.getNoneType(), loc);
    scalars.push_back(code.widen(argument));
  }
  unsigned numInputs = operands.size();
  llvm::append_range(operands, inits);
  llvm::append_range(allMaps, maps);
  Value result = body ? body(code, scalars) : scalars.front();
  Type element = cast<ShapedType>(inits.front().getType()).getElementType();
  // An attention's region yields a score, whatever the type of the init.
  if (state.name.getStringRef() == kernel::AttentionOp::getOperationName())
    element = accumulator;
  kernel::YieldOp::create(bodyBuilder, loc, code.cast(result, element));
  state.addOperands(operands);
  state.addTypes(inits.front().getType());
  state.addAttribute("indexing_maps", b.getAffineMapArrayAttr(allMaps));
  state.addAttribute("operandSegmentSizes",
                     b.getDenseI32ArrayAttr({int(numInputs), int(inits.size()), 0}));
  state.addRegion()->push_back(block.release());
  ++numKernels;
  return b.create(state);
}

Value Context::map(Location loc, ArrayRef<Dim> shape, Type element, ArrayRef<Input> inputs,
                   BodyBuilder body) {
  Value init = empty(loc, shape, element);
  OperationState state(loc, kernel::MapOp::getOperationName());
  return finish(state, inputs, init, b.getMultiDimIdentityMap(shape.size()), {}, 0, body)
      ->getResult(0);
}

Value Context::move(Location loc, Value source, AffineMap map, ArrayRef<Dim> shape) {
  Type element = cast<ShapedType>(source.getType()).getElementType();
  Value init = empty(loc, shape, element);
  SmallVector<AffineMap> maps = {map, b.getMultiDimIdentityMap(shape.size())};
  auto op = kernel::MapOp::create(b, loc, init.getType(), source, init, Value(),
                                  b.getAffineMapArrayAttr(maps));
  Block *block = b.createBlock(&op.getBody());
  kernel::YieldOp::create(b, loc, ValueRange(block->addArgument(element, loc)));
  b.setInsertionPointAfter(op);
  ++numKernels;
  return op->getResult(0);
}

Value Context::rows(Location loc, unsigned axes, ArrayRef<Input> inputs, const Init &init,
                    BodyBuilder body, ArrayRef<int64_t> extents) {
  Value destination = empty(loc, init.shape, init.element);
  OperationState state(loc, kernel::RowsOp::getOperationName());
  state.addAttribute("axes", b.getI64IntegerAttr(axes));
  if (!extents.empty())
    state.addAttribute("extents", b.getDenseI64ArrayAttr(extents));
  return finish(state, inputs, destination, init.map, {}, 0, body)->getResult(0);
}

Value Context::contract(Location loc, ArrayRef<Input> inputs, const Init &init, BodyBuilder body) {
  Value destination = empty(loc, init.shape, init.element);
  OperationState state(loc, kernel::ContractOp::getOperationName());
  Type element = cast<ShapedType>(inputs[0].tensor.getType()).getElementType();
  return finish(state, inputs, destination, init.map,
                kernel::ContractOp::getAccumulatorType(element), 2, body)
      ->getResult(0);
}

Value Context::grouped(Location loc, ArrayRef<Input> inputs, const Init &init, BodyBuilder body) {
  Value destination = empty(loc, init.shape, init.element);
  OperationState state(loc, kernel::GroupedOp::getOperationName());
  Type element = cast<ShapedType>(inputs[0].tensor.getType()).getElementType();
  return finish(state, inputs, destination, init.map,
                kernel::ContractOp::getAccumulatorType(element), kernel::GroupedOp::kFirstExtra,
                body)
      ->getResult(0);
}

Value Context::attention(Location loc, ArrayRef<Input> inputs, const Init &init,
                         BodyBuilder score) {
  Value destination = empty(loc, init.shape, init.element);
  OperationState state(loc, kernel::AttentionOp::getOperationName());
  return finish(state, inputs, destination, init.map, b.getF32Type(), 3, score)->getResult(0);
}

kernel::RegionOp Context::buildRegion(Location loc, ArrayRef<Value> inputs, ArrayRef<Value> targets,
                                      bool updates, RegionBuilder body) {
  auto op = kernel::RegionOp::create(b, loc, TypeRange(ValueRange(targets)), inputs, targets,
                                     ValueRange(), updates);
  OpBuilder inner(getContext());
  Block *block = inner.createBlock(&op.getBody());
  for (Value operand : op->getOperands())
    block->addArgument(operand.getType(), loc);
  Code code{inner, loc, isUnsigned};
  kernel::YieldOp::create(inner, loc, body(code, block->getArguments()));
  ++numKernels;
  return op;
}

SmallVector<Value> Context::region(Location loc, ArrayRef<Value> inputs, ArrayRef<Init> inits,
                                   RegionBuilder body) {
  SmallVector<Value> targets;
  for (const Init &init : inits)
    targets.push_back(empty(loc, init.shape, init.element));
  return buildRegion(loc, inputs, targets, /*updates=*/false, body).getResults();
}

Value Context::update(Location loc, Value data, ArrayRef<Value> inputs, RegionBuilder body) {
  return buildRegion(loc, inputs, data, /*updates=*/true, body)->getResult(0);
}

//===----------------------------------------------------------------------===//
// Views
//===----------------------------------------------------------------------===//

namespace {
/// Axes of two shapes with the same number of elements.
struct Group {
  ReassociationIndices from, to;
};
} // namespace

/// Splits both shapes into the smallest groups with equal products.
static SmallVector<Group> groupAxes(ArrayRef<Dim> from, ArrayRef<Dim> to) {
  SmallVector<Group> groups;
  unsigned i = 0, j = 0;
  while (i < from.size() && j < to.size()) {
    Group group{{int64_t(i)}, {int64_t(j)}};
    Dim left = from[i++], right = to[j++];
    while (left != right) {
      bool growRight = left.dividedBy(right) && j < to.size();
      bool growLeft = !growRight && i < from.size();
      if (!growLeft && !growRight && j == to.size())
        break;
      if (growLeft) {
        left = left * from[i];
        group.from.push_back(i++);
      } else {
        right = right * to[j];
        group.to.push_back(j++);
      }
    }
    groups.push_back(group);
  }
  // What is left over is extents of 1.
  if (groups.empty())
    groups.emplace_back();
  for (; i < from.size(); ++i)
    groups.back().from.push_back(i);
  for (; j < to.size(); ++j)
    groups.back().to.push_back(j);
  return groups;
}

ElementsAttr Context::constantAs(Value value, ArrayRef<Dim> shape) {
  const Tracked &tracked = (*this)[value];
  if (!tracked.constant || !llvm::all_of(shape, [](const Dim &dim) { return dim.isConstant(); }))
    return {};
  RankedTensorType type = DimEnv::type(shape, tracked.element);
  if (auto file = dyn_cast<onnx_ir::FileDataAttr>(tracked.constant))
    return onnx_ir::FileDataAttr::get(type, file.getPath(), file.getOffset(), file.getLength());
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(tracked.constant))
    return DenseResourceElementsAttr::get(type, resource.getRawHandle());
  if (auto dense = dyn_cast<DenseElementsAttr>(tracked.constant))
    return dense.reshape(type);
  return {};
}

Value Context::reshape(Location loc, Value tensor, ArrayRef<Dim> from, ArrayRef<Dim> to) {
  Type element = cast<RankedTensorType>(tensor.getType()).getElementType();
  if (from == to)
    return tensor;
  // What was collapsed and is wanted as it was before.
  if (auto whole = tensor.getDefiningOp<tensor::CollapseShapeOp>())
    if (auto before = dims.ofTensor(whole.getSrc()); before && ArrayRef<Dim>(*before) == to)
      return whole.getSrc();
  SmallVector<ReassociationIndices> collapse, expand;
  SmallVector<Dim> between;
  if (!from.empty() && !to.empty())
    for (Group &group : groupAxes(from, to)) {
      Dim extent(1);
      for (int64_t axis : group.from)
        extent = extent * from[axis];
      between.push_back(extent);
      collapse.push_back(group.from);
      expand.push_back(group.to);
    }
  if (between.size() != from.size())
    tensor =
        tensor::CollapseShapeOp::create(b, loc, DimEnv::type(between, element), tensor, collapse);
  if (between.size() != to.size())
    tensor = tensor::ExpandShapeOp::create(b, loc, DimEnv::type(to, element), tensor, expand,
                                           dims.operands(to));
  return tensor;
}

} // namespace strut::kernelize
