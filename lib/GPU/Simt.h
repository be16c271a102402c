//===- Simt.h - Kernels as code for one thread of a grid -------*- C++ -*-===//
//
// Every generator turns one kernel op of the host function into one launch: a function
// that each thread of a grid runs, written directly as scf, memref and nvvm ops.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_LIB_GPU_SIMT_H
#define STRUT_LIB_GPU_SIMT_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "strut/Emit/Nest.h"
#include "strut/GPU/CUDA.h"
#include "llvm/ADT/StringMap.h"

namespace strut::gpu {
using namespace emit; // what all back ends share

constexpr int64_t warpSize = 32;

/// How many threads run a kernel: index values of the host function.
struct Grid {
  mlir::Value blocks, threads;
  int64_t mostThreads; ///< bound of `threads`, part of the kernel's code
  /// So many threads on a multiprocessor hide its latencies: fewer leave each more registers.
  int64_t resident = 512;
  int64_t cluster = 1; ///< blocks that read each other's shared memory
};

/// The kernel functions of a program, and their launches.
class Simt {
public:
  Simt(kernel::ProgramOp program, mlir::Value launcher);

  /// Writes the code of a thread, given the arguments.
  using Body = llvm::function_ref<void(mlir::OpBuilder &, mlir::ValueRange arguments)>;

  /// Launches for `op` the function that `name`, `key` and the argument types identify,
  /// writing it by `body` if there is none yet. Memrefs are passed as generalised ones.
  mlir::func::FuncOp launch(mlir::OpBuilder &host, mlir::Operation *op, llvm::StringRef name,
                            llvm::StringRef key, mlir::ValueRange arguments, const Grid &grid,
                            Body body);

  /// A buffer in the shared memory of a block, in the kernel that is being written.
  mlir::Value shared(mlir::OpBuilder &b, mlir::Location loc, llvm::ArrayRef<int64_t> shape,
                     mlir::Type element, int64_t alignment = 16);

  /// A pointer to shared memory that each launch of the kernel that is being written adds: more
  /// than the 48 KiB that code may declare. Aligned to 1024 bytes; one for each kernel.
  mlir::Value dynamicShared(mlir::OpBuilder &b, mlir::Location loc, int64_t bytes);

  TargetAttr target() { return llvm::cast<TargetAttr>(program.getTarget()); }

  /// Names the kernels in the program's attribute.
  void finish();

  unsigned launches = 0, tensorContractions = 0, tensorAttentions = 0;
  unsigned warpgroupContractions = 0, splitContractions = 0, chains = 0;
  unsigned functions() const { return kernels.size(); }

private:
  kernel::ProgramOp program;
  mlir::Value launcher;
  mlir::ModuleOp device;
  llvm::StringMap<mlir::func::FuncOp> kernels;
  mlir::func::FuncOp writing;
};

/// Within a block, within a grid; index values.
mlir::Value threadIndex(mlir::OpBuilder &b, mlir::Location loc);
mlir::Value blockIndex(mlir::OpBuilder &b, mlir::Location loc);
mlir::Value blockThreads(mlir::OpBuilder &b, mlir::Location loc);
mlir::Value gridBlocks(mlir::OpBuilder &b, mlir::Location loc);
/// Waits for all threads of the block; what they wrote to shared memory can be read then.
void barrier(mlir::OpBuilder &b, mlir::Location loc);
/// Blocks of a cluster: says that this thread has come; waits for all threads of all blocks. What
/// they wrote to shared memory before they came can be read then.
void arriveAtCluster(mlir::OpBuilder &b, mlir::Location loc);
void waitForCluster(mlir::OpBuilder &b, mlir::Location loc);
/// The value of the thread whose lane differs in the bits of `mask`, all lanes of the warp
/// taking part.
mlir::Value shuffleXor(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value, int64_t mask);

/// The grid in which every thread has one of `count` items, blocks of `threads`.
Grid gridFor(mlir::OpBuilder &host, mlir::Location loc, mlir::Value count, int64_t threads);
/// In a kernel with such a grid: runs `body` for the thread's item, if there is one.
void forItem(mlir::OpBuilder &b, mlir::Location loc, mlir::Value count, int64_t threads,
             llvm::function_ref<void(mlir::OpBuilder &, mlir::Value item)> body);

/// The iteration space of products, whose weights may be rounded.
mlir::FailureOr<Nest> nestOfProducts(mlir::OpBuilder &host, mlir::Operation *op);

/// The value of kernel.index and kernel.fetch at `iterators`.
mlir::Value evaluateAt(mlir::OpBuilder &b, const Nest &nest, mlir::Operation *op,
                       const mlir::IRMapping &values, mlir::ValueRange parameters,
                       mlir::ValueRange iterators);

/// What the body of a contraction or an attention makes of its sums at `point`. Inputs from number
/// `firstExtra` on are the arguments after the sums.
mlir::Value evaluateSums(mlir::OpBuilder &b, const Nest &nest, mlir::ValueRange sums,
                         unsigned firstExtra, mlir::ValueRange parameters, mlir::ValueRange point);
/// The same of one of several bodies of an op: of `code`, whose extras are the inputs from number
/// `firstExtra` to before `endOfExtras`.
mlir::Value evaluateSums(mlir::OpBuilder &b, const Nest &nest, mlir::Block &code,
                         mlir::ValueRange sums, unsigned firstExtra, unsigned endOfExtras,
                         mlir::ValueRange parameters, mlir::ValueRange point);

//===----------------------------------------------------------------------===//
// Generators, one file each
//===----------------------------------------------------------------------===//

mlir::LogicalResult emitAttention(Simt &, mlir::OpBuilder &host, kernel::AttentionOp op);
mlir::LogicalResult emitChain(Simt &, mlir::OpBuilder &host, kernel::ChainOp op);
mlir::LogicalResult emitContract(Simt &, mlir::OpBuilder &host, kernel::ContractOp op);
mlir::LogicalResult emitGrouped(Simt &, mlir::OpBuilder &host, kernel::GroupedOp op);
mlir::LogicalResult emitMap(Simt &, mlir::OpBuilder &host, kernel::MapOp op);
mlir::LogicalResult emitRegion(Simt &, mlir::OpBuilder &host, kernel::RegionOp op);
mlir::LogicalResult emitRows(Simt &, mlir::OpBuilder &host, kernel::RowsOp op);

} // namespace strut::gpu

#endif // STRUT_LIB_GPU_SIMT_H
