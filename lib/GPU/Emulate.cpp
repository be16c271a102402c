//===- Emulate.cpp - Kernels for the emulator -----------------------------===//
//
// Works on the LLVM IR that goes to the NVPTX back end, so that what is tested is what
// runs: instructions of the GPU become calls of the emulator, memory accesses announce
// themselves, shared memory becomes one array that the emulator can see. Nothing else
// changes.
//
//===----------------------------------------------------------------------===//
#include "strut/GPU/Emulate.h"
#include "Emulation.h"
#include "strut/Runtime/emulator.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Analysis/TargetTransformInfo.h"
#include "llvm/Analysis/ValueTracking.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/ReplaceConstant.h"
#include "llvm/Transforms/Utils/LowerMemIntrinsics.h"

using namespace llvm;

namespace strut::gpu {
namespace {

constexpr unsigned kShared = 3; ///< the address space
/// What a block may have, less what the system keeps for itself.
constexpr uint64_t mostShared = 227 << 10;

class Emulation {
public:
  explicit Emulation(Module &module)
      : module(module), context(module.getContext()), pointer(PointerType::getUnqual(context)),
        i32(Type::getInt32Ty(context)), i64(Type::getInt64Ty(context)) {}

  Error run();

private:
  Error takeKernels();
  void announce(CallEmulation &calls, Instruction &access, Value *address, Type *type, bool write);
  Error gatherShared(CallEmulation &calls);
  void writeImage();
  GlobalVariable *constant(Constant *value, const Twine &name);

  Module &module;
  LLVMContext &context;
  PointerType *pointer;
  Type *i32, *i64;
  GlobalVariable *table = nullptr;
  uint64_t sharedBytes = 0;
  std::vector<EmulatedKernel> kernels;
};

GlobalVariable *Emulation::constant(Constant *value, const Twine &name) {
  return new GlobalVariable(module, value->getType(), /*isConstant=*/true,
                            GlobalValue::InternalLinkage, value, name);
}

/// The first number of an attribute like "256,1,1"; 0 if there is none.
uint64_t numberIn(const Function &function, StringRef attribute) {
  uint64_t number = 0;
  StringRef text = function.getFnAttribute(attribute).getValueAsString();
  text.consumeInteger(10, number);
  return number;
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
                       numberIn(function, "nvvm.maxntid"),
                       std::max<uint64_t>(1, numberIn(function, "nvvm.cluster_dim"))});
    function.setCallingConv(CallingConv::C);
    function.setLinkage(GlobalValue::InternalLinkage);
    function.setAttributes(AttributeList());
    function.addFnAttr(Attribute::NoUnwind);
  }
  return Error::success();
}

/// Tells the emulator of an access, unless it is to the thread's own stack, to its argument
/// or to a constant.
void Emulation::announce(CallEmulation &calls, Instruction &access, Value *address, Type *type,
                         bool write) {
  const Value *object = getUnderlyingObject(address);
  const auto *global = dyn_cast<GlobalVariable>(object);
  if (isa<AllocaInst>(object) || isa<Argument>(object) || (global && global->isConstant()))
    return;
  IRBuilder<> b(&access);
  uint64_t bytes = module.getDataLayout().getTypeStoreSize(type);
  calls.callEntry(b, Access, Type::getVoidTy(context),
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

/// The shared variables of a kernel lie one behind the other where the emulator has put the memory
/// of the block; the one whose size the launch tells comes last.
Error Emulation::gatherShared(CallEmulation &calls) {
  SmallVector<GlobalVariable *> variables;
  for (bool isLast : {false, true})
    for (GlobalVariable &variable : module.globals())
      if (variable.getAddressSpace() == kShared && variable.isDeclaration() == isLast)
        variables.push_back(&variable);
  uint64_t most = 1;
  for (GlobalVariable *variable : variables) {
    SmallPtrSet<const Function *, 2> users;
    collectFunctions(variable, users);
    auto owner =
        find_if(kernels, [&](const EmulatedKernel &k) { return users.contains(k.function); });
    if (users.size() > 1)
      return createStringError("the emulator knows no shared memory of several kernels, as '" +
                               variable->getName() + "' is");
    if (owner != kernels.end()) {
      uint64_t place = alignTo(owner->sharedBytes, variable->getAlign().valueOrOne());
      owner->sharedBytes =
          place + module.getDataLayout().getTypeAllocSize(variable->getValueType());
      most = variable->isDeclaration() ? mostShared : std::max(most, owner->sharedBytes);
      convertUsersOfConstantsToInstructions({variable});
      BasicBlock &entry = owner->function->getEntryBlock();
      IRBuilder<> b(&entry, entry.begin());
      Value *memory = calls.callEntry(b, SharedMemory, pointer, {});
      Value *at = b.CreateConstInBoundsGEP1_64(b.getInt8Ty(), memory, place);
      variable->replaceAllUsesWith(b.CreateAddrSpaceCast(at, variable->getType()));
    }
    variable->eraseFromParent();
  }
  sharedBytes = most;
  return Error::success();
}

static_assert(sizeof(StrutEmulatedKernel) == 48 && sizeof(StrutEmulatedImage) == 32);

void Emulation::writeImage() {
  auto structure = [&](ArrayRef<Constant *> fields) {
    return ConstantStruct::getAnon(context, fields);
  };
  SmallVector<Constant *> entries;
  for (const EmulatedKernel &kernel : kernels) {
    Constant *name =
        constant(ConstantDataArray::getString(context, kernel.function->getName()), "strut.name");
    entries.push_back(
        structure({name, kernel.function, ConstantInt::get(i64, kernel.bytes),
                   ConstantInt::get(i64, kernel.sharedBytes), ConstantInt::get(i32, kernel.threads),
                   ConstantInt::get(i32, kernel.waits), ConstantInt::get(i32, kernel.cluster),
                   ConstantInt::get(i32, 0)}));
  }
  Constant *list = ConstantPointerNull::get(pointer);
  if (!entries.empty())
    list =
        constant(ConstantArray::get(ArrayType::get(entries[0]->getType(), entries.size()), entries),
                 "strut.kernels");
  GlobalVariable *image = constant(structure({ConstantInt::get(i32, STRUT_EMULATOR_VERSION),
                                              ConstantInt::get(i32, kernels.size()), list, table,
                                              ConstantInt::get(i64, sharedBytes)}),
                                   kEmulatedImage);
  image->setLinkage(GlobalValue::ExternalLinkage);
}

Error Emulation::run() {
  if (Error error = takeKernels())
    return error;
  table = new GlobalVariable(module, pointer, /*isConstant=*/false, GlobalValue::InternalLinkage,
                             ConstantPointerNull::get(pointer), "strut.emulator");
  CallEmulation calls(context, table);
  for (EmulatedKernel &kernel : kernels) {
    for (Instruction &instruction : make_early_inc_range(instructions(kernel.function))) {
      if (auto *load = dyn_cast<LoadInst>(&instruction))
        announce(calls, *load, load->getPointerOperand(), load->getType(), false);
      else if (auto *store = dyn_cast<StoreInst>(&instruction))
        announce(calls, *store, store->getPointerOperand(), store->getValueOperand()->getType(),
                 true);
      else if (isa<AtomicRMWInst, AtomicCmpXchgInst, FenceInst>(instruction))
        return createStringError("the emulator does not know atomic operations");
      else if (auto *call = dyn_cast<CallBase>(&instruction))
        if (Error error = calls.lower(*call, kernel))
          return error;
    }
  }
  if (Error error = gatherShared(calls))
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
