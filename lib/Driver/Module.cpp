//===- Module.cpp - any input of the compiler as a module ------------------===//

#include "Module.h"
#include "dialects/Onnx/Onnx.h"
#include "mlir/Bytecode/BytecodeReader.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "strut/Driver/Register.h"
#include "strut/Import/Import.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

using namespace llvm;
using namespace strut::driver;

/// "model.onnx: ", "stage.mlir:3:7: " or "node 'conv1': ".
static std::string placeOf(mlir::Location location) {
  StringRef node = strut::onnx_ir::nodeNameOf(location);
  if (!node.empty())
    return ("node '" + node + "': ").str();
  auto file = location->findInstanceOf<mlir::FileLineColLoc>();
  if (!file)
    return "";
  std::string text = file.getFilename().str();
  if (file.getLine() > 0)
    text += ":" + std::to_string(file.getLine()) + ":" + std::to_string(file.getColumn());
  return text + ": ";
}

Diagnostics::Diagnostics(mlir::MLIRContext &context, raw_ostream *warnings)
    : handler(&context, [this, warnings](mlir::Diagnostic &diagnostic) {
        std::string message = placeOf(diagnostic.getLocation()) + diagnostic.str();
        if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error)
          messages.push_back(message);
        else if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Warning && warnings)
          *warnings << "warning: " << message << "\n";
        return mlir::success();
      }) {
  context.printOpOnDiagnostic(false);
}

Error Diagnostics::take(const std::string &otherwise) {
  constexpr size_t most = 30;
  std::string text;
  for (const std::string &message : ArrayRef(messages).take_front(most))
    text += (text.empty() ? "" : "\n") + message;
  if (messages.size() > most)
    text += "\nand " + std::to_string(messages.size() - most) + " more";
  messages.clear();
  return createStringError(text.empty() ? otherwise : text);
}

namespace {

/// Remarks as lines of a log.
class RemarkLog : public mlir::remark::detail::MLIRRemarkStreamerBase {
public:
  explicit RemarkLog(raw_ostream &log) : log(log) {}
  void streamOptimizationRemark(const mlir::remark::detail::Remark &remark) override {
    log << placeOf(remark.getLocation());
    for (const auto &part : remark.getArgs())
      log << part.val;
    log << "\n";
  }

private:
  raw_ostream &log;
};

} // namespace

void strut::driver::reportRemarks(mlir::MLIRContext &context, StringRef category,
                                  raw_ostream &log) {
  mlir::remark::RemarkCategories categories;
  categories.passed = categories.missed = category.str();
  // Fails for a pattern that is no regular expression.
  mlir::LogicalResult enabled = mlir::remark::enableOptimizationRemarks(
      context, std::make_unique<RemarkLog>(log),
      std::make_unique<mlir::remark::RemarkEmittingPolicyAll>(), categories);
  assert(succeeded(enabled));
  (void)enabled;
}

Expected<mlir::OwningOpRef<mlir::ModuleOp>> strut::driver::readModule(const std::string &path,
                                                                      mlir::MLIRContext &context) {
  sys::fs::file_status status;
  if (std::error_code code = sys::fs::status(path, status))
    return createStringError("cannot read '" + path + "': " + code.message());
  if (!sys::fs::is_regular_file(status))
    return createStringError("cannot read '" + path + "': it is not a file");
  auto head = MemoryBuffer::getFileSlice(path, std::min<uint64_t>(status.getSize(), 4), 0);
  if (!head)
    return createStringError("cannot read '" + path + "': " + head.getError().message());
  bool stage = mlir::isBytecode(**head) || StringRef(path).ends_with(".mlir") ||
               StringRef(path).ends_with(".mlirbc");
  Diagnostics diagnostics(context);
  mlir::OwningOpRef<mlir::ModuleOp> module;
  if (stage) {
    mlir::DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    // The sections of bytecode that hold weights ask for an aligned buffer, which lives on.
    std::string problem;
    auto buffer = mlir::openInputFile(path, Align(64), &problem);
    if (!buffer)
      return createStringError("cannot read '" + path + "': " + problem);
    auto sources = std::make_shared<SourceMgr>();
    sources->AddNewSourceBuffer(std::move(buffer), SMLoc());
    module = mlir::parseSourceFile<mlir::ModuleOp>(sources, &context);
  } else if (auto imported = importModel(path, context); succeeded(imported)) {
    module = std::move(*imported);
  }
  if (!module)
    return diagnostics.take("cannot read '" + path + "'");
  return module;
}
