//===- Peak.cpp - the machine's peaks, measured ----------------------------===//

#include "Peak.h"
#include "Timing.h"
#include <algorithm>
#include <cstdint>
#include <pthread.h>
#include <sched.h>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using strut::driver::secondsSince;

/// Enough for two units with a latency of four or five cycles, and what fits the
/// registers of every ISA.
constexpr int chains = 12;
constexpr int64_t batch = 4096;

/// `batch` steps of all chains; returns a number that depends on each. Inlined
/// into a function that has the target's instructions.
template <typename Vector> [[gnu::always_inline]] inline float fmaBatch() {
#pragma clang fp contract(fast)
  Vector sums[chains], factor, term;
  // None starts at 1, the fixed point of the step: the compiler would drop that chain.
  for (int i = 0; i < chains; ++i)
    sums[i] = Vector{} + static_cast<float>(i + 2);
  factor = Vector{} + 0.999f;
  term = Vector{} + 0.001f;
  for (int64_t n = 0; n < batch; ++n)
    for (int i = 0; i < chains; ++i)
      sums[i] = sums[i] * factor + term;
  for (int i = 1; i < chains; ++i)
    sums[0] += sums[i];
  return sums[0][0];
}

typedef float Float4 __attribute__((vector_size(16)));
#if defined(__x86_64__)
typedef float Float8 __attribute__((vector_size(32)));
typedef float Float16 __attribute__((vector_size(64)));
__attribute__((target("avx512f,fma"))) float batchAvx512() { return fmaBatch<Float16>(); }
__attribute__((target("avx2,fma"))) float batchAvx2() { return fmaBatch<Float8>(); }
#endif
float batchBaseline() { return fmaBatch<Float4>(); }

struct Kernel {
  float (*run)();
  int lanes;
};

Kernel widest() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f"))
    return {batchAvx512, 16};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return {batchAvx2, 8};
#endif
  return {batchBaseline, 4};
}

struct Worker {
  pthread_t thread;
  double (*measure)();
  double rate = 0; ///< FLOP/s or bytes/s
};

void *work(void *argument) {
  auto *worker = static_cast<Worker *>(argument);
  worker->rate = worker->measure();
  return nullptr;
}

double bestFlops() {
  // Short windows, the best of which counts: other work on the machine interrupts.
  constexpr double window = 1e-3;
  const Kernel kernel = widest();
  volatile float sink;
  double best = 0;
  for (int i = 0; i < 50; ++i) {
    int64_t batches = 0;
    double seconds;
    Clock::time_point begin = Clock::now();
    do {
      sink = kernel.run();
      ++batches;
      seconds = secondsSince(begin);
    } while (seconds < window);
    double flops = 2.0 * static_cast<double>(batches * batch) * chains * kernel.lanes;
    best = std::max(best, flops / seconds);
  }
  (void)sink;
  return best;
}

double bestBandwidth() {
  constexpr size_t bytes = size_t(64) << 20;
  // Written, or all pages were the same page of zeros.
  std::vector<uint64_t> memory(bytes / sizeof(uint64_t), 1);
  volatile uint64_t sink;
  double best = 0;
  for (int pass = 0; pass < 6; ++pass) {
    Clock::time_point begin = Clock::now();
    uint64_t sum = 0;
    for (uint64_t word : memory)
      sum += word;
    sink = sum;
    best = std::max(best, static_cast<double>(bytes) / secondsSince(begin));
  }
  (void)sink;
  return best;
}

/// The sum of what `threads` threads measure at the same time.
double measureOn(int threads, double (*measure)()) {
  std::vector<Worker> workers(static_cast<size_t>(threads > 1 ? threads : 1));
  size_t started = 1; // the first works here
  for (Worker &worker : workers)
    worker.measure = measure;
  while (started < workers.size() &&
         pthread_create(&workers[started].thread, nullptr, work, &workers[started]) == 0)
    ++started;
  work(&workers[0]);
  double sum = workers[0].rate;
  for (size_t i = 1; i < started; ++i) {
    pthread_join(workers[i].thread, nullptr);
    sum += workers[i].rate;
  }
  return sum;
}

} // namespace

double strut::driver::measurePeak(int threads) { return measureOn(threads, bestFlops); }

double strut::driver::measureBandwidth(int threads) { return measureOn(threads, bestBandwidth); }

int strut::driver::threadsInUse(int asked) {
  cpu_set_t set;
  int available = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
  return asked > 0 ? std::min(asked, available) : available;
}
