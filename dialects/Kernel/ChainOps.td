//===- ChainOps.td - Chained contraction of the kernel dialect -*- tablegen -*-===//
//
// Included by KernelOps.td, whose classes it uses.
//
//===----------------------------------------------------------------------===//
#ifndef STRUT_KERNEL_CHAIN_OPS
#define STRUT_KERNEL_CHAIN_OPS

def Kernel_ChainOp : Kernel_StructuredOp<"chain"> {
  let summary = "two contractions, the rows between which are no tensor";
  let description = [{
    The iteration space has dimensions of four roles: m (rows), n (columns), r (the middle's
    columns) and k. `inputs` are lhs, rhs, next, the middle's extras, extras.

        h[m, r]   = middle(sum over k of lhs[map_lhs] * rhs[map_rhs], middle_extra_0[map_0], ...)
        init[m, n] = epilogue(sum over r of h[m, r] * next[map_next], extra_0[map_0], ...)

    `middle_extras` says how many extras the first region takes. h has the element type of the
    factors, as if it were stored; accumulators and the order in which terms are added
    are those of `kernel.contract`, so a row's bits do not depend on its neighbours.

    Constraints:
    1. at least lhs, rhs, next and the middle's extras, exactly one init;
    2. rhs, next and init are projected permutations, of (r, k), (r, n) and (m, n); lhs is read at m
       and k;
    3. the middle's extras are read at m and r, the others at m and n;
    4. lhs, rhs and next have one element type, of floats;
    5. `middle` takes the sum and one scalar per extra of its own, yields the factors' element
       type, and has neither `kernel.index` nor `kernel.fetch`;
    6. the body takes the sum and one scalar per other extra, and yields the init's element type.

    ```mlir
    // relu(x A) B + b
    %y = kernel.chain ins(%x, %a, %next, %b : tensor<?x2048xf16>, tensor<2048x128xf16>,
                          tensor<128x2048xf16>, tensor<2048xf16>) outs(%o : tensor<?x2048xf16>)
        attributes {middle_extras = 0 : i64, indexing_maps = [
          affine_map<(m, n, r, k) -> (m, k)>, affine_map<(m, n, r, k) -> (k, r)>,
          affine_map<(m, n, r, k) -> (r, n)>, affine_map<(m, n, r, k) -> (n)>,
          affine_map<(m, n, r, k) -> (m, n)>]}
    middle {
    ^bb0(%acc: f32):
      %zero = arith.constant 0.0 : f32
      %p = arith.maximumf %acc, %zero : f32
      %h = arith.truncf %p : f32 to f16
      kernel.yield %h : f16
    } then {
    ^bb0(%acc: f32, %bias: f16):
      ...
    } -> tensor<?x2048xf16>
    ```
  }];
  let arguments = (ins
    Variadic<Kernel_Operand>:$inputs,
    Variadic<Kernel_Buffer>:$inits,
    Optional<Kernel_Buffer>:$workspace,
    AffineMapArrayAttr:$indexing_maps,
    ConfinedAttr<I64Attr, [IntNonNegative]>:$middle_extras);
  let regions = (region SizedRegion<1>:$body, SizedRegion<1>:$middle);
  let assemblyFormat = [{
    `ins` `(` ($inputs^ `:` type($inputs))? `)` `outs` `(` $inits `:` type($inits) `)`
    (`workspace` `(` $workspace^ `:` type($workspace) `)`)?
    attr-dict-with-keyword `middle` $middle `then` $body (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    /// Inputs before the middle's extras.
    static constexpr unsigned kFirstExtra = 3;
    /// Inputs before the other extras.
    unsigned getFirstOuterExtra() { return kFirstExtra + getMiddleExtras(); }
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitsMutable(); }
    ::mlir::Value getLhs() { return getInputs()[0]; }
    ::mlir::Value getRhs() { return getInputs()[1]; }
    ::mlir::Value getNext() { return getInputs()[2]; }
    ::mlir::Value getInit() { return getInits()[0]; }
    /// The iteration dimensions by role, each in ascending order.
    struct Roles { ::llvm::SmallVector<unsigned> m, n, r, k; };
    static Roles rolesOf(::llvm::ArrayRef<::mlir::AffineMap> maps);
  }];
}

#endif // STRUT_KERNEL_CHAIN_OPS
