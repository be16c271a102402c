//===- strut.cpp - the command line tool -----------------------------------===//
//
// Options and nothing else: each subcommand is a function of lib/Driver.
//
//===----------------------------------------------------------------------===//

#include "strut/Driver/Commands.h"
#include "strut/Driver/Compile.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace strut::driver;

static cl::SubCommand compileCommand("compile", "Compile a model to a native library");
static cl::SubCommand runCommand("run", "Run a compiled model on arrays from files");
static cl::SubCommand benchCommand("bench", "Measure how fast a compiled model runs");
static cl::SubCommand verifyCommand("verify", "Compare a model with ONNX Runtime, node by node");
static cl::SubCommand inspectCommand("inspect", "Show what is in a model or a compiled model");

static cl::SubCommand explainCommand("explain", "Show what was recognised, rewritten and chosen");
static cl::SubCommand calibrateCommand("calibrate",
                                       "Measure this machine, for the choice of forms");

static cl::opt<std::string> file(cl::Positional, cl::desc("<model>"), cl::Required,
                                 cl::sub(compileCommand), cl::sub(runCommand),
                                 cl::sub(benchCommand), cl::sub(verifyCommand),
                                 cl::sub(inspectCommand), cl::sub(explainCommand));
static cl::opt<std::string> output("o", cl::desc("Output file"), cl::value_desc("file"),
                                   cl::sub(compileCommand), cl::sub(runCommand),
                                   cl::sub(calibrateCommand));
static cl::alias outputLong("output", cl::desc("The same as -o"), cl::aliasopt(output));
static cl::list<std::string> dims("dim", cl::desc("Size of a symbolic dimension"),
                                  cl::value_desc("name=size"), cl::sub(compileCommand),
                                  cl::sub(runCommand), cl::sub(benchCommand),
                                  cl::sub(verifyCommand), cl::sub(inspectCommand),
                                  cl::sub(explainCommand));
static cl::opt<int> threads("threads", cl::desc("Threads (0: one per available CPU)"),
                            cl::value_desc("n"), cl::sub(compileCommand), cl::sub(runCommand),
                            cl::sub(benchCommand), cl::sub(verifyCommand),
                            cl::sub(calibrateCommand));
static cl::opt<bool> asJSON("json", cl::desc("Write JSON"), cl::sub(compileCommand),
                            cl::sub(benchCommand), cl::sub(inspectCommand),
                            cl::sub(explainCommand));

static cl::opt<CompileOptions::Emit>
    emit("emit", cl::desc("What to write"), cl::init(CompileOptions::Artifact),
         cl::values(clEnumValN(CompileOptions::MlirOnnx, "mlir-onnx", "the model as imported"),
                    clEnumValN(CompileOptions::MlirLayer, "mlir-layer", "what it means"),
                    clEnumValN(CompileOptions::MlirKernel, "mlir-kernel", "what runs"),
                    clEnumValN(CompileOptions::MlirGpu, "mlir-gpu",
                               "host function and kernels for an NVIDIA GPU"),
                    clEnumValN(CompileOptions::Llvm, "llvm", "LLVM IR"),
                    clEnumValN(CompileOptions::Asm, "asm", "assembly"),
                    clEnumValN(CompileOptions::Ptx, "ptx", "kernels for an NVIDIA GPU"),
                    clEnumValN(CompileOptions::Cubin, "cubin", "their machine code, by ptxas")),
         cl::sub(compileCommand));
static cl::opt<std::string> target("target", cl::desc("Target of the library (default: this one)"),
                                   cl::value_desc("triple"), cl::sub(compileCommand));
static cl::opt<std::string> cpu("target-cpu", cl::desc("CPU, or native"), cl::value_desc("name"),
                                cl::sub(compileCommand));
static cl::list<std::string> gpuArchs("gpu-arch", cl::CommaSeparated,
                                      cl::desc("Add code for NVIDIA GPUs: sm_80 or the like, "
                                               "several by commas; emulate for the emulator"),
                                      cl::value_desc("name,..."), cl::sub(compileCommand),
                                      cl::sub(explainCommand));
static cl::opt<std::string> precision("precision",
                                      cl::desc("Of products of f32 on a GPU: f32 (default), or "
                                               "tf32, f16 or bf16, which operands are rounded to"),
                                      cl::value_desc("name"), cl::sub(compileCommand));
static cl::opt<bool> noCpu("no-cpu", cl::desc("With --gpu-arch: leave out the code for the CPU"),
                           cl::sub(compileCommand));
static cl::opt<std::string> device("device",
                                   cl::desc("cpu, cuda, cuda:N, or emulate for a GPU "
                                            "without one (default: a GPU, if the model "
                                            "has code for one that is here; of bench and "
                                            "verify the CPU)"),
                                   cl::value_desc("name"), cl::sub(runCommand),
                                   cl::sub(benchCommand), cl::sub(verifyCommand));
static cl::opt<std::string> name("name", cl::desc("Name in the C header (default: the output's)"),
                                 cl::value_desc("identifier"), cl::sub(compileCommand));
static cl::list<std::string> aliases("alias",
                                     cl::desc("An output that is an input, updated in place"),
                                     cl::value_desc("output=input"), cl::sub(compileCommand));
static cl::opt<std::string>
    machine("machine",
            cl::desc("Description of the machine by which forms are chosen (default: what "
                     "calibrate measured, or the target CPU's)"),
            cl::value_desc("file or name"), cl::sub(compileCommand), cl::sub(explainCommand));
static cl::opt<std::string>
    sizeBudget("size-budget",
               cl::desc("How much weights may grow to keep several forms (default 20%)"),
               cl::value_desc("20% or 64M"), cl::sub(compileCommand), cl::sub(explainCommand));
static cl::opt<bool>
    reducedPrecision("reduced-precision",
                     cl::desc("Rewrite layers of f16 and bf16 as those of f32, though combined "
                              "weights lose bits there"),
                     cl::sub(compileCommand), cl::sub(explainCommand));
static cl::list<int64_t> rows("M",
                              cl::desc("Numbers of rows for which times are predicted "
                                       "(default 1,16,256)"),
                              cl::value_desc("n,..."), cl::CommaSeparated, cl::sub(explainCommand));
static cl::opt<std::string> htmlFile("html", cl::desc("Write one page with graphs and plots"),
                                     cl::value_desc("file.html"), cl::sub(explainCommand));
static cl::opt<double>
    compress("compress",
             cl::desc("Make factors of dense weights within this relative error (approximate)"),
             cl::value_desc("error"), cl::init(0), cl::sub(compileCommand));
static cl::opt<bool> timing("timing", cl::desc("Report the time of each stage"),
                            cl::sub(compileCommand));
static cl::opt<bool> allowScalar("allow-scalar-loops",
                                 cl::desc("Warn of kernels that could not be vectorised"),
                                 cl::sub(compileCommand));
static cl::opt<std::string>
    reproducer("crash-reproducer",
               cl::desc("Where a crash leaves module and passes (default: beside the output); "
                        "a pass that fails leaves them there too"),
               cl::value_desc("file"), cl::sub(compileCommand));
static cl::opt<bool> noReproducer("no-crash-reproducer", cl::desc("Let crashes crash"),
                                  cl::sub(compileCommand));
static cl::opt<bool> checkOnly("check-only", cl::desc("List what is unsupported and stop"),
                               cl::sub(compileCommand));

static cl::list<std::string> inputs("input",
                                    cl::desc("name=file.npy, name=file.npz, or an .npz whose "
                                             "arrays are named like inputs"),
                                    cl::value_desc("input"), cl::sub(runCommand),
                                    cl::sub(benchCommand), cl::sub(verifyCommand));
static cl::opt<bool> useRandom("random", cl::desc("Make up the inputs that are not given"),
                               cl::sub(runCommand), cl::sub(benchCommand), cl::sub(verifyCommand));
static cl::opt<uint64_t> seed("seed", cl::desc("Seed of made-up inputs"), cl::value_desc("n"),
                              cl::sub(runCommand), cl::sub(benchCommand), cl::sub(verifyCommand));
static cl::opt<bool> profiling("profile",
                               cl::desc("Time every kernel and print a table by ONNX node"),
                               cl::sub(runCommand));
static cl::opt<std::string>
    trace("trace", cl::desc("With --profile: one run as a trace for Perfetto or chrome://tracing"),
          cl::value_desc("file.json"), cl::sub(runCommand));
static cl::opt<double> seconds("time", cl::desc("Seconds of measured runs (default 1)"),
                               cl::value_desc("s"), cl::init(1), cl::sub(benchCommand));
static cl::opt<std::string> against("against",
                                    cl::desc("Another compiled model that takes turns with this "
                                             "one, with inputs of the same names"),
                                    cl::value_desc("model.so"), cl::sub(benchCommand));
static cl::opt<double> rtol("rtol", cl::desc("Tolerated part of a value"), cl::init(1e-4),
                            cl::sub(verifyCommand));
static cl::opt<double> absolute("atol", cl::desc("Tolerated part of a tensor's root mean square"),
                                cl::init(1e-4), cl::sub(verifyCommand));

static Expected<DimValues> dimValues() {
  DimValues values;
  for (const std::string &text : dims) {
    auto dim = parseDim(text);
    if (!dim)
      return dim.takeError();
    values.push_back(std::move(*dim));
  }
  return values;
}

static InputOptions inputOptions(DimValues values) {
  return {std::vector<std::string>(inputs), useRandom, seed, std::move(values)};
}

static Error runCompile(DimValues values) {
  CompileOptions options;
  options.input = file;
  options.output = output;
  options.emit = emit;
  options.triple = target;
  options.cpu = cpu;
  options.gpuArchs = gpuArchs;
  options.precision = precision;
  options.noCpu = noCpu;
  options.dims = std::move(values);
  for (StringRef text : aliases) {
    auto [out, in] = text.split('=');
    if (out.empty() || in.empty())
      return createStringError("--alias " + text + ": expected output=input");
    options.aliases.emplace_back(out, in);
  }
  options.name = name;
  options.compress = compress;
  options.machine = machine;
  options.sizeBudget = sizeBudget;
  options.reducedPrecision = reducedPrecision;
  options.threads = threads;
  options.timing = timing;
  options.checkOnly = checkOnly;
  options.json = asJSON;
  options.allowScalarLoops = allowScalar;
  options.crash.recover = !noReproducer;
  options.crash.onAnyFailure = !reproducer.empty();
  options.crash.file = reproducer.empty() ? defaultReproducer(file, output) : reproducer;
  if (emit == CompileOptions::Artifact && output.empty() && !checkOnly)
    return createStringError("say where the library goes: -o FILE.so (or .a, .o)");
  return compile(options, errs());
}

/// Takes the options that LLVM's libraries register out of the top level's help.
static void hideLibraryOptions() {
  for (auto &entry : cl::getRegisteredOptions())
    if (!is_contained({"help", "help-list", "version"}, entry.first))
      entry.second->setHiddenFlag(cl::ReallyHidden);
}

/// The path of this program, for what it starts.
static std::string self(const char *argv0) {
  static int inside;
  return sys::fs::getMainExecutable(argv0, &inside);
}

static Expected<int> dispatch(const char *argv0) {
  Expected<DimValues> values = dimValues();
  if (!values)
    return values.takeError();
  Error error = Error::success();
  if (threads < 0)
    error = joinErrors(std::move(error), createStringError("the number of threads is negative"));
  else if (compileCommand)
    error = joinErrors(std::move(error), runCompile(std::move(*values)));
  else if (runCommand)
    error = joinErrors(std::move(error),
                       run({file, inputOptions(*values), threads, device, output, profiling, trace},
                           outs(), errs()));
  else if (benchCommand)
    error = joinErrors(std::move(error),
                       bench({file, inputOptions(*values), threads,
                              device.empty() ? "cpu" : device.getValue(), seconds, asJSON, against},
                             outs(), errs()));
  else if (inspectCommand)
    error = joinErrors(std::move(error), inspect({file, *values, asJSON}, outs(), errs()));
  else if (explainCommand && gpuArchs.size() > 1)
    error = joinErrors(std::move(error),
                       createStringError("strut explain takes one --gpu-arch at a time"));
  else if (explainCommand)
    error = joinErrors(
        std::move(error),
        explain({file, *values, std::vector<int64_t>(rows), machine, sizeBudget, reducedPrecision,
                 gpuArchs.empty() ? "" : gpuArchs.front(), asJSON, htmlFile},
                outs(), errs()));
  else if (calibrateCommand)
    error = joinErrors(std::move(error), calibrate({output, threads}, outs(), errs()));
  else if (verifyCommand)
    return verify({file, inputOptions(*values), rtol, absolute, threads, device, self(argv0)},
                  errs());
  if (error)
    return std::move(error);
  return 0;
}

int main(int argc, char **argv) {
  cl::SetVersionPrinter([](raw_ostream &out) { out << "strut " STRUT_VERSION "\n"; });
  hideLibraryOptions();
  cl::ParseCommandLineOptions(argc, argv, "compiles neural networks to native libraries\n");
  if (!compileCommand && !runCommand && !benchCommand && !inspectCommand && !verifyCommand &&
      !calibrateCommand && !explainCommand) {
    WithColor::error() << "no command: say strut compile, run, bench, verify, inspect, "
                          "explain or calibrate; strut --help shows more\n";
    return 1;
  }
  Expected<int> code = dispatch(argv[0]);
  outs().flush();
  // A result that did not reach its reader (a full disk behind >) is a failure.
  if (outs().has_error()) {
    std::error_code why = outs().error();
    outs().clear_error();
    consumeError(code.takeError());
    WithColor::error() << "cannot write to standard output: " << why.message() << "\n";
    return 1;
  }
  if (code)
    return *code;
  WithColor::error() << toString(code.takeError()) << "\n";
  return 1;
}
