//===- FormKernels.cpp - onnx and layer ops to kernels --------------------===//
//
// One ordered walk. New ops are created beside the old ones, which are erased
// at the end; a Context maps every old value to what is known of it.
//
//===----------------------------------------------------------------------===//
#include "Counts.h"
#include "Narrow.h"
#include "Requirements.h"
#include "ShapeInputs.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "strut/Kernelize/Passes.h"
#include "llvm/Support/SaveAndRestore.h"

namespace strut::kernelize {
#define GEN_PASS_DEF_FORMKERNELS
#include "strut/Kernelize/Passes.h.inc"
} // namespace strut::kernelize

using namespace mlir;

namespace strut::kernelize {

const LoweringTable &lowerings() {
  static const LoweringTable table = [] {
    LoweringTable table;
    addElementwise(table);
    addLinear(table);
    addShape(table);
    addSlices(table);
    addGather(table);
    addIndex(table);
    addNorm(table);
    addAttention(table);
    addConv(table);
    addConvTranspose(table);
    addCol2Im(table);
    addDeformConv(table);
    addRoiAlign(table);
    addRecurrent(table);
    addRotary(table);
    addReduce(table);
    addQuantize(table);
    addRandom(table);
    addEinsum(table);
    addRearrange(table);
    addCumulate(table);
    addScatter(table);
    addTopK(table);
    addDet(table);
    addExperts(table);
    addResize(table);
    addGridSample(table);
    addAffineGrid(table);
    addPool(table);
    addMaxUnpool(table);
    addPad(table);
    addSelect(table);
    addSuppress(table);
    addUnique(table);
    addIf(table);
    addHostLoop(table);
    addSignal(table);
    addSignalWindows(table);
    return table;
  }();
  return table;
}

/// What kernels hold: numbers and truths.
static Reason refuseElements(Type type) {
  auto tensor = dyn_cast<TensorType>(type);
  Type element = tensor ? tensor.getElementType() : Type();
  if (!tensor || isa<Float32Type, Float64Type, Float16Type, BFloat16Type>(element) ||
      isa<IntegerType>(element) || isNarrow(element))
    return std::nullopt;
  std::string text;
  llvm::raw_string_ostream(text) << "it has elements of type " << element
                                 << ", which is not supported";
  return text;
}

/// Structure that the walk itself understands.
static bool isStructure(Operation *op) {
  return isa<onnx_ir::Op<"Constant">, onnx_ir::Absent, onnx_ir::Yield, layer::AlternativesOp,
             layer::YieldOp, func::ReturnOp>(op);
}

std::optional<std::string> unsupportedReason(Operation *op) {
  if (isStructure(op))
    return std::nullopt;
  for (Type type : op->getResultTypes()) {
    if (isa<NoneType>(type))
      continue;
    // Shapes are this pass's own matter: a rank that inference does not know may be
    // known once dimensions are followed.
    if (!isa<TensorType>(type)) {
      std::string text;
      llvm::raw_string_ostream(text) << "its result is no tensor but a " << type;
      return text;
    }
  }
  auto it = lowerings().find(op->getName().getStringRef());
  if (it == lowerings().end())
    return "this operator is not supported yet";
  SmallVector<Type> types(op->getOperandTypes());
  llvm::append_range(types, op->getResultTypes());
  for (Type type : types)
    if (Reason reason = refuseElements(type))
      return reason;
  return it->second.supports ? it->second.supports(op) : std::nullopt;
}

namespace {

class FormFunction {
public:
  FormFunction(func::FuncOp function)
      : function(function), context(function, OpBuilder(&function.getBody().front().front())) {
    context.lowerBlock = [this](Block &block) { return lowerBlock(block); };
  }

  LogicalResult run();
  Context &getContext() { return context; }

private:
  LogicalResult bindArguments();
  Value addSymbol(StringAttr name);
  void bindElements(BlockArgument argument, Tracked &tracked);
  LogicalResult lowerBlock(Block &block);
  LogicalResult lower(Operation &op);
  LogicalResult lowerAlternatives(layer::AlternativesOp op);
  LogicalResult lowerReturn(func::ReturnOp op);
  void annotate();

  func::FuncOp function;
  Context context;
  SmallVector<Attribute> symbols, elements, notes;
};

} // namespace

/// An index argument for a dimension.
Value FormFunction::addSymbol(StringAttr name) {
  Value value = function.getBody().front().addArgument(IndexType::get(function.getContext()),
                                                       function.getLoc());
  symbols.push_back(name);
  context.symbolNames[value] = name.str();
  return value;
}

/// Makes a dimension of each element of an input.
void FormFunction::bindElements(BlockArgument argument, Tracked &tracked) {
  Builder b(function.getContext());
  unsigned number = argument.getArgNumber();
  auto name = function.getArgAttrOfType<StringAttr>(number, onnx_ir::OnnxDialect::kNameAttr);
  std::string text = name ? name.str() : "input" + std::to_string(number);
  tracked.contents.emplace();
  int64_t count = cast<RankedTensorType>(argument.getType()).getNumElements();
  for (int64_t i = 0; i < count; ++i) {
    elements.push_back(b.getDenseI64ArrayAttr({int64_t(symbols.size()), number, i}));
    Value value = addSymbol(b.getStringAttr(text + "[" + std::to_string(i) + "]"));
    context.elements.push_back(context.dims.of(value));
    tracked.contents->push_back(context.elements.back());
  }
}

/// Gives the function an index argument per symbolic dimension, and the tensor
/// arguments their dimensions.
LogicalResult FormFunction::bindArguments() {
  Builder b(function.getContext());
  Block &entry = function.getBody().front();
  llvm::StringMap<Value> bound;
  unsigned numTensors = entry.getNumArguments();
  llvm::SetVector<BlockArgument> sizes = shapeInputs(function);
  for (unsigned i = 0; i < numTensors; ++i) {
    BlockArgument argument = entry.getArgument(i);
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type)
      return function.emitError("input ") << i << " of the model is a " << argument.getType()
                                          << "; only tensors of known rank can be compiled";
    auto name = function.getArgAttrOfType<StringAttr>(i, onnx_ir::OnnxDialect::kNameAttr);
    auto given = function.getArgAttrOfType<ArrayAttr>(i, onnx_ir::OnnxDialect::kDimsAttr);
    SmallVector<Attribute> names;
    Tracked tracked;
    tracked.element = signless(type.getElementType());
    tracked.tensor = argument;
    if (tracked.element != type.getElementType()) {
      // Ops being lowered still ask the argument what its elements are.
      tracked.tensor = UnrealizedConversionCastOp::create(context.b, argument.getLoc(),
                                                          type.clone(tracked.element), argument)
                           .getResult(0);
      function.setArgAttr(i, kElementAttr, TypeAttr::get(type.getElementType()));
    }
    for (auto [axis, extent] : llvm::enumerate(type.getShape())) {
      if (!ShapedType::isDynamic(extent)) {
        names.push_back(b.getStringAttr(""));
        tracked.dims.push_back(extent);
        continue;
      }
      auto symbol = given && axis < given.size() ? dyn_cast<StringAttr>(given[axis]) : StringAttr();
      if (!symbol || symbol.empty())
        symbol = b.getStringAttr((name ? name.getValue() : StringRef("input") + Twine(i)).str() +
                                 "_" + Twine(axis));
      Value &value = bound[symbol];
      if (!value)
        value = addSymbol(symbol);
      names.push_back(symbol);
      tracked.dims.push_back(context.dims.of(value));
    }
    if (sizes.contains(argument))
      bindElements(argument, tracked);
    context.define(argument, std::move(tracked));
    function.setArgAttr(i, kDimsAttr, b.getArrayAttr(names));
    function.removeArgAttr(i, onnx_ir::OnnxDialect::kDimsAttr);
    if (name) {
      function.setArgAttr(i, kNameAttr, name);
      function.removeArgAttr(i, onnx_ir::OnnxDialect::kNameAttr);
    }
  }
  return success();
}

/// By the first operand, or the result of an op without any.
static bool computesUnsigned(Operation &op) {
  Type type = op.getNumOperands() ? op.getOperand(0).getType() : op.getResult(0).getType();
  return getElementTypeOrSelf(type).isUnsignedInteger();
}

LogicalResult FormFunction::lower(Operation &op) {
  llvm::SaveAndRestore current(context.current, &op);
  if (auto constant = dyn_cast<onnx_ir::Op<"Constant">>(op)) {
    ElementsAttr value = onnx_ir::constantOf(op.getResult(0));
    if (!isa<RankedTensorType>(value.getShapedType()))
      return context.refuse(&op, "a constant of unknown rank");
    context.defineConstant(op.getResult(0), value);
    return success();
  }
  if (auto alternatives = dyn_cast<layer::AlternativesOp>(op))
    return lowerAlternatives(alternatives);
  if (auto done = dyn_cast<func::ReturnOp>(op))
    return lowerReturn(done);
  if (isStructure(&op))
    return success();
  if (auto onnx = dyn_cast<AnyOp>(op); onnx && foldOnDims(onnx, context))
    return success();
  context.isUnsigned = computesUnsigned(op);
  return lowerings().find(op.getName().getStringRef())->second.lower(&op, context);
}

static bool isNegative(const Dim &dim) { return dim.isConstant() && dim.constant() < 0; }

LogicalResult FormFunction::lowerBlock(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(block)) {
    // Index arithmetic and kernels that this walk itself has made.
    if (!isa<onnx_ir::OnnxDialect, layer::LayerDialect>(op.getDialect()) &&
        !isa<func::ReturnOp>(op))
      continue;
    context.b.setInsertionPoint(&op);
    if (failed(lower(op)) || (!isa<func::ReturnOp>(op) && failed(checkCounts(&op, context))))
      return failure();
    for (Value result : op.getResults()) {
      auto known = context.values.find(result);
      if (known != context.values.end() && llvm::any_of(known->second.dims, isNegative))
        return context.refuse(&op, "its result would have a negative extent");
    }
  }
  return success();
}

/// The index of the form, by nested selects, then a switch whose regions hold
/// the lowered forms.
LogicalResult FormFunction::lowerAlternatives(layer::AlternativesOp op) {
  OpBuilder &b = context.b;
  Location loc = op.getLoc();
  Value choice = arith::ConstantIndexOp::create(b, loc, op.getOtherwise());
  SmallVector<layer::CaseAttr> lines(op.getCases().getAsRange<layer::CaseAttr>());
  for (layer::CaseAttr line : llvm::reverse(lines)) {
    Dim extent(1);
    for (int64_t axis : line.getDims())
      extent = extent * context[op.getOf()].dims[axis];
    Value bound = arith::ConstantIndexOp::create(b, loc, line.getBound());
    Value less =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, context.dims.value(extent), bound);
    Value form = arith::ConstantIndexOp::create(b, loc, line.getForm());
    choice = arith::SelectOp::create(b, loc, less, form, choice);
  }

  BranchRequirements required(context);
  for (Region &form : op.getForms()) {
    if (failed(lowerBlock(form.front())))
      return failure();
    required.endBranch();
  }
  // The forms compute the same values, so the first tells the dimensions.
  SmallVector<Tracked> results;
  SmallVector<Type> types;
  for (Value value : op.getForms().front().front().getTerminator()->getOperands()) {
    results.push_back(context[value]);
    types.push_back(DimEnv::type(results.back().dims, results.back().element));
  }
  llvm::append_range(types, required.types());
  b.setInsertionPoint(op);
  unsigned numForms = op.getForms().size();
  SmallVector<int64_t> numbers = llvm::to_vector(llvm::seq<int64_t>(0, numForms - 1));
  auto branch = scf::IndexSwitchOp::create(b, loc, types, choice, numbers, numForms - 1);
  // A switch inside of a loop has no one answer.
  if (op.getNames() && op->getParentOp() == function)
    branch->setAttr(
        kChoiceAttr,
        b.getDictionaryAttr({b.getNamedAttr("name", b.getStringAttr(onnx_ir::nodeNameOf(loc))),
                             b.getNamedAttr("forms", op.getNamesAttr())}));
  for (auto [i, form] : llvm::enumerate(op.getForms())) {
    Region &target = i + 1 == numForms ? branch.getDefaultRegion() : branch.getCaseRegions()[i];
    Operation *yield = form.front().getTerminator();
    b.setInsertionPoint(yield);
    SmallVector<Value> values;
    for (auto [value, first] : llvm::zip(yield->getOperands(), results)) {
      if (context[value].dims != first.dims)
        return context.refuse(op, "its forms have different shapes");
      values.push_back(context.tensor(value));
    }
    llvm::append_range(values, required.of(i, loc));
    scf::YieldOp::create(b, loc, values);
    yield->erase();
    target.takeBody(form);
  }
  required.bringOut(branch.getResults().drop_front(results.size()));
  // A move has a destination, which tells the dimensions that a switch does not.
  // Kernels that read it read the switch instead.
  b.setInsertionPoint(op);
  for (auto [old, tracked, result] : llvm::zip(op.getResults(), results, branch.getResults())) {
    AffineMap identity = b.getMultiDimIdentityMap(tracked.dims.size());
    context.define(old, context.move(loc, result, identity, tracked.dims), tracked.dims);
  }
  return success();
}

LogicalResult FormFunction::lowerReturn(func::ReturnOp op) {
  Builder &b = context.b;
  SmallVector<Value> values;
  llvm::MapVector<Value, SmallVector<Attribute>> counts;
  for (auto [i, operand] : llvm::enumerate(op.getOperands())) {
    Type element = getElementTypeOrSelf(operand.getType());
    if (element != signless(element))
      function.setResultAttr(i, kElementAttr, TypeAttr::get(element));
    SmallVector<Dim> dims = context[operand].dims;
    values.push_back(compacted(context, op.getLoc(), context.tensor(operand), dims));
    for (auto [axis, dim] : llvm::enumerate(dims))
      if (Value count = context.countOf(dim))
        counts[count].push_back(b.getDenseI64ArrayAttr({int64_t(i), int64_t(axis)}));
  }
  for (const auto &[count, axes] : counts) {
    values.push_back(count);
    notes.push_back(b.getArrayAttr(axes));
  }
  for (const auto &[trouble, text] : context.requirements) {
    values.push_back(trouble);
    notes.push_back(b.getStringAttr(text));
  }
  op->setOperands(values);
  return success();
}

/// Signature and attributes of the function of kernels.
void FormFunction::annotate() {
  Builder b(function.getContext());
  Block &entry = function.getBody().front();
  SmallVector<DictionaryAttr> arguments;
  function.getAllArgAttrs(arguments);
  arguments.resize(entry.getNumArguments(), b.getDictionaryAttr({}));
  SmallVector<DictionaryAttr> results;
  function.getAllResultAttrs(results);
  unsigned numResults = results.size();
  results.resize(entry.getTerminator()->getNumOperands(), b.getDictionaryAttr({}));
  function.removeResAttrsAttr();
  function.setType(
      b.getFunctionType(entry.getArgumentTypes(), entry.getTerminator()->getOperandTypes()));
  function.setAllArgAttrs(arguments);
  function.setAllResultAttrs(results);
  for (unsigned i = 0; i < numResults; ++i) {
    StringRef old = onnx_ir::OnnxDialect::kNameAttr;
    if (Attribute name = function.getResultAttr(i, old)) {
      function.setResultAttr(i, kNameAttr, name);
      function.removeResultAttr(i, b.getStringAttr(old));
    }
  }
  function->setAttr(kSymbolsAttr, b.getArrayAttr(symbols));
  if (!elements.empty())
    function->setAttr(kElementsAttr, b.getArrayAttr(elements));
  if (!notes.empty())
    function->setAttr(kNotesAttr, b.getArrayAttr(notes));
  for (auto [attribute, numbers] :
       {std::pair(kLimitsAttr, &context.limits), {kMultiplesAttr, &context.multiples}}) {
    SmallVector<NamedAttribute> entries;
    for (const auto &[name, number] : *numbers)
      entries.push_back(b.getNamedAttr(name, b.getI64IntegerAttr(number)));
    if (!entries.empty())
      function->setAttr(attribute, b.getDictionaryAttr(entries));
  }
}

LogicalResult FormFunction::run() {
  Block &entry = function.getBody().front();
  if (failed(bindArguments()) || failed(lowerBlock(entry)))
    return failure();
  // What is left of the old level has no users but within itself.
  SmallVector<Operation *> old;
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (!isa<onnx_ir::OnnxDialect, layer::LayerDialect>(op->getDialect()))
      return WalkResult::advance();
    old.push_back(op); // with all that it holds, such as a branch that is never taken
    return WalkResult::skip();
  });
  for (Operation *op : old)
    op->dropAllUses();
  for (Operation *op : llvm::reverse(old))
    op->erase();
  for (auto cast : llvm::make_early_inc_range(entry.getOps<UnrealizedConversionCastOp>())) {
    cast.getOperand(0).setType(cast.getType(0));
    cast.getResult(0).replaceAllUsesWith(cast.getOperand(0));
    cast.erase();
  }
  annotate();
  return success();
}

namespace {

struct FormKernelsPass : impl::FormKernelsBase<FormKernelsPass> {
  /// Reports every op without a lowering, so that one compile shows all.
  LogicalResult checkAll(Context &context, func::FuncOp function) {
    bool fine = true;
    function.walk([&](Operation *op) {
      if (op == function)
        return WalkResult::advance();
      if (std::optional<std::string> reason = unsupportedReason(op)) {
        (void)context.refuse(op, *reason);
        fine = false;
      }
      return WalkResult::advance();
    });
    return success(fine);
  }

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isDeclaration())
        continue;
      FormFunction form(function);
      if (failed(checkAll(form.getContext(), function)) || failed(form.run()))
        return signalPassFailure();
      numKernels += form.getContext().numKernels;
      numWeights += form.getContext().numWeights;
    }
  }
};

} // namespace
} // namespace strut::kernelize
