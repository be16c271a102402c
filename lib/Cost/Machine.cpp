//===- Machine.cpp - What a machine can do --------------------------------===//
#include "strut/Cost/Machine.h"
#include "Machines.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include <cmath>

using namespace llvm;

namespace strut::cost {

constexpr StringLiteral kFormat = "strut.machine";
constexpr int64_t kVersion = 1;

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

double Machine::peakOf(StringRef type) const {
  auto known = peak.find(type.str());
  return known != peak.end() ? known->second : peak.at("f32");
}

double Machine::efficiencyAt(double rows) const {
  if (rows <= efficiency.front().first)
    return efficiency.front().second;
  for (auto [low, high] : zip(efficiency, drop_begin(efficiency)))
    if (rows < high.first) {
      double part = std::log(rows / low.first) / std::log(high.first / low.first);
      return low.second + part * (high.second - low.second);
    }
  return efficiency.back().second;
}

double Machine::bandwidthAt(double bytes, int threads) const {
  double left = 1, secondsPerByte = 0;
  for (const MemoryLevel &level : memory) {
    // Beyond the capacity a loop over the bytes evicts what it will want next.
    double capacity = level.bytes * (level.isShared ? 1 : threads);
    double part = &level == &memory.back() ? 1 : std::clamp(2 - bytes / capacity, 0.0, 1.0);
    double rate = level.bandwidth * threads;
    if (level.total > 0)
      rate = std::min(rate, std::max(level.total, level.bandwidth));
    secondsPerByte += left * part / rate;
    left *= 1 - part;
  }
  return 1 / secondsPerByte;
}

double Machine::launchAt(int count) const {
  double seconds = launch.front().second;
  for (auto [with, cost] : launch)
    if (with <= count)
      seconds = cost;
  return seconds;
}

//===----------------------------------------------------------------------===//
// JSON
//===----------------------------------------------------------------------===//

static json::Array pairsToJSON(ArrayRef<std::pair<double, double>> pairs) {
  json::Array array;
  for (auto [key, value] : pairs)
    array.push_back(json::Array{key, value});
  return array;
}

json::Value Machine::toJSON() const {
  json::Object peaks;
  for (const auto &[type, rate] : peak)
    peaks[type] = rate;
  json::Array levels;
  for (const MemoryLevel &level : memory) {
    json::Object entry{{"name", level.name}, {"bandwidth", level.bandwidth}};
    if (level.bytes > 0)
      entry["bytes"] = level.bytes;
    if (level.total > 0)
      entry["total"] = level.total;
    if (level.isShared)
      entry["shared"] = true;
    levels.push_back(std::move(entry));
  }
  json::Object object{{"format", kFormat},
                      {"version", kVersion},
                      {"name", name},
                      {"targets", json::Array(targets)},
                      {"threads", threads},
                      {"peak", std::move(peaks)},
                      {"efficiency", pairsToJSON(efficiency)},
                      {"memory", std::move(levels)},
                      {"launch", pairsToJSON(launch)}};
  if (multiprocessors > 0)
    object["multiprocessors"] = multiprocessors;
  return object;
}

namespace {

bool isPositive(double value) { return std::isfinite(value) && value > 0; }

bool fromPairs(const json::Value &value, std::vector<std::pair<double, double>> &into,
               json::Path path) {
  const json::Array *array = value.getAsArray();
  if (!array || array->empty()) {
    path.report("expected pairs of numbers");
    return false;
  }
  for (const json::Value &entry : *array) {
    std::vector<double> pair;
    if (!json::fromJSON(entry, pair, path))
      return false;
    bool rises = into.empty() || (!pair.empty() && pair.front() > into.back().first);
    if (pair.size() != 2 || !isPositive(pair[0]) || !isPositive(pair[1]) || !rises) {
      path.report("expected pairs of positive numbers, the first of which rise");
      return false;
    }
    into.emplace_back(pair[0], pair[1]);
  }
  return true;
}

} // namespace

static bool fromJSON(const json::Value &value, MemoryLevel &level, json::Path path) {
  json::ObjectMapper map(value, path);
  if (!map || !map.map("name", level.name) || !map.map("bandwidth", level.bandwidth) ||
      !map.mapOptional("bytes", level.bytes) || !map.mapOptional("total", level.total) ||
      !map.mapOptional("shared", level.isShared))
    return false;
  if (isPositive(level.bandwidth) && level.bytes >= 0 && level.total >= 0)
    return true;
  path.report("expected a positive bandwidth and sizes that are not negative");
  return false;
}

static bool mapMachine(const json::Value &value, Machine &machine, json::Path path) {
  json::ObjectMapper map(value, path);
  std::string format;
  int64_t version = 0;
  if (!map || !map.map("format", format) || !map.map("version", version))
    return false;
  if (format != kFormat || version != kVersion) {
    path.report("expected format \"strut.machine\", version 1");
    return false;
  }
  const json::Object &object = *value.getAsObject();
  if (!map.map("name", machine.name) || !map.mapOptional("targets", machine.targets) ||
      !map.map("threads", machine.threads) ||
      !map.mapOptional("multiprocessors", machine.multiprocessors) ||
      !map.map("peak", machine.peak) || !map.map("memory", machine.memory))
    return false;
  for (auto [key, pairs] : {std::pair(StringRef("efficiency"), &machine.efficiency),
                            {StringRef("launch"), &machine.launch}}) {
    const json::Value *given = object.get(key);
    if (!given) {
      path.field(key).report("missing value");
      return false;
    }
    if (!fromPairs(*given, *pairs, path.field(key)))
      return false;
  }
  auto expect = [&](bool holds, StringLiteral what) {
    if (!holds)
      path.report(what);
    return holds;
  };
  return expect(machine.threads >= 1, "expected at least one thread") &&
         expect(machine.multiprocessors >= 0, "expected no negative multiprocessors") &&
         expect(machine.peak.count("f32") &&
                    all_of(machine.peak, [](auto &entry) { return isPositive(entry.second); }),
                "expected positive peaks, that of f32 among them") &&
         expect(!machine.memory.empty() &&
                    all_of(drop_end(machine.memory), [](auto &level) { return level.bytes > 0; }),
                "expected levels of memory, all but the last with their bytes") &&
         expect(all_of(machine.efficiency, [](auto &entry) { return entry.second <= 1; }),
                "expected no efficiency above 1");
}

Expected<Machine> Machine::fromJSON(StringRef text, StringRef where) {
  Expected<json::Value> value = json::parse(text);
  if (!value)
    return createStringError("the machine description " + where +
                             " is not JSON: " + toString(value.takeError()));
  Machine machine;
  json::Path::Root root("machine");
  if (!mapMachine(*value, machine, root))
    return createStringError("the machine description " + where +
                             " cannot be used: " + toString(root.getError()));
  return machine;
}

//===----------------------------------------------------------------------===//
// Where descriptions come from
//===----------------------------------------------------------------------===//

ArrayRef<Machine> namedMachines() {
  static const std::vector<Machine> machines = [] {
    std::vector<Machine> machines;
    for (const char *const *text = embedded::machines; *text; ++text) {
      Expected<Machine> machine = Machine::fromJSON(*text, "that comes with Strut");
      if (!machine)
        reportFatalInternalError(machine.takeError());
      machines.push_back(std::move(*machine));
    }
    return machines;
  }();
  return machines;
}

const Machine *namedMachine(StringRef name) {
  for (const Machine &machine : namedMachines())
    if (machine.name == name || is_contained(machine.targets, name))
      return &machine;
  return nullptr;
}

const Machine &machineForCpu(StringRef cpu, unsigned vectorBytes) {
  if (const Machine *known = namedMachine(cpu))
    return *known;
  return *namedMachine(vectorBytes >= 64   ? "x86-64-v4"
                       : vectorBytes >= 32 ? "x86-64-v3"
                                           : "generic");
}

const Machine &machineForGpu(unsigned capability) {
  const Machine *known = namedMachine("sm_" + std::to_string(capability));
  return known ? *known : *namedMachine(capability >= 90 ? "h100" : "a100");
}

Expected<Machine> readMachine(const std::string &fileOrName) {
  if (const Machine *known = namedMachine(fileOrName))
    return *known;
  auto buffer = MemoryBuffer::getFile(fileOrName);
  if (buffer)
    return Machine::fromJSON((*buffer)->getBuffer(), "'" + fileOrName + "'");
  std::string names;
  for (const Machine &machine : namedMachines())
    names += (names.empty() ? "" : ", ") + machine.name;
  return createStringError("no machine is named '" + fileOrName +
                           "', and it is no file that can be read (" + buffer.getError().message() +
                           "). Known by name: " + names +
                           "; `strut calibrate -o FILE` measures this one");
}

std::string calibratedFile() {
  SmallString<128> path;
  if (!sys::path::user_config_directory(path))
    return "";
  sys::path::append(path, "strut", "machine.json");
  return path.str().str();
}

} // namespace strut::cost
