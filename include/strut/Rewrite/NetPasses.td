//===- NetPasses.td - Nets of maps and functions -----------*- tablegen -*-===//
#ifndef STRUT_REWRITE_NETPASSES
#define STRUT_REWRITE_NETPASSES

include "mlir/Pass/PassBase.td"
include "strut/Rewrite/Options.td"

def CollapseLinearBranches : Pass<"strut-collapse-linear-branches", "::mlir::func::FuncOp"> {
  let summary = "take hidden channels without an activation out of a feed-forward net";
  let description = [{
    RePaViT lets three quarters of the hidden channels of a feed-forward net pass its
    activation unchanged. What they compute is one linear map of the input:

        f(x W1 + b1) W2 + b2, with f the identity on channels I and a function on A,
          = x (W1[:,I] W2[I,:]) + (b1[I] W2[I,:] + b2) + f(x W1[:,A] + b1[A]) W2[A,:]

    which `strut-merge-sums` then adds a shortcut x to. The channels are followed from the second map to the first through slices, splits and
    concatenations of the channel axis, transpositions, choices by a constant mask per
    channel and pointwise operators, so that the spelling does not matter. Branches
    collapse where

    1. the channels of the second map's input all come from one linear map, by a function
       that the graph fixes per channel, and some of them without any function,
    2. nothing else reads what lies between the two maps,
    3. weights and biases are constants,
    4. elements are f32 or f64: in f16 and bf16, 1 + w loses the bits of w
       (`reduced-precision` collapses all),
    5. it takes fewer products: K N + a (K + N) < h K + h N for K inputs, N outputs, h
       hidden channels, a of them with a function. For K = N = d that is a < h - d/2,
    6. what is folded is finite in its type.

    Equal over the reals, for finite values. Source: Xu et al., RePaViT, ICML 2025.
  }];
  let dependentDialects = ["::strut::layer::LayerDialect"];
  let options = [ReducedPrecision<"Combine weights of f16 and bf16 as well">];
  let statistics = [
    Statistic<"numBranches", "num-branches", "Number of hidden layers that lost a linear branch">
  ];
}

def RemoveDeadChannels : Pass<"strut-remove-dead-channels", "::mlir::func::FuncOp"> {
  let summary = "remove hidden channels that come to nothing";
  let description = [{
    A hidden channel of a feed-forward net, plain or gated, has no part in the result if its
    row of the second weight is 0 (pruned weights), or if it is 0 for every input: its
    columns and biases are 0 and its function keeps 0, as ReLU, GELU, SiLU, tanh and
    products do. It is removed from all maps and constants of the layer where

    1. the hidden layer is made of linear maps, pointwise functions and constants per
       channel, joined by Mul, Add and Sub, all maps of its width,
    2. nothing else reads what lies between the maps, nor the weights,
    3. weights and biases are constants,
    4. the width stays a multiple of what divides it, up to a vector of 16: a layer of 3071
       takes as long as one of 3072,
    5. the channel is zero by f(0) = 0: sigmoid(0) is not.

    Equal over the reals, under the condition that what is removed was finite: 0 times
    infinity is NaN.
  }];
  let dependentDialects = ["::strut::layer::LayerDialect"];
  let statistics = [
    Statistic<"numChannels", "num-channels", "Number of hidden channels that were removed">
  ];
}

def StackNets : Pass<"strut-stack-nets", "::mlir::func::FuncOp"> {
  let summary = "make one feed-forward net of several that are added";
  let description = [{
    A network that was boosted in stages adds small nets of one input:

        sum over t of f(x U_t + u_t) V_t + v_t
          = f(x [U_1 U_2 ...] + [u_1 u_2 ...]) [V_1; V_2; ...] + sum over t of v_t

    Two kernels do instead of two for each stage. Nets are stacked where

    1. they read the same value, by one linear map each,
    2. their functions are one pointwise operator, the same with the same attributes,
    3. nothing else reads the hidden layers, the addends or the weights,
    4. weights and biases are constants, elements f32 or f64 (`reduced-precision`: any),
    5. the sum of biases is finite.

    Equal over the reals: hidden layers keep their bits, the sum over all of them is one.
  }];
  let dependentDialects = ["::strut::layer::LayerDialect"];
  let options = [ReducedPrecision<"Add biases of f16 and bf16 as well">];
  let statistics = [
    Statistic<"numStacked", "num-stacked", "Number of nets that became part of another">
  ];
}

def NarrowPrefixes : Pass<"strut-narrow-prefixes", "::mlir::func::FuncOp"> {
  let summary = "compute as many hidden channels as a run asks for";
  let description = [{
    A network that was trained in stages can be cut off behind any of them, and exports that
    as a mask of hidden channels whose length an input tells. With m one on the first n
    channels and 0 on the others,

        (f(x W1 + b1) m) W2 = f(x W1[:, :n] + b1[:n]) W2[:n, :]

    where n is a dimension of the run, and the slices are views of whole weights. The layer may be
    gated, with the mask on either factor or on the product. It is narrowed where

    1. the mask compares the channels' numbers, 0, 1, ..., with one integer: `Less`, or
       `Greater` with operands exchanged; a factor, or the condition of a choice between
       the channel and 0,
    2. the integer is an element of an input of type i64 or i32, with numbers that are not
       negative added or multiplied: so it is none below 0, which the run refuses by name,
    3. the hidden layer, or each of the factors that are multiplied, is one linear map and a
       function of each channel, of which there are some, the same for all,
    4. nothing else reads what lies between the maps,
    5. weights and biases are constants.

    Equal bits, but for -0, where the channels that are masked are finite: 0 times infinity
    is NaN.
  }];
  let dependentDialects = ["::strut::layer::LayerDialect"];
  let statistics = [
    Statistic<"numPrefixes", "num-prefixes", "Number of hidden layers that were narrowed">
  ];
}

def SplitGates : Pass<"strut-split-gates", "::mlir::func::FuncOp"> {
  let summary = "give the two halves of a gated net a linear map each";
  let description = [{
    SwiGLU and GEGLU are often one linear map whose result is split: f(u) v. With a map
    each, the second one's epilogue multiplies with what the first one's has activated,
    and no pass over the data is left between them. In whatever way and order the halves
    are taken from the map, they become two where

    1. the operands of a product are different channels of one map, each after one function,
    2. nothing else reads what lies between,
    3. weight and bias are constants.

    Bit-exact.
  }];
  let dependentDialects = ["::strut::layer::LayerDialect"];
  let statistics = [Statistic<"numGates", "num-gates", "Number of maps that became two">];
}

def ChooseExperts : Pass<"strut-choose-experts", "::mlir::ModuleOp"> {
  let summary = "choose between the experts of each row and all of them";
  let description = [{
    A mixture of experts runs those that each row chose, k of E, after sorting rows by expert; or
    all of them as plain products, of which those that were chosen are added. Times of kernels on a
    described machine (docs/cost.md) say which is faster, for each number of rows M that may
    occur. Where it depends on M both forms stand in `layer.alternatives`: they read the same
    packed weights.

    `layer.experts` has both forms where

    1. its rows are [M, D],
    2. its weights are constants of static shape.

    Equal over the reals: a net that a row did not choose is left out of its sum.
  }];
  let dependentDialects = ["::strut::layer::LayerDialect"];
  let options = [MachineOption];
  let statistics = [
    Statistic<"numAll", "num-all", "Number of mixtures that compute all experts">,
    Statistic<"numAlternatives", "num-alternatives", "Number of mixtures with both forms">
  ];
}

#endif // STRUT_REWRITE_NETPASSES
