//===- TransformPasses.td - Fourier transforms and their like -*- tablegen -*-===//
#ifndef STRUT_REWRITE_TRANSFORMPASSES
#define STRUT_REWRITE_TRANSFORMPASSES

include "mlir/Pass/PassBase.td"
include "strut/Rewrite/Options.td"

def SplitParts : Pass<"strut-split-parts", "::mlir::func::FuncOp"> {
  let summary = "compute real and imaginary parts apart";
  let description = [{
    In a function with Fourier transforms,

        f(x, y)[..., i] = f(x[..., i], y[..., i])

    moves what reads one part of a last axis of 2 (Gather, Slice) before pointwise operators,
    Concat and reshapes, so that values between transforms are two real ones:

    1. all that reads the result reads one part of it, by constants,
    2. operands have that axis, or are the same for both parts,
    3. a reshape by constants keeps the axis, and copies its extent to no other one.

    A factor before or after a DFT goes into its matrix (`layer.scale`), where

    4. it is one number and changes no shape, all factors of a transform together are one that is
       normal in its type, or 0, and nothing else reads what is between the two,
    5. elements are f32 or f64.

    A signal is real

    6. whose imaginary part is constant zeros,
    7. unless the transform expects half of a spectrum.

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

        W = A (x) B (x) ..., A of a x a':  x W = rows of A^T X B, X = x as a x b; and so on in X B
        W = H[order, from] diag(s):        x W = (x[order] H)[from] s, Hadamard H = H_a (x) H_b ...
        W of waves, or of the DCT-II:      x W = real Re X[bin] + imaginary Im X[bin], X = DFT of x
        the transpose of such a W:         x W = inverse DFT of parts that are sums of x

    A `layer.linear` is written so where

    1. the weight is a constant f32 or f64 matrix,
    2. every element is what the formula gives, within 2^-21 (f64: 2^-49) of the largest one of
       its column, and of its row where the matrix is a product or is transposed,
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

#endif // STRUT_REWRITE_TRANSFORMPASSES
