//===- KernelDialect.td - The kernel dialect ---------------*- tablegen -*-===//
#ifndef STRUT_KERNEL_DIALECT
#define STRUT_KERNEL_DIALECT

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"

def Kernel_Dialect : Dialect {
  let name = "kernel";
  let cppNamespace = "::strut::kernel";
  let summary = "What runs: one op is one schedulable unit";
  let description = [{
    The contract with every back end. A kernel op is one parallel region on a
    CPU and one launch on a GPU. All kernel ops are destination-passing and the
    same op on tensors and on memrefs: what they compute is said by an iteration
    space, one indexing map per operand, and a region of scalar code. Nothing of
    a target appears in them; a target leaves its choices in attributes that
    implement the interfaces declared here.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
}

#endif // STRUT_KERNEL_DIALECT
