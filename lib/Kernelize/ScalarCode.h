//===- ScalarCode.h - Scalar code in the bodies of kernels -----*- C++ -*-===//
//
// Bodies compute on the element types; f16 and bf16 are computed in f32.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_LIB_KERNELIZE_SCALARCODE_H
#define STRUT_LIB_KERNELIZE_SCALARCODE_H

#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"

namespace strut::kernelize {

/// The type that elements are stored as: integers have no sign there, so what they mean
/// is up to the code, and narrow elements (Narrow.h) are bytes.
mlir::Type signless(mlir::Type type);
/// A number of that type, or a tensor of such elements.
mlir::TypedAttr signless(mlir::TypedAttr number);
mlir::ElementsAttr signless(mlir::ElementsAttr elements);

/// Arithmetic on scalars that are floats or integers.
struct Code {
  mlir::OpBuilder &b;
  mlir::Location loc;
  /// Whether the integers that the operator computes with are unsigned.
  bool isUnsigned = false;

  static bool isFloat(mlir::Value x) { return mlir::isa<mlir::FloatType>(x.getType()); }
  template <typename OpT, typename... Args> mlir::Value make(Args &&...args) {
    return OpT::create(b, loc, std::forward<Args>(args)...);
  }
  /// `value` in the type of `like`, rounded.
  mlir::Value constant(double value, mlir::Type type);
  mlir::Value constant(double value, mlir::Value like) { return constant(value, like.getType()); }
  mlir::Value index(int64_t value) { return make<mlir::arith::ConstantIndexOp>(value); }

  mlir::Value add(mlir::Value x, mlir::Value y);
  mlir::Value sub(mlir::Value x, mlir::Value y);
  mlir::Value mul(mlir::Value x, mlir::Value y);
  /// The same with signed integers: places and counts, whatever the elements are.
  Code asSigned() const { return {b, loc, false}; }
  /// Integers: toward zero; division by 0 gives 0 and the lowest by -1 itself.
  mlir::Value div(mlir::Value x, mlir::Value y);
  /// NaN wins.
  mlir::Value max(mlir::Value x, mlir::Value y);
  mlir::Value min(mlir::Value x, mlir::Value y);
  mlir::Value compare(mlir::arith::CmpFPredicate f, mlir::arith::CmpIPredicate i, mlir::Value x,
                      mlir::Value y);
  mlir::Value less(mlir::Value x, mlir::Value y) {
    return compare(mlir::arith::CmpFPredicate::OLT, mlir::arith::CmpIPredicate::slt, x, y);
  }
  mlir::Value equal(mlir::Value x, mlir::Value y) {
    return compare(mlir::arith::CmpFPredicate::OEQ, mlir::arith::CmpIPredicate::eq, x, y);
  }
  mlir::Value select(mlir::Value c, mlir::Value x, mlir::Value y) {
    return make<mlir::arith::SelectOp>(c, x, y);
  }
  mlir::Value combine(kernel::CombineKind kind, mlir::Value x);
  mlir::Value dim(unsigned number) { return make<kernel::IndexOp>(b.getI64IntegerAttr(number)); }
  mlir::Value fetch(unsigned input, mlir::Type type, mlir::ValueRange indices) {
    return make<kernel::FetchOp>(type, b.getI64IntegerAttr(input), indices);
  }
  /// An index of the standard as one into an axis: negative ones count from the
  /// end. What is out of bounds, which the standard forbids, is brought to the
  /// nearest element, so that no input makes a kernel read foreign memory.
  mlir::Value boundedIndex(mlir::Value number, mlir::Value extent);
  /// ONNX's Cast, between floats, integers and bool; `type` may be unsigned.
  mlir::Value cast(mlir::Value x, mlir::Type type);
  /// f16 and bf16 as f32, all else as it is.
  mlir::Value widen(mlir::Value x);
};

/// Builds a body from its scalars, f16 and bf16 widened; what it returns is
/// narrowed to the element type of the init.
using BodyBuilder = llvm::function_ref<mlir::Value(Code &, mlir::ValueRange)>;

} // namespace strut::kernelize

#endif // STRUT_LIB_KERNELIZE_SCALARCODE_H
