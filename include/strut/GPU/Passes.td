//===- Passes.td - The NVIDIA back end ---------------------*- tablegen -*-===//
#ifndef STRUT_GPU_PASSES
#define STRUT_GPU_PASSES

include "mlir/Pass/PassBase.td"

def EmitSimt : Pass<"strut-emit-simt", "::strut::kernel::ProgramOp"> {
  let summary = "write the kernels of a bufferised host function for threads of a GPU";
  let description = [{
    On programs whose target is a `#cuda.target`. Every kernel op of `@main` becomes a
    `cuda.launch` of a function in the program's module `@device`, written as scf, memref
    and nvvm ops, one thread of a grid each. Functions are shared between ops with the same
    maps, body and element types; sizes and strides are run-time values. The functions
    `@strut_run` and `@strut_bind` join `@main` and `@main_bind` to the runtime.

    What no generator takes is an error at its node, and so is a host function that reads
    data, which lies on the device.
  }];
  let dependentDialects = ["::strut::gpu::CUDADialect", "::strut::emit::EmitDialect",
                           "::mlir::scf::SCFDialect", "::mlir::arith::ArithDialect",
                           "::mlir::affine::AffineDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::NVVM::NVVMDialect", "::mlir::LLVM::LLVMDialect",
                           "::mlir::func::FuncDialect", "::mlir::vector::VectorDialect"];
  let statistics = [
    Statistic<"launches", "launches", "launches in the host function">,
    Statistic<"functions", "functions", "kernel functions written">,
    Statistic<"tensorContractions", "tensor-contractions", "contractions on tensor cores">,
    Statistic<"tensorAttentions", "tensor-attentions", "attentions on tensor cores">,
    Statistic<"warpgroupContractions", "warpgroup-contractions",
              "contractions on the tensor cores of warpgroups">,
    Statistic<"splitContractions", "split-contractions",
              "contractions whose steps are shared by blocks">,
    Statistic<"chains", "chains", "chained contractions in one launch">
  ];
}

def FormChains : Pass<"strut-form-chains", "::strut::kernel::ProgramOp"> {
  let summary = "make one kernel of two products where what is between them stays on chip";
  let description = [{
    On tensors, for a `#cuda.target` from sm_80 on. Two `kernel.contract` become a `kernel.chain`,
    if

    1. each is one product without batches, for tensor cores;
    2. the first one's result is the left side of the second, and nothing else reads it;
    3. columns and steps are known in number, shared memory and registers have room for the columns
       between, and right sides are weights or inputs in rows of whole words;
    4. the first one's epilogue does not ask where it is;
    5. it then takes less than 0.9 of the time, by the description of the GPU: for the number of rows
       that is known; if that is open for few, and no more than 1.1 for many.
  }];
  let dependentDialects = ["::mlir::tensor::TensorDialect"];
  let statistics = [
    Statistic<"formedChains", "chains", "chains formed">
  ];
}

def SplitSteps : Pass<"strut-split-steps", "::strut::kernel::ProgramOp"> {
  let summary = "give products of few rows a workspace for the sums of parts of their steps";
  let description = [{
    On tensors, for a `#cuda.target` from sm_80 on. A product of up to 32 rows has few blocks, which
    cannot ask for all that memory could give them. With a workspace, segments of its steps are
    summed by blocks of their own, and those sums are added by a second kernel. A product gets one

    1. if it is one product of matrices, of known numbers of steps and columns, and has two segments
       at least;
    2. if it is of f32 in three products, whose sums are those of segments in any case; another one
       only if it never has more than 32 rows, for a row has the same bits whatever their number;
    3. if the weight then comes so much faster that a second launch and the way of the sums through
       memory are made up for, by the description of the GPU and its number of multiprocessors.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"];
  let statistics = [
    Statistic<"splitProducts", "products", "products that got a workspace">
  ];
}

def RoundFactors : Pass<"strut-round-factors", "::strut::kernel::ProgramOp"> {
  let summary = "store what products multiply in f16 or bf16";
  let description = [{
    On tensors, for a `#cuda.target` from sm_80 on whose precision is `f16` or `bf16`. The f32
    factors of `kernel.contract`, `kernel.grouped` and `kernel.attention` get that type, where a
    row of each has an even and known number of elements; sums and epilogues stay f32. Weights are
    stored rounded (`#cuda.rounded`), but for those that are read in parts, whose products stay
    as they are. Other factors are rounded by the kernel that makes them, if nothing but products
    reads them, else by a map of their own.
  }];
  let dependentDialects = ["::strut::gpu::CUDADialect", "::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect"];
  let statistics = [
    Statistic<"roundedProducts", "products", "kernels whose factors are rounded">,
    Statistic<"roundedWeights", "weights", "weights stored rounded">,
    Statistic<"roundedResults", "results", "results rounded by the kernel that makes them">
  ];
}

def ConvertToNVVM : Pass<"strut-convert-to-nvvm", "::strut::kernel::ProgramOp"> {
  let summary = "turn kernels and host function into the LLVM dialect";
  let description = [{
    On programs whose target is a `#cuda.target`. Kernel functions become `nvvm.kernel`
    functions with one parameter, the struct of their arguments, passed by value. A launch
    writes that struct to the stack and calls the runtime.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect"];
}

#endif // STRUT_GPU_PASSES
