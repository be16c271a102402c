//===- Operands.h - What constant operands and attributes say --*- C++ -*-===//
#ifndef STRUT_RECOGNIZE_OPERANDS_H
#define STRUT_RECOGNIZE_OPERANDS_H

#include "dialects/Onnx/Onnx.h"
#include <optional>

namespace strut::recognize {

/// Elements of a constant of int64 or int32; none for any other value.
std::optional<llvm::SmallVector<int64_t>> integersOf(mlir::Value value);

/// An axis attribute, counted from the front.
int64_t axisOf(onnx_ir::AnyOp op, llvm::StringRef name, int64_t otherwise, int64_t rank);

/// The perm of a Transpose; the reversal where it has none.
llvm::SmallVector<int64_t> permutationOf(onnx_ir::AnyOp op, int64_t rank);

/// Elements start, start + step, ... of an axis; a negative step goes backwards.
struct SliceRange {
  int64_t axis, start, step, count;
};
/// What a Slice with constant operands takes, with `extent` of an axis, negative where it
/// is not known: such an axis must be taken as a whole. None where that cannot be told.
std::optional<llvm::SmallVector<SliceRange>>
slicesOf(onnx_ir::AnyOp op, int64_t rank, llvm::function_ref<int64_t(int64_t axis)> extent);

} // namespace strut::recognize

#endif // STRUT_RECOGNIZE_OPERANDS_H
