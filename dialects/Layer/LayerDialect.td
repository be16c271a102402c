//===- LayerDialect.td - The layer dialect -----------------*- tablegen -*-===//
#ifndef STRUT_LAYER_DIALECT
#define STRUT_LAYER_DIALECT

include "mlir/IR/OpBase.td"

def Layer_Dialect : Dialect {
  let name = "layer";
  let cppNamespace = "::strut::layer";
  let summary = "What a network means, where the ONNX standard has no word for it";
  let description = [{
    Linear maps with constant weights, and several forms of one value between
    which the dimensions choose. Layer ops stand among `onnx` ops: what the
    standard names keeps its name. They are pure and work on tensors.
  }];
  let useDefaultAttributePrinterParser = 1;
}

#endif // STRUT_LAYER_DIALECT
