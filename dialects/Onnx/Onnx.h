//===- Onnx.h - the ONNX standard as a dialect -------------------*- C++ -*-===//
//
// What the rest of the compiler sees of the dialect. It needs no header of the
// ONNX library; README.md tells how operators come to be registered.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ONNX_ONNX_H
#define DIALECTS_ONNX_ONNX_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "strut/Support/FileData.h"

namespace onnx {
class OpSchema;
} // namespace onnx

#include "dialects/Onnx/OnnxDialect.h.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/Onnx/OnnxTypes.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Onnx/OnnxAttrs.h.inc"

#define GET_OP_CLASSES
#include "dialects/Onnx/OnnxOps.h.inc"

namespace strut::onnx_ir {

/// Any operator. One class, registered once per schema under the schema's name,
/// so traits and interfaces are shared and ask the schema where operators
/// differ. Positions of operands and results are the standard's; an absent
/// operand is an onnx.Absent, an absent result has type none, trailing ones are
/// omitted. ONNX attributes keep their names in the ordinary dictionary (names
/// with a dot are annotations of passes); graph attributes are regions, sorted
/// by attribute name.
class AnyOp
    : public mlir::Op<AnyOp, mlir::OpTrait::VariadicOperands, mlir::OpTrait::VariadicResults,
                      mlir::OpTrait::VariadicRegions, mlir::OpTrait::HasRecursiveMemoryEffects,
                      mlir::MemoryEffectOpInterface::Trait,
                      mlir::ConditionallySpeculatable::Trait> {
public:
  using Op::Op;
  // Never registered under this name.
  static llvm::StringRef getOperationName() { return "onnx.*"; }
  static llvm::ArrayRef<llvm::StringRef> getAttributeNames() { return {}; }
  static bool classof(mlir::Operation *op);

  const onnx::OpSchema &schema();
  /// Name, domain and since-version of the operator, as the standard has them;
  /// the default domain is the empty string.
  llvm::StringRef opType();
  llvm::StringRef domain();
  int sinceVersion();

  /// Formal parameters by the name the standard gives them; null when absent.
  /// A name that the schema does not have is a fatal error.
  mlir::Value in(llvm::StringRef name);
  mlir::Value out(llvm::StringRef name);
  /// The attribute, or the schema's default, or null. A name that the schema
  /// does not have is a fatal error.
  mlir::Attribute attr(llvm::StringRef name);
  template <typename T> T attr(llvm::StringRef name) {
    return llvm::dyn_cast_or_null<T>(attr(name));
  }
  /// The region of a graph attribute; null when absent.
  mlir::Region *region(llvm::StringRef name);
  /// The attributes of the standard, without annotations.
  llvm::SmallVector<mlir::NamedAttribute> onnxAttrs();

  void getEffects(llvm::SmallVectorImpl<mlir::MemoryEffects::EffectInstance> &effects);
  mlir::Speculation::Speculatability getSpeculatability();
  mlir::LogicalResult verify();
  static mlir::ParseResult parse(mlir::OpAsmParser &parser, mlir::OperationState &result);
  void print(mlir::OpAsmPrinter &printer);
};

/// Adds an operator; `name` is the full one, "onnx.Relu". Result types come
/// from the schema's inference.
AnyOp create(mlir::OpBuilder &builder, mlir::Location loc, llvm::StringRef name,
             mlir::ValueRange operands, llvm::ArrayRef<mlir::NamedAttribute> attrs = {},
             unsigned numResults = 1);

/// The attribute behind the result of an onnx.Constant, whichever way the
/// constant is spelled; null for any other value.
mlir::ElementsAttr constantOf(mlir::Value value);

/// The name of the node an operation comes from, empty where there is none:
/// the outermost name of the location, looking into fused locations.
llvm::StringRef nodeNameOf(mlir::Location loc);

//===----------------------------------------------------------------------===//
// Types and shapes
//===----------------------------------------------------------------------===//

/// Infers types through regions, remembering the values of small integer
/// tensors (the arithmetic on shapes) from one operation to the next.
class ShapeInference {
public:
  ShapeInference();
  ~ShapeInference();

  /// Result types by the schema's inference; where the schema has none, by its
  /// function body, else by its type constraints. A type that cannot be known
  /// is the result's own. Fails with a message on the operation.
  mlir::FailureOr<llvm::SmallVector<mlir::Type>> infer(AnyOp op);
  /// Infers and refines the results of `op` and of what its regions hold. Fails
  /// if the result's type contradicts the inferred one.
  mlir::LogicalResult refine(AnyOp op);
  /// Does so for every operator in `region`, in order.
  mlir::LogicalResult refine(mlir::Region &region);

private:
  friend struct SchemaContext;
  struct Values;
  std::unique_ptr<Values> values;
};

/// The more precise type of the two where both may describe one value; null
/// where they contradict each other.
mlir::Type meet(mlir::Type a, mlir::Type b);

//===----------------------------------------------------------------------===//
// Named operators
//===----------------------------------------------------------------------===//

namespace detail {
template <size_t N> struct Literal {
  char text[N];
  constexpr Literal(const char (&t)[N]) { std::copy_n(t, N, text); }
};
/// Names used in the sources. Those that no schema has are a fatal error when
/// the dialect loads.
std::vector<const char *> &usedNames();
} // namespace detail

/// An operator by name, for isa, dyn_cast, getDefiningOp and OpRewritePattern:
///   Op<"Conv">, Op<"com.microsoft.QuickGelu">
template <detail::Literal Name> class Op : public AnyOp {
  static inline const bool used = (detail::usedNames().push_back(Name.text), true);

public:
  using AnyOp::AnyOp;
  static llvm::StringRef getOperationName() {
    static const std::string name = ((void)used, std::string("onnx.") + Name.text);
    return name;
  }
  static bool classof(mlir::Operation *op) {
    return op->getName().getStringRef() == getOperationName();
  }
  static Op create(mlir::OpBuilder &builder, mlir::Location loc, mlir::ValueRange operands,
                   llvm::ArrayRef<mlir::NamedAttribute> attrs = {}, unsigned numResults = 1) {
    return Op(onnx_ir::create(builder, loc, getOperationName(), operands, attrs, numResults)
                  .getOperation());
  }
};

} // namespace strut::onnx_ir

#endif // DIALECTS_ONNX_ONNX_H
