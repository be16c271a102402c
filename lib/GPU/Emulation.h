//===- Emulation.h - Instructions of a GPU as calls -------------*- C++ -*-===//
#ifndef STRUT_LIB_GPU_EMULATION_H
#define STRUT_LIB_GPU_EMULATION_H

#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"
#include <vector>

namespace strut::gpu {

/// The functions of StrutEmulator by their places.
enum Entry {
  Thread,
  Block,
  Threads,
  Blocks,
  Barrier,
  ShuffleXor,
  ShuffleIndex,
  Elect,
  Access,
  CopyAsync,
  CommitCopies,
  WaitCopies,
  LoadMatrices,
  Multiply,
  RoundTF32,
  StoreMatrices,
  LimitRegisters,
  InitMbarrier,
  Arrive,
  TryWait,
  FenceProxy,
  LoadTensor,
  StoreTensor,
  CommitStores,
  WaitStores,
  WarpgroupFence,
  WarpgroupMultiply,
  WarpgroupCommit,
  WarpgroupWait,
  RoundF16,
  RoundBF16,
  Exp2,
  SharedMemory,
  MapShared,
  ArriveCluster,
  WaitCluster,
  NumEntries
};

/// Registers that an instruction of several threads has at most.
constexpr unsigned mostRegisters = 256;

/// What the table of an image must know of a kernel.
struct EmulatedKernel {
  llvm::Function *function;
  uint64_t bytes, threads, cluster;
  bool waits = false;
  uint64_t sharedBytes = 0;
  llvm::AllocaInst *in = nullptr, *out = nullptr; ///< registers of what threads do together
};

/// Turns the calls of a kernel into calls of the emulator through the table at `table`.
class CallEmulation {
public:
  CallEmulation(llvm::LLVMContext &context, llvm::Value *table);

  llvm::Error lower(llvm::CallBase &call, EmulatedKernel &kernel);
  llvm::Value *callEntry(llvm::IRBuilder<> &b, Entry entry, llvm::Type *result,
                         llvm::ArrayRef<llvm::Value *> arguments);

private:
  bool lowerSimple(llvm::CallBase &call, EmulatedKernel &kernel);
  bool lowerCopy(llvm::CallBase &call);
  bool lowerBox(llvm::CallBase &call, EmulatedKernel &kernel);
  bool lowerMbarrier(llvm::CallBase &call);
  bool lowerMatrices(llvm::CallBase &call, EmulatedKernel &kernel);
  bool lowerStatement(llvm::IRBuilder<> &b, llvm::StringRef statement,
                      llvm::ArrayRef<llvm::Value *> operands, llvm::Value *sums, unsigned count,
                      EmulatedKernel &kernel);
  llvm::Error lowerAssembly(llvm::CallBase &call, EmulatedKernel &kernel);
  llvm::Value *plain(llvm::IRBuilder<> &b, llvm::Value *value);
  llvm::Value *registers(llvm::AllocaInst *&array, EmulatedKernel &kernel);
  llvm::Value *stored(llvm::IRBuilder<> &b, llvm::ArrayRef<llvm::Value *> values,
                      EmulatedKernel &kernel);
  llvm::Value *results(llvm::IRBuilder<> &b, llvm::Type *type, llvm::Value *array);

  llvm::Value *table;
  llvm::PointerType *pointer;
  llvm::Type *i32, *i64, *none;
};

} // namespace strut::gpu

#endif // STRUT_LIB_GPU_EMULATION_H
