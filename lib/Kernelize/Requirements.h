//===- Requirements.h - What has to hold of dimensions and data -*- C++ -*-===//
#ifndef STRUT_LIB_KERNELIZE_REQUIREMENTS_H
#define STRUT_LIB_KERNELIZE_REQUIREMENTS_H

#include "Lowering.h"

namespace strut::kernelize {

/// What `indices` repeats: a value of the onnx level whose axes, aligned at the right, are those of
/// `indices` or of extent 1.
mlir::Value withoutRepeats(Context &context, mlir::Value indices);

/// From where indices may count.
enum class CountFrom { Beginning, BothEnds };

/// Makes bind or the run fail where one of the indices is no place of its axis: of the one of
/// `extents`, or, if there are several, of that which the place along the last axis of the indices
/// says. Refuses an op of which that is known. The message says that a number in `operand`, which
/// has the indices, lies outside of `where`. Kernels that index by them may run nevertheless, and
/// read what is theirs (Code::boundedIndex).
mlir::LogicalResult requireIndices(Context &context, AnyOp op, llvm::StringRef operand,
                                   mlir::Value indices, llvm::ArrayRef<Dim> extents,
                                   const llvm::Twine &where, CountFrom from = CountFrom::BothEnds);

/// Of blocks one of which runs: brings out of it what it requires.
class BranchRequirements {
public:
  explicit BranchRequirements(Context &context)
      : context(context), ends{context.requirements.size()} {}

  /// All of the next block has been lowered.
  void endBranch() { ends.push_back(context.requirements.size()); }
  /// Types of the results that the op which chooses needs besides its own.
  llvm::SmallVector<mlir::Type> types() const;
  /// What the block of this number, where the builder stands, yields for them.
  llvm::SmallVector<mlir::Value> of(unsigned number, mlir::Location loc) const;
  void bringOut(mlir::ValueRange results);

private:
  Context &context;
  llvm::SmallVector<size_t> ends; ///< in context.requirements, of what came before first
};

/// Nothing to note: an i64 of 0 without axes.
mlir::Value noTrouble(Context &context, mlir::Location loc);
/// What is not 0 if one of both is not.
mlir::Value eitherTrouble(Context &context, mlir::Location loc, mlir::Value a, mlir::Value b);

} // namespace strut::kernelize

#endif // STRUT_LIB_KERNELIZE_REQUIREMENTS_H
