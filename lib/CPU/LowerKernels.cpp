//===- LowerKernels.cpp - Kernels of the host function to launches --------===//
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "strut/CPU/CPU.h"
#include "strut/CPU/Emit.h"
#include "strut/CPU/Passes.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/TypeSwitch.h"

namespace strut::cpu {
#define GEN_PASS_DEF_LOWERKERNELS
#include "strut/CPU/Passes.h.inc"
} // namespace strut::cpu

using namespace mlir;

namespace strut::cpu {
namespace {

constexpr int64_t weightAlignment = 64;

/// The pass on one program.
class HostLowering {
public:
  HostLowering(kernel::ProgramOp program, func::FuncOp main, const Target &target)
      : program(program), main(main), context(program.getContext()), emitter(program, target) {}

  LogicalResult run();
  unsigned launchCount = 0;

private:
  /// Appends an argument to @main.
  Value addArgument(Type type);
  void placeWeights();
  LogicalResult lower(Operation *op);
  void lower(Emitter::Launch launch, OpBuilder &b, Operation *op);
  /// `kernel` as the runtime calls it: (bundle, begin, end).
  func::FuncOp taskOf(func::FuncOp kernel);
  void generateRun();
  void generateBind();

  kernel::ProgramOp program;
  func::FuncOp main;
  MLIRContext *context;
  Emitter emitter;
  Value weights, launcher;
  SmallVector<bool> scalarRegions; ///< one per kernel.region
};

Value HostLowering::addArgument(Type type) {
  unsigned position = main.getNumArguments();
  (void)main.insertArgument(position, type, {}, main.getLoc());
  return main.getArgument(position);
}

/// Gives each distinct (weight, layout) a place, in the order of first use.
void HostLowering::placeWeights() {
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
  program->setAttr("cpu.weights", b.getArrayAttr(list));
  program->setAttr("cpu.weight_bytes", b.getI64IntegerAttr(end));
}

func::FuncOp HostLowering::taskOf(func::FuncOp kernel) {
  std::string name = (kernel.getName() + "_task").str();
  if (auto task = program.lookupSymbol<func::FuncOp>(name))
    return task;
  OpBuilder b(kernel);
  b.setInsertionPointAfter(kernel);
  Location loc = kernel.getLoc();
  Type i64 = b.getI64Type(), pointer = LLVM::LLVMPointerType::get(context);
  auto task = func::FuncOp::create(b, loc, name, b.getFunctionType({pointer, i64, i64}, {}));
  task.setPrivate();
  b.setInsertionPointToStart(task.addEntryBlock());
  TypeRange bundled = TypeRange(kernel.getArgumentTypes()).drop_back(2);
  auto unbundle = UnbundleOp::create(b, loc, bundled, task.getArgument(0));
  SmallVector<Value> arguments(unbundle.getResults());
  for (unsigned i : {1, 2})
    arguments.push_back(arith::IndexCastOp::create(b, loc, b.getIndexType(), task.getArgument(i)));
  func::CallOp::create(b, loc, kernel, arguments);
  func::ReturnOp::create(b, loc);
  return task;
}

void HostLowering::lower(Emitter::Launch launch, OpBuilder &b, Operation *op) {
  taskOf(launch.kernel);
  auto launched = LaunchOp::create(b, op->getLoc(), launch.kernel.getName(), launcher, launch.tasks,
                                   launch.arguments);
  if (auto number = op->getAttrOfType<IntegerAttr>(kernel::kNumberAttr))
    launched.setNumber(number.getInt());
  ++launchCount;
}

LogicalResult HostLowering::lower(Operation *op) {
  OpBuilder host(op);
  auto launches =
      llvm::TypeSwitch<Operation *, FailureOr<Launches>>(op)
          .Case([&](kernel::ContractOp kernel) { return emitContract(emitter, host, kernel); })
          .Case([&](kernel::AttentionOp kernel) { return emitAttention(emitter, host, kernel); })
          .Case([&](kernel::RowsOp kernel) { return emitRows(emitter, host, kernel); })
          .Case([&](kernel::MapOp kernel) { return emitMap(emitter, host, kernel); })
          .Case([&](kernel::RegionOp kernel) { return emitRegion(emitter, host, kernel); })
          .Default([](Operation *) { return failure(); });
  if (failed(launches))
    return failure();
  for (const Emitter::Launch &launch : *launches)
    lower(launch, host, op);
  if (isa<kernel::RegionOp>(op))
    scalarRegions.push_back(llvm::any_of(*launches, [](const Emitter::Launch &launch) {
      return launch.kernel->hasAttr(kScalarAttr);
    }));
  op->erase();
  return success();
}

/// `strut_run(frame)`: the arguments of @main, read from a StrutFrame (program.h),
/// all of whose fields are pointers.
void HostLowering::generateRun() {
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

/// `strut_bind(dims, bytes, shapes)`: checks the limits of the dimensions and what
/// they must be multiples of, then stores what @main_bind returns.
void HostLowering::generateBind() {
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
  for (auto [i, value] : llvm::enumerate(call.getResults())) {
    bool size = i < buffers;
    Value at = address(entry.getArgument(size ? 1 : 2), size ? i : i - buffers);
    LLVM::StoreOp::create(b, loc, arith::IndexCastOp::create(b, loc, i64, value), at);
  }
  func::ReturnOp::create(b, loc, status);
}

LogicalResult HostLowering::run() {
  weights = addArgument(MemRefType::get({ShapedType::kDynamic}, IntegerType::get(context, 8)));
  launcher = addArgument(LLVM::LLVMPointerType::get(context));
  placeWeights();
  SmallVector<Operation *> kernels;
  main.walk([&](Operation *op) {
    if (isa<kernel::KernelOpInterface, kernel::RegionOp>(op))
      kernels.push_back(op);
  });
  for (Operation *op : kernels)
    if (failed(lower(op)))
      return failure();
  program->setAttr(kScalarRegionsAttr, DenseBoolArrayAttr::get(context, scalarRegions));
  for (auto cast : llvm::make_early_inc_range(main.getOps<UnrealizedConversionCastOp>()))
    cast.erase();
  main.setPrivate();
  program.lookupSymbol<func::FuncOp>("main_bind").setPrivate();
  generateRun();
  generateBind();
  return success();
}

struct LowerKernelsPass : impl::LowerKernelsBase<LowerKernelsPass> {
  using LowerKernelsBase::LowerKernelsBase;

  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    auto target = dyn_cast<TargetAttr>(getOperation().getTarget());
    if (!main || !target)
      return;
    HostLowering lowering(getOperation(), main, target.getTarget());
    if (failed(lowering.run()))
      return signalPassFailure();
    launches += lowering.launchCount;
  }
};

} // namespace
} // namespace strut::cpu
