//===- Faults.cpp - What the environment makes of the device --------------===//
#include "Device.h"
#include <cstdlib>

namespace strut::emulator {

/// A number that is all of the text.
static bool parse(const std::string &text, uint64_t &number) {
  char *end = nullptr;
  number = strtoull(text.c_str(), &end, 10);
  return !text.empty() && !*end;
}

static std::vector<std::string> split(const std::string &text, char separator) {
  std::vector<std::string> parts;
  for (size_t at = 0; at <= text.size();) {
    size_t end = std::min(text.find(separator, at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

static std::string variable(const char *name) {
  const char *text = getenv(name);
  return text ? text : "";
}

bool Faults::fromEnvironment() {
  *this = Faults();
  if (std::string device = variable("STRUT_EMULATE_DEVICE"); !device.empty()) {
    std::vector<std::string> parts = split(device, ':');
    uint64_t number;
    if (parts[0].rfind("sm_", 0) != 0 || !parse(parts[0].substr(3), number))
      return false;
    capability = int(number);
    if (parts.size() > 2 || (parts.size() == 2 && !parse(parts[1], memory)))
      return false;
  }
  std::string planted = variable("STRUT_EMULATE_FAIL");
  if (planted.empty())
    return true;
  for (const std::string &entry : split(planted, ',')) {
    std::vector<std::string> parts = split(entry, ':');
    uint64_t call, error;
    if (parts.size() != 3 || !parse(parts[1], call) || !parse(parts[2], error))
      return false;
    list.push_back({parts[0], call, CUresult(error)});
  }
  return true;
}

CUresult Faults::plantedIn(const char *function) {
  for (Planted &planted : list)
    if (planted.function == function && (++planted.calls == planted.call || !planted.call))
      return planted.error;
  return 0;
}

} // namespace strut::emulator
