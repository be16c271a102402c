//===- Emulate.cpp - Kernels for the emulator -----------------------------===//
//
// Works on the LLVM IR that goes to the NVPTX back end, so that what is tested is what
// runs: instructions of the GPU become calls of the emulator, memory accesses announce
// themselves, shared memory becomes one array that the emulator can see. Nothing else
// changes.
//
//===----------------------------------------------------------------------===//
#include "strut/GPU/Emulate.h"
#include "strut/Runtime/emulator.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Analysis/TargetTransformInfo.h"
#include "llvm/Analysis/ValueTracking.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/IntrinsicsNVPTX.h"
#include "llvm/IR/Module.h"
#include "llvm/Transforms/Utils/LowerMemIntrinsics.h"
#include <cstddef>

using namespace llvm;

namespace strut::gpu {
namespace {

constexpr unsigned kShared = 3; ///< the address space

/// The functions of StrutEmulator by their places.
enum Entry { Thread, Block, Threads, Barrier, ShuffleXor, Access, NumEntries };
static_assert(sizeof(StrutEmulator) == NumEntries * sizeof(void *) &&
              offsetof(StrutEmulator, barrier) == Barrier * sizeof(void *) &&
              offsetof(StrutEmulator, access) == Access * sizeof(void *));
static_assert(sizeof(StrutEmulatedKernel) == 32 && sizeof(StrutEmulatedImage) == 40);

class Emulation {
public:
  explicit Emulation(Module &module)
      : module(module), context(module.getContext()), pointer(PointerType::getUnqual(context)),
        i32(Type::getInt32Ty(context)), i64(Type::getInt64Ty(context)) {}

  Error run();

private:
  /// What the table must know of a kernel; taken before it becomes a plain function.
  struct Kernel {
    Function *function;
    uint64_t bytes, threads;
    bool waits = false;
  };

  Error takeKernels();
  Error lowerCall(CallBase &call, Kernel &kernel);
  Value *callEntry(IRBuilder<> &b, Entry entry, Type *result, ArrayRef<Value *> arguments);
  void announce(Instruction &access, Value *address, Type *type, bool write);
  void gatherShared();
  void writeImage();
  GlobalVariable *constant(Constant *value, const Twine &name);

  Module &module;
  LLVMContext &context;
  PointerType *pointer;
  Type *i32, *i64;
  GlobalVariable *table = nullptr, *shared = nullptr;
  std::vector<Kernel> kernels;
};

GlobalVariable *Emulation::constant(Constant *value, const Twine &name) {
  return new GlobalVariable(module, value->getType(), /*isConstant=*/true,
                            GlobalValue::InternalLinkage, value, name);
}

/// The number in "256,1,1"; 0 if there is none.
uint64_t mostThreads(const Function &function) {
  uint64_t threads = 0;
  StringRef text = function.getFnAttribute("nvvm.maxntid").getValueAsString();
  text.consumeInteger(10, threads);
  return threads;
}

/// Kernels become functions that take the address of their argument.
Error Emulation::takeKernels() {
  for (Function &function : module) {
    if (function.isDeclaration())
      continue;
    if (function.getCallingConv() != CallingConv::PTX_Kernel || function.arg_size() != 1)
      return createStringError("the emulator knows kernels of one argument, and '" +
                               function.getName() + "' is none");
    Type *bundle = function.getParamByValType(0);
    kernels.push_back({&function,
                       bundle ? uint64_t(module.getDataLayout().getTypeAllocSize(bundle)) : 0,
                       mostThreads(function)});
    function.setCallingConv(CallingConv::C);
    function.setLinkage(GlobalValue::InternalLinkage);
    function.setAttributes(AttributeList());
    function.addFnAttr(Attribute::NoUnwind);
  }
  return Error::success();
}

Value *Emulation::callEntry(IRBuilder<> &b, Entry entry, Type *result,
                            ArrayRef<Value *> arguments) {
  SmallVector<Type *> types = map_to_vector(arguments, [](Value *v) { return v->getType(); });
  Value *functions = b.CreateLoad(pointer, table);
  Value *place = b.CreateConstGEP1_32(pointer, functions, entry);
  auto *type = FunctionType::get(result, types, false);
  return b.CreateCall(type, b.CreateLoad(pointer, place), arguments);
}

Error Emulation::lowerCall(CallBase &call, Kernel &kernel) {
  if (call.isInlineAsm()) {
    auto *code = cast<InlineAsm>(call.getCalledOperand());
    return createStringError("the emulator does not know the inline assembly '" +
                             code->getAsmString() + "'");
  }
  Function *callee = call.getCalledFunction();
  Intrinsic::ID id = callee ? callee->getIntrinsicID() : Intrinsic::not_intrinsic;
  IRBuilder<> b(&call);
  Type *none = Type::getVoidTy(context);
  Value *result = nullptr;
  switch (id) {
  case Intrinsic::nvvm_read_ptx_sreg_tid_x:
    result = callEntry(b, Thread, i32, {});
    break;
  case Intrinsic::nvvm_read_ptx_sreg_ctaid_x:
    result = callEntry(b, Block, i32, {});
    break;
  case Intrinsic::nvvm_read_ptx_sreg_ntid_x:
    result = callEntry(b, Threads, i32, {});
    break;
  case Intrinsic::nvvm_barrier_cta_sync_aligned_all:
    result = callEntry(b, Barrier, none, {call.getArgOperand(0)});
    kernel.waits = true;
    break;
  case Intrinsic::nvvm_shfl_sync_bfly_i32:
  case Intrinsic::nvvm_shfl_sync_bfly_f32: {
    SmallVector<Value *> arguments(call.args());
    arguments[1] = b.CreateBitCast(arguments[1], i32);
    result = b.CreateBitCast(callEntry(b, ShuffleXor, i32, arguments), call.getType());
    kernel.waits = true;
    break;
  }
  default:
    // LLVM's own intrinsics mean the same everywhere, but for those that access memory.
    if (callee && callee->isIntrinsic() && !callee->getName().starts_with("llvm.nvvm") &&
        (callee->doesNotAccessMemory() || isa<AssumeInst>(call) || call.isLifetimeStartOrEnd() ||
         isa<NoAliasScopeDeclInst>(call)))
      return Error::success();
    return createStringError("the emulator does not know '" +
                             (callee ? callee->getName() : StringRef("an indirect call")) + "'");
  }
  if (!call.getType()->isVoidTy())
    call.replaceAllUsesWith(result);
  call.eraseFromParent();
  return Error::success();
}

/// Tells the emulator of an access, unless it is to the thread's own stack, to its argument
/// or to a constant.
void Emulation::announce(Instruction &access, Value *address, Type *type, bool write) {
  const Value *object = getUnderlyingObject(address);
  const auto *global = dyn_cast<GlobalVariable>(object);
  if (isa<AllocaInst>(object) || isa<Argument>(object) || (global && global->isConstant()))
    return;
  IRBuilder<> b(&access);
  uint64_t bytes = module.getDataLayout().getTypeStoreSize(type);
  callEntry(b, Access, Type::getVoidTy(context),
            {b.CreateAddrSpaceCast(address, pointer), b.getInt64(bytes), b.getInt32(write)});
}

/// One struct has all shared variables, each aligned as it asks for.
void Emulation::gatherShared() {
  SmallVector<GlobalVariable *> variables;
  for (GlobalVariable &variable : module.globals())
    if (variable.getAddressSpace() == kShared)
      variables.push_back(&variable);
  uint64_t end = 0;
  SmallVector<uint64_t> places;
  for (GlobalVariable *variable : variables) {
    places.push_back(alignTo(end, variable->getAlign().valueOrOne()));
    end = places.back() + module.getDataLayout().getTypeAllocSize(variable->getValueType());
  }
  auto *type = ArrayType::get(Type::getInt8Ty(context), std::max<uint64_t>(end, 1));
  shared = new GlobalVariable(module, type, /*isConstant=*/false, GlobalValue::InternalLinkage,
                              ConstantAggregateZero::get(type), "strut.shared");
  shared->setAlignment(Align(128));
  for (auto [variable, place] : zip(variables, places)) {
    Constant *at = ConstantExpr::getInBoundsGetElementPtr(Type::getInt8Ty(context), shared,
                                                          ConstantInt::get(i64, place));
    variable->replaceAllUsesWith(ConstantExpr::getAddrSpaceCast(at, variable->getType()));
    variable->eraseFromParent();
  }
}

void Emulation::writeImage() {
  auto structure = [&](ArrayRef<Constant *> fields) {
    return ConstantStruct::getAnon(context, fields);
  };
  SmallVector<Constant *> entries;
  for (const Kernel &kernel : kernels) {
    Constant *name =
        constant(ConstantDataArray::getString(context, kernel.function->getName()), "strut.name");
    entries.push_back(
        structure({name, kernel.function, ConstantInt::get(i64, kernel.bytes),
                   ConstantInt::get(i32, kernel.threads), ConstantInt::get(i32, kernel.waits)}));
  }
  Constant *list = ConstantPointerNull::get(pointer);
  if (!entries.empty())
    list =
        constant(ConstantArray::get(ArrayType::get(entries[0]->getType(), entries.size()), entries),
                 "strut.kernels");
  uint64_t bytes = module.getDataLayout().getTypeAllocSize(shared->getValueType());
  GlobalVariable *image = constant(structure({ConstantInt::get(i32, STRUT_EMULATOR_VERSION),
                                              ConstantInt::get(i32, kernels.size()), list, table,
                                              shared, ConstantInt::get(i64, bytes)}),
                                   kEmulatedImage);
  image->setLinkage(GlobalValue::ExternalLinkage);
}

Error Emulation::run() {
  if (Error error = takeKernels())
    return error;
  table = new GlobalVariable(module, pointer, /*isConstant=*/false, GlobalValue::InternalLinkage,
                             ConstantPointerNull::get(pointer), "strut.emulator");
  for (Kernel &kernel : kernels) {
    for (Instruction &instruction : make_early_inc_range(instructions(kernel.function))) {
      if (auto *load = dyn_cast<LoadInst>(&instruction))
        announce(*load, load->getPointerOperand(), load->getType(), false);
      else if (auto *store = dyn_cast<StoreInst>(&instruction))
        announce(*store, store->getPointerOperand(), store->getValueOperand()->getType(), true);
      else if (isa<AtomicRMWInst, AtomicCmpXchgInst, FenceInst>(instruction))
        return createStringError("the emulator does not know atomic operations");
      else if (auto *call = dyn_cast<CallBase>(&instruction))
        if (Error error = lowerCall(*call, kernel))
          return error;
    }
  }
  gatherShared();
  writeImage();
  return Error::success();
}

} // namespace

/// Fills and copies of memory as loops, as the back end of the GPU makes them: each access
/// announces itself then.
static void expandMemoryIntrinsics(Module &module) {
  TargetTransformInfo costs(module.getDataLayout());
  SmallVector<Instruction *> found;
  for (Function &function : module)
    for (Instruction &instruction : instructions(function))
      if (isa<MemSetInst, MemCpyInst>(instruction))
        found.push_back(&instruction);
  for (Instruction *instruction : found) {
    if (auto *fill = dyn_cast<MemSetInst>(instruction))
      expandMemSetAsLoop(fill);
    else
      expandMemCpyAsLoop(cast<MemCpyInst>(instruction), costs);
    instruction->eraseFromParent();
  }
}

Error emulate(Module &module) {
  expandMemoryIntrinsics(module);
  return Emulation(module).run();
}

} // namespace strut::gpu
