//===- OnnxTypes.td - types without a builtin counterpart -----*- tablegen -*-===//

#ifndef STRUT_ONNX_TYPES
#define STRUT_ONNX_TYPES

include "dialects/Onnx/OnnxDialect.td"
include "mlir/IR/AttrTypeBase.td"

class Onnx_Type<string name, string typeMnemonic> : TypeDef<Onnx_Dialect, name> {
  let mnemonic = typeMnemonic;
}

def Onnx_StringType : Onnx_Type<"String", "string"> {
  let summary = "element type of string tensors";
}

def Onnx_UnknownType : Onnx_Type<"Unknown", "unknown"> {
  let summary = "a type not inferred yet";
  let description = [{
    Stands for knowledge that is still missing, never for an absent value
    (which has type `none`). Shape inference only ever refines it.
  }];
}

def Onnx_SeqType : Onnx_Type<"Seq", "seq"> {
  let summary = "a sequence of values of one type";
  let parameters = (ins "::mlir::Type":$element);
  let assemblyFormat = "`<` $element `>`";
}

def Onnx_OptType : Onnx_Type<"Opt", "optional"> {
  let summary = "a value that may be missing at run time";
  let parameters = (ins "::mlir::Type":$element);
  let assemblyFormat = "`<` $element `>`";
}

def Onnx_MapType : Onnx_Type<"Map", "map"> {
  let summary = "a dictionary, as the traditional-ML operators pass them";
  let parameters = (ins "::mlir::Type":$key, "::mlir::Type":$value);
  let assemblyFormat = "`<` $key `,` $value `>`";
}

#endif // STRUT_ONNX_TYPES
