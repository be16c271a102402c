/*===- strut/CAPI/strut_compiler.h - The compiler's C API ---------------------===
 *
 * What libStrut.so offers to other languages: a model file in, a native library
 * out. Running that library needs strut/Runtime/strut.h and not the compiler.
 *===--------------------------------------------------------------------------===*/
#ifndef STRUT_CAPI_STRUT_COMPILER_H
#define STRUT_CAPI_STRUT_COMPILER_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A symbolic dimension fixed at compile time. */
typedef struct StrutCompileDim {
  const char *name;
  int64_t size;
} StrutCompileDim;

/** An output that is an input with some elements changed (a cache): it may lie in the
 * input's memory, which a run then updates. */
typedef struct StrutCompileAlias {
  const char *output;
  const char *input;
} StrutCompileAlias;

/** Strings may be null, which is the default of each. Start from zeros and set
 * `struct_size`: fields are only ever appended, and one that a caller does not
 * know yet is zero. */
typedef struct StrutCompileOptions {
  uint32_t struct_size; /**< sizeof(StrutCompileOptions) */
  int32_t threads;      /**< of the compiler; 0: one per CPU that the process may use */
  const char *input;    /**< model.onnx or an emitted MLIR stage; required */
  const char *output;   /**< .so, .a or .o; for a stage any file, null: standard output */
  const char *emit;     /**< null for a library, or mlir-onnx, mlir-layer, mlir-kernel, mlir-gpu,
                             llvm, asm, ptx, cubin */
  const char *target;   /**< LLVM triple; default: this machine's */
  const char *cpu;      /**< LLVM CPU name; default: native */
  const char *name;     /**< in the exported table and the header; default: the output's */
  const StrutCompileDim *dims;
  int32_t num_dims;
  int32_t check_only; /**< not 0: stop after the check for unsupported nodes */
  const StrutCompileAlias *aliases;
  int32_t num_aliases;
  double compress;         /**< largest relative error of a dense weight that may become factors,
                                0: none may */
  const char *machine;     /**< description by which forms are chosen, a file or a name;
                                default: what `strut calibrate` measured, or the CPU's */
  const char *size_budget; /**< by how much weights may grow to keep several forms of a
                                layer: "20%" (the default), or bytes as "64M" */
  const char *const *gpu_archs; /**< NVIDIA GPUs to add code for: "sm_80", which later ones run
                                     too; "emulate" for the emulator */
  int32_t num_gpu_archs;
  int32_t no_cpu;            /**< not 0: leave out the code for the CPU */
  const char *precision;     /**< of a GPU's products of f32: "f32" (the default), "tf32",
                              *   "f16" or "bf16", which operands are rounded to */
  int32_t reduced_precision; /**< not 0: combine weights of f16 and bf16 as those of f32, though
                                  they lose bits (docs/rewrites.md) */
} StrutCompileOptions;

/** Compiles. Returns null, or the message of the failure, to be given to
 * strutFreeMessage. Several threads may compile at once. */
char *strutCompile(const StrutCompileOptions *options);

/** What to explain; as for StrutCompileOptions. */
typedef struct StrutExplainOptions {
  uint32_t struct_size; /**< sizeof(StrutExplainOptions) */
  int32_t num_rows;
  const char *input;   /**< model.onnx, or a stage before the kernels; required */
  const int64_t *rows; /**< numbers of rows for which times are predicted; null: 1, 16, 256 */
  const StrutCompileDim *dims; /**< at which kernels and memory are shown; 1 for the others */
  int32_t num_dims;
  int32_t reserved;
  const char *machine;       /**< as in StrutCompileOptions */
  const char *size_budget;   /**< as in StrutCompileOptions */
  const char *html;          /**< a file for the page; null: none */
  const char *gpu_arch;      /**< explain code for this GPU ("sm_90a"); null: for the CPU */
  int32_t reduced_precision; /**< as in StrutCompileOptions */
} StrutExplainOptions;

/** Explains a model. Returns null and sets `*json` to a text of JSON (docs/explain.md), or
 * returns the message of the failure. Both are to be given to strutFreeMessage. */
char *strutExplain(const StrutExplainOptions *options, char **json);

void strutFreeMessage(char *message);

/** The compiler's version, "0.1.0". */
const char *strutCompilerVersion(void);

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* STRUT_CAPI_STRUT_COMPILER_H */
