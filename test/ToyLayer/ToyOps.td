//===- ToyOps.td - A structured op beside the tree's own ---*- tablegen -*-===//
//
// The example of docs/adding-a-layer.md.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_TOY_OPS
#define STRUT_TOY_OPS

include "dialects/Layer/LayerInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Toy_Dialect : Dialect {
  let name = "toy";
  let cppNamespace = "::toy";
  let summary = "Layers that are no part of Strut";
}

def Toy_ReflectOp : Op<Toy_Dialect, "reflect", [
    Pure, AllTypesMatch<["input", "result"]>,
    DeclareOpInterfaceMethods<Layer_RowwiseOpInterface>]> {
  let summary = "a row less its part along one axis, times a factor (a Householder map)";
  let description = [{
        result[..., k] = input[..., k] - (sum over j of input[..., j] axis[j]) * scaled[k]

    `input` is [..., K], `axis` and `scaled` are [K]. M rows cost 4 M K + M FLOPs, where the
    matrix 1 - axis scaled^T costs 2 M K K.

    Constraints:
    1. `axis` and `scaled` have one axis, as long as the last one of `input`;
    2. all have the same float type.

    ```mlir
    %y = toy.reflect %x along %v by %w : tensor<?x768xf32>, tensor<768xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$input, AnyRankedTensor:$axis, AnyRankedTensor:$scaled);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{
    $input `along` $axis `by` $scaled attr-dict `:` type($input) `,` type($axis) `,` type($scaled)
  }];
  let hasVerifier = 1;
}

#endif // STRUT_TOY_OPS
