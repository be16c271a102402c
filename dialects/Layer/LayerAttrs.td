//===- LayerAttrs.td - Attributes of the layer dialect -----*- tablegen -*-===//
#ifndef STRUT_LAYER_ATTRS
#define STRUT_LAYER_ATTRS

include "dialects/Layer/LayerDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

def Layer_CaseAttr : AttrDef<Layer_Dialect, "Case"> {
  let mnemonic = "case";
  let summary = "one line of a decision list over dimensions";
  let description = [{
    Chooses form number `form` if the product of the extents of the axes `dims`
    is less than `bound`.

    Example: `#layer.case<[0, 1] below 48 -> 0>`
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$dims, "int64_t":$bound, "int64_t":$form);
  let assemblyFormat = "`<` `[` $dims `]` `below` $bound `->` $form `>`";
}
def Layer_CaseArrayAttr : TypedArrayAttrBase<Layer_CaseAttr, "decision list">;

def Layer_FormAttr : AttrDef<Layer_Dialect, "Form"> {
  let mnemonic = "form";
  let summary = "a form of a value that was considered, by its kernels";
  let description = [{
    Each kernel has three numbers: FLOPs per row, bytes of weights, bytes of values
    per row. A time follows from them and the description of a machine. The op of
    the form that was chosen carries all that were considered, as
    `layer.considered`, and the name of the chosen one, as `layer.chosen`.

    Example: `#layer.form<"merged" : [[5.0e5, 1.0e6, 4.0e3]]>`
  }];
  let parameters = (ins StringRefParameter<>:$name,
                    ArrayRefParameter<"::mlir::DenseF64ArrayAttr">:$kernels);
  let assemblyFormat = "`<` $name `:` `[` $kernels `]` `>`";
  let genVerifyDecl = 1;
}

def Layer_Gate : I32EnumAttr<"Gate", "what the weights of chosen experts are normalised over", [
    I32EnumAttrCase<"selected", 0>, I32EnumAttrCase<"all", 1>]> {
  let genSpecializedAttr = 0;
  let cppNamespace = "::strut::layer";
}
def Layer_GateAttr : EnumAttr<Layer_Dialect, Layer_Gate, "gate">;

def Layer_Activation : I32EnumAttr<"Activation", "the function between the maps of a net", [
    I32EnumAttrCase<"identity", 0>, I32EnumAttrCase<"relu", 1>, I32EnumAttrCase<"gelu", 2>,
    I32EnumAttrCase<"gelu_tanh", 3>,
    // x sigmoid(alpha x)
    I32EnumAttrCase<"swish", 4>, I32EnumAttrCase<"sigmoid", 5>, I32EnumAttrCase<"tanh", 6>,
    // x, or alpha x where x is negative
    I32EnumAttrCase<"leaky_relu", 7>]> {
  let genSpecializedAttr = 0;
  let cppNamespace = "::strut::layer";
}
def Layer_ActivationAttr : EnumAttr<Layer_Dialect, Layer_Activation, "activation"> {
  let assemblyFormat = "`<` $value `>`";
}

#endif // STRUT_LAYER_ATTRS
