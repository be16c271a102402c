//===- Fragments.h - What mma.sync multiplies -------------------*- C++ -*-===//
#ifndef STRUT_LIB_GPU_FRAGMENTS_H
#define STRUT_LIB_GPU_FRAGMENTS_H

#include "Simt.h"

namespace strut::gpu {

/// What tensor cores multiply. Their sums are f32.
enum class Multiplicand {
  F16,
  BF16,
  TF32,      ///< f32, rounded to 10 bits of fraction
  SplitTF32, ///< f32 as the sum of two such: three products, near the accuracy of f32
};

/// Whether a register holds two of them.
constexpr bool isHalf(Multiplicand kind) {
  return kind == Multiplicand::F16 || kind == Multiplicand::BF16;
}

/// What multiplies these elements on the target, if anything does.
std::optional<Multiplicand> multiplicandOf(mlir::Type element, TargetAttr target);

/// One side of an mma.sync: 16 rows (4 registers) or 8 columns (2) by 32 bytes of steps.
struct Fragment {
  llvm::SmallVector<mlir::Value> high; ///< rounded to what is multiplied
  llvm::SmallVector<mlir::Value> low;  ///< of split numbers: what rounding has lost

  /// `registers` are i32, as shared memory has the elements.
  Fragment(mlir::OpBuilder &b, mlir::Location loc, Multiplicand kind, mlir::ValueRange registers);
  /// The left side whose steps are the columns of sums of products: those of 16 (of halves, 8 sums)
  /// or of 8 (4 sums), whose right side was interleaved.
  static Fragment ofSums(mlir::OpBuilder &b, mlir::Location loc, Multiplicand kind,
                         mlir::ValueRange sums);
};

/// Adds left times right to the four sums.
void addProduct(mlir::OpBuilder &b, mlir::Location loc, Multiplicand kind, const Fragment &left,
                const Fragment &right, llvm::MutableArrayRef<mlir::Value> sums);

} // namespace strut::gpu

#endif // STRUT_LIB_GPU_FRAGMENTS_H
