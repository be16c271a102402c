//===- Compile.cpp - a model file to a native library ----------------------===//

#include "strut/Driver/Compile.h"
#include "Module.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/AsmState.h"
#include "strut/Driver/Output.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace strut::driver;

/// Writes a stage as text, or as bytecode where the name asks for it.
static Error writeStage(mlir::ModuleOp module, const std::string &path) {
  return writeFile(path.empty() ? "-" : path, [&](raw_pwrite_stream &stream) -> Error {
    if (!StringRef(path).ends_with(".mlirbc")) {
      module->print(stream, mlir::OpPrintingFlags().enableDebugInfo());
      stream << "\n";
      return Error::success();
    }
    if (failed(mlir::writeBytecodeToFile(module, stream)))
      return createStringError("cannot write '" + path + "' as bytecode");
    return Error::success();
  });
}

Error strut::driver::compile(const CompileOptions &options, raw_ostream &log) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  auto module = readModule(options.input, context);
  if (!module)
    return module.takeError();
  if (options.emit == CompileOptions::MlirOnnx)
    return writeStage(**module, options.output);
  return createStringError("only --emit mlir-onnx is there yet");
}
