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
enum Entry {
  Thread,
  Block,
  Threads,
  Barrier,
  ShuffleXor,
  Access,
  CopyAsync,
  CommitCopies,
  WaitCopies,
  LoadMatrices,
  Multiply,
  RoundTF32,
  NumEntries
};
static_assert(sizeof(StrutEmulator) == NumEntries * sizeof(void *) &&
              offsetof(StrutEmulator, barrier) == Barrier * sizeof(void *) &&
              offsetof(StrutEmulator, access) == Access * sizeof(void *) &&
              offsetof(StrutEmulator, load_matrices) == LoadMatrices * sizeof(void *));
static_assert(sizeof(StrutEmulatedKernel) == 40 && sizeof(StrutEmulatedImage) == 32);

/// An ldmatrix: how many matrices, and whether they are transposed; none for other instructions.
std::optional<std::pair<unsigned, bool>> matricesOf(Intrinsic::ID id) {
  switch (id) {
  case Intrinsic::nvvm_ldmatrix_sync_aligned_m8n8_x1_b16:
    return {{1, false}};
  case Intrinsic::nvvm_ldmatrix_sync_aligned_m8n8_x2_b16:
    return {{2, false}};
  case Intrinsic::nvvm_ldmatrix_sync_aligned_m8n8_x4_b16:
    return {{4, false}};
  case Intrinsic::nvvm_ldmatrix_sync_aligned_m8n8_x1_trans_b16:
    return {{1, true}};
  case Intrinsic::nvvm_ldmatrix_sync_aligned_m8n8_x2_trans_b16:
    return {{2, true}};
  case Intrinsic::nvvm_ldmatrix_sync_aligned_m8n8_x4_trans_b16:
    return {{4, true}};
  default:
    return std::nullopt;
  }
}

/// An mma.sync.
std::optional<StrutProduct> productOf(Intrinsic::ID id) {
  switch (id) {
  case Intrinsic::nvvm_mma_m16n8k16_row_col_f32_f32:
    return StrutProductF16;
  case Intrinsic::nvvm_mma_m16n8k16_row_col_bf16:
    return StrutProductBF16;
  case Intrinsic::nvvm_mma_m16n8k8_row_col_tf32:
    return StrutProductTF32;
  default:
    return std::nullopt;
  }
}

/// The bytes that a cp.async copies; 0 for other instructions.
unsigned copiedBytes(Intrinsic::ID id) {
  switch (id) {
  case Intrinsic::nvvm_cp_async_ca_shared_global_4:
  case Intrinsic::nvvm_cp_async_ca_shared_global_4_s:
    return 4;
  case Intrinsic::nvvm_cp_async_ca_shared_global_8:
  case Intrinsic::nvvm_cp_async_ca_shared_global_8_s:
    return 8;
  case Intrinsic::nvvm_cp_async_ca_shared_global_16:
  case Intrinsic::nvvm_cp_async_ca_shared_global_16_s:
  case Intrinsic::nvvm_cp_async_cg_shared_global_16:
  case Intrinsic::nvvm_cp_async_cg_shared_global_16_s:
    return 16;
  default:
    return 0;
  }
}

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
    uint64_t sharedBytes = 0;
    AllocaInst *in = nullptr, *out = nullptr; ///< registers of what a warp does together
  };

  Error takeKernels();
  Error lowerCall(CallBase &call, Kernel &kernel);
  bool lowerCopy(CallBase &call);
  bool lowerMatrices(CallBase &call, Kernel &kernel);
  AllocaInst *registers(AllocaInst *&array, Kernel &kernel);
  Value *results(IRBuilder<> &b, CallBase &call, Value *array);
  Value *callEntry(IRBuilder<> &b, Entry entry, Type *result, ArrayRef<Value *> arguments);
  void announce(Instruction &access, Value *address, Type *type, bool write);
  Error gatherShared();
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

/// Copies that go on while the thread does.
bool Emulation::lowerCopy(CallBase &call) {
  IRBuilder<> b(&call);
  Type *none = Type::getVoidTy(context);
  Intrinsic::ID id = call.getIntrinsicID();
  if (unsigned bytes = copiedBytes(id)) {
    Value *size = b.getInt32(bytes);
    auto plain = [&](unsigned i) { return b.CreateAddrSpaceCast(call.getArgOperand(i), pointer); };
    callEntry(b, CopyAsync, none,
              {plain(0), plain(1), size, call.arg_size() > 2 ? call.getArgOperand(2) : size});
  } else if (id == Intrinsic::nvvm_cp_async_commit_group) {
    callEntry(b, CommitCopies, none, {});
  } else if (id == Intrinsic::nvvm_cp_async_wait_group) {
    callEntry(b, WaitCopies, none, {call.getArgOperand(0)});
  } else if (id == Intrinsic::nvvm_cp_async_wait_all) {
    callEntry(b, CommitCopies, none, {});
    callEntry(b, WaitCopies, none, {b.getInt32(0)});
  } else {
    return false;
  }
  return true;
}

/// Room for registers on the stack of a thread.
AllocaInst *Emulation::registers(AllocaInst *&array, Kernel &kernel) {
  constexpr unsigned most = 16;
  if (!array) {
    BasicBlock &entry = kernel.function->getEntryBlock();
    array = IRBuilder<>(&entry, entry.begin()).CreateAlloca(ArrayType::get(i32, most));
  }
  return array;
}

/// What registers hold, as the result of a call: one value or a struct of some.
Value *Emulation::results(IRBuilder<> &b, CallBase &call, Value *array) {
  auto get = [&](unsigned i, Type *type) {
    return b.CreateBitCast(b.CreateLoad(i32, b.CreateConstGEP1_32(i32, array, i)), type);
  };
  auto *structure = dyn_cast<StructType>(call.getType());
  if (!structure)
    return get(0, call.getType());
  Value *result = PoisonValue::get(structure);
  for (auto [i, type] : enumerate(structure->elements()))
    result = b.CreateInsertValue(result, get(i, type), i);
  return result;
}

/// What a warp does together on matrices.
bool Emulation::lowerMatrices(CallBase &call, Kernel &kernel) {
  Intrinsic::ID id = call.getIntrinsicID();
  auto matrices = matricesOf(id);
  auto product = productOf(id);
  if (!matrices && !product)
    return false;
  IRBuilder<> b(&call);
  Type *none = Type::getVoidTy(context);
  Value *out = registers(kernel.out, kernel);
  if (matrices) {
    callEntry(b, LoadMatrices, none,
              {b.CreateAddrSpaceCast(call.getArgOperand(0), pointer), b.getInt32(matrices->first),
               b.getInt32(matrices->second), out});
  } else {
    Value *in = registers(kernel.in, kernel);
    for (auto [i, operand] : enumerate(call.args()))
      b.CreateStore(b.CreateBitCast(operand, i32), b.CreateConstGEP1_32(i32, in, i));
    callEntry(b, Multiply, none, {b.getInt32(*product), in, out});
  }
  call.replaceAllUsesWith(results(b, call, out));
  return true;
}

Error Emulation::lowerCall(CallBase &call, Kernel &kernel) {
  if (call.isInlineAsm()) {
    auto *code = cast<InlineAsm>(call.getCalledOperand());
    return createStringError("the emulator does not know the inline assembly '" +
                             code->getAsmString() + "'");
  }
  Function *callee = call.getCalledFunction();
  Intrinsic::ID id = callee ? callee->getIntrinsicID() : Intrinsic::not_intrinsic;
  if (lowerCopy(call) || lowerMatrices(call, kernel)) {
    kernel.waits = true;
    call.eraseFromParent();
    return Error::success();
  }
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
  case Intrinsic::nvvm_f2tf32_rna:
    result = callEntry(b, RoundTF32, i32, {b.CreateBitCast(call.getArgOperand(0), i32)});
    break;
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

/// The functions in whose code a value is.
void collectFunctions(const Value *value, SmallPtrSetImpl<const Function *> &found) {
  for (const User *user : value->users())
    if (const auto *instruction = dyn_cast<Instruction>(user))
      found.insert(instruction->getFunction());
    else
      collectFunctions(user, found);
}

/// One array has the shared variables of the kernel that runs: each kernel's begin at its start.
Error Emulation::gatherShared() {
  SmallVector<std::pair<GlobalVariable *, uint64_t>> places;
  uint64_t most = 1;
  for (GlobalVariable &variable : module.globals()) {
    if (variable.getAddressSpace() != kShared)
      continue;
    SmallPtrSet<const Function *, 2> users;
    collectFunctions(&variable, users);
    auto owner = find_if(kernels, [&](const Kernel &k) { return users.contains(k.function); });
    if (users.size() > 1)
      return createStringError("the emulator knows no shared memory of several kernels, as '" +
                               variable.getName() + "' is");
    uint64_t place = 0;
    if (owner != kernels.end()) {
      place = alignTo(owner->sharedBytes, variable.getAlign().valueOrOne());
      owner->sharedBytes = place + module.getDataLayout().getTypeAllocSize(variable.getValueType());
      most = std::max(most, owner->sharedBytes);
    }
    places.push_back({&variable, place});
  }
  auto *type = ArrayType::get(Type::getInt8Ty(context), most);
  shared = new GlobalVariable(module, type, /*isConstant=*/false, GlobalValue::InternalLinkage,
                              ConstantAggregateZero::get(type), "strut.shared");
  shared->setAlignment(Align(1024));
  for (auto [variable, place] : places) {
    Constant *at = ConstantExpr::getInBoundsGetElementPtr(Type::getInt8Ty(context), shared,
                                                          ConstantInt::get(i64, place));
    variable->replaceAllUsesWith(ConstantExpr::getAddrSpaceCast(at, variable->getType()));
    variable->eraseFromParent();
  }
  return Error::success();
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
                   ConstantInt::get(i64, kernel.sharedBytes), ConstantInt::get(i32, kernel.threads),
                   ConstantInt::get(i32, kernel.waits)}));
  }
  Constant *list = ConstantPointerNull::get(pointer);
  if (!entries.empty())
    list =
        constant(ConstantArray::get(ArrayType::get(entries[0]->getType(), entries.size()), entries),
                 "strut.kernels");
  GlobalVariable *image =
      constant(structure({ConstantInt::get(i32, STRUT_EMULATOR_VERSION),
                          ConstantInt::get(i32, kernels.size()), list, table, shared}),
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
  if (Error error = gatherShared())
    return error;
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
