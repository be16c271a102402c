//===- EmulateCalls.cpp - Instructions of a GPU as calls ------------------===//
#include "Emulation.h"
#include "strut/Runtime/emulator.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/IntrinsicsNVPTX.h"
#include <cstddef>

using namespace llvm;

namespace strut::gpu {

static_assert(sizeof(StrutEmulator) == NumEntries * sizeof(void *) &&
              offsetof(StrutEmulator, barrier) == Barrier * sizeof(void *) &&
              offsetof(StrutEmulator, access) == Access * sizeof(void *) &&
              offsetof(StrutEmulator, load_matrices) == LoadMatrices * sizeof(void *) &&
              offsetof(StrutEmulator, try_wait) == TryWait * sizeof(void *) &&
              offsetof(StrutEmulator, wait_stores) == WaitStores * sizeof(void *) &&
              offsetof(StrutEmulator, wait_cluster) == WaitCluster * sizeof(void *));

namespace {

/// An intrinsic that is one call with the same operands.
struct Simple {
  Entry entry;
  bool waits; ///< for other threads
};

std::optional<Simple> simpleOf(Intrinsic::ID id) {
  switch (id) {
  case Intrinsic::nvvm_read_ptx_sreg_tid_x:
    return {{Thread, false}};
  case Intrinsic::nvvm_read_ptx_sreg_ctaid_x:
    return {{Block, false}};
  case Intrinsic::nvvm_read_ptx_sreg_ntid_x:
    return {{Threads, false}};
  case Intrinsic::nvvm_read_ptx_sreg_nctaid_x:
    return {{Blocks, false}};
  case Intrinsic::nvvm_barrier_cta_sync_aligned_count:
    return {{Barrier, true}};
  case Intrinsic::nvvm_barrier_cluster_arrive_aligned:
    return {{ArriveCluster, true}};
  case Intrinsic::nvvm_barrier_cluster_wait_aligned:
    return {{WaitCluster, true}};
  case Intrinsic::nvvm_shfl_sync_bfly_i32:
  case Intrinsic::nvvm_shfl_sync_bfly_f32:
    return {{ShuffleXor, true}};
  case Intrinsic::nvvm_shfl_sync_idx_i32:
  case Intrinsic::nvvm_shfl_sync_idx_f32:
    return {{ShuffleIndex, true}};
  case Intrinsic::nvvm_f2tf32_rna:
    return {{RoundTF32, false}};
  case Intrinsic::nvvm_ff2f16x2_rn:
    return {{RoundF16, false}};
  case Intrinsic::nvvm_ff2bf16x2_rn:
    return {{RoundBF16, false}};
  case Intrinsic::nvvm_setmaxnreg_inc_sync_aligned_u32:
  case Intrinsic::nvvm_setmaxnreg_dec_sync_aligned_u32:
    return {{LimitRegisters, true}};
  case Intrinsic::nvvm_mbarrier_init_shared:
    return {{InitMbarrier, true}};
  case Intrinsic::nvvm_mbarrier_try_wait_parity_scope_cta_space_cta:
    return {{TryWait, true}};
  case Intrinsic::nvvm_fence_mbarrier_init_release_cluster:
  case Intrinsic::nvvm_fence_proxy_async:
  case Intrinsic::nvvm_fence_proxy_async_shared_cta:
    return {{FenceProxy, true}};
  case Intrinsic::nvvm_cp_async_bulk_commit_group:
    return {{CommitStores, true}};
  case Intrinsic::nvvm_cp_async_bulk_wait_group:
  case Intrinsic::nvvm_cp_async_bulk_wait_group_read:
    return {{WaitStores, true}};
  case Intrinsic::nvvm_cp_async_commit_group:
    return {{CommitCopies, true}};
  case Intrinsic::nvvm_cp_async_wait_group:
    return {{WaitCopies, true}};
  default:
    return std::nullopt;
  }
}

/// An ldmatrix or stmatrix: how many matrices, and whether they are transposed.
struct Matrices {
  unsigned count;
  bool transposed, isStore;
};

std::optional<Matrices> matricesOf(Intrinsic::ID id) {
  switch (id) {
  case Intrinsic::nvvm_ldmatrix_sync_aligned_m8n8_x1_b16:
    return {{1, false, false}};
  case Intrinsic::nvvm_ldmatrix_sync_aligned_m8n8_x2_b16:
    return {{2, false, false}};
  case Intrinsic::nvvm_ldmatrix_sync_aligned_m8n8_x4_b16:
    return {{4, false, false}};
  case Intrinsic::nvvm_ldmatrix_sync_aligned_m8n8_x1_trans_b16:
    return {{1, true, false}};
  case Intrinsic::nvvm_ldmatrix_sync_aligned_m8n8_x2_trans_b16:
    return {{2, true, false}};
  case Intrinsic::nvvm_ldmatrix_sync_aligned_m8n8_x4_trans_b16:
    return {{4, true, false}};
  case Intrinsic::nvvm_stmatrix_sync_aligned_m8n8_x4_b16:
    return {{4, false, true}};
  case Intrinsic::nvvm_stmatrix_sync_aligned_m8n8_x4_trans_b16:
    return {{4, true, true}};
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

/// The dimensions of the box that a cp.async.bulk.tensor copies in tiles; 0 for other instructions.
unsigned loadedRank(Intrinsic::ID id) {
  switch (id) {
  case Intrinsic::nvvm_cp_async_bulk_tensor_g2s_tile_2d:
    return 2;
  case Intrinsic::nvvm_cp_async_bulk_tensor_g2s_tile_3d:
    return 3;
  case Intrinsic::nvvm_cp_async_bulk_tensor_g2s_tile_4d:
    return 4;
  case Intrinsic::nvvm_cp_async_bulk_tensor_g2s_tile_5d:
    return 5;
  default:
    return 0;
  }
}

unsigned storedRank(Intrinsic::ID id) {
  switch (id) {
  case Intrinsic::nvvm_cp_async_bulk_tensor_s2g_tile_2d:
    return 2;
  case Intrinsic::nvvm_cp_async_bulk_tensor_s2g_tile_3d:
    return 3;
  case Intrinsic::nvvm_cp_async_bulk_tensor_s2g_tile_4d:
    return 4;
  case Intrinsic::nvvm_cp_async_bulk_tensor_s2g_tile_5d:
    return 5;
  default:
    return 0;
  }
}

} // namespace

CallEmulation::CallEmulation(LLVMContext &context, Value *table)
    : table(table), pointer(PointerType::getUnqual(context)), i32(Type::getInt32Ty(context)),
      i64(Type::getInt64Ty(context)), none(Type::getVoidTy(context)) {}

Value *CallEmulation::callEntry(IRBuilder<> &b, Entry entry, Type *result,
                                ArrayRef<Value *> arguments) {
  SmallVector<Type *> types = map_to_vector(arguments, [](Value *v) { return v->getType(); });
  Value *functions = b.CreateLoad(pointer, table);
  Value *place = b.CreateConstGEP1_32(pointer, functions, entry);
  auto *type = FunctionType::get(result, types, false);
  return b.CreateCall(type, b.CreateLoad(pointer, place), arguments);
}

/// As the emulator takes it: an address of any memory space, or 32 bits.
Value *CallEmulation::plain(IRBuilder<> &b, Value *value) {
  if (value->getType()->isPointerTy())
    return b.CreateAddrSpaceCast(value, pointer);
  return b.CreateBitCast(value, i32);
}

bool CallEmulation::lowerSimple(CallBase &call, EmulatedKernel &kernel) {
  Intrinsic::ID id = call.getIntrinsicID();
  IRBuilder<> b(&call);
  SmallVector<Value *> operands;
  std::optional<Simple> simple = simpleOf(id);
  Type *type = call.getType();
  if (id == Intrinsic::nvvm_ex2_approx_ftz && type->isFloatTy()) // of halves it is another
    simple = {Exp2, false};
  if (id == Intrinsic::nvvm_barrier_cta_sync_aligned_all) {
    simple = {Barrier, true};
    operands = {call.getArgOperand(0), b.getInt32(0)};
  } else if (id == Intrinsic::nvvm_elect_sync) {
    Value *isLeader = callEntry(b, Elect, i32, {call.getArgOperand(0)});
    isLeader = b.CreateICmpNE(isLeader, b.getInt32(0));
    call.replaceAllUsesWith(b.CreateInsertValue(PoisonValue::get(type), isLeader, 1));
    kernel.waits = true;
    return true;
  } else if (id == Intrinsic::nvvm_mapa_shared_cluster) {
    Value *address =
        callEntry(b, MapShared, pointer, {plain(b, call.getArgOperand(0)), call.getArgOperand(1)});
    call.replaceAllUsesWith(b.CreateAddrSpaceCast(address, type));
    return true;
  } else if (simple) {
    for (Value *operand : call.args())
      operands.push_back(plain(b, operand));
  } else {
    return false;
  }
  kernel.waits |= simple->waits;
  Value *result = callEntry(b, simple->entry, type->isVoidTy() ? none : i32, operands);
  if (type->isIntegerTy(1))
    result = b.CreateICmpNE(result, b.getInt32(0));
  else if (!type->isVoidTy())
    result = b.CreateBitCast(result, type);
  if (!type->isVoidTy())
    call.replaceAllUsesWith(result);
  return true;
}

/// Copies that go on while the thread does.
bool CallEmulation::lowerCopy(CallBase &call) {
  IRBuilder<> b(&call);
  if (unsigned bytes = copiedBytes(call.getIntrinsicID())) {
    Value *size = b.getInt32(bytes);
    callEntry(b, CopyAsync, none,
              {plain(b, call.getArgOperand(0)), plain(b, call.getArgOperand(1)), size,
               call.arg_size() > 2 ? call.getArgOperand(2) : size});
  } else if (call.getIntrinsicID() == Intrinsic::nvvm_cp_async_wait_all) {
    callEntry(b, CommitCopies, none, {});
    callEntry(b, WaitCopies, none, {b.getInt32(0)});
  } else {
    return false;
  }
  return true;
}

/// Copies of boxes; multicast, cache hints and pairs of blocks are not known.
bool CallEmulation::lowerBox(CallBase &call, EmulatedKernel &kernel) {
  Intrinsic::ID id = call.getIntrinsicID();
  unsigned loaded = loadedRank(id), rank = loaded + storedRank(id);
  if (!rank)
    return false;
  IRBuilder<> b(&call);
  unsigned first = loaded ? 3 : 2, flags = first + rank;
  for (Value *flag : drop_begin(call.args(), flags))
    if (!isa<ConstantInt>(flag) || !cast<ConstantInt>(flag)->isZero())
      return false;
  SmallVector<Value *> coordinates;
  for (unsigned d = 0; d < rank; ++d)
    coordinates.push_back(call.getArgOperand(first + d));
  SmallVector<Value *> operands;
  for (unsigned i = 0; i < first; ++i)
    operands.push_back(plain(b, call.getArgOperand(i)));
  operands.append({stored(b, coordinates, kernel), b.getInt32(rank)});
  callEntry(b, loaded ? LoadTensor : StoreTensor, none, operands);
  return true;
}

/// Arrivals; the states that they return are not known.
bool CallEmulation::lowerMbarrier(CallBase &call) {
  IRBuilder<> b(&call);
  Value *count, *bytes;
  switch (call.getIntrinsicID()) {
  case Intrinsic::nvvm_mbarrier_arrive_scope_cta_space_cta:
    count = call.getArgOperand(1);
    bytes = b.getInt32(0);
    break;
  case Intrinsic::nvvm_mbarrier_arrive_expect_tx_scope_cta_space_cta:
    count = b.getInt32(1);
    bytes = call.getArgOperand(1);
    break;
  default:
    return false;
  }
  if (!call.use_empty())
    return false;
  callEntry(b, Arrive, none, {plain(b, call.getArgOperand(0)), count, bytes});
  return true;
}

/// Room for registers on the stack of a thread.
Value *CallEmulation::registers(AllocaInst *&array, EmulatedKernel &kernel) {
  if (!array) {
    BasicBlock &entry = kernel.function->getEntryBlock();
    array = IRBuilder<>(&entry, entry.begin()).CreateAlloca(ArrayType::get(i32, mostRegisters));
    array->setAlignment(Align(8));
  }
  return array;
}

/// The address of registers that hold these values.
Value *CallEmulation::stored(IRBuilder<> &b, ArrayRef<Value *> values, EmulatedKernel &kernel) {
  Value *array = registers(kernel.in, kernel);
  for (auto [i, value] : enumerate(values))
    b.CreateStore(b.CreateBitCast(value, i32), b.CreateConstGEP1_32(i32, array, i));
  return array;
}

/// What registers hold, as the result of a call: one value or a struct of some.
Value *CallEmulation::results(IRBuilder<> &b, Type *type, Value *array) {
  auto get = [&](unsigned i, Type *type) {
    return b.CreateBitCast(b.CreateLoad(i32, b.CreateConstGEP1_32(i32, array, i)), type);
  };
  auto *structure = dyn_cast<StructType>(type);
  if (!structure)
    return get(0, type);
  Value *result = PoisonValue::get(structure);
  for (auto [i, field] : enumerate(structure->elements()))
    result = b.CreateInsertValue(result, get(i, field), i);
  return result;
}

/// What a warp does together on matrices.
bool CallEmulation::lowerMatrices(CallBase &call, EmulatedKernel &kernel) {
  Intrinsic::ID id = call.getIntrinsicID();
  auto matrices = matricesOf(id);
  auto product = productOf(id);
  if (!matrices && !product)
    return false;
  IRBuilder<> b(&call);
  SmallVector<Value *> operands(call.args());
  if (product) {
    Value *out = registers(kernel.out, kernel);
    callEntry(b, Multiply, none, {b.getInt32(*product), stored(b, operands, kernel), out});
    call.replaceAllUsesWith(results(b, call.getType(), out));
    return true;
  }
  Value *array = matrices->isStore ? stored(b, ArrayRef(operands).drop_front(), kernel)
                                   : registers(kernel.out, kernel);
  callEntry(b, matrices->isStore ? StoreMatrices : LoadMatrices, none,
            {plain(b, operands[0]), b.getInt32(matrices->count), b.getInt32(matrices->transposed),
             array});
  if (!matrices->isStore)
    call.replaceAllUsesWith(results(b, call.getType(), array));
  return true;
}

Error CallEmulation::lower(CallBase &call, EmulatedKernel &kernel) {
  if (call.isInlineAsm()) {
    if (Error error = lowerAssembly(call, kernel))
      return error;
    call.eraseFromParent();
    return Error::success();
  }
  if (lowerSimple(call, kernel)) {
    call.eraseFromParent();
    return Error::success();
  }
  if (lowerCopy(call) || lowerBox(call, kernel) || lowerMbarrier(call) ||
      lowerMatrices(call, kernel)) {
    kernel.waits = true;
    call.eraseFromParent();
    return Error::success();
  }
  // LLVM's own intrinsics mean the same everywhere, but for those that access memory.
  Function *callee = call.getCalledFunction();
  if (callee && callee->isIntrinsic() && !callee->getName().starts_with("llvm.nvvm") &&
      (callee->doesNotAccessMemory() || isa<AssumeInst>(call) || call.isLifetimeStartOrEnd() ||
       isa<NoAliasScopeDeclInst>(call)))
    return Error::success();
  return createStringError("the emulator does not know '" +
                           (callee ? callee->getName() : StringRef("an indirect call")) + "'");
}

} // namespace strut::gpu
