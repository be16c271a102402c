//===- Passes.td - onnx to onnx -------------------------------*- tablegen -*-===//

#ifndef STRUT_NORMALIZE_PASSES
#define STRUT_NORMALIZE_PASSES

include "mlir/Pass/PassBase.td"

def InferShapes : Pass<"strut-infer-shapes", "::mlir::ModuleOp"> {
  let summary = "refine the types of onnx operators by their schemas' inference";
  let description = [{
    Types are only ever refined; a type that contradicts the inferred one is an
    error. Values of small integer tensors are followed, so that arithmetic on
    shapes gives shapes. Results of functions take the types that are returned.
    Weights tell what must be true of their operands: a dimension of the inputs
    of which a convolution, product or recurrent layer takes one value only has
    that value, with a remark.
  }];
  let statistics = [
    Statistic<"numRefined", "num-refined", "Number of values whose type was refined">
  ];
}

def ShareConstants : Pass<"strut-share-constants", "::mlir::ModuleOp"> {
  let summary = "name equal bytes of files by one attribute";
  let description = [{
    A weight that several layers share may be written to a model once for each of
    them. Constants of one type whose bytes are equal get the attribute of the first,
    so that CSE and whatever counts the users of a weight see one. Bit-exact.
  }];
  let statistics = [
    Statistic<"numShared", "num-shared", "Number of constants that had the bytes of another">
  ];
}

def ExpandFunctions : Pass<"strut-expand-functions", "::mlir::ModuleOp"> {
  let summary = "replace operators by the function bodies that the standard gives them";
  let description = [{
    An operator of the standard may be defined by others. The body is built in
    the newest forms and may itself hold operators to expand. Operators are
    chosen by name (`ops=Celu,com.microsoft.QuickGelu`), or are those that the
    compiler does not lower (`only-unlowered`); without either, everything that has
    a body is expanded.
  }];
  let options = [
    ListOption<"ops", "ops", "std::string", "Operators to expand, without the prefix onnx.">,
    Option<"onlyUnlowered", "only-unlowered", "bool", "false",
           "Expand operators that the compiler has no lowering for">
  ];
  let statistics = [
    Statistic<"numExpanded", "num-expanded", "Number of operators that were expanded">
  ];
}

def ExpandOperators : Pass<"strut-expand-operators", "::mlir::ModuleOp"> {
  let summary = "replace operators that others say, though the standard gives no body";
  let description = [{
    * MatMulInteger, QLinearMatMul, ConvInteger and QLinearConv become MatMul and Conv of
      floats that hold every partial sum exactly: f32, the contracted axis cut into parts as
      small as that takes (2^24 by the types, the zero points and constant weights), or f64
      where its extent is open or the parts were more than eight. The sums are int32.
    * LRN becomes a pooling over channels.
    * Binarizer and ArrayFeatureExtractor become a comparison and a Gather,
      TfIdfVectorizer comparisons of slices.

    Operands must have a rank.
  }];
  let statistics = [
    Statistic<"numExpanded", "num-expanded", "Number of operators that were replaced">
  ];
}

def UnrollLoops : Pass<"strut-unroll-loops", "::mlir::ModuleOp"> {
  let summary = "write out the steps of Loop and Scan";
  let description = [{
    A loop of few steps, which constants or the extent of a scanned axis tell, becomes its
    body, once a step: what it scans is gathered, what it collects is concatenated. One of
    more steps or operators than `max-steps` and `max-ops` stays as it is. If a state
    changes its shape from step to step, `max-ops-of-growing` stands for `max-ops`.

    The states of a Loop that stays get the types they start with.
  }];
  let options = [
    Option<"maxSteps", "max-steps", "int64_t", "128", "Most steps of a loop">,
    Option<"maxOps", "max-ops", "int64_t", "256", "Most operators in all steps of a loop">,
    Option<"maxOpsOfGrowing", "max-ops-of-growing", "int64_t", "8192",
           "The same of a loop whose states change their shapes">
  ];
  let statistics = [
    Statistic<"numUnrolled", "num-unrolled", "Number of loops that were unrolled">
  ];
}

def FoldConstants : Pass<"strut-fold-constants", "::mlir::ModuleOp"> {
  let summary = "evaluate what depends on constants alone";
  let description = [{
    The largest subgraphs whose operands are all constants are evaluated by the
    normal CPU pipeline, in one module per function, and become constants.

    A value stays an expression where storing it would be a loss: where it is
    larger than 64 KiB and than four times the constants it is made of, or where
    its operator only repeats elements (Expand, Tile, ConstantOfShape). Random and
    unsupported operators stay too, and so does arithmetic on a few integers, which
    form-kernels does symbolically. Where all values of a function together are so
    small that running the code generator costs more than it brings, they are
    evaluated only if a user of one could not be compiled without, or if one is a weight, the
    length of a range, or a number that values of heads are multiplied by.
  }];
  let statistics = [
    Statistic<"numFolded", "num-folded", "Number of operators that were evaluated">,
    Statistic<"numConstants", "num-constants", "Number of constants they became">
  ];
}

def FoldIntegers : Pass<"strut-fold-integers", "::mlir::func::FuncOp"> {
  let summary = "compute with the few integers that shapes are made of";
  let description = [{
    What exporters compute axes, bounds, extents and pads with becomes constants
    wherever it depends on known extents alone: arithmetic, comparisons and moves of at
    most 64 integers. An extent that is open leaves its own element unknown and no
    other. Types are refined on the way, for what stands behind a pad that has just
    become known is known too. Sums that may overflow stay, and so do divisions of
    negative numbers and by 0. An If whose condition is known becomes the branch taken.
  }];
  let statistics = [
    Statistic<"numFolded", "num-folded", "Number of operators that were computed">
  ];
}

def FoldChannelMasks : Pass<"strut-fold-channel-masks", "::mlir::func::FuncOp"> {
  let summary = "find masks and assignments that depend on the channel alone";
  let description = [{
    `mask[..., :a] = True` with a `where`, and `u[..., :a] = f(u[..., :a])`, are exported
    as ScatterND with grids of indices that are made from shapes, or as constants of the
    full activation's shape. Bit-exact:

    * Where takes a vector for a mask whose elements depend on the last axis alone: the
      mask is constant, or filled with one value and scattered to at channels, and one of
      the other operands has all of its extents;
    * ScatterND to neighbouring channels becomes the concatenation of the channels before
      them, what is written and the channels after them, where what is written has the
      extents of a slice of the data.

    The indices number places of the first axis, or are a grid whose other coordinates are
    0, 1, ... along all of their axis, which is proved from how they are made.
  }];
  let statistics = [
    Statistic<"numMasks", "num-masks", "Number of masks that became vectors">,
    Statistic<"numAssignments", "num-assignments", "Number of scatters that became concatenations">
  ];
}

def LiftScatter : Pass<"strut-lift-scatter", "::mlir::func::FuncOp"> {
  let summary = "scatter along an axis where it lies";
  let description = [{
    Rows of an axis that is not the first are assigned by ScatterND between two
    transpositions (`cache[:, :, places] = rows`), which would copy all of the data twice.
    ScatterElements along that axis takes their place, with the places repeated for every
    element. Bit-exact. Not for the last axis, whose rows are single elements.

    After strut-fold-channel-masks, which knows masks by the transposed form.
  }];
  let statistics = [
    Statistic<"numScatters", "num-scatters", "Number of scatters that were lifted">
  ];
}

def LiftIdioms : Pass<"strut-lift-idioms", "::mlir::func::FuncOp"> {
  let summary = "replace formulas by the standard's one operator for them";
  let description = [{
    ReLU, GELU (by erf or tanh), Swish, Mish, hard sigmoid and hard swish, layer and RMS
    normalisation, attention and rotary embeddings are exported as the nodes of their
    formulas, group normalisation as instance normalisation between reshapes, and the
    transposition of keys as one between two reshapes. Each becomes its operator, whatever
    the order of factors and wherever a scale stands. Equal over the reals; a row of
    attention whose scores are all -inf is 0 instead of NaN. Masks that differ between the
    windows of a picture, and are added to scores that a reshape took apart, are added to the
    bias and repeated for every picture (Tile).

    A rotary embedding has pairs of halves or of neighbours, of all of a head or its first
    places. Tables that have the cosine of a pair twice are taken where both are proved the
    same: by looking at a constant, or by how the table is made.

    A step of a loop over experts, which looks for rows, computes them and writes them back,
    becomes the same on all rows, weighted by 0 where it was not chosen, where

    1. a scatter that keeps one of several values for a row meets a row once: numbers are places
       that one TopK found along each row;
    2. hits of all experts are by row, choice and expert, and of numbers that are not negative;
    3. what is computed is computed from the rows that were found, each by itself;
    4. each row is multiplied with its own weight, that of the choice that was found, as it is:
       not rounded, and not from another shape;
    5. rows, numbers, weights and results are as many;
    6. whole rows are written.

    The scores of attention are those of each query with each key,

    7. with nothing repeated but masks, and one head of both keys and values: the result has a
       place for each query, of one batch with keys and values;
    8. the softmax is along the keys.
  }];
  let statistics = [
    Statistic<"numRelu", "num-relu", "Number of ReLUs found">,
    Statistic<"numGelu", "num-gelu", "Number of GELUs found">,
    Statistic<"numSwish", "num-swish", "Number of Swishes found">,
    Statistic<"numMish", "num-mish", "Number of Mishes found">,
    Statistic<"numHardSigmoid", "num-hard-sigmoid", "Number of hard sigmoids found">,
    Statistic<"numHardSwish", "num-hard-swish", "Number of hard swishes found">,
    Statistic<"numLayerNormalization", "num-layer-normalization",
              "Number of layer normalisations found">,
    Statistic<"numRMSNormalization", "num-rms-normalization",
              "Number of RMS normalisations found">,
    Statistic<"numGroupNormalization", "num-group-normalization",
              "Number of group normalisations found">,
    Statistic<"numAttention", "num-attention", "Number of attentions found">,
    Statistic<"numTranspose", "num-transpose", "Number of transpositions found">,
    Statistic<"numRotary", "num-rotary", "Number of rotary embeddings found">,
    Statistic<"numRowLoops", "num-row-loops", "Number of steps of loops over experts found">
  ];
}

#endif // STRUT_NORMALIZE_PASSES
