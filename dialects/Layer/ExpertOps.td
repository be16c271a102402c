//===- ExpertOps.td - Mixtures of experts of the layer dialect -*- tablegen -*-===//
//
// Included by LayerOps.td, whose classes it uses.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_LAYER_EXPERT_OPS
#define STRUT_LAYER_EXPERT_OPS

def Layer_RouteOp : Layer_Op<"route", [
    Pure, DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let summary = "chooses experts for every token, and their weights";
  let description = [{
        experts[..., j] = the place of the j-th largest of logits[...]
        weights[..., j] = softmax over j of logits[..., experts[..., j]]     (selected)
                        = softmax over e of logits, at experts[..., j]       (all)

    `logits` is [..., E], both results are [..., k], `experts` of i64. Of equal logits the
    one at the lower place comes first, NaN counts as the largest number, as TopK has it.
    Gates of all experts that are divided by their sum afterwards are those of the selected
    ones: exp(l_j) / sum over all e, divided by the sum of these over j.

    Constraints:
    1. `logits` has at least one axis, of floats;
    2. k is at least 1 and at most E;
    3. the results' extents may be the inferred ones.

    ```mlir
    %w, %e = layer.route %logits top 2 of selected
        : tensor<?x8xf32> -> tensor<?x2xf32>, tensor<?x2xi64>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$logits, ConfinedAttr<I64Attr, [IntPositive]>:$k,
                       Layer_GateAttr:$gate);
  let results = (outs AnyRankedTensor:$weights, AnyRankedTensor:$experts);
  let assemblyFormat = [{
    $logits `top` $k `of` $gate attr-dict `:` type($logits) `->` type($weights) `,` type($experts)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    static bool isCompatibleReturnTypes(::mlir::TypeRange inferred, ::mlir::TypeRange given);
  }];
}

def Layer_ExpertsOp : Layer_Op<"experts", [
    Pure, AttrSizedOperandSegments, DeclareOpInterfaceMethods<InferTypeOpInterface>,
    DeclareOpInterfaceMethods<Layer_RowwiseOpInterface>]> {
  let summary = "a feed-forward net that each token chooses some of";
  let description = [{
        result[...] = sum over j of weights[..., j] * net(experts[..., j], input[...])
        net(e, x)   = h(e, x) out[e] + out_bias[e]
        h(e, x)     = act(x in[e] + in_bias[e])                                     (plain)
                    = act(x gate[e] + gate_bias[e]) * (x in[e] + in_bias[e])        (gated)

    `input` is [..., D], `weights` and `experts` [..., k], `in` and `gate` [E, D, H], `out`
    [E, H, N], a bias [E, H] or [E, N], the result [..., N]. A sum over j adds in the order of
    j. Experts outside of [0, E), which no router gives, are brought to the nearest one;
    negative ones count from the end.

    M rows cost M k (2 D H + 2 H N) FLOPs (twice the first term where gated). Of the weights
    the experts that M rows choose are read, E (1 - (1 - k/E)^M) of E if all are equally likely.

    Constraints:
    1. `input`, `weights` and `experts` have the same number of axes, at least one, and
       extents that agree but for the last;
    2. k is known;
    3. extents D, H, N and E agree between the operands;
    4. floats have one element type, `experts` is of integers;
    5. `gate_bias` is there only with `gate`;
    6. the result's extents may be the inferred ones.

    ```mlir
    %y = layer.experts %x by %w, %e in %w1 bias %b1 out %w2 bias %b2 {activation = #layer.activation<gelu>}
        : (tensor<?x512xf32>, tensor<?x2xf32>, tensor<?x2xi64>, tensor<8x512x1024xf32>,
           tensor<8x1024xf32>, tensor<8x1024x512xf32>, tensor<8x512xf32>) -> tensor<?x512xf32>
    ```
  }];
  let arguments = (ins
    AnyRankedTensor:$input, AnyRankedTensor:$weights, AnyRankedTensor:$experts,
    AnyRankedTensor:$in, Optional<AnyRankedTensor>:$in_bias,
    Optional<AnyRankedTensor>:$gate, Optional<AnyRankedTensor>:$gate_bias,
    AnyRankedTensor:$out, Optional<AnyRankedTensor>:$out_bias,
    Layer_ActivationAttr:$activation, DefaultValuedAttr<F64Attr, "0.0">:$alpha);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{
    $input `by` $weights `,` $experts `in` $in (`bias` $in_bias^)?
    (`gate` $gate^ (`bias` $gate_bias^)?)? `out` $out (`bias` $out_bias^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    static bool isCompatibleReturnTypes(::mlir::TypeRange inferred, ::mlir::TypeRange given);
    /// The number E of experts and the number k that each row chooses.
    int64_t getNumExperts() { return getIn().getType().getDimSize(0); }
    int64_t getNumChosen() { return getExperts().getType().getShape().back(); }
  }];
}

#endif // STRUT_LAYER_EXPERT_OPS
