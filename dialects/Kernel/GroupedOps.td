//===- GroupedOps.td - Ragged contraction of the kernel dialect -*- tablegen -*-===//
//
// Included by KernelOps.td, whose classes it uses.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_KERNEL_GROUPED_OPS
#define STRUT_KERNEL_GROUPED_OPS

def Kernel_GroupedOp : Kernel_StructuredOp<"grouped"> {
  let summary = "contraction in which each row chooses one of several right-hand sides";
  let description = [{
    The iteration space is (g, s, n, k): group, row, column, term. `inputs` are lhs,
    rhs, order, offsets, extras. The rows of group g are `order[offsets[g]]` up to
    `order[offsets[g + 1] - 1]`; for each of them and each column

        acc  = sum over k of lhs[map_lhs] * rhs[map_rhs]
        init[map_init] = epilogue(acc, extra_0[map_0], ...)

    `order` [S] is a permutation of the rows and `offsets` [G + 1] rises from 0 to S, both
    i32, so that every row of init is written once; how many rows a group has is known at run
    time only, and may be none or all. Both have the empty map. lhs may be read at any
    function of the row (`s floordiv 2`: the token of a slot). Accumulators are those of
    `kernel.contract`, and so is the order in which terms are added: the bits of a row depend
    on nothing but that row and its group.

    Constraints:
    1. at least four inputs, exactly one init, four iteration dimensions;
    2. order and offsets are lists of i32 with the empty map;
    3. the map of lhs uses s and k, that of rhs is a permutation of (g, n, k), that of init
       one of (s, n);
    4. the extras' maps do not use k;
    5. the epilogue takes the accumulator and one scalar per extra and yields the init's
       element type.

    ```mlir
    // row s goes through matrix g, where s stands in the list of g
    %y = kernel.grouped ins(%x, %w, %order, %offsets, %b : tensor<?x768xf32>,
          tensor<8x768x3072xf32>, tensor<?xi32>, tensor<9xi32>, tensor<8x3072xf32>)
        outs(%o : tensor<?x3072xf32>)
        attributes {indexing_maps = [
          affine_map<(g, s, n, k) -> (s, k)>, affine_map<(g, s, n, k) -> (g, k, n)>,
          affine_map<(g, s, n, k) -> ()>, affine_map<(g, s, n, k) -> ()>,
          affine_map<(g, s, n, k) -> (g, n)>, affine_map<(g, s, n, k) -> (s, n)>]} {
    ^bb0(%acc: f32, %bias: f32):
      %s = arith.addf %acc, %bias : f32
      kernel.yield %s : f32
    } -> tensor<?x3072xf32>
    ```
  }];
  let extraClassDeclaration = [{
    /// The iteration dimensions.
    enum : unsigned { kGroup, kRow, kColumn, kTerm, kNumDims };
    /// Inputs before the extras.
    static constexpr unsigned kFirstExtra = 4;
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitsMutable(); }
    ::mlir::Value getLhs() { return getInputs()[0]; }
    ::mlir::Value getRhs() { return getInputs()[1]; }
    ::mlir::Value getOrder() { return getInputs()[2]; }
    ::mlir::Value getOffsets() { return getInputs()[3]; }
    ::mlir::OperandRange getExtras() { return getInputs().drop_front(kFirstExtra); }
    ::mlir::Value getInit() { return getInits()[0]; }
  }];
}

#endif // STRUT_KERNEL_GROUPED_OPS
