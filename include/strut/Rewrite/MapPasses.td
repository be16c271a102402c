//===- MapPasses.td - Linear maps, factors, sums -----------*- tablegen -*-===//
#ifndef STRUT_REWRITE_MAPPASSES
#define STRUT_REWRITE_MAPPASSES

include "mlir/Pass/PassBase.td"
include "strut/Rewrite/Options.td"

def AbsorbAffine : Pass<"strut-absorb-affine", "::mlir::func::FuncOp"> {
  let summary = "fold constant factors and addends per channel into neighbouring weights";
  let description = [{
    BatchNormalization at inference, LayerScale, multiplications, divisions, additions
    and subtractions of constants, and what ends a normalisation of rows are affine per
    channel. Beside a linear map with constant weight (`layer.linear`,
    `layer.block_linear`, Conv, ConvTranspose) they become part of it:

        ((x p + q) W + b) s + t = x (diag(p) W diag(s)) + ((q W + b) s + t)

    Data movement between the two stays where it is, and the channels are followed
    through it. An affine map is absorbed where

    1. its parameters are constant and finite, equal within a channel of the map, and broadcast
       to its values,
    2. nothing else reads what lies between the two; what is before a map may be read by
       several that all can absorb it,
    3. data movement keeps the channels on an axis, or the factor and addend are the same
       for all channels,
    4. it is no addend before a padded Conv or before a ConvTranspose: zeros around the
       image are not shifted, and places at a border see fewer taps,
    5. it is no constant divided by the channel, and no training,
    6. nothing else reads the weight, which would be stored twice,
    7. elements are f32 or f64: one more rounding to f16 or bf16 loses bits that a
       multiplication beside an f32 accumulator keeps (`reduced-precision` folds all),
    8. what is folded is finite in its type.

    The factor and addend of LayerNormalization and RMSNormalization over rows are folded
    where `normalisations` is set.

    Equal over the reals, for finite values; weights are folded in f64.
  }];
  let options = [
    ReducedPrecision<"Fold into weights of f16 and bf16 as well">,
    Option<"normalisations", "normalisations", "bool", "false",
           "Fold the factor and addend of normalisations of rows as well">
  ];
  let dependentDialects = ["::strut::layer::LayerDialect"];
  let statistics = [
    Statistic<"numAbsorbed", "num-absorbed", "Number of affine maps that became part of a weight">
  ];
}

def SplitMaps : Pass<"strut-split-maps", "::mlir::func::FuncOp"> {
  let summary = "split fused layers where an update is added to a part";
  let description = [{
    A part of what a dense layer computes is what some columns of its weight compute:

        (x W + b)[..., i:j] = x W[:, i:j] + b[i:j]

    Queries, keys and values are computed as one layer, and adapters (LoRA) are often added to some
    of them. The layer becomes one for each part, so that a part and its update
    merge (merge-sums); concatenate-maps puts together again what is left. That is done where

    1. all that reads the layer is a Split or Slices of step 1 along the features, by constants,
    2. one part is read by a sum alone, with a map of what the layer reads,
    3. weight and bias are constants that nothing else reads,
    4. no two parts share a feature: its column would be stored twice,
    5. elements are f32 or f64, for others do not merge (`reduced-precision`: any float).

    Bit-exact.
  }];
  let options = [ReducedPrecision<"Split layers of f16 and bf16 as well">];
  let dependentDialects = ["::strut::layer::LayerDialect"];
  let statistics = [Statistic<"numParts", "num-parts", "Number of layers that parts became">];
}

def MergeSums : Pass<"strut-merge-sums", "::mlir::func::FuncOp"> {
  let summary = "merge sums of linear maps of one input";
  let description = [{
    Terms of a sum that are maps of one value become one of them: a LoRA update goes into
    the matrix that it updates, parallel layers and a residual into one layer.

        (x W + a) + ((x A) B + b) = x (W + A B) + (a + b)

    A term that is multiplied by 0 (a guide that was needed in training) goes. Where a sum
    has other addends, maps of one value are added first. Where no term is dense, low-rank
    ones (several adapters) become one of the rank of all:

        (x A1) B1 + (x A2) B2 = (x [A1 A2]) [B1; B2]

    Terms merge where

    1. they are maps of the same value (docs/recognition.md) and one of them is a dense
       layer: the sum then costs no more than that layer alone; or two or more are two
       matrices each, which then are two kernels instead of two for each,
    2. a term that goes has finite weights, for 0 times infinity is NaN,
    3. weights do not grow: what is made has no more elements than the weights that nothing else
       reads. Factors that several layers share merge into matrices of their own; a matrix that
       several updates share stays one,
    4. elements are f32 or f64: in f16 and bf16 a small update beside a large weight
       would lose its bits (`reduced-precision` merges all),
    5. every merged number is finite in its type.

    Addends are put into another order where

    6. the first of them has the type of the sum, one of two is a map, and sums that are taken
       apart have no other reader,
    7. some of them then merge.

    Equal over the reals, for finite values; weights are multiplied and added in f64.
    Source of the terms: Hu et al., LoRA, ICLR 2022, section 4.1.
  }];
  let options = [ReducedPrecision<"Merge weights of f16 and bf16 as well">];
  let dependentDialects = ["::strut::layer::LayerDialect"];
  let statistics = [
    Statistic<"numMerged", "num-merged", "Number of terms that became part of another">,
    Statistic<"numDropped", "num-dropped", "Number of terms that were 0">,
    Statistic<"numStacked", "num-stacked", "Number of low-rank terms beside another's">
  ];
}

def AbsorbSelections : Pass<"strut-absorb-selections", "::mlir::func::FuncOp"> {
  let summary = "put the order of features into the weight beside it";
  let description = [{
    A Gather of features with constant indices before or after a dense layer is an order
    of the rows or columns of its weight:

        (x W + b)[from] = x W[:, from] + b[from]
        x[from] W = x W', W'[from[k], :] = W[k, :]

    It is absorbed where

    1. after the layer, it gives no more features than the layer: columns that are read
       twice would be computed twice,
    2. before the layer, it reads every feature once: one that is not read would meet
       zeros, which take time and make NaN of infinity,
    3. nothing else reads the weight or the values between,
    4. the layer is one block: an order of all features is none of each block's.

    Equal bits after the layer; before it sums have another order, so over the reals.
  }];
  let dependentDialects = ["::strut::layer::LayerDialect"];
  let statistics = [
    Statistic<"numAbsorbed", "num-absorbed", "Number of Gathers that became part of a weight">
  ];
}

def ConcatenateMaps : Pass<"strut-concatenate-maps", "::mlir::ModuleOp"> {
  let summary = "make one linear map of several that read the same value";
  let description = [{
    Queries, keys and values are maps of one input. One map has their columns beside each
    other, and each of them is a part of its rows, which is read where it lies:

        [x W1 + b1, x W2 + b2, ...] = x [W1 W2 ...] + [b1 b2 ...]

    Maps that read the same value in the same block are concatenated where

    1. weights and biases are constants with elements; one that is absent is -0, for
       x + (-0) = x,
    2. nothing else reads the weights, which would be stored twice,
    3. all that reads their results are kernels that read a part of a row as they read a
       whole one: attention, products, normalisations, rotations, sums. Pointwise code is the
       epilogue of the map before it, an output or a cache is written in place, and a
       map that follows is a factor of the same chain,
    4. a described machine (docs/cost.md) takes at least 2 % longer for them, with 1024 rows
       where their number is open.

    Bit-exact: each column is a sum of its own.
  }];
  let dependentDialects = ["::strut::layer::LayerDialect"];
  let options = [MachineOption];
  let statistics = [Statistic<"numMaps", "num-maps", "Number of maps that became part of another">];
}

def ChooseForms : Pass<"strut-choose-forms", "::mlir::ModuleOp"> {
  let summary = "choose between the factors of a chain of linear maps and their product";
  let description = [{
    x W1 W2 is (x W1) W2, two kernels, or x (W1 W2), one. Times of kernels on a described
    machine (docs/cost.md) say which is faster, for each number of rows M that may occur;
    long chains may also be multiplied out in part. Where one form is the best, or nearly
    so, for every M, the chain takes it. Where it depends on M, both forms stand in
    `layer.alternatives` if weights may grow as far (`size-budget`), else the form that
    is least slower at worst is taken.

    A chain is two or more `layer.linear` and `layer.block_linear`, with constant
    permutations between, where

    1. nothing else reads a value between them,
    2. weights and biases are constants with elements, f32 or f64 (`reduced-precision`: any
       float),
    3. the product has no infinities or NaN that the factors had not,
    4. no factor was made by compression on request,
    5. a permutation is a Gather along the features, by constant indices on one axis,
    6. it ends with a map, and no map follows that it could end with as well,
    7. rows are not known to be none.

    Equal over the reals, for finite values; products are computed in f64 and rounded
    once. What was considered is on the op as `layer.considered`, `layer.chosen`.
  }];
  let dependentDialects = ["::strut::layer::LayerDialect"];
  let options = [
    MachineOption,
    Option<"sizeBudget", "size-budget", "std::string", "\"20%\"",
           "By how much weights may grow: a share as 20%, or bytes as 64M">,
    ReducedPrecision<"Multiply out factors of f16 and bf16 as well">
  ];
  let statistics = [
    Statistic<"numFactored", "num-factored", "Number of chains that keep all factors">,
    Statistic<"numMerged", "num-merged", "Number of chains that were multiplied out">,
    Statistic<"numAlternatives", "num-alternatives", "Number of chains with several forms">
  ];
}

def CompressLinear : Pass<"strut-compress-linear", "::mlir::func::FuncOp"> {
  let summary = "approximate dense weights by low-rank and Monarch factors";
  let description = [{
    On request only. A `layer.linear` whose weight W is constant becomes two
    `layer.linear` (low rank), or two `layer.block_linear` with a permutation between
    them (Monarch), with the fewest parameters for which

        |W - factors| <= tolerance * |W|   (Frobenius norms, factors as they are stored)

    holds, if these are fewer than `keep` times those of W. Both forms are the nearest
    ones of their rank: leading singular vectors of W, or of each of its pieces (Dao et
    al., Monarch, ICML 2022). A remark of the category `compress-linear`
    says at every layer what became of it.

    1. the weight is a constant f32 or f64 matrix of finite numbers,
    2. both of its extents are larger than 1,
    3. nothing else reads it, for then it would have to stay beside its factors,
    4. the factors keep the tolerance once they are rounded,
    5. they have fewer than `keep` times the parameters.

    Approximate: |y - y'| <= tolerance |W| |x| for every row x.
  }];
  let dependentDialects = ["::strut::layer::LayerDialect"];
  let options = [
    Option<"tolerance", "tolerance", "double", "1e-2",
           "Largest error of a weight, as a share of its Frobenius norm">,
    Option<"keep", "keep", "double", "0.9",
           "Share of a weight's parameters from which on it stays dense">
  ];
  let statistics = [
    Statistic<"numLowRank", "num-low-rank", "Number of weights that became low-rank">,
    Statistic<"numMonarch", "num-monarch", "Number of weights that became Monarch maps">
  ];
}

def HoistBroadcasts : Pass<"strut-hoist-broadcasts", "::mlir::func::FuncOp"> {
  let summary = "compute rows before they are repeated";
  let description = [{
    A style, a class or a time step that is expanded to all tokens, and then goes through
    maps, is computed once for each:

        map(expand(x)) = expand(map(x))

    for a linear map of rows or a pointwise function, where

    1. the last axis, which a map reads, has a known extent and is not the one that is repeated,
    2. some axis of one element becomes longer, as far as the types tell.

    Bit-exact: the bits of a row depend on the row alone.
  }];
  let dependentDialects = ["::strut::layer::LayerDialect"];
  let statistics = [
    Statistic<"numHoisted", "num-hoisted", "Number of layers and functions before a repetition">
  ];
}

def MergeConvolutions : Pass<"strut-merge-convolutions", "::mlir::func::FuncOp"> {
  let summary = "merge the branches of a sum of convolutions of one image";
  let description = [{
    Networks that are trained with several branches (RepVGG, MobileOne, RepViT,
    FastViT, ACNet) add convolutions of the same image: 3x3, 1x1, the image itself or
    its batch normalisation. A branch is a map of windows, and a sum of such maps is
    one whose window covers theirs:

        sum_t W1[t] x[s i + t - p1] + sum_t W2[t] x[s i + t - p2]
          = sum_t (W1[t - p + p1] + W2[t - p + p2]) x[s i + t - p],  p = max(p1, p2)

    with W zero outside its window and x zero outside the image. Branches merge where

    1. they read the same image with the same strides and undilated windows,
    2. their results have the type of the sum, as many channels, and are equally large whatever
       the image: for each axis the sums of both pads, which are numbers, less the window are
       equal,
    3. weights, biases and statistics are constants, and nothing else reads a branch,
    4. elements are f32 or f64: in f16 and bf16 a tap of 1 beside small ones would
       lose their bits (`reduced-precision` merges all),
    5. one convolution does no more products than the branches,
    6. one number of groups divides the other: then the more groups are the fewer ones with
       zeros between,
    7. every merged number is finite in its type,
    8. the image itself has channels and places.

    Equal over the reals, for finite images; weights are added in f64. Source: Ding et
    al., RepVGG, CVPR 2021, section 3.3.
  }];
  let options = [ReducedPrecision<"Merge windows of f16 and bf16 as well">];
  let statistics = [
    Statistic<"numMerged", "num-merged", "Number of branches that became part of another">
  ];
}

#endif // STRUT_REWRITE_MAPPASSES
