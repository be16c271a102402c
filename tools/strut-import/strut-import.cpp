//===- strut-import.cpp - ONNX models as text ------------------------------===//
//
// strut-import model.onnx...         prints the module; several are separated by
//                                    "// -----", as strut-opt splits them
// strut-import --round-trip a b c    imports, prints, parses and prints again;
//                                    one line each: ok, refused or differs
//
// Lists of files may be given as @list.
//
//===----------------------------------------------------------------------===//

#include "dialects/Onnx/Onnx.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "strut/Import/Import.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"

using namespace mlir;

namespace {
llvm::cl::list<std::string> files(llvm::cl::Positional, llvm::cl::OneOrMore,
                                  llvm::cl::desc("<model.onnx>..."));
llvm::cl::opt<int> opset("opset", llvm::cl::desc("version to convert to (default: the newest)"));
llvm::cl::opt<bool> noConvert("no-convert", llvm::cl::desc("keep the model's own versions"));
llvm::cl::opt<bool> locations("locations", llvm::cl::desc("print the names of nodes"));
llvm::cl::opt<bool> roundTrip("round-trip", llvm::cl::desc("check that the text can be read back"));

FailureOr<OwningOpRef<ModuleOp>> import(StringRef file, MLIRContext &context) {
  strut::ImportOptions options;
  options.opset = opset;
  options.convert = !noConvert;
  return strut::importModel(file, context, options);
}

std::string text(ModuleOp module) {
  std::string result;
  llvm::raw_string_ostream os(result);
  OpPrintingFlags flags;
  if (locations)
    flags.enableDebugInfo();
  module->print(os, flags);
  return result;
}

/// Whether the text of a module reads back as the same text.
bool readsBack(const std::string &first, MLIRContext &context) {
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(first, &context);
  return module && text(*module) == first;
}

/// One line on `file`. False if the text does not read back.
bool report(StringRef file, MLIRContext &context) {
  std::string message;
  unsigned errors = 0;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() != DiagnosticSeverity::Error)
      return;
    if (errors++ == 0)
      llvm::raw_string_ostream(message) << diagnostic.getLocation() << ": " << diagnostic;
  });
  // Told beforehand, so that a crash names its file.
  llvm::outs() << file << ": ";
  llvm::outs().flush();
  FailureOr<OwningOpRef<ModuleOp>> module = import(file, context);
  if (failed(module)) {
    llvm::outs() << "refused: " << (errors ? message : "without a message") << "\n";
    return errors > 0;
  }
  bool ok = readsBack(text(**module), context);
  llvm::outs() << (ok ? "ok" : "differs") << "\n";
  return ok;
}
} // namespace

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  llvm::cl::ParseCommandLineOptions(argc, argv, "Strut's importer of ONNX models\n");
  MLIRContext context(MLIRContext::Threading::DISABLED);
  bool ok = true;
  for (const std::string &file : files) {
    if (roundTrip) {
      ok &= report(file, context);
      continue;
    }
    FailureOr<OwningOpRef<ModuleOp>> module = import(file, context);
    if (failed(module))
      return 1;
    llvm::outs() << (&file == &files.front() ? "" : "// -----\n") << text(**module) << "\n";
  }
  return ok ? 0 : 1;
}
