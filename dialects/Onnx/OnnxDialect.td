//===- OnnxDialect.td - the ONNX standard as a dialect --------*- tablegen -*-===//
//
// The dialect itself. Its operators are not declared here or anywhere else:
// they come from the schema registry of the official ONNX library, see
// README.md.
//
//===----------------------------------------------------------------------===//

#ifndef STRUT_ONNX_DIALECT
#define STRUT_ONNX_DIALECT

include "mlir/IR/OpBase.td"

def Onnx_Dialect : Dialect {
  let name = "onnx";
  let cppNamespace = "::strut::onnx_ir";
  let summary = "ONNX operators, straight from the official schema registry";
  let description = [{
    Every schema of the ONNX library is an operation under its own name:
    `onnx.Conv` is the newest Conv of the default domain, `onnx.Conv_v11` an
    older one, `onnx.com.microsoft.QuickGelu` an operator of another domain.
    Verification and shape inference are the schema's own.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let hasConstantMaterializer = 1;
  let hasCanonicalizer = 1;
  let hasRegionArgAttrVerify = 1;
  let extraClassDeclaration = [{
    /// Discardable attributes of the entry function. Arguments and results
    /// carry the name the model gives them; arguments also one dimension name
    /// per axis, empty where the dimension is static.
    static constexpr ::llvm::StringLiteral kNameAttr = "onnx.name";
    static constexpr ::llvm::StringLiteral kDimsAttr = "onnx.dims";
    /// Discardable attributes of the module.
    static constexpr ::llvm::StringLiteral kGraphNameAttr = "onnx.graph_name";
    static constexpr ::llvm::StringLiteral kMetadataAttr = "onnx.metadata";

    /// The schema an operation was registered from; null for onnx.Yield & co.
    const ::onnx::OpSchema *schemaOf(::mlir::OperationName name) const {
      return schemas.lookup(name.getTypeID());
    }

  private:
    void registerTypes();
    void registerAttributes();
    void registerOperations();
    void addSchema(const ::onnx::OpSchema &schema);

    ::mlir::TypeIDAllocator typeIDs;
    ::llvm::DenseMap<::mlir::TypeID, const ::onnx::OpSchema *> schemas;

  public:
  }];
}

#endif // STRUT_ONNX_DIALECT
