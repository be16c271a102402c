//===- CUDADialect.td - What is said of an NVIDIA GPU only -*- tablegen -*-===//
#ifndef STRUT_CUDA_DIALECT
#define STRUT_CUDA_DIALECT

include "dialects/Kernel/KernelInterfaces.td"
include "mlir/Dialect/LLVMIR/LLVMTypes.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def CUDA_Dialect : Dialect {
  let name = "cuda";
  let cppNamespace = "::strut::gpu";
  let summary = "launches on an NVIDIA GPU";
  let description = [{
    Upstream has taken the name `gpu`, for what all GPUs share. Kernels themselves are
    functions of upstream's dialects; this one has what the host says of them.
  }];
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::strut::kernel::KernelDialect"];
}

def CUDA_Precision : I32EnumAttr<"Precision", "how exact products of f32 are", [
  I32EnumAttrCase<"F32", 0, "f32">, I32EnumAttrCase<"TF32", 1, "tf32">,
  I32EnumAttrCase<"F16", 2, "f16">, I32EnumAttrCase<"BF16", 3, "bf16">
]> {
  let cppNamespace = "::strut::gpu";
  let genSpecializedAttr = 0;
}

def CUDA_TargetAttr : AttrDef<CUDA_Dialect, "Target", [Kernel_TargetAttrInterface]> {
  let mnemonic = "target";
  let summary = "the target of a program whose kernels run on an NVIDIA GPU";
  let description = [{
    The architecture that kernels are written for, by the name that LLVM and ptxas use.
    PTX of it is compiled by the driver for any later one. `precision` is that of products
    of f32 operands: `f32` is as good as single multiplications, `tf32` rounds the operands
    to 10 bits of fraction, `f16` and `bf16` store them in these types (`strut-round-factors`).

    Example: `#cuda.target<sm_80>`, `#cuda.target<sm_80, precision = tf32>`
  }];
  let parameters = (ins
    StringRefParameter<>:$arch,
    DefaultValuedParameter<"::strut::gpu::Precision", "Precision::F32">:$precision);
  let assemblyFormat = "`<` custom<Keyword>($arch) (`,` `precision` `=` $precision^)? `>`";
  let extraClassDeclaration = [{
    bool getFma() const { return true; }
    /// The compute capability as one number: 80 for sm_80, 90 for sm_90a; 0 for other names.
    unsigned getCapability() const;
  }];
}

def CUDA_RoundedAttr : AttrDef<CUDA_Dialect, "Rounded", [
  DeclareAttrInterfaceMethods<Kernel_LayoutAttrInterface, ["getPhysicalType", "pack"]>
]> {
  let mnemonic = "rounded";
  let summary = "elements of f32 stored as the nearest of f16 or bf16";
  let description = [{
    Row-major, halves to even; what f16 cannot hold is infinite.

    Example: `!kernel.packed<tensor<768x3072xf32>, #cuda.rounded<f16>>`
  }];
  let parameters = (ins "::mlir::FloatType":$element);
  let assemblyFormat = "`<` $element `>`";
}

def CUDA_LaunchOp : Op<CUDA_Dialect, "launch", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "runs a kernel function in every thread of a grid";
  let description = [{
    Starts `blocks` times `threads` threads of a function of the device module, on the
    stream of the run that `launcher` (a StrutLauncher of the runtime) belongs to. The
    function takes the address of its arguments in one struct, as `emit.unbundle` reads
    it. Launches of a run are executed one after the other. `threads` is a multiple of 32
    and at most what the function's `cuda.threads` says; no blocks is legal and does
    nothing. `number` is the `kernel.number` of the kernel that the work belongs to, -1
    for none: profiles name it by that.

    ```mlir
    cuda.launch @device::@map_0 on %launcher : !llvm.ptr grid %blocks, %threads
        (%x, %y : memref<?xf32>, memref<?xf32>) {number = 3 : i32}
    ```
  }];
  let arguments = (ins SymbolRefAttr:$kernel, LLVM_AnyPointer:$launcher, Index:$blocks,
                       Index:$threads, Variadic<AnyType>:$arguments,
                       DefaultValuedAttr<I32Attr, "-1">:$number);
  let assemblyFormat = [{
    $kernel `on` $launcher `:` type($launcher) `grid` $blocks `,` $threads
    `(` ($arguments^ `:` type($arguments))? `)` attr-dict
  }];
}

#endif // STRUT_CUDA_DIALECT
