//===- LayerOps.td - Ops of the layer dialect --------------*- tablegen -*-===//
#ifndef STRUT_LAYER_OPS
#define STRUT_LAYER_OPS

include "dialects/Layer/LayerAttrs.td"
include "dialects/Layer/LayerInterfaces.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Layer_Op<string mnemonic, list<Trait> traits = []> : Op<Layer_Dialect, mnemonic, traits>;

def Layer_LinearOp : Layer_Op<"linear", [
    Pure, DeclareOpInterfaceMethods<InferTypeOpInterface>,
    DeclareOpInterfaceMethods<Layer_RowwiseOpInterface>]> {
  let summary = "an affine map of the last axis";
  let description = [{
        result[..., n] = sum over k of input[..., k] * weight[k, n] + bias[n]

    `input` is [..., K], `weight` [K, N], `bias` [N], the result [..., N]. The
    weight is the dense member of the family of structured linear maps; what it
    is made of (low rank, blocks, permutations) will be said by the op that
    defines it, so that the map stays one operand.

    M rows cost 2 M K N + M N (with a bias) FLOPs, and the elements of weight, bias,
    input and result in bytes.

    Constraints:
    1. `input` has at least one axis and `weight` exactly two;
    2. the last extent of `input` is the first of `weight`;
    3. `bias`, if present, has one axis with the last extent of `weight`;
    4. all operands have the same element type, a float;
    5. the result's extents may be the inferred ones: types refine one by one when
       dimensions are fixed.

    ```mlir
    %y = layer.linear %x, %w bias %b
        : tensor<?x768xf32>, tensor<768x3072xf32>, tensor<3072xf32> -> tensor<?x3072xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$input, AnyRankedTensor:$weight,
                       Optional<AnyRankedTensor>:$bias);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{
    $input `,` $weight (`bias` $bias^)? attr-dict `:`
    type($input) `,` type($weight) (`,` type($bias)^)? `->` type($result)
  }];
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
  let extraClassDeclaration = [{
    static bool isCompatibleReturnTypes(::mlir::TypeRange inferred, ::mlir::TypeRange given);
  }];
}

def Layer_BlockLinearOp : Layer_Op<"block_linear", [
    Pure, DeclareOpInterfaceMethods<InferTypeOpInterface>,
    DeclareOpInterfaceMethods<Layer_RowwiseOpInterface>]> {
  let summary = "an affine map of the last axis whose matrix is block-diagonal";
  let description = [{
        result[..., b*N + n] = sum over k of input[..., b*K + k] * weight[b, k, n]
                               + bias[b*N + n]

    `input` is [..., B*K], `weight` [B, K, N], `bias` [B*N], the result [..., B*N]:
    piece b of a row goes through block b. Between two of them a permutation of the
    last axis makes BlockShuffle (Monarch), with a `layer.linear` behind it BlockDense.

    M rows cost 2 M B K N + M B N (with a bias) FLOPs, and the elements of weight,
    bias, input and result in bytes.

    Constraints:
    1. `input` has at least one axis and `weight` exactly three;
    2. the last extent of `input` is the product of the first two of `weight`;
    3. `bias`, if present, has one axis of B*N values;
    4. all operands have the same element type, a float;
    5. the result's extents may be the inferred ones.

    ```mlir
    %y = layer.block_linear %x, %w
        : tensor<?x768xf32>, tensor<12x64x32xf32> -> tensor<?x384xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$input, AnyRankedTensor:$weight,
                       Optional<AnyRankedTensor>:$bias);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{
    $input `,` $weight (`bias` $bias^)? attr-dict `:`
    type($input) `,` type($weight) (`,` type($bias)^)? `->` type($result)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    static bool isCompatibleReturnTypes(::mlir::TypeRange inferred, ::mlir::TypeRange given);
  }];
}

def Layer_PoolMixerOp : Layer_Op<"pool_mixer", [
    Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "the mean of a window less its centre";
  let description = [{
        result[n, c, p] = scale[c] * r[n] * (mean of input[n, c, q] over the places q of the
                                             window around p inside the image - input[n, c, p])
        r[n] = 1 / sqrt(variance of input[n] + epsilon)

    The token mixer of PoolFormer (Yu et al., MetaFormer, CVPR 2022) on an image
    [N, C, spatial...]. The window around p has `window` places on each axis, `before` of
    them before p. Without `scale` and without `epsilon` these factors are 1. With
    `epsilon` the op is the mixer of the image normalised as one group: the mean of equal
    numbers is that number, so whatever normalisation adds is taken off again, and what it
    multiplies with is r[n] and a scale per channel.

    Constraints:
    1. `input` has a batch, channels and at least one spatial axis, of floats;
    2. `window` and `before` have one number per spatial axis, and the place itself is in
       the window: 0 <= before < window;
    3. `scale`, if present, has one axis with the channels' extent and the element type of
       `input`;
    4. `epsilon`, if present, is not negative.

    ```mlir
    %y = layer.pool_mixer %x scale %s window [3, 3] before [1, 1] epsilon 1.0e-05
        : tensor<?x64x?x?xf32>, tensor<64xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$input, Optional<AnyRankedTensor>:$scale,
                       DenseI64ArrayAttr:$window, DenseI64ArrayAttr:$before,
                       OptionalAttr<F64Attr>:$epsilon);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{
    $input (`scale` $scale^)? `window` $window `before` $before (`epsilon` $epsilon^)? attr-dict
    `:` type($input) (`,` type($scale)^)?
  }];
  let hasVerifier = 1;
}

include "dialects/Layer/ExpertOps.td"

def Layer_AlternativesOp : Layer_Op<"alternatives", [
    Pure, RecursiveMemoryEffects, SingleBlockImplicitTerminator<"YieldOp">]> {
  let summary = "several forms of the same values, chosen by dimensions";
  let description = [{
    Every region computes the same values. The first line of the decision list
    whose condition holds chooses the form, else `default` does. A line compares
    a product of extents of `of` with a constant, so the choice is made when the
    dimensions are bound, and a weight that forms share counts once. The regions
    read values from above. A context can be asked which form runs, by `names`.

    Constraints:
    1. there are at least two forms, each without arguments;
    2. each form yields values of the result types;
    3. the default and the form of every line are numbers of forms;
    4. the axes of every line are axes of `of`;
    5. `names`, if present, has one for each form.

    ```mlir
    %y = layer.alternatives of %x : tensor<?x768xf32> by [#layer.case<[0] below 48 -> 0>] else 1
        -> tensor<?x768xf32> {
      %a = layer.linear %x, %u : tensor<?x768xf32>, tensor<768x32xf32> -> tensor<?x32xf32>
      %b = layer.linear %a, %v : tensor<?x32xf32>, tensor<32x768xf32> -> tensor<?x768xf32>
      layer.yield %b : tensor<?x768xf32>
    }, {
      %c = layer.linear %x, %uv : tensor<?x768xf32>, tensor<768x768xf32> -> tensor<?x768xf32>
      layer.yield %c : tensor<?x768xf32>
    }
    ```
  }];
  let arguments = (ins AnyRankedTensor:$of, Layer_CaseArrayAttr:$cases, I64Attr:$otherwise,
                       OptionalAttr<StrArrayAttr>:$names);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let regions = (region VariadicRegion<SizedRegion<1>>:$forms);
  let assemblyFormat = [{
    `of` $of `:` type($of) `by` $cases `else` $otherwise attr-dict-with-keyword
    `->` type($results) $forms
  }];
  let hasVerifier = 1;
}

def Layer_YieldOp : Layer_Op<"yield", [Pure, Terminator, ReturnLike,
                                       ParentOneOf<["AlternativesOp"]>]> {
  let summary = "ends one form of alternatives";
  let arguments = (ins Variadic<AnyRankedTensor>:$values);
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
  let builders = [OpBuilder<(ins), [{ build($_builder, $_state, ::mlir::ValueRange()); }]>];
}

#endif // STRUT_LAYER_OPS
