//===- Compiler.cpp - the compiler's C API ---------------------------------===//

#include "strut/CAPI/strut_compiler.h"
#include "strut/Driver/Commands.h"
#include "strut/Driver/Compile.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/raw_ostream.h"
#include <cstddef>
#include <cstring>
#include <optional>

using namespace llvm;
using namespace strut::driver;

static std::string text(const char *given) { return given ? given : ""; }

/// The options as this version has them: a caller may have been compiled against an
/// older header, or a newer one as long as it asks for nothing that is unknown here.
static Expected<StrutCompileOptions> known(const StrutCompileOptions *caller) {
  constexpr size_t firstVersion = offsetof(StrutCompileOptions, aliases);
  StrutCompileOptions given = {};
  if (caller->struct_size < firstVersion)
    return createStringError("StrutCompileOptions::struct_size is not set");
  StringRef bytes(reinterpret_cast<const char *>(caller), caller->struct_size);
  memcpy(&given, bytes.data(), std::min(bytes.size(), sizeof given));
  if (bytes.drop_front(std::min(bytes.size(), sizeof given)).find_first_not_of('\0') !=
      StringRef::npos)
    return createStringError("StrutCompileOptions has fields that libStrut " STRUT_VERSION
                             " does not know");
  if (given.num_dims < 0 || (given.num_dims && !given.dims) || given.num_aliases < 0 ||
      (given.num_aliases && !given.aliases) || given.num_gpu_archs < 0 ||
      (given.num_gpu_archs && !given.gpu_archs))
    return createStringError("StrutCompileOptions has a count without an array");
  return given;
}

static Expected<CompileOptions> optionsOf(const StrutCompileOptions &given) {
  CompileOptions options;
  options.input = text(given.input);
  if (options.input.empty())
    return createStringError("no model is given");
  options.output = text(given.output);
  auto emit = StringSwitch<std::optional<CompileOptions::Emit>>(text(given.emit))
                  .Case("", CompileOptions::Artifact)
                  .Case("mlir-onnx", CompileOptions::MlirOnnx)
                  .Case("mlir-layer", CompileOptions::MlirLayer)
                  .Case("mlir-kernel", CompileOptions::MlirKernel)
                  .Case("mlir-gpu", CompileOptions::MlirGpu)
                  .Case("llvm", CompileOptions::Llvm)
                  .Case("asm", CompileOptions::Asm)
                  .Case("ptx", CompileOptions::Ptx)
                  .Case("cubin", CompileOptions::Cubin)
                  .Default(std::nullopt);
  if (!emit)
    return createStringError("'" + text(given.emit) + "' is nothing that can be emitted");
  options.emit = *emit;
  if (options.emit == CompileOptions::Artifact && options.output.empty() && !given.check_only)
    return createStringError("no output is given");
  options.triple = text(given.target);
  if (given.cpu)
    options.cpu = given.cpu;
  options.name = text(given.name);
  options.compress = given.compress;
  options.machine = text(given.machine);
  options.sizeBudget = text(given.size_budget);
  options.threads = given.threads;
  options.checkOnly = given.check_only;
  for (const StrutCompileDim &dim : ArrayRef(given.dims, given.num_dims))
    options.dims.emplace_back(text(dim.name), dim.size);
  for (const StrutCompileAlias &alias : ArrayRef(given.aliases, given.num_aliases))
    options.aliases.emplace_back(text(alias.output), text(alias.input));
  for (const char *arch : ArrayRef(given.gpu_archs, given.num_gpu_archs))
    options.gpuArchs.push_back(text(arch));
  options.noCpu = given.no_cpu;
  options.precision = text(given.precision);
  options.reducedPrecision = given.reduced_precision;
  return options;
}

char *strutCompile(const StrutCompileOptions *caller) {
  Expected<StrutCompileOptions> given = known(caller);
  Expected<CompileOptions> options = given ? optionsOf(*given) : given.takeError();
  Error error = options ? compile(*options, errs()) : options.takeError();
  if (!error)
    return nullptr;
  return strdup(toString(std::move(error)).c_str());
}

static Expected<ExplainOptions> optionsOf(const StrutExplainOptions *caller) {
  constexpr size_t firstVersion = offsetof(StrutExplainOptions, gpu_arch);
  if (caller->struct_size < firstVersion)
    return createStringError("StrutExplainOptions::struct_size is not set");
  StrutExplainOptions given = {};
  memcpy(&given, caller, std::min<size_t>(caller->struct_size, sizeof given));
  if (given.num_dims < 0 || (given.num_dims && !given.dims) || given.num_rows < 0 ||
      (given.num_rows && !given.rows))
    return createStringError("StrutExplainOptions has a count without an array");
  ExplainOptions options;
  options.model = text(given.input);
  if (options.model.empty())
    return createStringError("no model is given");
  for (const StrutCompileDim &dim : ArrayRef(given.dims, given.num_dims))
    options.dims.emplace_back(text(dim.name), dim.size);
  options.rows.assign(given.rows, given.rows + given.num_rows);
  options.machine = text(given.machine);
  options.sizeBudget = text(given.size_budget);
  options.json = true;
  options.html = text(given.html);
  options.gpuArch = text(given.gpu_arch);
  options.reducedPrecision = given.reduced_precision;
  return options;
}

char *strutExplain(const StrutExplainOptions *given, char **json) {
  *json = nullptr;
  std::string answer;
  raw_string_ostream out(answer);
  Expected<ExplainOptions> options = optionsOf(given);
  Error error = options ? explain(*options, out, errs()) : options.takeError();
  if (error)
    return strdup(toString(std::move(error)).c_str());
  *json = strdup(answer.c_str());
  return nullptr;
}

void strutFreeMessage(char *message) { free(message); }

const char *strutCompilerVersion(void) { return STRUT_VERSION; }
