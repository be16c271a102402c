//===- EmitDialect.td - Between host function and kernels --*- tablegen -*-===//
#ifndef STRUT_EMIT_DIALECT
#define STRUT_EMIT_DIALECT

include "mlir/Dialect/LLVMIR/LLVMTypes.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Emit_Dialect : Dialect {
  let name = "emit";
  let cppNamespace = "::strut::emit";
  let summary = "how a host function meets the runtime and its kernels";
}

def Emit_UnbundleOp : Op<Emit_Dialect, "unbundle", [Pure]> {
  let summary = "the arguments of a launch, read back by a task";
  let arguments = (ins LLVM_AnyPointer:$bundle);
  let results = (outs Variadic<AnyType>:$arguments);
  let assemblyFormat = "$bundle attr-dict `:` type($bundle) `->` type($arguments)";
}

def Emit_ViewOp : Op<Emit_Dialect, "view", [Pure]> {
  let summary = "memory at a pointer as a dense memref";
  let arguments = (ins LLVM_AnyPointer:$pointer, Variadic<Index>:$sizes);
  let results = (outs AnyMemRef:$result);
  let assemblyFormat = "$pointer `[` $sizes `]` attr-dict `:` type($pointer) `->` type($result)";
}

#endif // STRUT_EMIT_DIALECT
