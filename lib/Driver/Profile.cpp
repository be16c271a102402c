//===- Profile.cpp - strut run --profile -----------------------------------===//
#include "Profile.h"
#include "Peak.h"
#include "Timing.h"
#include "strut/Driver/Metadata.h"
#include "strut/Driver/Output.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace strut::driver;

//===----------------------------------------------------------------------===//
// Recording
//===----------------------------------------------------------------------===//

void LaunchRecorder::beginRun() {
  recorded.clear();
  start = std::chrono::steady_clock::now();
}

double LaunchRecorder::elapsed() const { return secondsSince(start); }

void LaunchRecorder::onLaunch(void *self, int32_t kernel, int32_t done) {
  auto &recorder = *static_cast<LaunchRecorder *>(self);
  if (done)
    recorder.recorded.back().end = recorder.elapsed();
  else
    recorder.recorded.push_back({kernel, recorder.elapsed(), 0});
}

//===----------------------------------------------------------------------===//
// Evaluation
//===----------------------------------------------------------------------===//

namespace {

/// What a machine allows, measured.
struct Machine {
  double flops, bytes; ///< per second
};

struct Row {
  std::string name, kind;
  double flops = 0, bytes = 0; ///< of one run
  std::vector<double> times;   ///< seconds, one per run
  double seconds = 0;          ///< their median

  double roofline(const Machine &machine) const {
    double least = std::max(flops / machine.flops, bytes / machine.bytes);
    return seconds > 0 ? least / seconds : 0;
  }
};

/// All that is known of the runs.
struct Profile {
  std::vector<Row> rows; ///< as in the metadata, then copies
  Machine machine;
  double total = 0; ///< seconds of a run, the median
};

} // namespace

static Expected<std::vector<Row>> rowsOf(const Call &call) {
  const StrutDescription &about = call.model().description();
  auto kernels = readMetadata(about.metadata ? about.metadata : "");
  if (!kernels)
    return kernels.takeError();
  SmallVector<int64_t> dims = dimsOf(call.model(), call.inputs());
  std::vector<Row> rows;
  for (const KernelMetadata &kernel : *kernels) {
    Row &row = rows.emplace_back();
    row.name = kernel.name;
    row.kind = kernel.kind;
    row.flops = kernel.flops.at(dims);
    row.bytes = kernel.bytes.at(dims);
  }
  rows.emplace_back().name = "copies between kernels";
  rows.back().kind = "copy";
  return rows;
}

/// The row of a launch.
static Row &rowOf(std::vector<Row> &rows, int32_t kernel) {
  bool known = kernel >= 0 && static_cast<size_t>(kernel) + 1 < rows.size();
  return known ? rows[static_cast<size_t>(kernel)] : rows.back();
}

static Expected<Profile> measure(Call &call, LaunchRecorder &recorder, int threads) {
  Expected<std::vector<Row>> rows = rowsOf(call);
  if (!rows)
    return rows.takeError();
  Profile profile;
  profile.rows = std::move(*rows);
  constexpr size_t warmUps = 2, fewest = 5;
  constexpr double budget = 0.5;
  std::vector<double> totals;
  auto begin = std::chrono::steady_clock::now();
  for (size_t run = 0; run < warmUps + fewest || secondsSince(begin) < budget; ++run) {
    recorder.beginRun();
    if (Error error = call.run())
      return std::move(error);
    double total = recorder.elapsed();
    if (run < warmUps)
      continue;
    totals.push_back(total);
    for (Row &row : profile.rows)
      row.times.push_back(0);
    for (const LaunchRecorder::Launch &launch : recorder.launches())
      rowOf(profile.rows, launch.kernel).times.back() += launch.end - launch.begin;
  }
  llvm::sort(totals);
  profile.total = medianOf(totals);
  for (Row &row : profile.rows) {
    llvm::sort(row.times);
    row.seconds = medianOf(row.times);
  }
  profile.machine = {measurePeak(threads), measureBandwidth(threads)};
  return profile;
}

//===----------------------------------------------------------------------===//
// Output
//===----------------------------------------------------------------------===//

/// Which forms the run took of what has several.
static void printForms(const Call &call, raw_ostream &out) {
  const StrutDescription &about = call.model().description();
  for (auto [i, form] : enumerate(call.forms()))
    out << "form      " << left_justify(about.choices[i].forms[form], 12) << "  "
        << about.choices[i].name << "\n";
}

static void print(const Profile &profile, raw_ostream &out) {
  std::vector<const Row *> sorted;
  double inKernels = 0;
  for (const Row &row : profile.rows) {
    if (row.seconds > 0)
      sorted.push_back(&row);
    inKernels += row.seconds;
  }
  llvm::sort(sorted, [](auto *a, auto *b) { return a->seconds > b->seconds; });
  out << "     us   share   GFLOP/s      GB/s  roofline  kind          node\n";
  for (const Row *row : sorted)
    out << format("%8.1f %5.1f %%  %8.1f  %8.1f   %5.1f %%  ", row->seconds * 1e6,
                  100 * row->seconds / profile.total, row->flops / row->seconds * 1e-9,
                  row->bytes / row->seconds * 1e-9, 100 * row->roofline(profile.machine))
        << left_justify(row->kind, 12) << "  " << row->name << "\n";
  out << format("%8.1f %5.1f %%  between kernels\n", (profile.total - inKernels) * 1e6,
                100 * (profile.total - inKernels) / profile.total)
      << format("%8.1f us a run; this machine: %.1f GFLOP/s, %.1f GB/s from memory\n",
                profile.total * 1e6, profile.machine.flops * 1e-9, profile.machine.bytes * 1e-9)
      << "(above 100 % of the roofline, which is of memory, data came from a cache)\n";
}

/// The last run as complete events ("ph": "X") of the Trace Event Format, which
/// Perfetto and chrome://tracing read. Times are in microseconds.
static Error writeTrace(Profile &profile, ArrayRef<LaunchRecorder::Launch> launches,
                        const std::string &path) {
  return writeFile(path, [&](raw_pwrite_stream &stream) -> Error {
    json::OStream json(stream);
    json.object([&] {
      json.attribute("displayTimeUnit", "ns");
      json.attributeArray("traceEvents", [&] {
        for (const LaunchRecorder::Launch &launch : launches) {
          const Row &row = rowOf(profile.rows, launch.kernel);
          json.object([&] {
            json.attribute("name", json::fixUTF8(row.name));
            json.attribute("cat", row.kind);
            json.attribute("ph", "X");
            json.attribute("pid", 1);
            json.attribute("tid", 1);
            json.attribute("ts", launch.begin * 1e6);
            json.attribute("dur", (launch.end - launch.begin) * 1e6);
            json.attributeObject("args", [&] {
              json.attribute("flops", row.flops);
              json.attribute("bytes", row.bytes);
              json.attribute("median_us", row.seconds * 1e6);
              json.attribute("roofline", row.roofline(profile.machine));
            });
          });
        }
      });
    });
    return Error::success();
  });
}

Error strut::driver::profile(Call &call, LaunchRecorder &recorder, const RunOptions &options,
                             raw_ostream &out) {
  Expected<Profile> profile = measure(call, recorder, threadsInUse(options.threads));
  if (!profile)
    return profile.takeError();
  print(*profile, out);
  printForms(call, out);
  if (options.trace.empty())
    return Error::success();
  return writeTrace(*profile, recorder.launches(), options.trace);
}
