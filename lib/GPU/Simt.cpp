//===- Simt.cpp - Kernels as code for one thread of a grid ----------------===//
#include "Simt.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "strut/Emit/Emit.h"

using namespace mlir;

namespace strut::gpu {

//===----------------------------------------------------------------------===//
// Functions and launches
//===----------------------------------------------------------------------===//

Simt::Simt(kernel::ProgramOp program, Value launcher) : program(program), launcher(launcher) {
  OpBuilder b = OpBuilder::atBlockEnd(&program.getBody().front());
  device = ModuleOp::create(b, program.getLoc(), kDeviceModule);
}

func::FuncOp Simt::launch(OpBuilder &host, Operation *op, StringRef name, StringRef key,
                          ValueRange arguments, const Grid &grid, Body body) {
  Location loc = op->getLoc();
  SmallVector<Value> passed;
  for (Value argument : arguments)
    passed.push_back(generalize(host, loc, argument));
  std::string fullKey;
  llvm::raw_string_ostream os(fullKey);
  os << name << '|' << key << '|' << grid.mostThreads << '|';
  llvm::interleaveComma(TypeRange(ValueRange(passed)), os);
  func::FuncOp &kernel = kernels[fullKey];
  if (!kernel) {
    OpBuilder b = OpBuilder::atBlockEnd(device.getBody());
    Type pointer = LLVM::LLVMPointerType::get(b.getContext());
    kernel = func::FuncOp::create(b, loc, (name + "_" + Twine(kernels.size() - 1)).str(),
                                  b.getFunctionType(pointer, {}));
    kernel->setAttr(kThreadsAttr, b.getI64IntegerAttr(grid.mostThreads));
    int64_t blocks = std::clamp<int64_t>(grid.resident / grid.mostThreads, 1, 4);
    kernel->setAttr(kBlocksAttr, b.getI64IntegerAttr(blocks));
    if (grid.cluster > 1)
      kernel->setAttr(kClusterAttr, b.getI64IntegerAttr(grid.cluster));
    b.setInsertionPointToStart(kernel.addEntryBlock());
    auto unbundle =
        UnbundleOp::create(b, loc, TypeRange(ValueRange(passed)), kernel.getArgument(0));
    writing = kernel;
    body(b, unbundle.getResults());
    func::ReturnOp::create(b, loc);
  }
  auto symbol = SymbolRefAttr::get(host.getContext(), kDeviceModule,
                                   {FlatSymbolRefAttr::get(kernel.getSymNameAttr())});
  auto launch = LaunchOp::create(host, loc, symbol, launcher, grid.blocks, grid.threads, passed);
  if (auto number = op->getAttrOfType<IntegerAttr>(kernel::kNumberAttr))
    launch.setNumber(number.getInt());
  ++launches;
  return kernel;
}

Value Simt::shared(OpBuilder &b, Location loc, ArrayRef<int64_t> shape, Type element,
                   int64_t alignment) {
  auto space = b.getI64IntegerAttr(int64_t(NVVM::NVVMMemorySpace::Shared));
  auto type = MemRefType::get(shape, storageOf(element), MemRefLayoutAttrInterface(), space);
  unsigned number = 0;
  std::string name;
  do
    name = (writing.getName() + "_shared_" + Twine(number++)).str();
  while (device.lookupSymbol(name));
  OpBuilder outside(writing);
  memref::GlobalOp::create(outside, loc, name, b.getStringAttr("private"), type,
                           outside.getUnitAttr(), /*constant=*/false,
                           b.getI64IntegerAttr(alignment));
  return memref::GetGlobalOp::create(b, loc, type, name);
}

Value Simt::dynamicShared(OpBuilder &b, Location loc, int64_t bytes) {
  constexpr uint64_t alignment = 1024;
  std::string name = (writing.getName() + "_dynamic").str();
  OpBuilder outside(writing);
  auto type = LLVM::LLVMArrayType::get(b.getI8Type(), 0);
  auto memory =
      LLVM::GlobalOp::create(outside, loc, type, /*isConstant=*/false, LLVM::Linkage::External,
                             name, Attribute(), alignment, unsigned(NVVM::NVVMMemorySpace::Shared));
  writing->setAttr(kSharedAttr, b.getI64IntegerAttr(bytes));
  return LLVM::AddressOfOp::create(b, loc, memory);
}

void Simt::finish() {
  SmallVector<StringRef> names;
  for (auto kernel : device.getOps<func::FuncOp>())
    names.push_back(kernel.getName());
  program->setAttr(kKernelsAttr, Builder(program.getContext()).getStrArrayAttr(names));
}

//===----------------------------------------------------------------------===//
// Threads
//===----------------------------------------------------------------------===//

template <typename Op> static Value special(OpBuilder &b, Location loc) {
  Value value = Op::create(b, loc, b.getI32Type());
  return arith::IndexCastUIOp::create(b, loc, b.getIndexType(), value);
}

Value threadIndex(OpBuilder &b, Location loc) { return special<NVVM::ThreadIdXOp>(b, loc); }
Value blockIndex(OpBuilder &b, Location loc) { return special<NVVM::BlockIdXOp>(b, loc); }
Value blockThreads(OpBuilder &b, Location loc) { return special<NVVM::BlockDimXOp>(b, loc); }
Value gridBlocks(OpBuilder &b, Location loc) { return special<NVVM::GridDimXOp>(b, loc); }
void barrier(OpBuilder &b, Location loc) { NVVM::Barrier0Op::create(b, loc); }

void arriveAtCluster(OpBuilder &b, Location loc) {
  NVVM::ClusterArriveOp::create(b, loc, b.getUnitAttr());
}

void waitForCluster(OpBuilder &b, Location loc) {
  NVVM::ClusterWaitOp::create(b, loc, b.getUnitAttr());
}

static Value constant(OpBuilder &b, Location loc, int64_t value, unsigned bits = 32) {
  return arith::ConstantIntOp::create(b, loc, value, bits);
}

Value shuffleXor(OpBuilder &b, Location loc, Value value, int64_t mask) {
  Type type = value.getType(), i32 = b.getI32Type();
  unsigned bits = type.getIntOrFloatBitWidth();
  auto shuffle = [&](Value part) -> Value {
    return NVVM::ShflOp::create(b, loc, part.getType(), constant(b, loc, -1), part,
                                constant(b, loc, mask), constant(b, loc, warpSize - 1),
                                NVVM::ShflKind::bfly, UnitAttr());
  };
  if (type.isF32() || type.isInteger(32))
    return shuffle(value);
  Type integer = b.getIntegerType(bits);
  Value raw = type == integer ? value : arith::BitcastOp::create(b, loc, integer, value);
  if (bits < 32) {
    raw = shuffle(arith::ExtUIOp::create(b, loc, i32, raw));
    raw = arith::TruncIOp::create(b, loc, integer, raw);
  } else {
    Value half = constant(b, loc, 32, 64);
    Value low = arith::TruncIOp::create(b, loc, i32, raw);
    Value high = arith::TruncIOp::create(b, loc, i32, arith::ShRUIOp::create(b, loc, raw, half));
    low = arith::ExtUIOp::create(b, loc, integer, shuffle(low));
    high = arith::ExtUIOp::create(b, loc, integer, shuffle(high));
    raw = arith::OrIOp::create(b, loc, low, arith::ShLIOp::create(b, loc, high, half));
  }
  return type == integer ? raw : arith::BitcastOp::create(b, loc, type, raw);
}

Grid gridFor(OpBuilder &host, Location loc, Value count, int64_t threads) {
  Value perBlock = indexConstant(host, loc, threads);
  return {ceilDiv(host, loc, count, perBlock), perBlock, threads};
}

void forItem(OpBuilder &b, Location loc, Value count, int64_t threads,
             function_ref<void(OpBuilder &, Value)> body) {
  Value first = arith::MulIOp::create(b, loc, blockIndex(b, loc), indexConstant(b, loc, threads));
  Value item = arith::AddIOp::create(b, loc, first, threadIndex(b, loc));
  Value inside = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, item, count);
  scf::IfOp::create(b, loc, inside, [&](OpBuilder &b, Location) {
    body(b, item);
    scf::YieldOp::create(b, loc);
  });
}

/// Rounded weights are row-major memrefs of fewer bits.
FailureOr<Nest> nestOfProducts(OpBuilder &host, Operation *op) {
  return Nest::create(host, op, 0, std::nullopt, [](OpBuilder &, Value &operand, AffineMap &) {
    operand = operand.getDefiningOp<UnrealizedConversionCastOp>().getOperand(0);
    return success();
  });
}

Value evaluateAt(OpBuilder &b, const Nest &nest, Operation *op, const IRMapping &values,
                 ValueRange parameters, ValueRange iterators) {
  if (auto index = dyn_cast<kernel::IndexOp>(op))
    return iterators[nest.dimOf(index)];
  auto fetch = cast<kernel::FetchOp>(op);
  SmallVector<Value> indices;
  for (Value v : fetch.getIndices())
    indices.push_back(values.lookup(v));
  return fetchLanes(b, op->getLoc(), parameters[fetch.getInput()], indices, 1, nullptr,
                    nest.mayBeEmpty(fetch.getInput()));
}

Value evaluateSums(OpBuilder &b, const Nest &nest, ValueRange sums, unsigned firstExtra,
                   ValueRange parameters, ValueRange point) {
  return evaluateSums(b, nest, nest.body(), sums, firstExtra, nest.inputs, parameters, point);
}

Value evaluateSums(OpBuilder &b, const Nest &nest, Block &code, ValueRange sums,
                   unsigned firstExtra, unsigned endOfExtras, ValueRange parameters,
                   ValueRange point) {
  Location loc = nest.op->getLoc();
  IRMapping values = nest.captured(parameters);
  values.map(code.getArguments().take_front(sums.size()), sums);
  for (unsigned operand = firstExtra; operand < endOfExtras; ++operand)
    if (Value argument = code.getArgument(sums.size() + operand - firstExtra);
        !isa<NoneType>(argument.getType()))
      values.map(argument, loadElement(b, loc, parameters[operand],
                                       applyMap(b, loc, nest.maps[operand], point)));
  cloneAsVectors(b, code, values, 1, [&](OpBuilder &b, Operation *op) {
    return evaluateAt(b, nest, op, values, parameters, point);
  });
  return values.lookup(code.getTerminator()->getOperand(0));
}

} // namespace strut::gpu
