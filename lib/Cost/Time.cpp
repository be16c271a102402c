//===- Time.cpp - How long kernels take -----------------------------------===//
#include "strut/Cost/Time.h"
#include "llvm/ADT/StringSwitch.h"
#include <algorithm>
#include <cmath>

namespace strut::cost {

static double timeOn(const Phase &phase, const Setting &setting, int threads) {
  const Machine &machine = setting.machine;
  double rate = machine.efficiencyAt(phase.rows) * machine.peakOf(phase.type) * threads;
  double weights = 0, values = 0;
  if (phase.weightBytes > 0)
    weights = phase.weightBytes /
              machine.bandwidthAt(std::max(setting.resident, phase.weightBytes), threads);
  // Values come from the kernel before, so they lie where they fit.
  if (phase.valueBytes > 0)
    values = phase.valueBytes / machine.bandwidthAt(phase.valueBytes, threads);
  return (phase.launches ? machine.launchAt(threads) : 0) +
         std::max(phase.flops / rate, weights + values);
}

double timeOf(const Phase &phase, const Setting &setting) {
  double alone = timeOn(phase, setting, 1);
  return setting.threads > 1 ? std::min(alone, timeOn(phase, setting, setting.threads)) : alone;
}

double timeOf(llvm::ArrayRef<Phase> phases, const Setting &setting) {
  double seconds = 0;
  for (const Phase &phase : phases)
    seconds += timeOf(phase, setting);
  return seconds;
}

double elementBytes(llvm::StringRef type) {
  return llvm::StringSwitch<double>(type)
      .Cases({"f64", "float64"}, 8)
      .Cases({"f16", "bf16", "float16", "bfloat16"}, 2)
      .Cases({"i8", "f8"}, 1)
      .Default(4);
}

Phase phaseOf(double flops, double parameters, algebra::Shape shape, double rows,
              llvm::StringRef type) {
  double bytes = elementBytes(type);
  return {flops, parameters * bytes, rows * (double(shape.inputs) + double(shape.outputs)) * bytes,
          rows, type.str()};
}

Phase dense(double rows, double inputs, double outputs, llvm::StringRef type) {
  double bytes = elementBytes(type);
  return {2 * rows * inputs * outputs, inputs * outputs * bytes, rows * (inputs + outputs) * bytes,
          rows, type.str()};
}

std::vector<Phase> lowRank(double rows, double inputs, double rank, double outputs, bool isFused,
                           llvm::StringRef type) {
  Phase down = dense(rows, inputs, rank, type), up = dense(rows, rank, outputs, type);
  if (isFused) {
    down.valueBytes -= rows * rank * elementBytes(type);
    up.valueBytes -= rows * rank * elementBytes(type);
    up.launches = false;
  }
  return {down, up};
}

double expertsHit(double experts, double chosen, double rows) {
  return experts * (1 - std::pow(1 - chosen / experts, rows));
}

std::vector<Phase> routed(const Experts &what, llvm::StringRef type) {
  double bytes = elementBytes(type), hit = expertsHit(what.experts, what.chosen, what.rows);
  double pairs = what.rows * what.chosen;
  auto product = [&](double inputs, double outputs) -> Phase {
    return {2 * pairs * inputs * outputs, hit * inputs * outputs * bytes,
            pairs * (inputs + outputs) * bytes, pairs / std::max(hit, 1.0), type.str()};
  };
  // Sorting reads and writes a number for each pair, the sum its rows.
  Phase sort{0, 0, 4 * pairs * 4, pairs, "f32"};
  Phase combine{2 * pairs * what.outputs, 0, (pairs + what.rows) * what.outputs * bytes, what.rows,
                type.str()};
  return {sort, product(what.inputs, what.hidden), product(what.hidden, what.outputs), combine};
}

std::vector<Phase> stacked(const Experts &what, llvm::StringRef type) {
  return lowRank(what.rows, what.inputs, what.experts * what.hidden, what.outputs,
                 /*isFused=*/false, type);
}

Dispatch dispatchOf(const Experts &what, const Setting &setting, llvm::StringRef type) {
  if (timeOf(stacked(what, type), setting) <= timeOf(routed(what, type), setting))
    return Dispatch::All;
  double pairs = what.rows * what.chosen;
  // Up to eight pairs there is no expert with enough rows for a tile; from two rows an
  // expert on, sorting pays.
  if (pairs <= 8)
    return Dispatch::Gather;
  return pairs < 2 * what.experts ? Dispatch::Buckets : Dispatch::Grouped;
}

} // namespace strut::cost
