//===- Loops.h - Code in the bodies of regions -----------------*- C++ -*-===//
#ifndef STRUT_LIB_KERNELIZE_LOOPS_H
#define STRUT_LIB_KERNELIZE_LOOPS_H

#include "Lowering.h"

namespace strut::kernelize {

/// The extents of a tensor, one index value per axis.
llvm::SmallVector<mlir::Value> extentsOf(Code &c, mlir::Value tensor);

/// A number of a tensor as an index, and back.
mlir::Value asIndex(Code &c, mlir::Value number);
mlir::Value asNumber(Code &c, mlir::Value index);
/// The number at one place of a list of i64, as an index.
mlir::Value numberAt(Code &c, mlir::Value list, mlir::Value place);
/// The list with an index as the number at one place.
mlir::Value withNumber(Code &c, mlir::Value index, mlir::Value list, mlir::Value place);
/// The index, and one more if the i1 `isMore`.
mlir::Value advanced(Code &c, mlir::Value index, mlir::Value isMore);

/// Builds the body of a nest: what is carried to the next iteration, as many values
/// and of the types as came in.
using LoopBody = llvm::function_ref<llvm::SmallVector<mlir::Value>(Code &, mlir::ValueRange places,
                                                                   mlir::ValueRange carried)>;

/// Nested loops from 0 to each extent, the last one innermost. With no extents the
/// body runs once.
llvm::SmallVector<mlir::Value> loops(Code &c, llvm::ArrayRef<mlir::Value> extents,
                                     llvm::ArrayRef<mlir::Value> carried, LoopBody body);

/// A tensor that has no elements, whatever the sizes: a slice of it there is none.
mlir::Value withoutElements(Context &context, mlir::Location loc, llvm::ArrayRef<Dim> shape,
                            mlir::Type element);

/// A rectangle of a tensor, as a tensor of the axes that are not at one place.
class Piece {
public:
  /// All of the tensor.
  Piece(Code &c, mlir::Value tensor);
  /// Of it what lies at this place of an axis.
  Piece &at(unsigned axis, mlir::Value place);
  /// Of it `size` places of an axis from `begin` on.
  Piece &from(unsigned axis, mlir::Value begin, mlir::Value size);

  mlir::Value of(Code &c, mlir::Value tensor) const;
  /// `tensor` with `part` in the place of the rectangle.
  mlir::Value into(Code &c, mlir::Value part, mlir::Value tensor) const;
  /// The same of a tensor that tasks share, at the end of a task.
  void intoShared(Code &c, mlir::Value part, mlir::Value tensor) const;

private:
  mlir::RankedTensorType type() const;

  mlir::Type element;
  llvm::SmallVector<mlir::OpFoldResult> offsets, sizes, strides;
  llvm::SmallVector<bool> isPlace; ///< by axis
};

/// All of a region's body: the nest of loops as tasks, in any order. Each changes of each target,
/// which are the inits, the part that `pieceOf` says, no two the same elements. `body` takes the
/// task's places and its pieces, and returns them changed.
llvm::SmallVector<mlir::Value>
tasks(Code &c, llvm::ArrayRef<mlir::Value> extents, llvm::ArrayRef<mlir::Value> targets,
      llvm::function_ref<Piece(Code &, mlir::ValueRange places, mlir::Value target)> pieceOf,
      LoopBody body);

/// An element, f16 and bf16 widened.
mlir::Value read(Code &c, mlir::Value tensor, mlir::ValueRange at);
/// The tensor with the value, converted to the element type, at a place.
mlir::Value written(Code &c, mlir::Value value, mlir::Value tensor, mlir::ValueRange at);

} // namespace strut::kernelize

#endif // STRUT_LIB_KERNELIZE_LOOPS_H
