//===- KernelAttrs.td - Attributes and types of the kernel dialect -*- tablegen -*-===//
#ifndef STRUT_KERNEL_ATTRS
#define STRUT_KERNEL_ATTRS

include "dialects/Kernel/KernelDialect.td"
include "dialects/Kernel/KernelInterfaces.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/EnumAttr.td"

def Kernel_FileAttr : AttrDef<Kernel_Dialect, "File"> {
  let mnemonic = "file";
  let summary = "bytes of a weight where they lie in a file";
  let description = [{
    `length` bytes at `offset` of the file `path`: row-major elements of the
    weight, little endian, of any alignment.

    Example: `#kernel.file<"/models/bert.onnx", 1024, 4096>`
  }];
  let parameters = (ins StringRefParameter<>:$path, "uint64_t":$offset, "uint64_t":$length);
  let assemblyFormat = "`<` $path `,` $offset `,` $length `>`";
}

def Kernel_Packed : TypeDef<Kernel_Dialect, "Packed"> {
  let mnemonic = "packed";
  let summary = "a constant weight in a layout of the target";
  let description = [{
    A read-only operand whose logical value is a tensor, stored as its layout
    says. It is neither a tensor nor a memref, so that bufferisation leaves it
    alone and no op can read it by strides that it does not have.

    Example: `!kernel.packed<tensor<768x3072xf32>, #cpu.panels<n = 64>>`
  }];
  let parameters = (ins "::mlir::RankedTensorType":$logical,
                        "::strut::kernel::LayoutAttrInterface":$layout);
  let assemblyFormat = "`<` $logical `,` $layout `>`";
}

def Kernel_CombineKind : I32EnumAttr<"CombineKind", "how the values of a row are combined", [
  I32EnumAttrCase<"Add", 0, "add">, I32EnumAttrCase<"Mul", 1, "mul">,
  I32EnumAttrCase<"Max", 2, "max">, I32EnumAttrCase<"Min", 3, "min">
]> {
  let cppNamespace = "::strut::kernel";
  let genSpecializedAttr = 0;
}
def Kernel_CombineKindAttr : EnumAttr<Kernel_Dialect, Kernel_CombineKind, "combine">;

#endif // STRUT_KERNEL_ATTRS
