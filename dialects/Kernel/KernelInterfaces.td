//===- KernelInterfaces.td - Interfaces of the kernel dialect -*- tablegen -*-===//
#ifndef STRUT_KERNEL_INTERFACES
#define STRUT_KERNEL_INTERFACES

include "mlir/IR/OpBase.td"

def Kernel_LayoutAttrInterface : AttrInterface<"LayoutAttrInterface"> {
  let cppNamespace = "::strut::kernel";
  let description = [{
    How the elements of a weight lie in memory. A target implements it for the
    forms its kernels read; the packager calls `pack` once per weight and layout.
  }];
  let methods = [
    InterfaceMethod<"The array that is stored for a weight of this logical type; its "
                    "row-major elements are what the kernel reads.",
      "::mlir::RankedTensorType", "getPhysicalType", (ins "::mlir::RankedTensorType":$logical)>,
    InterfaceMethod<[{Writes the stored form of `source`, the row-major elements of a weight of
      type `logical`, to `target`, which has exactly the bytes of the physical type. Neither
      needs an alignment. Places that hold no element of the weight are zero.}],
      "void", "pack", (ins "::mlir::RankedTensorType":$logical, "::llvm::ArrayRef<char>":$source,
                           "::llvm::MutableArrayRef<char>":$target)>
  ];
}

def Kernel_TargetAttrInterface : AttrInterface<"TargetAttrInterface"> {
  let cppNamespace = "::strut::kernel";
  let description = [{
    What code that all back ends share must know of the target of a program.
  }];
  let methods = [
    InterfaceMethod<"Whether a multiply-add is one instruction, and so is a conversion between "
                    "f16 and f32.", "bool", "getFma", (ins)>
  ];
}

def Kernel_KernelOpInterface : OpInterface<"KernelOpInterface"> {
  let cppNamespace = "::strut::kernel";
  let description = [{
    What all kernels over an iteration space share: inputs and inits that are
    each read or written at an affine function of the iteration indices.
    Operand `i` of `(inputs..., inits...)` has the map `getMaps()[i]`.
  }];
  let methods = [
    InterfaceMethod<"Operands that are read.", "::mlir::OperandRange", "getKernelInputs", (ins),
                    "", "return $_op.getInputs();">,
    InterfaceMethod<"Operands that are written.", "::mlir::OperandRange", "getKernelInits", (ins),
                    "", "return $_op.getInits();">,
    InterfaceMethod<"One map per input, then one per init.",
                    "::llvm::SmallVector<::mlir::AffineMap>", "getMaps", (ins), "", [{
      return ::llvm::to_vector($_op.getIndexingMaps().template getAsValueRange<::mlir::AffineMapAttr>());
    }]>,
    InterfaceMethod<"Replaces the indexing maps.", "void", "setMaps",
                    (ins "::llvm::ArrayRef<::mlir::AffineMap>":$maps), "", [{
      $_op.setIndexingMapsAttr(::mlir::Builder($_op.getContext()).getAffineMapArrayAttr(maps));
    }]>
  ];
  let extraSharedClassDeclaration = [{
    unsigned getNumIterators() { return $_op.getMaps().front().getNumDims(); }
    ::mlir::AffineMap getMapOf(::mlir::OpOperand &operand) {
      return $_op.getMaps()[operand.getOperandNumber()];
    }
  }];
}

#endif // STRUT_KERNEL_INTERFACES
