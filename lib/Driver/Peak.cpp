//===- Peak.cpp - the machine's peaks, measured ----------------------------===//

#include "Peak.h"
#include "Timing.h"
#include "llvm/Support/ErrorHandling.h"
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
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

/// The sum of `bytes` bytes of floats, a multiple of `readStep`, by vectors.
template <typename Vector>
[[gnu::always_inline]] inline float readAll(const void *memory, size_t bytes) {
  constexpr int sums = 8;
  const auto *vectors = static_cast<const Vector *>(memory);
  Vector sum[sums] = {};
  for (size_t n = 0; n < bytes / sizeof(Vector); n += sums)
    for (int i = 0; i < sums; ++i)
      sum[i] += vectors[n + static_cast<size_t>(i)];
  for (int i = 1; i < sums; ++i)
    sum[0] += sum[i];
  return sum[0][0];
}
constexpr size_t readStep = 512;

typedef float Float4 __attribute__((vector_size(16)));
#if defined(__x86_64__)
typedef float Float8 __attribute__((vector_size(32)));
typedef float Float16 __attribute__((vector_size(64)));
#define STRUT_AVX512 __attribute__((target("avx512f,fma")))
#define STRUT_AVX2 __attribute__((target("avx2,fma")))
STRUT_AVX512 float batchAvx512() { return fmaBatch<Float16>(); }
STRUT_AVX512 float readAvx512(const void *m, size_t bytes) { return readAll<Float16>(m, bytes); }
STRUT_AVX2 float batchAvx2() { return fmaBatch<Float8>(); }
STRUT_AVX2 float readAvx2(const void *m, size_t bytes) { return readAll<Float8>(m, bytes); }
#endif
float batchBaseline() { return fmaBatch<Float4>(); }
float readBaseline(const void *m, size_t bytes) { return readAll<Float4>(m, bytes); }

struct Kernel {
  float (*run)();
  int lanes;
  float (*read)(const void *memory, size_t bytes);
};

Kernel widest() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f"))
    return {batchAvx512, 16, readAvx512};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return {batchAvx2, 8, readAvx2};
#endif
  return {batchBaseline, 4, readBaseline};
}

struct Worker {
  pthread_t thread;
  double (*measure)(size_t argument);
  size_t argument;
  double rate = 0; ///< FLOP/s or bytes/s
};

void *work(void *argument) {
  auto *worker = static_cast<Worker *>(argument);
  worker->rate = worker->measure(worker->argument);
  return nullptr;
}

double bestFlops(size_t) {
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

double bestBandwidth(size_t bytes) {
  constexpr size_t hugePage = 2 << 20;
  bytes = std::max(bytes / readStep, size_t(1)) * readStep;
  // In huge pages, as the runtime wants weights to be.
  const size_t whole = (bytes + hugePage - 1) / hugePage * hugePage;
  std::unique_ptr<void, decltype(&free)> memory(aligned_alloc(hugePage, whole), free);
  if (!memory)
    llvm::report_bad_alloc_error("no memory to measure with");
  madvise(memory.get(), whole, MADV_HUGEPAGE);
  // Written, or all pages were the same page of zeros.
  std::fill_n(static_cast<float *>(memory.get()), bytes / sizeof(float), 1.0f);
  const Kernel kernel = widest();
  // A window is long enough for the clock to tell.
  const size_t passes = std::max(size_t(1), (size_t(8) << 20) / bytes);
  const int windows = bytes < size_t(8) << 20 ? 50 : 12;
  volatile float sink;
  double best = 0;
  for (int window = 0; window < windows; ++window) {
    Clock::time_point begin = Clock::now();
    for (size_t pass = 0; pass < passes; ++pass)
      sink = kernel.read(memory.get(), bytes);
    best = std::max(best, static_cast<double>(passes * bytes) / secondsSince(begin));
  }
  (void)sink;
  return best;
}

/// The sum of what `threads` threads measure at the same time.
double measureOn(int threads, double (*measure)(size_t), size_t argument) {
  std::vector<Worker> workers(static_cast<size_t>(threads > 1 ? threads : 1));
  size_t started = 1; // the first works here
  for (Worker &worker : workers) {
    worker.measure = measure;
    worker.argument = argument;
  }
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

double strut::driver::measurePeak(int threads) { return measureOn(threads, bestFlops, 0); }

double strut::driver::measureBandwidth(int threads, size_t bytes) {
  return measureOn(threads, bestBandwidth, bytes);
}

int strut::driver::threadsInUse(int asked) {
  cpu_set_t set;
  int available = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
  return asked > 0 ? std::min(asked, available) : available;
}
