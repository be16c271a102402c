//===- LayerAttrs.td - Attributes of the layer dialect -----*- tablegen -*-===//
#ifndef STRUT_LAYER_ATTRS
#define STRUT_LAYER_ATTRS

include "dialects/Layer/LayerDialect.td"
include "mlir/IR/AttrTypeBase.td"

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

#endif // STRUT_LAYER_ATTRS
