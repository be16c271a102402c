//===- Calibrate.cpp - strut calibrate -------------------------------------===//
//
// Peaks and bandwidths are those of loops that do nothing else; what kernels make of
// the peak, and what they cost before they compute, is measured with models that the
// compiler itself compiles.
//
//===----------------------------------------------------------------------===//

#include "Peak.h"
#include "Timing.h"
#include "strut/Cost/Machine.h"
#include "strut/Driver/Compile.h"
#include "strut/Driver/Output.h"
#include "strut/Package/Target.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <random>

using namespace llvm;
using namespace strut::driver;
using strut::cost::Machine;

namespace {

/// Products of one constant matrix one after the other, a Relu between them so that
/// they stay apart. The matrix is random: of a structured one the compiler makes something cheaper.
struct ProductChain {
  std::string type; ///< of elements, as MLIR has it
  int64_t width, products;

  double flops(double rows) const {
    return 2 * rows * static_cast<double>(width) * static_cast<double>(width);
  }
  std::string text() const;

private:
  std::string matrix() const;
};

class Calibration {
public:
  Calibration(int threads, std::string folder, raw_ostream &log)
      : threads(threads), folder(std::move(folder)), log(log) {}

  Expected<Machine> run();

private:
  Error measureLaunch();
  Error measureEfficiency();
  Error measurePeaks();
  void measureMemory();
  Expected<std::string> build(const ProductChain &chain);
  /// Seconds of one product of the library in `file`, the least that was seen.
  Expected<double> secondsOf(const std::string &file, const ProductChain &chain, int64_t rows,
                             int onThreads);

  const int threads;
  const std::string folder;
  raw_ostream &log;
  Machine machine;
  std::string wideFile;
  double wideSeconds = INFINITY; ///< of a product of many rows, alone
};

/// Fits a cache of the second level, and has several panels and tiles of rows.
const ProductChain wide{"f32", 256, 8}, tiny{"f32", 16, 64};
constexpr int64_t manyRows = 256;

} // namespace

/// As a literal of MLIR: the bytes of each element in the order of memory, from -1/16 to 1/16.
std::string ProductChain::matrix() const {
  const fltSemantics *semantics = StringSwitch<const fltSemantics *>(type)
                                      .Case("f64", &APFloat::IEEEdouble())
                                      .Case("f16", &APFloat::IEEEhalf())
                                      .Case("bf16", &APFloat::BFloat())
                                      .Default(&APFloat::IEEEsingle());
  std::minstd_rand random;
  std::uniform_real_distribution<double> uniform(-0.0625, 0.0625);
  std::string bytes;
  for (int64_t i = 0; i < width * width; ++i) {
    APFloat value(uniform(random));
    bool losesBits;
    value.convert(*semantics, APFloat::rmNearestTiesToEven, &losesBits);
    APInt bits = value.bitcastToAPInt();
    for (unsigned at = 0; at < bits.getBitWidth(); at += 8)
      bytes += static_cast<char>(bits.extractBitsAsZExtValue(8, at));
  }
  return "\"0x" + toHex(bytes) + "\"";
}

std::string ProductChain::text() const {
  std::string matrixType = formatv("tensor<{0}x{0}x{1}>", width, type), rows;
  rows = formatv("tensor<?x{0}x{1}>", width, type);
  std::string body = formatv("  %w = onnx.Constant() {{value = dense<{1}> : {0}} : () -> {0}\n",
                             matrixType, matrix());
  std::string last = "x";
  for (int64_t i = 0; i < products; ++i) {
    body += formatv("  %m{0} = onnx.MatMul(%{1}, %w) : ({2}, {3}) -> {2}\n"
                    "  %r{0} = onnx.Relu(%m{0}) : ({2}) -> {2}\n",
                    i, last, rows, matrixType);
    last = "r" + std::to_string(i);
  }
  return formatv("func.func @main(%x: {0} {{onnx.name = \"x\", onnx.dims = [\"rows\", \"\"]}) -> "
                 "({0} {{onnx.name = \"y\"}) {{\n{1}  return %{2} : {0}\n}\n",
                 rows, body, last);
}

Expected<std::string> Calibration::build(const ProductChain &chain) {
  std::string base = formatv("{0}/{1}-{2}", folder, chain.type, chain.width);
  CompileOptions options;
  options.input = base + ".mlir";
  options.output = base + ".so";
  if (Error error = writeFile(options.input, [&](raw_pwrite_stream &stream) {
        stream << chain.text();
        return Error::success();
      }))
    return std::move(error);
  if (Error error = compile(options, log))
    return std::move(error);
  return options.output;
}

Expected<double> Calibration::secondsOf(const std::string &file, const ProductChain &chain,
                                        int64_t rows, int onThreads) {
  InputOptions inputs;
  inputs.random = true;
  inputs.dims = {{"rows", rows}};
  LoadOptions load;
  load.threads = onThreads;
  Expected<Call> call = Call::prepare(file, load, inputs, log);
  if (!call)
    return call.takeError();
  auto times = timeRuns(*call, 0.1);
  if (!times)
    return times.takeError();
  return times->front().front() / static_cast<double>(chain.products);
}

Error Calibration::measureLaunch() {
  Expected<std::string> small = build(tiny), large = build(wide);
  if (!small || !large)
    return joinErrors(small.takeError(), large.takeError());
  wideFile = *large;
  // In turns, so that what else the machine does disturbs none of them alone.
  double alone = INFINITY, together = INFINITY;
  for (int turn = 0; turn < 5; ++turn)
    for (auto [file, chain, rows, onThreads, least] :
         {std::tuple(&*small, &tiny, int64_t(1), 1, &alone),
          {&wideFile, &wide, manyRows, 1, &wideSeconds},
          {&wideFile, &wide, manyRows, threads, &together}}) {
      Expected<double> seconds = secondsOf(*file, *chain, rows, onThreads);
      if (!seconds)
        return seconds.takeError();
      *least = std::min(*least, *seconds);
    }
  machine.launch = {{1, alone}};
  // What is left when the work is taken off, of which each thread does a part.
  if (threads > 1)
    machine.launch.emplace_back(2, std::max(together - (wideSeconds - alone) / threads, alone));
  return Error::success();
}

Error Calibration::measureEfficiency() {
  double best = 0;
  for (int64_t rows : {1, 2, 4, 6, 16, 64, 256}) {
    Expected<double> seconds = secondsOf(wideFile, wide, rows, 1);
    if (!seconds)
      return seconds.takeError();
    double computing = std::max(*seconds - machine.launchAt(1), 1e-9);
    double rate = wide.flops(static_cast<double>(rows)) / computing;
    // More rows never fill a tile less: what is slower waited for memory, or was disturbed.
    best = std::max(best, rate / machine.peak["f32"]);
    machine.efficiency.emplace_back(rows, std::min(best, 1.0));
  }
  return Error::success();
}

/// Other types by the times of the same product.
Error Calibration::measurePeaks() {
  for (const char *type : {"f64", "f16", "bf16"}) {
    ProductChain chain = wide;
    chain.type = type;
    Expected<std::string> file = build(chain);
    if (!file)
      return file.takeError();
    double least = INFINITY, asF32 = INFINITY;
    for (int turn = 0; turn < 3; ++turn) {
      Expected<double> seconds = secondsOf(*file, chain, manyRows, 1);
      Expected<double> reference = secondsOf(wideFile, wide, manyRows, 1);
      if (!seconds || !reference)
        return joinErrors(seconds.takeError(), reference.takeError());
      least = std::min(least, *seconds);
      asF32 = std::min(asF32, *reference);
    }
    machine.peak[type] = machine.peak["f32"] * asF32 / least;
  }
  return Error::success();
}

/// Bytes of the first processor's data cache of a level, as Linux tells them: the C library counts
/// the third level of all of a package, also of parts that this machine has none of. 0 if unknown.
static double cacheBytes(unsigned level) {
  for (int index = 0;; ++index) {
    std::string folder = formatv("/sys/devices/system/cpu/cpu0/cache/index{0}/", index);
    auto read = [&](const char *name) -> std::string {
      auto file = MemoryBuffer::getFileAsStream(folder + name);
      return file ? (*file)->getBuffer().trim().str() : "";
    };
    std::string levelText = read("level"), size = read("size");
    if (levelText.empty())
      return 0;
    unsigned kibibytes = 0;
    if (levelText == std::to_string(level) && read("type") != "Instruction" &&
        to_integer(StringRef(size).rtrim('K'), kibibytes))
      return 1024.0 * kibibytes;
  }
}

void Calibration::measureMemory() {
  constexpr double most = 256 << 20, least = 64 << 20;
  double last = 0;
  for (unsigned number : {1, 2, 3}) {
    std::string name = "L" + std::to_string(number);
    bool isShared = number == 3;
    double bytes = cacheBytes(number);
    if (bytes <= last)
      continue; // the system does not tell, or there is none
    // What lies in this cache and in none before it.
    double each = std::max(bytes / 2 / (isShared ? threads : 1), std::min(2 * last, bytes));
    each = std::min(each, least);
    strut::cost::MemoryLevel level{name, bytes, measureBandwidth(1, static_cast<size_t>(each)), 0,
                                   isShared};
    if (isShared)
      level.total = std::max(level.bandwidth, measureBandwidth(threads, static_cast<size_t>(each)));
    machine.memory.push_back(level);
    last = bytes;
  }
  auto beyond = static_cast<size_t>(std::clamp(2 * last, least, most));
  machine.memory.push_back(
      {"DRAM", 0, measureBandwidth(1, beyond), measureBandwidth(threads, beyond), false});
}

/// To three digits.
static double rounded(double value) {
  if (value == 0)
    return 0;
  double unit = std::pow(10, std::floor(std::log10(value)) - 2);
  return std::round(value / unit) * unit;
}

Expected<Machine> Calibration::run() {
  auto target = strut::package::resolveTarget("", "native");
  if (!target)
    return target.takeError();
  machine.name = target->cpu + ", measured";
  machine.targets = {target->cpu};
  machine.threads = threads;
  machine.peak["f32"] = measurePeak(1);
  if (Error error = measureLaunch())
    return std::move(error);
  if (Error error = measureEfficiency())
    return std::move(error);
  if (Error error = measurePeaks())
    return std::move(error);
  measureMemory();
  // Digits that the next run would not give again.
  for (auto &[type, rate] : machine.peak)
    rate = rounded(rate);
  for (auto *pairs : {&machine.efficiency, &machine.launch})
    for (auto &[key, value] : *pairs)
      value = rounded(value);
  for (strut::cost::MemoryLevel &level : machine.memory) {
    level.bandwidth = rounded(level.bandwidth);
    level.total = rounded(level.total);
  }
  return std::move(machine);
}

static void print(const Machine &machine, raw_ostream &out) {
  out << machine.name << ", " << machine.threads
      << (machine.threads == 1 ? " thread\n" : " threads\n");
  for (const auto &[type, rate] : machine.peak)
    out << "  peak    " << left_justify(type, 6) << format("%8.1f GFLOP/s a thread\n", rate * 1e-9);
  for (auto [rows, part] : machine.efficiency)
    out << format("  rows    %-6.0f%8.1f %% of the peak\n", rows, 100 * part);
  for (const strut::cost::MemoryLevel &level : machine.memory) {
    out << "  memory  " << left_justify(level.name, 6)
        << format("%8.1f GB/s a thread", level.bandwidth * 1e-9);
    if (level.total > 0)
      out << format(", %.1f GB/s in all", level.total * 1e-9);
    out << "\n";
  }
  for (auto [threads, seconds] : machine.launch)
    out << format("  kernel  %8.2f us on %.0f%s\n", seconds * 1e6, threads,
                  threads == 1 ? " thread" : " or more");
}

Error strut::driver::calibrate(const CalibrateOptions &options, raw_ostream &out,
                               raw_ostream &log) {
  std::string file = options.output.empty() ? cost::calibratedFile() : options.output;
  if (file.empty())
    return createStringError("there is no home folder to keep the description in; name a file: "
                             "strut calibrate -o FILE");
  SmallString<128> folder;
  if (std::error_code failed = sys::fs::createUniqueDirectory("strut-calibrate", folder))
    return createStringError("cannot make a folder for measurements: " + failed.message());
  auto removed = scope_exit([&] { (void)sys::fs::remove_directories(folder); });
  Expected<Machine> machine =
      Calibration(threadsInUse(options.threads), folder.str().str(), log).run();
  if (!machine)
    return machine.takeError();
  StringRef parent = sys::path::parent_path(file);
  if (options.output.empty())
    if (std::error_code failed = sys::fs::create_directories(parent))
      return createStringError("cannot make the folder '" + parent + "': " + failed.message());
  if (Error error = writeFile(file, [&](raw_pwrite_stream &stream) {
        stream << formatv("{0:2}", machine->toJSON()) << "\n";
        return Error::success();
      }))
    return error;
  print(*machine, out);
  out << "written to " << file << "\n";
  return Error::success();
}
