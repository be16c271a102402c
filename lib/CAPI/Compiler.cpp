//===- Compiler.cpp - the compiler's C API ---------------------------------===//

#include "strut/CAPI/strut_compiler.h"
#include "strut/Driver/Compile.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/raw_ostream.h"
#include <cstring>
#include <optional>

using namespace llvm;
using namespace strut::driver;

static std::string text(const char *given) { return given ? given : ""; }

static Expected<CompileOptions> optionsOf(const StrutCompileOptions &given) {
  if (given.struct_size < sizeof(StrutCompileOptions))
    return createStringError("StrutCompileOptions::struct_size is not set");
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
                  .Case("llvm", CompileOptions::Llvm)
                  .Case("asm", CompileOptions::Asm)
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
  options.threads = given.threads;
  options.checkOnly = given.check_only;
  for (const StrutCompileDim &dim : ArrayRef(given.dims, given.num_dims))
    options.dims.emplace_back(text(dim.name), dim.size);
  return options;
}

char *strutCompile(const StrutCompileOptions *given) {
  Expected<CompileOptions> options = optionsOf(*given);
  Error error = options ? compile(*options, errs()) : options.takeError();
  if (!error)
    return nullptr;
  return strdup(toString(std::move(error)).c_str());
}

void strutFreeMessage(char *message) { free(message); }

const char *strutCompilerVersion(void) { return STRUT_VERSION; }
