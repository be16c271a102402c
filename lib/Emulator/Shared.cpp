//===- Shared.cpp - Races in shared memory --------------------------------===//
#include "Emulator.h"
#include <cstring>

namespace strut::emulator {

void Shared::start(void *memory, size_t size) {
  // What a block finds is what another left, or nothing: NaN.
  memset(memory, 0xff, size);
  begin = uintptr_t(memory);
  bytes.assign(size, Byte());
  epoch = 1;
}

bool Shared::contains(const void *address) const {
  return uintptr_t(address) - begin < bytes.size();
}

static std::string race(const char *what, const char *other, uint32_t thread) {
  std::string by = thread < ~1u ? "thread " + std::to_string(thread) : "several threads";
  return std::string(what) + " shared memory that " + by + " " + other +
         " with no barrier in between";
}

std::string Shared::access(const void *address, size_t size, bool isWrite, uint32_t thread) {
  size_t first = uintptr_t(address) - begin;
  if (first + size > bytes.size())
    return std::string(isWrite ? "writes" : "reads") + " beyond the end of shared memory";
  for (size_t i = first; i < first + size; ++i) {
    Byte &byte = bytes[i];
    if (byte.awaited)
      return std::string(isWrite ? "writes" : "reads") +
             " shared memory that a copy is still on its way to";
    if (byte.written == epoch && byte.writer != thread)
      return race(isWrite ? "writes" : "reads", isWrite ? "writes too," : "writes,", byte.writer);
    if (!isWrite) {
      if (!byte.written)
        return "reads shared memory that no thread has written";
      byte.reader = byte.read == epoch && byte.reader != thread ? several : thread;
      byte.read = epoch;
      continue;
    }
    if (byte.read == epoch && byte.reader != thread)
      return race("writes", "reads,", byte.reader);
    byte.writer = thread;
    byte.written = epoch;
  }
  return "";
}

std::string Shared::beginCopy(void *address, size_t size, uint32_t thread) {
  if (std::string what = access(address, size, true, thread); !what.empty())
    return what;
  memset(address, 0xff, size);
  size_t first = uintptr_t(address) - begin;
  for (size_t i = first; i < first + size; ++i)
    bytes[i].awaited = true;
  return "";
}

void Shared::endCopy(void *address, size_t size, uint32_t thread) {
  size_t first = uintptr_t(address) - begin;
  for (size_t i = first; i < first + size; ++i) {
    bytes[i].awaited = false;
    bytes[i].writer = thread;
    bytes[i].written = epoch;
  }
}

} // namespace strut::emulator
