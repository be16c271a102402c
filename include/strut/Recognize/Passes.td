//===- Passes.td - From onnx to layers ---------------------*- tablegen -*-===//
#ifndef STRUT_RECOGNIZE_PASSES
#define STRUT_RECOGNIZE_PASSES

include "mlir/Pass/PassBase.td"

def RecognizeLinear : Pass<"strut-recognize-linear", "::mlir::func::FuncOp"> {
  let summary = "recognise linear maps with constant weights";
  let description = [{
    A MatMul or Gemm whose right side is a constant matrix becomes `layer.linear`,
    and an Add of a constant vector that follows becomes its bias. Transposed
    operands become transposed values, the factors of Gemm multiplications.
    Bit-exact, but for the factors, which are equal over the reals.
  }];
  let dependentDialects = ["::strut::layer::LayerDialect"];
  let statistics = [
    Statistic<"numLinear", "num-linear", "Number of linear maps recognised">,
    Statistic<"numBias", "num-bias", "Number of additions that became a bias">
  ];
}

def RecognizeMaps : Pass<"strut-recognize-maps", "::mlir::func::FuncOp"> {
  let summary = "recognise regions that are linear maps of features, in any spelling";
  let description = [{
    A maximal region that is the same affine map of features for every token becomes
    `layer.linear`, `layer.block_linear`, and Gather, Mul and Add of features, whatever
    it was written as: nn.Linear, bmm between reshapes and transposes, Einsum with the
    weight first, Conv of one tap. The last op carries the name of the form
    (`layer.form`: lowrank, blockdense, blockshuffle, lora, ...), its location the nodes.

    Linearity is proved op by op (docs/recognition.md):

    1. a product has one constant operand, and an addend that is constant;
    2. it sums over features only, and each of them meets the weight;
    3. a Conv has windows of one element, strides of 1 and no padding;
    4. a factor or an addend is constant (no statistic of the data), the same for every token, and
       does not broadcast the value;
    5. nothing is divided by 0 (a variance may be it), and no constant by the value;
    6. a sum adds maps of one value, along the same axes;
    7. each axis of what is moved is one of tokens or of features, and all tokens stay, in their
       order;
    8. a value that is read twice ends a region;
    9. rows of a weight that meet zeros (of a Pad) are finite, for 0 times infinity is NaN.

    Data movement between two weights becomes one index map, evaluated on the numbers of the
    features. What is written canonically already stays as it is.

    Sums of products are formed as before; factors and addends that meet become one.
    Equal over the reals.
  }];
  let dependentDialects = ["::strut::layer::LayerDialect"];
  let statistics = [
    Statistic<"numRegions", "num-regions", "Number of linear maps found">,
    Statistic<"numRebuilt", "num-rebuilt", "Number of those that were written otherwise">
  ];
}

def RecognizePoolMixer : Pass<"strut-recognize-pool-mixer", "::mlir::func::FuncOp"> {
  let summary = "recognise pooling as a token mixer";
  let description = [{
    The mean of a window less its centre, AveragePool(x) - x, becomes
    `layer.pool_mixer` where

    1. the pool is as large as the image: strides and dilations of 1, pads that add up to
       the window less one;
    2. it counts what lies in the image alone, so that the mean of equal numbers is that
       number at the borders too.

    An x that is the normalisation of an image as one group is taken in, where

    3. nothing else reads it:

        P(g (x - m) r + b) - (g (x - m) r + b) = g r (P x - x),   P 1 = 1

    with one mean m and inverse deviation r for each image, and g, b for each channel,
    which P treats alike. So neither is the image normalised nor is b needed. Equal over
    the reals.
  }];
  let dependentDialects = ["::strut::layer::LayerDialect"];
  let statistics = [
    Statistic<"numPoolMixers", "num-pool-mixers", "Number of pooling mixers recognised">,
    Statistic<"numNormalised", "num-normalised", "Number of normalisations that they took in">
  ];
}

def NameNets : Pass<"strut-name-nets", "::mlir::func::FuncOp"> {
  let summary = "name compositions of maps and functions";
  let description = [{
    Runs after rewrites and changes nothing: the ops of a net get the attribute `layer.net` with
    its kind, which `strut explain` shows. Found by what is read, through maps, moves,
    factors and functions:

    | kind | |
    | --- | --- |
    | `gated` | f(x V) (x W), with norms of either half, and the map after it |
    | `unlearned` | such a net with chosen channels of a half changed and written back, or with a test whether its values lie within a box |
    | `prefix` | f(x V) times a mask of channels below a number that is given at run time |
    | `dual` | x V + f(x W) U: a linear part beside a net of the same x |
    | `lora` | x W + (g (x A)) B: updates with few features that data weighs |
    | `random_feature` | max(x G, 0) W with fewer features than x has, the numbers of G as if drawn from a normal distribution, and no bias; exp(..) cos(..), exp(..) sin(..) of x G |
    | `fourier_head` | u² + v² by pairs of features of one map, divided by the sum over the row |
    | `kan` | f(x) V + b(x) W, b made of comparisons of x with constants and products |
  }];
  let statistics = [Statistic<"numNets", "num-nets", "Number of nets that have a name">];
}

def RecognizeExperts : Pass<"strut-recognize-experts", "::mlir::func::FuncOp"> {
  let summary = "recognise mixtures of experts";
  let description = [{
    A sum over experts, each a feed-forward net times its weight, becomes `layer.experts`,
    however it was written (docs/moe.md):

    - batched: all experts in one product, times scores that are scattered into zeros;
    - gathered: the weights of the chosen experts, and a product for each choice;
    - masked: every net on all rows, times its weight where it was chosen.

    A net is two products with constant weights and a function between, with or without a
    gate, and

    1. a row chooses an expert at most once, by a TopK of the largest or an ArgMax along the
       last axis,
    2. no net is missing: there are as many as numbers to choose from, 0, 1, 2, ...,
    3. all have the same function,
    4. scores are 0 where nothing was chosen,
    5. all read the same rows, and are chosen by the same numbers with the same weights,
    6. each axis is what it is taken for: sums are over experts, or over choices, weights are
       scattered along experts, a number chooses a whole net, and products are of each row with the nets that it chose,
    7. numbers by which nets are gathered are a router's, which are below their number: a
       number below 0 would count nets from the last one,
    8. a router is `layer.route` if its weights are a softmax of the selected logits, of all, or of
       all divided by the sum of the selected ones,
    9. nothing is repeated by broadcasting: each row has numbers and weights of its own, and the
       result is as large as the rows are many,
    10. each product and each bias has one part for every expert, and as many numbers as the net
       needs.

    The router becomes `layer.route` where it is one. Equal over the reals where nets of
    experts that a row did not choose give finite numbers: they are not computed.

    A sum that has fewer nets than its router chooses from is left alone, with a warning: a
    trace through branches that depend on data keeps those experts that its example reached.
  }];
  let dependentDialects = ["::strut::layer::LayerDialect"];
  let statistics = [Statistic<"numExperts", "num-experts", "Number of mixtures recognised">];
}

#endif // STRUT_RECOGNIZE_PASSES
