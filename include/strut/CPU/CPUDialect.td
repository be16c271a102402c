//===- CPUDialect.td - What is said of a CPU only ----------*- tablegen -*-===//
#ifndef STRUT_CPU_DIALECT
#define STRUT_CPU_DIALECT

include "dialects/Kernel/KernelInterfaces.td"
include "mlir/Dialect/LLVMIR/LLVMTypes.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def CPU_Dialect : Dialect {
  let name = "cpu";
  let cppNamespace = "::strut::cpu";
  let summary = "weight layouts and launches of the CPU back end";
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::strut::kernel::KernelDialect"];
}

def CPU_TargetAttr : AttrDef<CPU_Dialect, "Target", [
    DeclareAttrInterfaceMethods<Kernel_TargetAttrInterface>]> {
  let mnemonic = "target";
  let summary = "the target of a program that runs on a CPU";
  let description = [{
    What shapes emitted code: the bytes of a vector register, how many there are, and
    whether the target has fused multiply-adds (and conversions to and from f16).

    Example: `#cpu.target<vector_bytes = 32, vector_registers = 16>`
  }];
  let parameters = (ins DefaultValuedParameter<"int64_t", "64">:$vector_bytes,
                        DefaultValuedParameter<"int64_t", "32">:$vector_registers,
                        DefaultValuedParameter<"bool", "true">:$fma);
  let assemblyFormat = "(`<` struct(params)^ `>`)?";
  let extraClassDeclaration = [{
    Target getTarget() const { return {getVectorBytes(), getVectorRegisters(), getFma()}; }
  }];
}

def CPU_PanelsAttr : AttrDef<CPU_Dialect, "Panels", [
    DeclareAttrInterfaceMethods<Kernel_LayoutAttrInterface>]> {
  let mnemonic = "panels";
  let summary = "a matrix as panels of columns, each row by row";
  let description = [{
    The weight is read as a matrix with the dimensions `rows` (row-major among
    themselves) as its rows and `cols` as its columns; what is left are batches.
    It is stored as `[batch...][ceil(columns / n)][rows][n]`: a register tile
    walks one panel front to back. The last panel is filled up with zeros.

    Example: `#cpu.panels<rows = [0], cols = [1], n = 64>` of a tensor<768x3072xf32>
    is stored as a tensor<48x768x64xf32>.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$rows, ArrayRefParameter<"int64_t">:$cols,
                        "int64_t":$n);
  let assemblyFormat = "`<` `rows` `=` `[` $rows `]` `,` `cols` `=` `[` $cols `]` `,` `n` `=` $n `>`";
}

def CPU_LaunchOp : Op<CPU_Dialect, "launch", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "runs a kernel function over a range of tasks";
  let description = [{
    Calls `kernel(arguments..., begin, end)` for disjoint ranges that cover
    [0, tasks), on the executor that `launcher` (a StrutLauncher of the runtime)
    holds, and returns when all are done. `number` is the `kernel.number` of the
    kernel that the work belongs to, -1 for none: profiles name it by that.
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, LLVM_AnyPointer:$launcher, Index:$tasks,
                       Variadic<AnyType>:$arguments,
                       DefaultValuedAttr<I32Attr, "-1">:$number);
  let assemblyFormat = [{
    $kernel `on` $launcher `:` type($launcher) `tasks` $tasks
    `(` ($arguments^ `:` type($arguments))? `)` attr-dict
  }];
}

#endif // STRUT_CPU_DIALECT
