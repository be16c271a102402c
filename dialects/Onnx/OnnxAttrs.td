//===- OnnxAttrs.td - tensors that stay in their file ---------*- tablegen -*-===//

#ifndef STRUT_ONNX_ATTRS
#define STRUT_ONNX_ATTRS

include "dialects/Onnx/OnnxDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"

def Onnx_FileDataAttr : AttrDef<Onnx_Dialect, "FileData", [ElementsAttrInterface]> {
  let mnemonic = "file_data";
  let summary = "a tensor whose bytes lie in a file";
  let description = [{
    `#onnx.file_data<"/models/bert.onnx", 1048, 2359296> : tensor<768x768xf32>`
    names `length` bytes at `offset` in the file at the absolute `path`:
    little-endian elements in row-major order, of any alignment; elements
    narrower than a byte are packed from the low bits up, as ONNX packs them.

    The attribute is a reference and is printed as one. Text and bytecode stay
    small, and are valid as long as the file is. Bytes are reached through
    `data()`, which maps the file. Element access by the ElementsAttr interface
    (`tryGetValues<APFloat>()` and so on) fails where the file cannot be read.
  }];
  let parameters = (ins
    "::mlir::StringAttr":$path,
    "uint64_t":$offset,
    "uint64_t":$length,
    AttributeSelfTypeParameter<"", "::mlir::RankedTensorType">:$type
  );
  let assemblyFormat = "`<` $path `,` $offset `,` $length `>`";
  let genVerifyDecl = 1;
  let builders = [
    AttrBuilderWithInferredContext<(ins "::mlir::RankedTensorType":$type,
                                        "::llvm::StringRef":$path,
                                        "uint64_t":$offset, "uint64_t":$length), [{
      auto name = ::mlir::StringAttr::get(type.getContext(), path);
      return $_get(type.getContext(), name, offset, length, type);
    }]>
  ];
  let extraClassDeclaration = [{
    /// The bytes, or why they cannot be had.
    ::llvm::Expected<::strut::FileData> data() const;

    /// ElementsAttr: values are decoded one by one, for a file promises no
    /// alignment.
    ::mlir::FailureOr<::mlir::detail::ElementsAttrIndexer>
    getValuesImpl(::mlir::TypeID elementID) const;
  }];
}

#endif // STRUT_ONNX_ATTRS
