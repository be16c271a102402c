//===- Reproducer.cpp - what a crash of the compiler leaves ----------------===//
//
// MLIR's pass manager recovers from crashes and writes reproducers, but does so for
// every failed pass. Most failures are answers to a model and say what is wrong with
// it; here a file is written for those that are bugs of the compiler.
//
//===----------------------------------------------------------------------===//

#include "strut/Driver/Reproducer.h"
#include "Module.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "strut/Driver/Output.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace strut::driver;

namespace {

/// What is known of passes while they run, and of their end.
struct Watch {
  SmallVector<mlir::Pass *> running; ///< from outside in; left over by a crash
  std::string culprit;               ///< the innermost pass that began last
  bool returned = false;             ///< some pass has ended by saying that it failed
  bool explained = false;            ///< some error was reported
  bool verifying = false;            ///< the innermost pass has done its work
  bool invalid = false;              ///< what it left does not verify
  bool summing = false;              ///< the pass manager sums up what happened
  bool written = false;              ///< there is a reproducer
  std::string unwritten;             ///< why there is none

  bool crashed() const { return !running.empty() && !returned; }
  bool isBug() const { return crashed() || invalid || !explained; }
};

/// Keeps the watch up to date.
class Watcher : public mlir::PassInstrumentation {
public:
  explicit Watcher(Watch &watch) : watch(watch) {}

  void runBeforePass(mlir::Pass *pass, mlir::Operation *) override {
    watch.running.push_back(pass);
    if (!pass->getArgument().empty()) // adaptors, which run nested passes, have none
      watch.culprit = pass->getArgument().str();
  }
  void runAfterPass(mlir::Pass *, mlir::Operation *) override { watch.running.pop_back(); }
  void runAfterPassFailed(mlir::Pass *, mlir::Operation *) override {
    watch.returned = true;
    watch.running.pop_back();
  }

private:
  Watch &watch;
};

/// Takes the reproducer from the pass manager and writes the file if it is wanted:
/// at once, for when a thread has crashed that the pass manager does not know (one
/// that runs folded constants), it asks for this from a handler of the signal.
class Recorder : public mlir::ReproducerStream {
public:
  Recorder(Watch &watch, const CrashOptions &options) : watch(watch), options(options) {
    watch.summing = true;
  }
  ~Recorder() override {
    if (options.file.empty() || !(watch.isBug() || options.onAnyFailure))
      return;
    Error error = writeFile(options.file, [&](raw_pwrite_stream &out) {
      out << text;
      return Error::success();
    });
    watch.written = !error;
    watch.unwritten = toString(std::move(error));
  }

  StringRef description() override { return options.file; }
  raw_ostream &os() override { return stream; }

private:
  Watch &watch;
  const CrashOptions &options;
  std::string text;
  raw_string_ostream stream{text};
};

/// The error of passes that have failed, given what they reported.
Error describe(const Watch &watch, StringRef stage, Diagnostics &diagnostics,
               const CrashOptions &options) {
  std::string pass = "pass '" + watch.culprit + "' of the stage '" + stage.str() + "'";
  std::string bug;
  if (watch.crashed())
    bug = "the compiler crashed in the " + pass;
  else if (watch.invalid)
    bug = "the " + pass + " made invalid code of the model";
  else if (!watch.explained)
    bug = "the " + pass + " failed and does not say why";
  std::string message = toString(diagnostics.take(bug));
  if (!bug.empty()) {
    if (message != bug)
      message += "\n" + bug;
    message += "; this is a bug of the compiler";
  }
  if (watch.written)
    message += "\nto see it again, or to report it: strut-opt --run-reproducer " + options.file;
  else if (!watch.unwritten.empty())
    message += "\n" + watch.unwritten;
  return createStringError(message);
}

} // namespace

PassesResult strut::driver::runPasses(std::unique_ptr<mlir::PassManager> manager,
                                      mlir::ModuleOp module, StringRef stage,
                                      const CrashOptions &options, raw_ostream &log) {
  mlir::MLIRContext *context = module.getContext();
  Watch watch;
  Diagnostics diagnostics(*context, &log);
  mlir::ScopedDiagnosticHandler handler(context, [&](mlir::Diagnostic &diagnostic) {
    if (watch.summing) // says less than describe() does
      return mlir::success();
    if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error) {
      watch.invalid |= watch.verifying && !watch.explained;
      watch.explained = true;
    }
    return mlir::failure();
  });
  // The work of a pass is an action, the verification of what it leaves comes after.
  context->registerActionHandler(
      [&](function_ref<void()> work, const mlir::tracing::Action &action) {
        bool isPass = isa<mlir::PassExecutionAction>(action);
        if (isPass)
          watch.verifying = false;
        work();
        if (isPass)
          watch.verifying = true;
      });
  llvm::scope_exit unregister([&] { context->registerActionHandler(nullptr); });
  if (options.recover)
    manager->enableCrashReproducerGeneration(
        [&](std::string &) { return std::make_unique<Recorder>(watch, options); });
  // Added last, it hears of a failure before the pass manager's own instrumentation,
  // which then asks for the reproducer.
  manager->addInstrumentation(std::make_unique<Watcher>(watch));
  PassesResult result;
  if (succeeded(manager->run(module)))
    return result;
  result.crashed = watch.crashed();
  result.error = joinErrors(std::move(result.error), describe(watch, stage, diagnostics, options));
  if (result.crashed) // its passes are in the middle of something
    (void)manager.release();
  return result;
}

std::string strut::driver::defaultReproducer(StringRef input, StringRef output) {
  sys::fs::file_status status;
  bool isFile = !output.empty() && output != "-" &&
                (sys::fs::status(output, status) || sys::fs::is_regular_file(status));
  return (isFile ? output : sys::path::filename(input)).str() + ".crash.mlir";
}
