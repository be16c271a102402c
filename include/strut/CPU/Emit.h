//===- Emit.h - From kernels on memrefs to loops and vectors ---*- C++ -*-===//
//
// Every emitter turns one kernel op of the host function into one launch (or a
// few): a function over a range of tasks, written directly as scf, vector and
// memref ops, and the arguments to call it with. Functions are shared between
// all ops with the same key: sizes and strides are run-time values of the memref
// arguments, so that layers of different shapes run the same code.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_CPU_EMIT_H
#define STRUT_CPU_EMIT_H

#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/IRMapping.h"
#include "strut/CPU/Target.h"
#include "strut/Emit/ScalarCode.h"
#include "llvm/ADT/StringMap.h"

namespace strut::cpu {
using namespace emit; // what all back ends share

/// Elements that a task works on at least: 16 KiB of f32, some microseconds.
constexpr int64_t elementsPerTask = 4096;

/// Writes the kernel functions of a program.
class Emitter {
public:
  /// Of a program that still has its kernel.use.
  Emitter(kernel::ProgramOp program, const Target &target);

  /// One launch: `kernel(arguments..., begin, end)` for ranges covering [0, tasks).
  struct Launch {
    mlir::func::FuncOp kernel;
    llvm::SmallVector<mlir::Value> arguments;
    mlir::Value tasks; ///< index
  };

  /// Emits the function body: arguments as given, then the task's number.
  using TaskBody =
      llvm::function_ref<void(mlir::OpBuilder &, mlir::ValueRange arguments, mlir::Value task)>;

  /// Calls the kernel function named by `key`, making it by `body` if there is
  /// none yet. The function's parameters have the types of `arguments`; a memref
  /// argument is generalised (emit::generalize) first.
  Launch launch(mlir::OpBuilder &host, mlir::Location loc, llvm::StringRef name,
                llvm::StringRef key, mlir::ValueRange arguments, mlir::Value tasks, TaskBody body);

  const Target &getTarget() const { return target; }
  /// Whether tiles of few rows ask for their panels ahead (Target::asksAhead): not where caches
  /// hold all weights from run to run, for there the requests only take the place of loads. 2.3 MiB
  /// of weights lose by it, 2.8 gain, with 2 MiB of L2.
  bool asksAhead() const { return target.asksAhead() && weightBytes > kHeldByCaches; }

private:
  static constexpr int64_t kHeldByCaches = 2560 << 10;
  int64_t weightBytes = 0; ///< of all that the program uses
  kernel::ProgramOp program;
  Target target;
  llvm::StringMap<mlir::func::FuncOp> kernels;
};

/// Makes a memref of a weight that is one panel (see emit::Unpack).
mlir::LogicalResult unpackPanel(mlir::OpBuilder &host, mlir::Value &operand, mlir::AffineMap &map);

/// Whether no loop over data of a kernel function is scalar, as strut-check-vectorized has it.
bool isVectorized(mlir::func::FuncOp kernel);

//===----------------------------------------------------------------------===//
// Emitters, one file each. Return the launches in order.
//===----------------------------------------------------------------------===//

using Launches = llvm::SmallVector<Emitter::Launch>;
mlir::FailureOr<Launches> emitContract(Emitter &, mlir::OpBuilder &host, kernel::ContractOp op);
mlir::FailureOr<Launches> emitGrouped(Emitter &, mlir::OpBuilder &host, kernel::GroupedOp op);
mlir::FailureOr<Launches> emitAttention(Emitter &, mlir::OpBuilder &host, kernel::AttentionOp op);
mlir::FailureOr<Launches> emitRows(Emitter &, mlir::OpBuilder &host, kernel::RowsOp op);
mlir::FailureOr<Launches> emitMap(Emitter &, mlir::OpBuilder &host, kernel::MapOp op);
mlir::FailureOr<Launches> emitRegion(Emitter &, mlir::OpBuilder &host, kernel::RegionOp op);

} // namespace strut::cpu

#endif // STRUT_CPU_EMIT_H
