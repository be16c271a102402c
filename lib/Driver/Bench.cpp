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
  double median, least, most; ///< seconds
  double spread;              ///< between the quartiles, of the median
  size_t runs;
  int threads;
  std::optional<double> flops; ///< FLOP of one run
  double peak = 0;             ///< FLOP/s of the machine, where `flops` is known

  double rate() const { return *flops / median; }
};

} // namespace

/// Times of runs until `budget` seconds are over, after a warm-up of a fifth of it.
static Expected<std::vector<double>> measure(Call &call, double budget) {
  auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 2 || secondsSince(begin) < budget / 5; ++i)
    if (Error error = call.run())
      return error;
  std::vector<double> times;
  constexpr size_t fewest = 5, most = 1 << 20;
  begin = std::chrono::steady_clock::now();
  while (times.size() < fewest || (secondsSince(begin) < budget && times.size() < most)) {
    auto start = std::chrono::steady_clock::now();
    if (Error error = call.run())
      return error;
    times.push_back(secondsSince(start));
  }
  llvm::sort(times);
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
    flops += kernel.flops.at(dims);
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
    if (result.flops) {
      json.attribute("gflops", result.rate() * 1e-9);
      json.attribute("peak_fraction", result.rate() / result.peak);
    } else {
      json.attribute("gflops", nullptr);
      json.attribute("peak_fraction", nullptr);
    }
  });
  out << "\n";
}

static void printText(const Call &call, const Result &result, raw_ostream &out) {
  std::string dims = dimsText(call.model().description(), dimsOf(call.model(), call.inputs()));
  out << format("median  %.4g ms   min %.4g ms, max %.4g ms, middle half within %.1f %%\n",
                result.median * 1e3, result.least * 1e3, result.most * 1e3, 100 * result.spread)
      << "runs    " << result.runs << " on " << result.threads
      << (result.threads == 1 ? " thread" : " threads") << (dims.empty() ? "" : ", " + dims)
      << "\n";
  if (result.flops)
    out << format("speed   %.1f GFLOP/s, %.1f %% of the measured f32 peak of %.1f GFLOP/s\n",
                  result.rate() * 1e-9, 100 * result.rate() / result.peak, result.peak * 1e-9);
}

Error strut::driver::bench(const BenchOptions &options, raw_ostream &out, raw_ostream &log) {
  if (!(options.seconds >= 0 && options.seconds <= 3600))
    return createStringError("the time for the runs must be between 0 and 3600 seconds");
  InputOptions inputs = options.inputs;
  inputs.random = true;
  Expected<Call> call = Call::prepare(options.model, options.threads, inputs, log);
  if (!call)
    return call.takeError();
  Expected<std::vector<double>> times = measure(*call, options.seconds);
  if (!times)
    return times.takeError();
  Expected<std::optional<double>> flops = flopsOf(*call);
  if (!flops)
    return flops.takeError();
  size_t runs = times->size();
  double median = medianOf(*times);
  double spread = ((*times)[runs * 3 / 4] - (*times)[runs / 4]) / median;
  Result result = {
      median, times->front(), times->back(), spread, runs, threadsInUse(options.threads), *flops};
  if (result.flops)
    result.peak = measurePeak(result.threads);
  if (options.json)
    printJSON(result, out);
  else
    printText(*call, result, out);
  return Error::success();
}
