//===- OnnxOps.td - what the standard has no operator for -----*- tablegen -*-===//

#ifndef STRUT_ONNX_OPS
#define STRUT_ONNX_OPS

include "dialects/Onnx/OnnxDialect.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Onnx_Yield : Op<Onnx_Dialect, "Yield", [Pure, Terminator]> {
  let summary = "ends the body of If, Loop, Scan and SequenceMap";
  let description = [{
    ```mlir
    onnx.Yield %sum, %last : tensor<4xf32>, tensor<i1>
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
}

def Onnx_Absent : Op<Onnx_Dialect, "Absent", [Pure, ConstantLike]> {
  let summary = "the optional operand that a node leaves out";
  let description = [{
    ONNX writes an empty name where a middle operand is left out. Trailing ones
    are simply not there.

    ```mlir
    %none = onnx.Absent
    %y = onnx.Clip(%x, %none, %max) : (tensor<4xf32>, none, tensor<f32>) -> tensor<4xf32>
    ```
  }];
  let results = (outs NoneType:$none);
  let assemblyFormat = "attr-dict";
  let hasFolder = 1;
}

#endif // STRUT_ONNX_OPS
