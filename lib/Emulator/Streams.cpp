//===- Streams.cpp - Work that waits for its turn -------------------------===//
#include "Device.h"
#include <algorithm>

namespace strut::emulator {

State &state() {
  static State instance;
  return instance;
}

Result fail(Result result, const std::string &why) {
  state().problem = why;
  state().problemOf = result;
  return result;
}

Stream &streamOf(CUstream handle) {
  return reinterpret_cast<uintptr_t>(handle) <= 2 ? state().legacy
                                                  : *reinterpret_cast<Stream *>(handle);
}

void flush(Stream &stream) {
  std::vector<Work> work = std::move(stream.waiting);
  stream.waiting.clear();
  for (Work &piece : work) {
    if (state().failed)
      return;
    if (std::string why = piece(); !why.empty()) {
      state().failed = true;
      fail(LaunchFailed, why);
    }
  }
}

void flushAll() {
  flush(state().legacy);
  for (Stream *stream : state().streams)
    flush(*stream);
}

Result put(Stream &stream, Work work) {
  if (stream.recording) {
    stream.recording->push_back(std::move(work));
    return Success;
  }
  // The default stream and blocking ones wait for each other.
  if (&stream == &state().legacy) {
    for (Stream *other : state().streams)
      if (other->isBlocking)
        flush(*other);
  } else if (stream.isBlocking) {
    flush(state().legacy);
  }
  stream.waiting.push_back(std::move(work));
  return Success;
}

bool isPinned(const void *address, size_t bytes) {
  auto next = state().pinned.upper_bound(uintptr_t(address));
  if (next == state().pinned.begin())
    return false;
  auto [begin, size] = *std::prev(next);
  return uintptr_t(address) + bytes <= begin + size;
}

bool isCapturing() {
  return std::any_of(state().streams.begin(), state().streams.end(),
                     [](const Stream *stream) { return stream->recording != nullptr; });
}

} // namespace strut::emulator
