//===- Host.cpp - The host function and the runtime -----------------------===//
#include "strut/Emit/Host.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "strut/Emit/Emit.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace strut::emit {

constexpr int64_t weightAlignment = 64;

Host::Host(kernel::ProgramOp program, func::FuncOp main)
    : program(program), main(main), context(program.getContext()) {
  weights = addArgument(MemRefType::get({ShapedType::kDynamic}, IntegerType::get(context, 8)));
  launcher = addArgument(LLVM::LLVMPointerType::get(context));
  placeWeights();
}

Value Host::addArgument(Type type) {
  unsigned position = main.getNumArguments();
  (void)main.insertArgument(position, type, {}, main.getLoc());
  return main.getArgument(position);
}

/// Gives each distinct (weight, layout) a place, in the order of first use.
void Host::placeWeights() {
  OpBuilder b(context);
  llvm::MapVector<std::pair<Attribute, Attribute>, int64_t> places;
  SmallVector<Attribute> list;
  int64_t end = 0;
  main.walk([&](kernel::UseOp use) {
    Attribute layout;
    MemRefType type;
    RankedTensorType logical = use.getDeclaration().getTensorType(), physical = logical;
    if (auto packed = dyn_cast<kernel::PackedType>(use.getType())) {
      layout = packed.getLayout();
      physical = packed.getLayout().getPhysicalType(logical);
    }
    type = MemRefType::get(physical.getShape(), physical.getElementType());
    auto [place, added] = places.insert({{use.getWeightAttr(), layout}, end});
    if (added) {
      NamedAttrList entry;
      entry.append("weight", use.getWeightAttr());
      if (layout)
        entry.append("layout", layout);
      entry.append("offset", b.getI64IntegerAttr(end));
      list.push_back(entry.getDictionary(context));
      int64_t bytes = physical.getNumElements() *
                      int64_t(llvm::divideCeil(physical.getElementTypeBitWidth(), 8));
      end = llvm::alignTo(end + bytes, weightAlignment);
    }
    b.setInsertionPoint(use);
    Value offset = arith::ConstantIndexOp::create(b, use.getLoc(), place->second);
    Value view = memref::ViewOp::create(b, use.getLoc(), type, weights, offset, ValueRange());
    if (layout) // emitters still ask for the logical type; launches look through the cast
      view = UnrealizedConversionCastOp::create(b, use.getLoc(), use.getType(), view).getResult(0);
    use.getResult().replaceAllUsesWith(view);
    use.erase();
  });
  program->setAttr(kWeightsAttr, b.getArrayAttr(list));
  program->setAttr(kWeightBytesAttr, b.getI64IntegerAttr(end));
}

/// `run(frame)`: the arguments of @main, read from a StrutFrame (program.h),
/// all of whose fields are pointers.
void Host::generateRun() {
  OpBuilder b = OpBuilder::atBlockEnd(&program.getBody().front());
  Location loc = main.getLoc();
  Type pointer = LLVM::LLVMPointerType::get(context), index = b.getIndexType();
  auto run = func::FuncOp::create(b, loc, "strut_run", b.getFunctionType({pointer}, {}));
  b.setInsertionPointToStart(run.addEntryBlock());
  auto element = [&](Value base, int64_t i, Type type) -> Value {
    Value at = LLVM::GEPOp::create(b, loc, pointer, type, base, LLVM::GEPArg(i));
    return LLVM::LoadOp::create(b, loc, type, at);
  };
  enum Field { Inputs, Outputs, Arena, Offsets, Weights, Dims, Launcher };
  SmallVector<Value> fields;
  for (int64_t field = Inputs; field <= Launcher; ++field)
    fields.push_back(element(run.getArgument(0), field, pointer));
  auto loadIndex = [&](Value base, int64_t i) -> Value {
    return arith::IndexCastOp::create(b, loc, index, element(base, i, b.getI64Type()));
  };

  SmallVector<Value> arguments;
  auto symbols = main->getAttrOfType<ArrayAttr>("strut.symbols");
  unsigned symbolCount = symbols ? symbols.size() : 0;
  SmallVector<Value> dims;
  for (unsigned i = 0; i < symbolCount; ++i)
    dims.push_back(loadIndex(fields[Dims], i));
  // Sizes of an output are not needed to write it: its producer knows them.
  Value any = arith::ConstantIndexOp::create(b, loc, INT64_MAX);
  auto view = [&](Value base, int64_t i, BlockArgument argument) {
    auto type = cast<MemRefType>(argument.getType());
    auto names = main.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(), "strut.dims");
    SmallVector<Value> sizes;
    for (auto [axis, extent] : llvm::enumerate(type.getShape())) {
      if (!ShapedType::isDynamic(extent))
        continue;
      Value size = any;
      for (unsigned s = 0; names && s < symbolCount; ++s)
        if (symbols[s] == names[axis])
          size = dims[s];
      sizes.push_back(size);
    }
    Value data = element(base, i, pointer);
    return ViewOp::create(b, loc, type, data, sizes).getResult();
  };
  int64_t inputs = 0, outputs = 0, indices = 0;
  for (BlockArgument argument : main.getArguments()) {
    unsigned position = argument.getArgNumber();
    if (argument == weights)
      arguments.push_back(ViewOp::create(b, loc, argument.getType(), fields[Weights], any));
    else if (argument == launcher)
      arguments.push_back(fields[Launcher]);
    else if (main.getArgAttr(position, "strut.arena"))
      arguments.push_back(ViewOp::create(b, loc, argument.getType(), fields[Arena], any));
    else if (main.getArgAttr(position, "strut.output"))
      arguments.push_back(view(fields[Outputs], outputs++, argument));
    else if (isa<MemRefType>(argument.getType()))
      arguments.push_back(view(fields[Inputs], inputs++, argument));
    else if (unsigned(indices++) < symbolCount)
      arguments.push_back(dims[indices - 1]);
    else
      arguments.push_back(loadIndex(fields[Offsets], indices - 1 - symbolCount));
  }
  func::CallOp::create(b, loc, main, arguments);
  func::ReturnOp::create(b, loc);
}

/// `status`, if it is not 0; else a code behind those of the dimensions for the first of
/// `numbers` that is not 0.
static Value withRequirements(OpBuilder &b, Location loc, Value status, ValueRange numbers,
                              unsigned numDims) {
  Value zero = arith::ConstantIntOp::create(b, loc, 0, 32), broken = zero;
  Value fine = arith::ConstantIndexOp::create(b, loc, 0);
  for (size_t i = numbers.size(); i-- > 0;) {
    Value holds = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, numbers[i], fine);
    Value code = arith::ConstantIntOp::create(b, loc, numDims + 1 + i, 32);
    broken = arith::SelectOp::create(b, loc, holds, broken, code);
  }
  Value valid = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, status, zero);
  return arith::SelectOp::create(b, loc, valid, broken, status);
}

/// `bind(dims, bytes, shapes)`: checks the limits of the dimensions and what
/// they must be multiples of, then stores what @main_bind returns, whose last numbers
/// are more checks.
void Host::generateBind() {
  auto bind = program.lookupSymbol<func::FuncOp>("main_bind");
  OpBuilder b = OpBuilder::atBlockEnd(&program.getBody().front());
  Location loc = main.getLoc();
  Type pointer = LLVM::LLVMPointerType::get(context), i64 = b.getI64Type(), i32 = b.getI32Type();
  auto entry = func::FuncOp::create(b, loc, "strut_bind",
                                    b.getFunctionType({pointer, pointer, pointer}, {i32}));
  b.setInsertionPointToStart(entry.addEntryBlock());
  auto address = [&](Value base, int64_t i) -> Value {
    return LLVM::GEPOp::create(b, loc, pointer, i64, base, LLVM::GEPArg(i));
  };
  // Limits come from fixed extents that a dimension must fit in, such as a table of
  // positions; the default keeps the products of a few dimensions below 2^63.
  auto limits = main->getAttrOfType<DictionaryAttr>("strut.limits");
  auto multiples = main->getAttrOfType<DictionaryAttr>("strut.multiples");
  auto symbols = main->getAttrOfType<ArrayAttr>("strut.symbols");
  Value status = arith::ConstantIntOp::create(b, loc, 0, 32);
  SmallVector<Value> dims;
  for (unsigned i = 0; i < bind.getNumArguments(); ++i) {
    Value dim = LLVM::LoadOp::create(b, loc, i64, address(entry.getArgument(0), i));
    int64_t most = int64_t(1) << (bind.getNumArguments() == 1 ? 40 : 24);
    auto name = symbols ? dyn_cast<StringAttr>(symbols[i]) : StringAttr();
    if (auto limit = limits && name ? limits.getAs<IntegerAttr>(name) : IntegerAttr())
      most = limit.getInt();
    Value bad = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ugt, dim,
                                      arith::ConstantIntOp::create(b, loc, most, 64));
    Value zero = arith::ConstantIntOp::create(b, loc, 0, 64);
    if (auto multiple = multiples && name ? multiples.getAs<IntegerAttr>(name) : IntegerAttr()) {
      Value by = arith::ConstantIntOp::create(b, loc, multiple.getInt(), 64);
      Value rest = arith::RemUIOp::create(b, loc, dim, by);
      Value uneven = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, rest, zero);
      bad = arith::OrIOp::create(b, loc, bad, uneven);
    }
    dim = arith::SelectOp::create(b, loc, bad, zero, dim);
    status = arith::SelectOp::create(b, loc, bad, arith::ConstantIntOp::create(b, loc, i + 1, 32),
                                     status);
    dims.push_back(arith::IndexCastOp::create(b, loc, b.getIndexType(), dim));
  }
  auto call = func::CallOp::create(b, loc, bind, dims);
  size_t buffers = main->getAttrOfType<ArrayAttr>("strut.lifetimes").size();
  auto requirements = main->getAttrOfType<ArrayAttr>("strut.requirements");
  ValueRange results = call.getResults();
  size_t stored = results.size() - (requirements ? requirements.size() : 0);
  status = withRequirements(b, loc, status, results.drop_front(stored), dims.size());
  for (auto [i, value] : llvm::enumerate(results.take_front(stored))) {
    bool size = i < buffers;
    Value at = address(entry.getArgument(size ? 1 : 2), size ? i : i - buffers);
    LLVM::StoreOp::create(b, loc, arith::IndexCastOp::create(b, loc, i64, value), at);
  }
  func::ReturnOp::create(b, loc, status);
}

void Host::finish() {
  for (auto cast : llvm::make_early_inc_range(main.getOps<UnrealizedConversionCastOp>()))
    cast.erase();
  main.setPrivate();
  program.lookupSymbol<func::FuncOp>("main_bind").setPrivate();
  generateRun();
  generateBind();
}

} // namespace strut::emit
