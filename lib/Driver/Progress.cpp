//===- Progress.cpp - signs of life from what takes long -------------------===//

#include "strut/Driver/Progress.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <pthread.h>
#include <string>

using namespace llvm;
using namespace strut::driver;

using Clock = std::chrono::steady_clock;
static constexpr std::chrono::seconds patience(2);

struct Progress::State {
  explicit State(raw_ostream &log) : log(log) {}

  raw_ostream &log;
  const Clock::time_point begin = Clock::now();
  std::mutex mutex;
  std::condition_variable changed;
  std::string name;
  bool over = false;
  bool started = false; ///< whether there is a thread
  pthread_t thread;

  /// Call with the mutex held.
  void print() {
    std::chrono::duration<double> spent = Clock::now() - begin;
    if (!name.empty())
      log << format("[%3.0f s] ", spent.count()) << name << "\n";
  }

  static void *wait(void *argument) {
    State &self = *static_cast<State *>(argument);
    std::unique_lock<std::mutex> lock(self.mutex);
    if (!self.changed.wait_until(lock, self.begin + patience, [&] { return self.over; }))
      self.print();
    return nullptr;
  }
};

Progress::Progress(raw_ostream &log) : state(std::make_unique<State>(log)) {
  // Where no thread is to be had, stages are still named as they begin.
  state->started = pthread_create(&state->thread, nullptr, State::wait, state.get()) == 0;
}

Progress::~Progress() {
  {
    std::lock_guard<std::mutex> lock(state->mutex);
    state->over = true;
  }
  state->changed.notify_all();
  if (state->started)
    pthread_join(state->thread, nullptr);
}

void Progress::stage(StringRef name) {
  std::lock_guard<std::mutex> lock(state->mutex);
  state->name = name.str();
  if (Clock::now() - state->begin >= patience)
    state->print();
}
