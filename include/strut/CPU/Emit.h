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
#include "llvm/ADT/StringMap.h"

namespace strut::cpu {

/// Writes the kernel functions of a program.
class Emitter {
public:
  Emitter(kernel::ProgramOp program, const Target &target) : program(program), target(target) {}

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
  /// argument is generalised (see generalize) first.
  Launch launch(mlir::OpBuilder &host, mlir::Location loc, llvm::StringRef name,
                llvm::StringRef key, mlir::ValueRange arguments, mlir::Value tasks, TaskBody body);

  /// The type with run-time sizes, strides and offset; a unit innermost stride
  /// stays static, for it decides between vector and scalar access. Extents up to
  /// `keep` trailing dimensions stay static too.
  static mlir::MemRefType generalize(mlir::MemRefType type);

  const Target &getTarget() const { return target; }

private:
  kernel::ProgramOp program;
  Target target;
  llvm::StringMap<mlir::func::FuncOp> kernels;
};

/// What identifies a kernel's code besides its operand types: maps, inherent attributes
/// and the body, printed without names of values or locations.
std::string keyOf(mlir::Operation *kernel);

//===----------------------------------------------------------------------===//
// Scalar regions as vector code
//===----------------------------------------------------------------------===//

/// Handles an op of a kernel body that is not elementwise (kernel.index,
/// kernel.fetch, kernel.combine): returns its value, a scalar for a uniform one
/// or a vector of `lanes`.
using SpecialOp = llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Operation *)>;

/// Clones the ops of `body` before its terminator with `values` mapping its
/// arguments to scalars (the same for all lanes) or vectors of `lanes` elements.
/// An op whose operands are all scalars stays scalar. Afterwards `values` maps
/// everything defined in the body.
void cloneAsVectors(mlir::OpBuilder &b, mlir::Block &body, mlir::IRMapping &values, int64_t lanes,
                    SpecialOp special);

/// Values from outside that the body of `kernel` uses, constants apart (those are
/// cloned in): they become arguments of its function.
llvm::SmallVector<mlir::Value> capturesOf(mlir::Operation *kernel);

/// `value`, broadcast to `lanes` elements if it is a scalar.
mlir::Value asVector(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value, int64_t lanes);

/// Loads `lanes` elements of `source` at `indices` along the iteration dimension
/// whose step is the lane: `map` gives the indices. A uniform operand is loaded
/// as a scalar, a unit-stride one by a vector load, others element by element. Lanes at or
/// beyond `count` (an index value, null for all) are not read.
mlir::Value loadLanes(mlir::OpBuilder &b, mlir::Location loc, mlir::Value source,
                      mlir::AffineMap map, mlir::ValueRange iterators, unsigned laneDim,
                      int64_t lanes, mlir::Value count);

/// Stores the lanes before `count` (null for all) where `map` says.
void storeLanes(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value, mlir::Value target,
                mlir::AffineMap map, mlir::ValueRange iterators, unsigned laneDim, int64_t lanes,
                mlir::Value count);

/// The values of an affine map's results at `iterators`.
llvm::SmallVector<mlir::Value> applyMap(mlir::OpBuilder &b, mlir::Location loc, mlir::AffineMap map,
                                        mlir::ValueRange iterators);

//===----------------------------------------------------------------------===//
// Emitters, one file each. Return the launches in order.
//===----------------------------------------------------------------------===//

using Launches = llvm::SmallVector<Emitter::Launch>;
mlir::FailureOr<Launches> emitContract(Emitter &, mlir::OpBuilder &host, kernel::ContractOp op);
mlir::FailureOr<Launches> emitAttention(Emitter &, mlir::OpBuilder &host, kernel::AttentionOp op);
mlir::FailureOr<Launches> emitRows(Emitter &, mlir::OpBuilder &host, kernel::RowsOp op);
mlir::FailureOr<Launches> emitMap(Emitter &, mlir::OpBuilder &host, kernel::MapOp op);
mlir::FailureOr<Launches> emitRegion(Emitter &, mlir::OpBuilder &host, kernel::RegionOp op);

} // namespace strut::cpu

#endif // STRUT_CPU_EMIT_H
