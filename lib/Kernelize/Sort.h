//===- Sort.h - Order in the bodies of regions -----------------*- C++ -*-===//
#ifndef STRUT_LIB_KERNELIZE_SORT_H
#define STRUT_LIB_KERNELIZE_SORT_H

#include "Lowering.h"

namespace strut::kernelize {

/// Whether x is the larger one, NaN being the largest number.
mlir::Value isGreater(Code &c, mlir::Value x, mlir::Value y);
/// Whether neither is.
mlir::Value isSame(Code &c, mlir::Value x, mlir::Value y);

/// In a row kernel, the first (or last) place along `axis` of the largest (or smallest) x of a row,
/// an i64.
mlir::Value bestPlace(Code &c, mlir::Value x, unsigned axis, bool isMax, bool last);

/// Whether of two numbers, index values, `a` comes before `b`: an order in which no two are equal.
using Before = llvm::function_ref<mlir::Value(Code &, mlir::Value a, mlir::Value b)>;

/// The vector of i64 with its first `size` numbers in order.
mlir::Value sorted(Code &c, mlir::Value list, mlir::Value size, Before before);
/// The vector of i64 with the first `kept` in order of the numbers from 0 to `count`, which are
/// no fewer. Of the order of count · log(kept) steps at most, of count where most come late.
mlir::Value firstOf(Code &c, mlir::Value list, mlir::Value kept, mlir::Value count, Before before);

} // namespace strut::kernelize

#endif // STRUT_LIB_KERNELIZE_SORT_H
