//===- Explain.cpp - strut explain ------------------------------------------===//

#include "Explain.h"
#include "ExplainPage.h"
#include "Module.h"
#include "Pipeline.h"
#include "dialects/Onnx/Onnx.h"
#include "lib/Runtime/arena.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "strut/Cost/Layers.h"
#include "strut/Driver/Commands.h"
#include "strut/Driver/Compile.h"
#include "strut/Driver/Output.h"
#include "strut/Driver/Register.h"
#include "strut/GPU/CUDA.h"
#include "strut/GPU/Passes.h"
#include "strut/Import/Preflight.h"
#include "strut/Kernelize/Passes.h"
#include "strut/Pipeline/Pipeline.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include <map>

using namespace llvm;
using namespace strut;
using namespace strut::driver;

namespace {

/// One call of explainModel().
class Explanation {
public:
  Explanation(const ExplainOptions &options, raw_ostream &log) : options(options), log(log) {
    mlir::DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  Error run();
  json::Object answer;

private:
  Error runPasses(StringRef stage, function_ref<void(mlir::OpPassManager &)> build);
  Error explainLayers();
  Error explainKernels();
  Expected<std::string> program();
  Error nameFunctions(json::Array &kernels);
  Error takeDims();
  json::Value memoryPlan();

  const ExplainOptions &options;
  raw_ostream &log;
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  mlir::OwningOpRef<mlir::ModuleOp> module;
  cost::Machine machine;
  double weights = 0;
  SmallVector<int64_t> dims; ///< of @main at the kernel stage, in order
};

} // namespace

Error Explanation::runPasses(StringRef stage, function_ref<void(mlir::OpPassManager &)> build) {
  auto manager = std::make_unique<mlir::PassManager>(&context);
  build(*manager);
  return std::move(driver::runPasses(std::move(manager), *module, stage, {}, log).error);
}

Error Explanation::explainLayers() {
  json::Array graphs{graphOf(*module, "in the file")};
  if (Error error = runPasses("normalize", [](auto &pm) { pipeline::buildNormalizePipeline(pm); }))
    return error;
  rewrite::Options rewrites;
  rewrites.reducedPrecision = options.reducedPrecision;
  rewrites.machine = options.machine;
  if (!options.sizeBudget.empty())
    rewrites.sizeBudget = options.sizeBudget;
  if (Error error =
          runPasses("recognize", [&](auto &pm) { pipeline::buildLayerPipeline(pm, rewrites); }))
    return error;
  weights = cost::weightBytesOf(*module);
  graphs.push_back(graphOf(*module, "as Strut sees it"));
  answer["graphs"] = std::move(graphs);
  answer["weight_bytes"] = weights;
  answer["blocks"] = blocksOf(*module, cost::Setting(machine, weights), options.rows);
  answer["rewrites"] = rewritesOf(*module);
  answer["unrecognised"] = unrecognisedOf(*module);
  return Error::success();
}

/// The dimensions at the kernel stage: as asked for, else 1.
Error Explanation::takeDims() {
  auto main = module->lookupSymbol<mlir::func::FuncOp>("main");
  json::Object shown;
  SmallVector<std::string> names;
  for (auto symbol :
       main->getAttrOfType<mlir::ArrayAttr>(kernelize::kSymbolsAttr).getAsRange<mlir::StringAttr>())
    names.push_back(symbol.str());
  for (const auto &[name, size] : options.dims)
    if (!is_contained(names, name))
      return createStringError("the model has no dimension '" + name + "'; it has " +
                               (names.empty() ? "none" : join(names, ", ")));
  for (const std::string &name : names) {
    auto given = find_if(options.dims, [&](auto &dim) { return dim.first == name; });
    dims.push_back(given != options.dims.end() ? given->second : 1);
    shown[json::fixUTF8(name)] = dims.back();
  }
  answer["dims"] = std::move(shown);
  return Error::success();
}

/// Buffers with their places, and between which kernels they live; null where sizes are
/// no arithmetic on the dimensions.
json::Value Explanation::memoryPlan() {
  kernel::ProgramOp program = pipeline::getProgram(*module);
  std::optional<SmallVector<int64_t>> sizes = pipeline::foldBind(program, dims);
  auto main = program.lookupSymbol<mlir::func::FuncOp>("main");
  auto lifetimes = main->getAttrOfType<mlir::ArrayAttr>("strut.lifetimes");
  if (!sizes || !lifetimes)
    return nullptr;
  std::vector<StrutLifetime> lives;
  for (auto life : lifetimes.getAsRange<mlir::DenseI32ArrayAttr>())
    lives.push_back({life[0], life[1]});
  auto count = static_cast<int32_t>(lives.size());
  std::vector<int64_t> offsets(lives.size() + 1);
  std::vector<int32_t> scratch(2 * lives.size() + 1);
  int64_t peak =
      strut_arena_layout(count, lives.data(), sizes->data(), offsets.data(), scratch.data());
  // Positions count all operations; of those that hold kernels the picture is made.
  std::vector<int32_t> ends;
  for (const StrutLifetime &life : lives)
    ends.insert(ends.end(), {life.first, life.last});
  llvm::sort(ends);
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  auto stepOf = [&](int32_t position) {
    return static_cast<int64_t>(lower_bound(ends, position) - ends.begin());
  };
  std::vector<std::string> names(lives.size());
  unsigned firstOffset = main.getNumArguments() - static_cast<unsigned>(count);
  main.walk([&](mlir::memref::ViewOp view) {
    auto offset = mlir::dyn_cast<mlir::BlockArgument>(view.getByteShift());
    if (offset && offset.getArgNumber() >= firstOffset)
      names[offset.getArgNumber() - firstOffset] = join(nodesOf(view.getLoc()), " + ");
  });
  json::Array buffers;
  for (int32_t i = 0; i < count; ++i)
    buffers.push_back(json::Object{{"name", names[i]},
                                   {"bytes", (*sizes)[i]},
                                   {"offset", offsets[i]},
                                   {"first", stepOf(lives[i].first)},
                                   {"last", stepOf(lives[i].last)}});
  return json::Object{{"peak_bytes", peak},
                      {"steps", static_cast<int64_t>(ends.size())},
                      {"buffers", std::move(buffers)}};
}

/// The program that kernels are planned for.
Expected<std::string> Explanation::program() {
  if (options.gpuArch.empty()) {
    auto host = package::resolveTarget("", "");
    return host ? Expected<std::string>(pipeline::programFor(*host)) : host.takeError();
  }
  auto gpu = package::resolveGpuArch(options.gpuArch);
  return gpu ? Expected<std::string>(pipeline::programForGpu(*gpu)) : gpu.takeError();
}

/// Of a program for a GPU: the functions that each kernel launches, by their names in the code.
/// Both products of a chain have those of the chain.
Error Explanation::nameFunctions(json::Array &kernels) {
  DenseMap<int64_t, int64_t> middles; ///< the number of a middle's chain
  module->walk([&](kernel::ChainOp chain) {
    auto number = [&](StringRef name) {
      auto attribute = chain->getAttrOfType<mlir::IntegerAttr>(name);
      return attribute ? attribute.getInt() : -1;
    };
    middles[number(kernel::kMiddleNumberAttr)] = number(kernel::kNumberAttr);
  });
  if (Error error = runPasses("emit", [](mlir::OpPassManager &pm) {
        pm.nest<kernel::ProgramOp>().addPass(gpu::createEmitSimt());
      }))
    return error;
  DenseMap<int64_t, std::vector<std::string>> functions;
  module->walk([&](gpu::LaunchOp launch) {
    std::vector<std::string> &names = functions[launch.getNumber()];
    if (std::string name = launch.getKernel().getLeafReference().str(); !is_contained(names, name))
      names.push_back(std::move(name));
  });
  for (json::Value &value : kernels) {
    json::Object &kernel = *value.getAsObject();
    int64_t number = *kernel.getInteger("number");
    auto chain = middles.find(number);
    kernel["functions"] = json::Array(functions[chain == middles.end() ? number : chain->second]);
  }
  return Error::success();
}

Error Explanation::explainKernels() {
  Expected<std::string> planned = program();
  if (!planned)
    return planned.takeError();
  if (Error error = runPasses("kernelize", pipeline::buildKernelPipeline))
    return error;
  if (Error error = takeDims())
    return error;
  cost::Setting setting(machine, weights);
  json::Array kernels;
  for (const auto &[number, kernel] : enumerate(describeWork(*module))) {
    if (!kernel.runsAt(dims))
      continue;
    cost::Phase phase;
    phase.flops = kernel.flops.at(dims);
    // Weights are most of what a contraction reads, and lie where all weights do.
    double bytes = kernel.bytes.at(dims);
    (kernel.kind == "contract" ? phase.weightBytes : phase.valueBytes) = bytes;
    phase.rows = 64;
    kernels.push_back(json::Object{{"number", static_cast<int64_t>(number)},
                                   {"name", json::fixUTF8(kernel.name)},
                                   {"kind", kernel.kind},
                                   {"flops", phase.flops},
                                   {"bytes", bytes},
                                   {"predicted_us", 1e6 * cost::timeOf(phase, setting)}});
  }
  if (Error error = runPasses("plan", [&](auto &pm) { pipeline::buildPlanPipeline(pm, *planned); }))
    return error;
  answer["memory"] = memoryPlan();
  if (!options.gpuArch.empty())
    if (Error error = nameFunctions(kernels))
      return error;
  for (json::Value &value : kernels)
    value.getAsObject()->erase("number");
  answer["kernels"] = std::move(kernels);
  return Error::success();
}

Error Explanation::run() {
  auto described = cost::readMachine(options.machine);
  if (!described)
    return described.takeError();
  machine = std::move(*described);
  if (auto budget =
          rewrite::parseSizeBudget(options.sizeBudget.empty() ? "0" : options.sizeBudget, 0);
      !budget)
    return budget.takeError();
  auto read = readModule(options.model, context);
  if (!read)
    return read.takeError();
  module = std::move(*read);
  if (isKernelStage(*module))
    return createStringError(options.model + " is past the stage in which layers are recognised");
  answer["machine"] = machine.toJSON();
  answer["rows"] = json::Array(options.rows);
  answer["dims"] = json::Object();
  answer["kernels"] = json::Array();
  answer["memory"] = nullptr;
  answer["file"] = json::fixUTF8(sys::path::filename(options.model));
  if (auto name = (*module)->getAttrOfType<mlir::StringAttr>(onnx_ir::OnnxDialect::kGraphNameAttr))
    answer["model"] = json::fixUTF8(name.getValue());
  if (Error error = explainLayers())
    return error;
  // What cannot be compiled can still be looked at.
  PreflightReport report = preflight(*module, kernelize::unsupportedReason);
  if (report.ok())
    return explainKernels();
  answer["unsupported"] = report.toJSON();
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

static StringRef text(const json::Object &object, StringRef key) {
  return object.getString(key).value_or("");
}

static std::string joined(const json::Array *names, size_t most = 4) {
  std::string all;
  for (auto [i, name] : enumerate(*names)) {
    if (i == most)
      return all + " and " + std::to_string(names->size() - most) + " more";
    all += (i ? ", " : "") + name.getAsString().value_or("").str();
  }
  return all;
}

/// The first number of rows of a range: "M < 6", "6 <= M < 80", "M >= 80".
static int64_t firstOf(StringRef range) {
  int64_t first = 0;
  if (!range.starts_with("M <"))
    range.drop_until(isDigit).consumeInteger(10, first);
  return first;
}

static void printBlock(const json::Object &block, ArrayRef<int64_t> rows, raw_ostream &out) {
  out << "  " << left_justify(text(block, "kind"), 14) << joined(block.getArray("nodes"));
  if (StringRef exact = text(block, "exactness"); exact != "bit-exact")
    out << " (" << exact << ")";
  out << "\n";
  const json::Array &forms = *block.getArray("forms");
  const json::Object &taken = *block.getObject("taken");
  for (const json::Value &value : forms) {
    const json::Object &form = *value.getAsObject();
    out << "      " << left_justify(text(form, "name"), 12)
        << format("%9.3f MB", 1e-6 * form.getNumber("bytes").value_or(0));
    for (int64_t m : rows) {
      std::string key = std::to_string(m);
      bool isTaken = forms.size() > 1 && text(taken, key) == text(form, "name");
      out << format("%11.2f us", form.getObject("predicted_us")->getNumber(key).value_or(0))
          << (isTaken ? "*" : " ");
    }
    out << "\n";
  }
  std::map<int64_t, std::string> ranges;
  for (const auto &[range, form] : *block.getObject("chosen"))
    ranges[firstOf(range)] = (range.str() + ": " + form.getAsString().value_or("")).str();
  if (ranges.size() > 1)
    for (const auto &[first, line] : ranges)
      out << "      " << line << "\n";
}

/// Of code for a GPU: how many kernels each function of it runs, and how long they take.
static void printFunctions(const json::Array &kernels, raw_ostream &out) {
  std::map<std::string, std::pair<unsigned, double>> functions;
  for (const json::Value &value : kernels)
    if (const json::Array *names = value.getAsObject()->getArray("functions")) {
      auto &[count, time] = functions[joined(names)];
      ++count;
      time += value.getAsObject()->getNumber("predicted_us").value_or(0);
    }
  for (const auto &[name, sum] : functions)
    out << "  " << left_justify(name, 20) << format(" %4u", sum.first)
        << (sum.first == 1 ? " kernel,  " : " kernels, ") << format("%9.1f us\n", sum.second);
}

static void print(const json::Object &answer, ArrayRef<int64_t> rows, raw_ostream &out) {
  out << "model     " << text(answer, "file") << "\nmachine   "
      << text(*answer.getObject("machine"), "name") << "\n";
  const json::Array &blocks = *answer.getArray("blocks");
  out << "blocks    " << blocks.size() << "; times for M = ";
  interleaveComma(rows, out);
  out << " rows, * is taken\n";
  for (const json::Value &block : blocks)
    printBlock(*block.getAsObject(), rows, out);
  out << "rewrites  " << answer.getArray("rewrites")->size() << "\n";
  for (const json::Value &value : *answer.getArray("rewrites")) {
    const json::Object &rewrite = *value.getAsObject();
    out << "  " << left_justify(text(rewrite, "name"), 20) << " "
        << rewrite.getInteger("fired").value_or(0) << "  " << joined(rewrite.getArray("nodes"))
        << "\n";
  }
  if (const json::Array &rest = *answer.getArray("unrecognised"); !rest.empty()) {
    out << "not recognised\n";
    for (const json::Value &value : rest)
      out << "  " << left_justify(text(*value.getAsObject(), "op"), 12) << "  "
          << joined(value.getAsObject()->getArray("nodes")) << "\n";
  }
  double total = 0;
  const json::Array &kernels = *answer.getArray("kernels");
  for (const json::Value &kernel : kernels)
    total += kernel.getAsObject()->getNumber("predicted_us").value_or(0);
  std::string at;
  for (const auto &[name, size] : *answer.getObject("dims"))
    at += (at.empty() ? "" : ", ") + name.str() + " = " + std::to_string(*size.getAsInteger());
  if (!kernels.empty())
    out << "kernels   " << kernels.size() << (at.empty() ? "" : " at ") << at
        << format(", predicted %.1f us a run\n", total);
  printFunctions(kernels, out);
  if (const json::Object *memory = answer.getObject("memory"))
    out << format("memory    %.3f MB between kernels, %zu buffers\n",
                  1e-6 * memory->getNumber("peak_bytes").value_or(0),
                  memory->getArray("buffers")->size());
  if (answer.get("unsupported"))
    out << "the model cannot be compiled: strut compile --check-only says why\n";
}

//===----------------------------------------------------------------------===//
// The command
//===----------------------------------------------------------------------===//

Expected<json::Object> strut::driver::explainModel(const ExplainOptions &given, raw_ostream &log) {
  ExplainOptions options = given;
  if (options.rows.empty())
    options.rows = {1, 16, 256};
  for (int64_t rows : options.rows)
    if (rows < 1 || rows > (int64_t(1) << 40))
      return createStringError("the number of rows " + std::to_string(rows) +
                               " is not between 1 and 2^40");
  auto target = package::resolveTarget("", "");
  if (!target)
    return target.takeError();
  CompileOptions compiled;
  compiled.machine = options.machine;
  if (!options.gpuArch.empty()) {
    compiled.gpuArchs = {options.gpuArch};
    compiled.noCpu = true;
    if (auto gpu = package::resolveGpuArch(options.gpuArch); !gpu)
      return gpu.takeError();
  }
  options.machine = machineFor(compiled, *target);
  Explanation explanation(options, log);
  if (Error error = explanation.run())
    return std::move(error);
  return std::move(explanation.answer);
}

/// The page with the answer in it.
static std::string pageOf(const json::Object &answer) {
  std::string data = formatv("{0}", json::Value(json::Object(answer)));
  // The end of a script is looked for in its strings, too.
  for (size_t at = 0; (at = data.find("</", at)) != std::string::npos; at += 3)
    data.replace(at, 2, "<\\/");
  std::string page = embedded::explainPage;
  StringRef mark = "{{data}}";
  page.replace(page.find(mark), mark.size(), data);
  return page;
}

Error strut::driver::explain(const ExplainOptions &options, raw_ostream &out, raw_ostream &log) {
  Expected<json::Object> answer = explainModel(options, log);
  if (!answer)
    return answer.takeError();
  std::vector<int64_t> rows;
  for (const json::Value &m : *answer->getArray("rows"))
    rows.push_back(*m.getAsInteger());
  if (!options.html.empty()) {
    if (Error error = writeFile(options.html, [&](raw_pwrite_stream &stream) {
          stream << pageOf(*answer);
          return Error::success();
        }))
      return error;
    log << "written to " << options.html << "\n";
  }
  if (options.json)
    out << formatv("{0:2}", json::Value(std::move(*answer))) << "\n";
  else if (options.html.empty())
    print(*answer, rows, out);
  return Error::success();
}
