//===- Choice.cpp - Which form of a chain of maps -------------------------===//
#include "strut/Cost/Choice.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace strut::algebra;

namespace strut::cost {

std::string Form::name() const {
  if (llvm::none_of(runs, [](const Run &run) { return run.isDense; }))
    return "factored";
  if (runs.size() == 1)
    return "merged";
  auto parts = llvm::map_range(runs, [](const Run &run) {
    std::string first = std::to_string(run.begin + 1);
    return run.end - run.begin == 1 ? first : first + "-" + std::to_string(run.end);
  });
  return llvm::join(parts, ", ");
}

/// The run as a factor of its own.
static FactorCost costOf(const ChainCost &chain, const Run &run) {
  const FactorCost &first = chain.factors[run.begin];
  if (!run.isDense)
    return first;
  Shape shape{first.shape.inputs, chain.factors[run.end - 1].shape.outputs};
  double elements = double(shape.inputs) * double(shape.outputs);
  return {2 * elements, elements, shape};
}

/// A selection is how the next kernel reads.
static bool isFree(double flops, double parameters) { return flops == 0 && parameters == 0; }

std::vector<Phase> phasesOf(const ChainCost &chain, const Form &form, double rows) {
  std::vector<Phase> phases;
  for (const Run &run : form.runs) {
    FactorCost cost = costOf(chain, run);
    if (isFree(cost.flopsPerRow, cost.parameters))
      continue;
    phases.push_back(
        phaseOf(rows * cost.flopsPerRow, cost.parameters, cost.shape, rows, chain.type));
  }
  return phases;
}

double weightBytes(const ChainCost &chain, const Form &form) {
  double bytes = 0;
  for (const Run &run : form.runs)
    bytes += costOf(chain, run).parameters * elementBytes(chain.type);
  return bytes;
}

static Form fastest(const ChainCost &chain, int64_t rows, const Setting &setting) {
  return {
      cheapestRuns(chain.factors, double(rows), [&](double flops, double parameters, Shape shape) {
        if (isFree(flops, parameters))
          return 0.0;
        return timeOf(phaseOf(flops, parameters, shape, double(rows), chain.type), setting);
      })};
}

/// Numbers of rows at which forms are compared.
static std::vector<int64_t> samplesOf(RowRange range) {
  std::vector<int64_t> samples;
  for (int64_t rows = range.step; rows < range.most; rows *= 2)
    samples.push_back(rows);
  samples.push_back(range.most);
  return samples;
}

size_t Choice::formFor(int64_t rows) const {
  for (const Line &line : lines)
    if (rows < line.bound)
      return line.form;
  return otherwise;
}

Choice fastestForms(const ChainCost &chain, RowRange range, const Setting &setting) {
  Choice choice;
  auto numberOf = [&](const Form &form) {
    auto known = llvm::find(choice.forms, form);
    size_t number = known - choice.forms.begin();
    if (known == choice.forms.end())
      choice.forms.push_back(form);
    return number;
  };
  std::vector<int64_t> samples = samplesOf(range);
  Form last = fastest(chain, samples.front(), setting);
  choice.otherwise = numberOf(last);
  for (auto [before, after] : llvm::zip(samples, llvm::drop_begin(samples))) {
    Form next = fastest(chain, after, setting);
    if (next == last)
      continue;
    int64_t low = before, high = after; // `last` wins at low, and no more at high
    while (high - low > 1) {
      int64_t middle = low + (high - low) / 2;
      (fastest(chain, middle, setting) == last ? low : high) = middle;
    }
    choice.lines.push_back({high, choice.otherwise});
    choice.otherwise = numberOf(next);
    last = next;
  }
  return choice;
}

double regretOf(const ChainCost &chain, const Form &form, const Choice &choice, RowRange range,
                const Setting &setting) {
  double worst = 1;
  for (int64_t rows : samplesOf(range)) {
    const Form &best = choice.forms[choice.formFor(rows)];
    worst = std::max(worst, timeOf(phasesOf(chain, form, double(rows)), setting) /
                                timeOf(phasesOf(chain, best, double(rows)), setting));
  }
  return worst;
}

} // namespace strut::cost
