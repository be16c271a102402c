//===- KernelOps.td - Ops of the kernel dialect ------------*- tablegen -*-===//
#ifndef STRUT_KERNEL_OPS
#define STRUT_KERNEL_OPS

include "dialects/Kernel/KernelAttrs.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Kernel_Buffer : AnyTypeOf<[AnyRankedTensor, AnyStridedMemRef], "ranked tensor or strided memref">;
def Kernel_Operand : AnyTypeOf<[AnyRankedTensor, AnyStridedMemRef, Kernel_Packed],
                               "ranked tensor, strided memref or packed weight">;

class Kernel_Op<string mnemonic, list<Trait> traits = []> : Op<Kernel_Dialect, mnemonic, traits>;

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

def Kernel_ProgramOp : Kernel_Op<"program", [
    Symbol, SymbolTable, IsolatedFromAbove, NoRegionArguments, SingleBlock, NoTerminator,
    HasOnlyGraphRegion]> {
  let summary = "what one target runs";
  let description = [{
    A host function and all that a target makes of it: layouts, a memory plan,
    emitted kernels. A module has one program per target, each cloned from the same
    kernels on tensors, and the weights that they share beside them; a run uses one
    program. `target` is an attribute of the back end that the program belongs to;
    passes of other back ends leave the program alone.

    ```mlir
    kernel.program @cpu_znver4 for #cpu.target<vector_bytes = 64> {
      func.func @main(%x: tensor<?x768xf32>, %m: index) -> tensor<?x3072xf32> { ... }
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, AnyAttr:$target);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name `for` $target attr-dict-with-keyword $body";
  let skipDefaultBuilders = 1;
  let builders = [
    OpBuilder<(ins "::llvm::StringRef":$name, "::mlir::Attribute":$target), [{
      $_state.addAttribute(getSymNameAttrName($_state.name), $_builder.getStringAttr(name));
      $_state.addAttribute(getTargetAttrName($_state.name), target);
      $_state.addRegion()->emplaceBlock();
    }]>
  ];
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

def Kernel_WeightOp : Kernel_Op<"weight", [Symbol]> {
  let summary = "declares a constant tensor of the module";
  let description = [{
    A weight has a name, a logical type and a source: bytes in a file, or, for
    tensors that the compiler folded, an elements attribute. The bytes are
    reached through the WeightStore and never pass through LLVM IR. A weight that
    several forms share is declared once.

    ```mlir
    kernel.weight @w : tensor<768x3072xf32> = #kernel.file<"/models/m.onnx", 4096, 9437184>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<AnyRankedTensor>:$type, AnyAttr:$source);
  let assemblyFormat = "$sym_name `:` $type `=` $source attr-dict";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::RankedTensorType getTensorType() {
      return ::llvm::cast<::mlir::RankedTensorType>(getType());
    }
    /// Size of the logical tensor in bytes.
    int64_t getBytes();
  }];
}

def Kernel_UseOp : Kernel_Op<"use", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "reads a weight";
  let description = [{
    Gives the weight as a tensor, as a memref of row-major elements, or packed.

    ```mlir
    %w = kernel.use @w : tensor<768x3072xf32>
    %p = kernel.use @w : !kernel.packed<tensor<768x3072xf32>, #cpu.panels<n = 64>>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$weight);
  let results = (outs Kernel_Operand:$result);
  let assemblyFormat = "$weight attr-dict `:` type($result)";
  let extraClassDeclaration = [{
    /// The declaration, looked up in the nearest symbol table around the op that has it.
    ::strut::kernel::WeightOp getDeclaration();
  }];
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

class Kernel_StructuredOp<string mnemonic, list<Trait> traits = []>
    : Kernel_Op<mnemonic, !listconcat([
        AttrSizedOperandSegments, DestinationStyleOpInterface, Kernel_KernelOpInterface,
        DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
        DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>,
        RecursivelySpeculatable, SingleBlockImplicitTerminator<"YieldOp">], traits)> {
  let arguments = (ins
    Variadic<Kernel_Operand>:$inputs,
    Variadic<Kernel_Buffer>:$inits,
    Optional<Kernel_Buffer>:$workspace,
    AffineMapArrayAttr:$indexing_maps);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    `ins` `(` ($inputs^ `:` type($inputs))? `)` `outs` `(` $inits `:` type($inits) `)`
    (`workspace` `(` $workspace^ `:` type($workspace) `)`)?
    attr-dict-with-keyword $body (`->` type($results)^)?
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitsMutable(); }
  }];
}

def Kernel_ContractOp : Kernel_StructuredOp<"contract"> {
  let summary = "sums of products with an epilogue";
  let description = [{
    For every point of the dimensions of init:

        sum_s = sum over products p with sums[p] = s, over k of
                lhs_p[map_lhs_p] * rhs_p[map_rhs_p]
        init[map_init] = epilogue(sum_0, sum_1, ..., extra_0[map_0], ...)

    `inputs` are lhs and rhs of each product, then extras. `sums` has one number per
    product; without it there is one product and one sum. Products of one sum make
    x V + z W, of several sums what an epilogue joins, as f(x V) * (x W).

    An iteration dimension is *batch* if lhs, rhs and init have it, *m* if lhs and init,
    *n* if rhs and init, *k* if only lhs and rhs. lhs may be any strided view, and its map
    may have windows (`oh * 2 + kh`), which makes a convolution an implicit matrix product;
    the extras are read at (batch, m, n). The accumulator is f32 for f16, bf16 and f32
    operands, f64 for f64, i32 for 8-bit integers.

    Constraints:
    1. lhs and rhs of every product and exactly one init;
    2. every rhs and init are projected permutations;
    3. the extras' maps use no k dimension;
    4. the epilogue takes the sums and one scalar per extra and yields the init's
       element type;
    5. the dimensions of init have the same roles in every product, and all operands of
       products one accumulator;
    6. `sums` has the numbers 0, 1, ... without a gap.

    A sum over no elements is 0. The order in which terms are added depends on
    k and the order of products alone, so that the bits of a row do not depend on its
    neighbours.

    ```mlir
    %y = kernel.contract ins(%x, %w, %b : tensor<?x768xf32>, tensor<768x3072xf32>, tensor<3072xf32>)
        outs(%o : tensor<?x3072xf32>)
        attributes {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                                     affine_map<(m, n, k) -> (n)>, affine_map<(m, n, k) -> (m, n)>]} {
    ^bb0(%acc: f32, %bias: f32):
      %s = arith.addf %acc, %bias : f32
      kernel.yield %s : f32
    } -> tensor<?x3072xf32>
    ```
  }];
  let arguments = (ins
    Variadic<Kernel_Operand>:$inputs,
    Variadic<Kernel_Buffer>:$inits,
    Optional<Kernel_Buffer>:$workspace,
    AffineMapArrayAttr:$indexing_maps,
    OptionalAttr<DenseI64ArrayAttr>:$sums);
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitsMutable(); }
    unsigned getNumProducts() { return getSums() ? getSums()->size() : 1; }
    unsigned getNumSums();
    /// The number of the sum that a product adds to.
    unsigned getSumOf(unsigned product) { return getSums() ? (*getSums())[product] : 0; }
    /// How many inputs belong to products; they come first.
    unsigned getNumFactors() { return 2 * getNumProducts(); }
    ::mlir::Value getLhs(unsigned product = 0) { return getInputs()[2 * product]; }
    ::mlir::Value getRhs(unsigned product = 0) { return getInputs()[2 * product + 1]; }
    ::mlir::OperandRange getExtras() { return getInputs().drop_front(getNumFactors()); }
    ::mlir::Value getInit() { return getInits()[0]; }
    /// The iteration dimensions by role, each in ascending order; k has those of all products.
    struct Roles { ::llvm::SmallVector<unsigned> batch, m, n, k; };
    Roles getRoles();
    /// Likewise for other maps of products, extras and init.
    static Roles rolesOf(::llvm::ArrayRef<::mlir::AffineMap> maps, unsigned product = 0);
    /// The k dimensions of one product, in ascending order.
    static ::llvm::SmallVector<unsigned> stepsOf(::llvm::ArrayRef<::mlir::AffineMap> maps,
                                                 unsigned product);
    /// The accumulator's type for operands of this element type.
    static ::mlir::Type getAccumulatorType(::mlir::Type element);
  }];
}

include "dialects/Kernel/GroupedOps.td"
include "dialects/Kernel/ChainOps.td"

def Kernel_AttentionOp : Kernel_StructuredOp<"attention"> {
  let summary = "softmax(score(Q Kᵀ)) V";
  let description = [{
    `inputs` are q, k, v, extras. The iteration space is (batch..., m, s, d, e):
    m runs over queries, s over keys, d over the head size of q and k, e over
    that of v; the last four dimensions have these roles.

        s_ms = score(sum_d q[map_q] * k[map_k], extra_0[map_0], ...)
        init = sum_s softmax_s(s_ms) * v[map_v]

    The region maps a raw score (scale, mask) and sees the extras at (batch, m,
    s). Maps are those of any view, so heads need not be contiguous and one key
    head may serve several query heads (`h floordiv 4`). A row without keys, or
    whose scores are all -inf, gives 0.

    Constraints:
    1. at least three inputs, one init, at least four dimensions;
    2. the region takes one f32 score and one scalar per extra and yields f32.

    The softmax is the online form of Milakov and Gimelshein
    (arXiv:1805.02867), in blocks of keys of a fixed size.
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitsMutable(); }
    ::mlir::OperandRange getExtras() { return getInputs().drop_front(3); }
  }];
}

def Kernel_RowsOp : Kernel_StructuredOp<"rows"> {
  let summary = "reduce along the axes of a row, then map";
  let description = [{
    The last `axes` iteration dimensions are a row's, the others number the
    rows. The region is scalar code for one element of a row, in which
    `kernel.combine` reduces a value over the whole row: the values it depends on
    are computed for every element, its result is one scalar of the row.
    Softmax, normalisations and reductions are rows, pooling is a row whose axes
    are a window, a depthwise convolution one that also reads a weight.

    An init whose map uses no axis holds one value per row; the value yielded for
    it must be the same for the whole row: made of combined values and of inputs
    whose maps use no axis.

    The extent of an iteration dimension is that of the operand dimension which it
    indexes alone. A window's axis, which occurs in sums only (`oh * 2 + kh`), has
    its extent in `extents`: one per iteration dimension, -1 for "from the operands".

    ```mlir
    // y = x / sqrt(sum x^2)
    %y = kernel.rows ins(%x : tensor<?x384xf32>) outs(%o : tensor<?x384xf32>)
        attributes {axes = 1 : i64, indexing_maps = [affine_map<(r, i) -> (r, i)>, affine_map<(r, i) -> (r, i)>]} {
    ^bb0(%e: f32):
      %q = arith.mulf %e, %e : f32
      %s = kernel.combine add %q : f32
      %n = math.rsqrt %s : f32
      %v = arith.mulf %e, %n : f32
      kernel.yield %v : f32
    } -> tensor<?x384xf32>
    ```
  }];
  let arguments = (ins
    Variadic<Kernel_Operand>:$inputs,
    Variadic<Kernel_Buffer>:$inits,
    Optional<Kernel_Buffer>:$workspace,
    AffineMapArrayAttr:$indexing_maps,
    I64Attr:$axes,
    OptionalAttr<DenseI64ArrayAttr>:$extents);
  let builders = [
    OpBuilder<(ins "::mlir::TypeRange":$results, "::mlir::ValueRange":$inputs,
                   "::mlir::ValueRange":$inits, "::mlir::Value":$workspace,
                   "::mlir::ArrayAttr":$indexing_maps, "uint64_t":$axes), [{
      build($_builder, $_state, results, inputs, inits, workspace, indexing_maps, axes,
            ::mlir::DenseI64ArrayAttr());
    }]>
  ];
}

def Kernel_MapOp : Kernel_StructuredOp<"map"> {
  let summary = "pointwise scalar code over an index space";
  let description = [{
    init[map_init] = body(input_0[map_0], ...) at every point. Broadcast,
    transposition and strided slices are the inputs' maps; what the maps cannot
    say is said by `kernel.index` and `kernel.fetch` in the body.

    ```mlir
    // rows of a table, by number
    %y = kernel.map ins(%ids, %table : tensor<?xi64>, tensor<30522x384xf32>) outs(%o : tensor<?x384xf32>)
        attributes {indexing_maps = [affine_map<(t, d) -> (t)>, affine_map<(t, d) -> ()>, affine_map<(t, d) -> (t, d)>]} {
    ^bb0(%id: i64, %unused: none):
      ...
    ```
    An input that the body reads by `kernel.fetch` has the empty map
    `(...) -> ()` and a block argument of type `none`.
  }];
}

def Kernel_RegionOp : Kernel_Op<"region", [
    AttrSizedOperandSegments, DestinationStyleOpInterface, IsolatedFromAbove,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
    SingleBlockImplicitTerminator<"YieldOp">]> {
  let summary = "any computation on tensors, as linalg, tensor and scf";
  let description = [{
    The home of what no other kernel says. The body takes the inputs, the inits
    and the scalars as block arguments, tensors even when the operands are
    memrefs, and yields one tensor per init. Targets outline, tile, vectorise and
    bufferise it by upstream passes.

    With `updates` the inits hold data, of which the region changes some elements and
    keeps all others: a cache with new rows. Bufferisation does it in place unless
    somebody reads the old data later, and copies the data once if so.

    ```mlir
    %y = kernel.region ins(%row : tensor<1x32xf32>) outs(%cache : tensor<?x32xf32>)
        attributes {updates} {
    ^bb0(%r: tensor<1x32xf32>, %c: tensor<?x32xf32>):
      %first = tensor.insert_slice %r into %c[0, 0] [1, 32] [1, 1]
          : tensor<1x32xf32> into tensor<?x32xf32>
      kernel.yield %first : tensor<?x32xf32>
    } -> tensor<?x32xf32>
    ```
  }];
  let arguments = (ins Variadic<Kernel_Buffer>:$inputs, Variadic<Kernel_Buffer>:$inits,
                       Variadic<AnyType>:$scalars, UnitAttr:$updates);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    `ins` `(` ($inputs^ `:` type($inputs))? `)` `outs` `(` $inits `:` type($inits) `)`
    (`scalars` `(` $scalars^ `:` type($scalars) `)`)?
    attr-dict-with-keyword $body (`->` type($results)^)?
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitsMutable(); }
  }];
}

//===----------------------------------------------------------------------===//
// Inside a kernel
//===----------------------------------------------------------------------===//

def Kernel_YieldOp : Kernel_Op<"yield", [Pure, Terminator, ReturnLike]> {
  let summary = "ends the body of a kernel";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
  let builders = [OpBuilder<(ins), [{ build($_builder, $_state, ::mlir::ValueRange()); }]>];
}

def Kernel_CombineOp : Kernel_Op<"combine", [Pure, SameOperandsAndResultType]> {
  let summary = "combines a value over a whole row";
  let description = [{
    In the body of `kernel.rows`: the sum, product, maximum or minimum of `value`
    over all elements of the row. Over no elements it is the kind's neutral
    value (0, 1, the lowest, the highest). NaN wins in max and min.
  }];
  let arguments = (ins Kernel_CombineKindAttr:$kind, AnyTypeOf<[AnyFloat, AnyInteger]>:$value);
  let results = (outs AnyTypeOf<[AnyFloat, AnyInteger]>:$result);
  let assemblyFormat = "$kind $value attr-dict `:` type($value)";
}

def Kernel_IndexOp : Kernel_Op<"index", [Pure]> {
  let summary = "the iteration index of a dimension";
  let arguments = (ins ConfinedAttr<I64Attr, [IntNonNegative]>:$dim);
  let results = (outs Index:$result);
  let assemblyFormat = "$dim attr-dict";
}

def Kernel_FetchOp : Kernel_Op<"fetch", [Pure]> {
  let summary = "reads an input of the enclosing kernel at computed indices";
  let description = [{
    Reads input number `input`, which has the empty map, at `indices`. Indices
    must be in bounds. Of an input that turns out to have no elements nothing is
    read, whatever the indices, and 0 is what comes: a border is filled around
    nothing, too.
  }];
  let arguments = (ins ConfinedAttr<I64Attr, [IntNonNegative]>:$input, Variadic<Index>:$indices);
  let results = (outs AnyTypeOf<[AnyFloat, AnyInteger]>:$result);
  let assemblyFormat = "$input `[` $indices `]` attr-dict `:` type($result)";
}

#endif // STRUT_KERNEL_OPS
