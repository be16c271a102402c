//===- Passes.td - From layers to layers -------------------*- tablegen -*-===//
#ifndef STRUT_REWRITE_PASSES
#define STRUT_REWRITE_PASSES

include "mlir/Pass/PassBase.td"

class ReducedPrecision<string what>
    : Option<"reducedPrecision", "reduced-precision", "bool", "false", what>;
def MachineOption : Option<"machine", "machine", "std::string", "\"generic\"",
                           "Description of the machine: a file or a name">;

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

    1. its parameters are constant and finite, and equal within a channel of the map,
    2. nothing else reads what lies between the two; what is before a map may be read by
       several that all absorb it,
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
    3. nothing else reads the weight or the values between.

    Equal bits after the layer; before it sums have another order, so over the reals.
  }];
  let dependentDialects = ["::strut::layer::LayerDialect"];
  let statistics = [
    Statistic<"numAbsorbed", "num-absorbed", "Number of Gathers that became part of a weight">
  ];
}

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

def HoistBroadcasts : Pass<"strut-hoist-broadcasts", "::mlir::func::FuncOp"> {
  let summary = "compute rows before they are repeated";
  let description = [{
    A style, a class or a time step that is expanded to all tokens, and then goes through
    maps, is computed once for each:

        map(expand(x)) = expand(map(x))

    for a linear map of rows or a pointwise function, where

    1. the last axis, which a map reads, is not the one that is repeated,
    2. some axis of one element becomes longer, as far as the types tell.

    Bit-exact: the bits of a row depend on the row alone.
  }];
  let dependentDialects = ["::strut::layer::LayerDialect"];
  let statistics = [
    Statistic<"numHoisted", "num-hoisted", "Number of layers and functions before a repetition">
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
       channel, joined by Mul, Add and Sub, all of its width,
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
       function of each channel, the same for all,
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
    2. their results are equally large whatever the image: for each axis the sums of
       both pads less the window are equal,
    3. weights, biases and statistics are constants, and nothing else reads a branch,
    4. elements are f32 or f64: in f16 and bf16 a tap of 1 beside small ones would
       lose their bits (`reduced-precision` merges all),
    5. one convolution does no more products than the branches.

    Equal over the reals, for finite images; weights are added in f64. Source: Ding et
    al., RepVGG, CVPR 2021, section 3.3.
  }];
  let options = [ReducedPrecision<"Merge windows of f16 and bf16 as well">];
  let statistics = [
    Statistic<"numMerged", "num-merged", "Number of branches that became part of another">
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
    3. nothing else reads it, for then it would have to stay beside its factors.

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

def ConcatenateMaps : Pass<"strut-concatenate-maps", "::mlir::ModuleOp"> {
  let summary = "make one linear map of several that read the same value";
  let description = [{
    Queries, keys and values are maps of one input. One map has their columns beside each
    other, and each of them is a part of its rows, which is read where it lies:

        [x W1 + b1, x W2 + b2, ...] = x [W1 W2 ...] + [b1 b2 ...]

    Maps that read the same value in the same block are concatenated where

    1. weights and biases are constants; one that is absent is -0, for x + (-0) = x,
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
    2. weights and biases are constants, f32 or f64 (`reduced-precision`: any float),
    3. the product has no infinities or NaN that the factors had not,
    4. no factor was made by compression on request.

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

def SplitParts : Pass<"strut-split-parts", "::mlir::func::FuncOp"> {
  let summary = "compute real and imaginary parts apart";
  let description = [{
    In a function with Fourier transforms,

        f(x, y)[..., i] = f(x[..., i], y[..., i])

    moves what reads one part of a last axis of 2 (Gather, Slice) before pointwise operators,
    Concat and reshapes, so that values between transforms are two real ones:

    1. all that reads the result reads one part of it, by constants,
    2. operands have that axis, or are the same for both parts,
    3. a reshape by constants keeps the axis.

    A factor before or after a DFT goes into its matrix (`layer.scale`), where

    4. it is one finite number, and nothing else reads what is between the two,
    5. elements are f32 or f64.

    A signal whose imaginary part is constant zeros is real,

    6. unless the transform expects half of a spectrum.

    Equal bits, but for the factors: equal over the reals.
  }];
  let statistics = [
    Statistic<"numSplit", "num-split", "Number of operators that compute one part">,
    Statistic<"numScales", "num-scales", "Number of factors that a transform has taken in">,
    Statistic<"numReals", "num-reals", "Number of transforms of signals that are real">
  ];
}

def ChooseTransforms : Pass<"strut-choose-transforms", "::mlir::func::FuncOp"> {
  let summary = "choose the factors by which Fourier transforms are computed";
  let description = [{
    A transform of N = r1 r2 ... values is a chain of products whose matrices have r1, r2, ...
    rows (Cooley and Tukey): N (r1 + r2 + ...) products instead of N N, in more kernels. Times
    of kernels on a described machine (docs/cost.md) say which factors are fastest, N alone
    being one of them. They become the attribute `layer.factors` of

    1. DFT whose axis and length are constant,
    2. STFT whose frames have a constant length.

    Where the number of transforms is known at run time only, 64 stand for it. What was
    considered is on the op as `layer.considered`, `layer.chosen`. Equal over the reals.
  }];
  let dependentDialects = ["::strut::layer::LayerDialect"];
  let options = [MachineOption];
  let statistics = [
    Statistic<"numFactored", "num-factored", "Number of transforms that are a chain of products">
  ];
}

def FactorTransforms : Pass<"strut-factor-transforms", "::mlir::ModuleOp"> {
  let summary = "compute dense constants that are transforms as those";
  let description = [{
    What is a dense constant in a model's file may be known by its numbers (docs/transforms.md):

        W = A (x) B, A of a x a':          x W = rows of A^T X B, X = x as a x b
        W = H[:, from] diag(s), Hadamard:  x W = (x H)[from] s, H = H_a (x) H_b
        W of waves, or of the DCT-II:      x W = real Re X[bin] + imaginary Im X[bin], X = DFT of x

    A `layer.linear` is written so where

    1. the weight is a constant f32 or f64 matrix,
    2. every element is what the formula gives, within 2^-21 (f64: 2^-49) of the largest one,
    3. rows are not known to be none, and a described machine (docs/cost.md) takes at least 1.3
       times as long for the matrix, for one row and for 64 where their number is open.

    Equal over the reals under condition 2. What was considered is on the last op as
    `layer.considered`, `layer.chosen`; its `layer.kind` is `transform`.
  }];
  let dependentDialects = ["::strut::layer::LayerDialect"];
  let options = [MachineOption];
  let statistics = [
    Statistic<"numKronecker", "num-kronecker", "Number of matrices that are two factors">,
    Statistic<"numFourier", "num-fourier", "Number of matrices that are a Fourier transform">
  ];
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

#endif // STRUT_REWRITE_PASSES
