//===- Bench.cpp - strut bench ---------------------------------------------===//

#include "Inputs.h"
#include "Peak.h"
#include "Timing.h"
#include "strut/Driver/Metadata.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <optional>

using namespace llvm;
using namespace strut::driver;

namespace {

struct Result {
  double median = 0, least = 0, most = 0; ///< seconds
  double spread = 0;                      ///< between the quartiles, of the median
  size_t runs = 0;
  int threads = 0;
  std::string device;
  std::optional<double> flops; ///< FLOP of one run
  double peak = 0;             ///< FLOP/s of the machine, where `flops` is known; 0 of a GPU
  struct Other {
    double median, least; ///< seconds
  };
  std::optional<Other> other; ///< the model that took turns

  bool isOnCpu() const { return device == "cpu"; }
  double rate() const { return *flops / median; }
};

} // namespace

Expected<std::vector<std::vector<double>>> strut::driver::timeRuns(MutableArrayRef<Call> calls,
                                                                   double budget) {
  constexpr size_t fewest = 5, most = 1 << 20;
  constexpr double turn = 0.01;
  std::vector<std::vector<double>> times(calls.size());
  auto runOnce = [](Call &call) -> Expected<double> {
    auto start = std::chrono::steady_clock::now();
    if (Error error = call.run())
      return error;
    return secondsSince(start);
  };
  for (Call &call : calls) {
    auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 2 || secondsSince(begin) < budget / 5; ++i)
      if (Expected<double> time = runOnce(call); !time)
        return time.takeError();
  }
  auto begin = std::chrono::steady_clock::now();
  while (times[0].size() < fewest ||
         (secondsSince(begin) < budget * calls.size() && times[0].size() < most))
    for (auto [call, list] : llvm::zip(calls, times)) {
      auto start = std::chrono::steady_clock::now();
      do {
        Expected<double> time = runOnce(call);
        if (!time)
          return time.takeError();
        list.push_back(*time);
      } while (calls.size() > 1 && secondsSince(start) < turn);
    }
  for (std::vector<double> &list : times)
    llvm::sort(list);
  return times;
}

/// FLOP of one run, unless the artefact does not tell.
static Expected<std::optional<double>> flopsOf(const Call &call) {
  const StrutDescription &about = call.model().description();
  Expected<std::vector<KernelMetadata>> kernels =
      readMetadata(about.metadata ? about.metadata : "");
  if (!kernels)
    return kernels.takeError();
  if (kernels->empty())
    return std::nullopt;
  SmallVector<int64_t> dims = dimsOf(call.model(), call.inputs());
  double flops = 0;
  for (const KernelMetadata &kernel : *kernels)
    flops += kernel.runsAt(dims) ? kernel.flops.at(dims) : 0;
  return flops;
}

static void printJSON(const Result &result, raw_ostream &out) {
  json::OStream json(out);
  json.object([&] {
    json.attribute("median_ms", result.median * 1e3);
    json.attribute("min_ms", result.least * 1e3);
    json.attribute("max_ms", result.most * 1e3);
    json.attribute("runs", static_cast<int64_t>(result.runs));
    json.attribute("threads", result.threads);
    json.attribute("device", result.device);
    json.attribute("gflops", result.flops ? json::Value(result.rate() * 1e-9) : nullptr);
    json.attribute("peak_fraction",
                   result.peak > 0 ? json::Value(result.rate() / result.peak) : nullptr);
    if (result.other)
      json.attributeObject("against", [&] {
        json.attribute("median_ms", result.other->median * 1e3);
        json.attribute("min_ms", result.other->least * 1e3);
      });
  });
  out << "\n";
}

static void printText(const Call &call, const Result &result, raw_ostream &out) {
  std::string dims = dimsText(call.model().description(), dimsOf(call.model(), call.inputs()));
  out << format("median  %.4g ms   min %.4g ms, max %.4g ms, middle half within %.1f %%\n",
                result.median * 1e3, result.least * 1e3, result.most * 1e3, 100 * result.spread)
      << "runs    " << result.runs << " on ";
  if (result.isOnCpu())
    out << result.threads << (result.threads == 1 ? " thread" : " threads");
  else
    out << result.device;
  out << (dims.empty() ? "" : ", " + dims) << "\n";
  if (result.flops)
    out << format("speed   %.1f GFLOP/s", result.rate() * 1e-9);
  if (result.peak > 0)
    out << format(", %.1f %% of the measured f32 peak of %.1f GFLOP/s",
                  100 * result.rate() / result.peak, result.peak * 1e-9);
  if (result.flops)
    out << "\n";
  if (result.other)
    out << format("against %.4g ms, min %.4g ms: %.2f times as fast\n", result.other->median * 1e3,
                  result.other->least * 1e3, result.other->median / result.median);
}

Error strut::driver::bench(const BenchOptions &options, raw_ostream &out, raw_ostream &log) {
  if (!(options.seconds >= 0 && options.seconds <= 3600))
    return createStringError("the time for the runs must be between 0 and 3600 seconds");
  InputOptions inputs = options.inputs;
  inputs.random = true;
  std::vector<Call> calls;
  for (const std::string &model : {options.model, options.against}) {
    if (model.empty())
      continue;
    LoadOptions load;
    load.threads = options.threads;
    load.device = options.device;
    Expected<Call> call = Call::prepare(model, load, inputs, log);
    if (!call)
      return call.takeError();
    calls.push_back(std::move(*call));
  }
  Expected<std::vector<std::vector<double>>> measured = timeRuns(calls, options.seconds);
  if (!measured)
    return measured.takeError();
  const std::vector<double> &times = measured->front();
  Expected<std::optional<double>> flops = flopsOf(calls.front());
  if (!flops)
    return flops.takeError();
  size_t runs = times.size();
  double median = medianOf(times);
  Result result;
  result.median = median;
  result.least = times.front();
  result.most = times.back();
  result.spread = (times[runs * 3 / 4] - times[runs / 4]) / median;
  result.runs = runs;
  result.threads = threadsInUse(options.threads);
  result.device = calls.front().model().device();
  result.flops = *flops;
  if (calls.size() > 1)
    result.other = {medianOf(measured->back()), measured->back().front()};
  if (result.flops && result.isOnCpu())
    result.peak = measurePeak(result.threads);
  if (options.json)
    printJSON(result, out);
  else
    printText(calls.front(), result, out);
  return Error::success();
}
