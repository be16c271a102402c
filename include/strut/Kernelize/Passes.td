//===- Passes.td - From layers to kernels ------------------*- tablegen -*-===//
#ifndef STRUT_KERNELIZE_PASSES
#define STRUT_KERNELIZE_PASSES

include "mlir/Pass/PassBase.td"

def FormKernels : Pass<"strut-form-kernels", "::mlir::ModuleOp"> {
  let summary = "lower onnx and layer ops to kernels on tensors";
  let description = [{
    Walks each function once, in order, and lowers every op by the table of
    lowerings. The function gains one `index` argument per symbolic dimension;
    shapes of run-time tensors are index arithmetic over them. Constants that a
    kernel reads become `kernel.weight`, each declared once; constants with one
    element become `arith.constant` in the bodies.

    What dimensions have to keep to is asserted by `cf.assert`, with a message that
    names the node; what data have to is a result that notes it (`strut.notes`).

    A node without a lowering is an error that names it. All such nodes are
    reported before any is lowered.
  }];
  let dependentDialects = ["::strut::kernel::KernelDialect", "::mlir::tensor::TensorDialect",
                           "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::cf::ControlFlowDialect"];
  let statistics = [
    Statistic<"numKernels", "num-kernels", "Number of kernels formed">,
    Statistic<"numWeights", "num-weights", "Number of weights declared">
  ];
}

def FuseKernels : Pass<"strut-fuse-kernels", "::mlir::func::FuncOp"> {
  let summary = "fold data movement and pointwise code into neighbouring kernels";
  let description = [{
    Removes kernels whose work a neighbour can do on the way:

    * maps that only move data are composed into the indexing maps of their
      consumers, or into where their producer writes;
    * a view that joins dimensions of a product goes behind the pointwise map after it,
      one of a permutation before that;
    * a contraction whose result all read across its columns is turned: its operands change
      sides, so that the columns are dimensions of what was its left-hand side;
    * rows write their result as what they read lies, where contractions then sum over
      neighbours;
    * pointwise maps become the epilogue of the contraction, attention or row
      kernel that they follow, or merge with a neighbouring map.

    No work that costs more than a load is done twice. Kernels are joined where

    1. what goes costs no more than a load, or one kernel alone reads it, each place once or once
       for an element of a product,
    2. inputs that become one are read at the same places,
    3. the left-hand side of a product stays a strided view of the dimensions that it had,
    4. what takes in an epilogue is a product or rows: the body of attention is its score,
    5. what goes is read at the places of a map, and not fetched by number,
    6. what fetches by number becomes part of a map or of rows: a product reads its extras at
       places.
  }];
  let dependentDialects = ["::strut::kernel::KernelDialect", "::mlir::tensor::TensorDialect",
                           "::mlir::arith::ArithDialect"];
  let statistics = [
    Statistic<"numMoves", "num-moves", "Number of pure maps folded into a consumer">,
    Statistic<"numPermutedInits", "num-permuted-inits", "Number of permutations folded into a producer">,
    Statistic<"numEpilogues", "num-epilogues", "Number of maps that became an epilogue">,
    Statistic<"numMaps", "num-maps", "Number of maps merged into a consumer">,
    Statistic<"numViews", "num-views", "Number of views that went behind a map">,
    Statistic<"numTurned", "num-turned", "Number of contractions whose operands changed sides, and of rows that write in another order">
  ];
}

def PlaceParts : Pass<"strut-place-parts", "::mlir::func::FuncOp"> {
  let summary = "compute parts of a concatenation where they lie in the whole";
  let description = [{
    A kernel whose result is copied into a part of a concatenation writes it there, and whoever
    else reads it reads the part:

        concat(f, g), h(f)   =   w[0:n] = f, w[n:] = g, h(w[0:n])

    A concatenation whose parts begin a longer one is the beginning of that one. So the layers of
    a dense block, which read concat(a), concat(a, b), concat(a, b, c), share one buffer into
    which each writes its channels once.

    Parts are put in in the order in which they are computed, and read of the newest version of
    the whole, so that bufferisation finds all in place. A part is still copied where

    1. no kernel of the same block computes it, or one that a loop's state or a caller's memory
       receives;
    2. something other than the input of a contraction, a row kernel or a map reads it: a view
       needs a tensor without gaps;
    3. a kernel that writes into the same whole reads it: one operand would be read and written;
    4. it is read otherwise too, and lies in runs shorter than a cache line;
    5. the concatenation is returned: its memory may be that of an input.
  }];
  let dependentDialects = ["::mlir::tensor::TensorDialect", "::mlir::arith::ArithDialect"];
  let statistics = [
    Statistic<"numCopies", "num-copies", "Number of parts that are no longer copied">,
    Statistic<"numBegun", "num-begun", "Number of concatenations that begin another one">
  ];
}

def CollapseDimensions : Pass<"strut-collapse-dimensions", "::mlir::func::FuncOp"> {
  let summary = "merge neighbouring iteration dimensions of a kernel";
  let description = [{
    Two adjacent dimensions that every operand has side by side, or not at all,
    become one: a linear map of [batch, seq, n] runs over [batch·seq, n], and a
    pointwise map over one dimension. Operands are viewed through
    `tensor.collapse_shape` and results through `tensor.expand_shape`; pairs of
    the two between kernels cancel.
  }];
  let dependentDialects = ["::mlir::tensor::TensorDialect", "::mlir::arith::ArithDialect"];
  let statistics = [
    Statistic<"numMerged", "num-merged", "Number of dimensions merged into another">
  ];
}

def JoinContractions : Pass<"strut-join-contractions", "::mlir::func::FuncOp"> {
  let summary = "make one kernel of contractions that meet in an epilogue";
  let description = [{
    A contraction whose epilogue reads what another one has computed becomes one kernel
    with it, and the value between them is never stored:

    * of one sum, where the two are added: x V + z W + b is summed up in one accumulator,
      first over the one k, then over the other;
    * of two sums, where anything else joins them: f(x V) (x W) of a gated net. Where both
      read the same rows, these are read once and both halves are in registers together.

    They are joined where

    1. nothing else reads the value between;
    2. it is read as it was written, element by element, over the same extents: a view of a
       part of it would be another product;
    3. all right-hand sides are weights, and neither contraction has a batch, for what is
       packed at run time, and blocks that are stored side by side, have one product each;
    4. neither writes or reads what a loop carries;
    5. no body looks up a table;
    6. there are at most four sums, as many as a register tile holds.

    The sums of one accumulator are equal over the reals: they are added in another order.
    Two sums are bit-exact.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
  let statistics = [
    Statistic<"numAccumulated", "num-accumulated", "Number of contractions that add to another's sum">,
    Statistic<"numBeside", "num-beside", "Number of contractions that became a sum beside another's">
  ];
}

def VerifyKernels : Pass<"strut-verify-kernels", "::mlir::func::FuncOp"> {
  let summary = "check that a function holds kernels and nothing else";
  let description = [{
    After this pass a function holds kernel ops, views of tensors, `scf` control
    flow and index arithmetic. Anything else is an error that names the node.
  }];
}

#endif // STRUT_KERNELIZE_PASSES
