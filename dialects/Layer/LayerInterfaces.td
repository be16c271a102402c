//===- LayerInterfaces.td - Interfaces of the layer dialect -*- tablegen -*-===//
#ifndef STRUT_LAYER_INTERFACES
#define STRUT_LAYER_INTERFACES

include "mlir/IR/OpBase.td"

def Layer_RowwiseOpInterface : OpInterface<"RowwiseOpInterface"> {
  let cppNamespace = "::strut::layer";
  let description = [{
    An op that treats each row of its input alike: a row is what lies along the last
    axis, M is the number of rows. Rewrites and the cost model compare such ops by
    these numbers and look no further.
  }];
  let methods = [
    InterfaceMethod<"The tensor of rows, [..., K].",
      "::mlir::TypedValue<::mlir::RankedTensorType>", "getRows", (ins), "",
      "return $_op.getInput();">,
    InterfaceMethod<"(K, N): the extents of a row of the input and of the result, kDynamic "
                    "where the types do not tell.",
      "::std::pair<int64_t, int64_t>", "getMapShape">,
    InterfaceMethod<[{FLOPs and bytes for `rows` rows: a multiply-add is two FLOPs, every operand
      and the result move once, values in between stay on chip. Nothing where an extent that is
      needed is dynamic.}],
      "::std::optional<::strut::layer::Cost>", "getCost", (ins "double":$rows)>
  ];
}

#endif // STRUT_LAYER_INTERFACES
