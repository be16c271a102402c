//===- ConstantOp.h - the one operator with a class of its own ---*- C++ -*-===//

#ifndef DIALECTS_ONNX_CONSTANTOP_H
#define DIALECTS_ONNX_CONSTANTOP_H

#include "dialects/Onnx/Onnx.h"

namespace strut::onnx_ir {

/// The newest Constant needs the trait ConstantLike, and a trait belongs to a
/// class; in all else it is an AnyOp. Users name it Op<"Constant">.
class ConstantOp
    : public mlir::Op<ConstantOp, mlir::OpTrait::ZeroOperands, mlir::OpTrait::OneResult,
                      mlir::OpTrait::ZeroRegions, mlir::OpTrait::ConstantLike,
                      mlir::MemoryEffectOpInterface::Trait,
                      mlir::ConditionallySpeculatable::Trait> {
public:
  using Op::Op;
  static llvm::StringRef getOperationName() { return "onnx.Constant"; }
  static llvm::ArrayRef<llvm::StringRef> getAttributeNames() { return {}; }
  static bool classof(mlir::Operation *op) {
    return op->getName().getStringRef() == getOperationName();
  }

  /// Whichever of value, value_int, value_floats and so on is set, as a tensor.
  mlir::ElementsAttr value();

  // ConstantLike promises that this succeeds, so verify() sees to a value.
  mlir::OpFoldResult fold(llvm::ArrayRef<mlir::Attribute>) { return value(); }
  mlir::LogicalResult verify();
  void getEffects(llvm::SmallVectorImpl<mlir::MemoryEffects::EffectInstance> &) {}
  mlir::Speculation::Speculatability getSpeculatability() {
    return mlir::Speculation::Speculatable;
  }
  static mlir::ParseResult parse(mlir::OpAsmParser &parser, mlir::OperationState &result) {
    return AnyOp::parse(parser, result);
  }
  void print(mlir::OpAsmPrinter &printer) { AnyOp(getOperation()).print(printer); }
};

} // namespace strut::onnx_ir

#endif // DIALECTS_ONNX_CONSTANTOP_H
