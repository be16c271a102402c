// Measures what this machine can do at most: f32 fused multiply-adds, and reading memory.
//
//   strut-peak [--threads T] [--bytes N]
//
// Prints one JSON object: "gflops" is the FMA rate of T threads together, "gbytes" the rate at
// which they read N bytes (split among them, read again and again), each the best of all rounds,
// with the median beside it. Benches divide by these numbers.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace {

#if defined(__AVX512F__)
constexpr int kBytes = 64;
#elif defined(__AVX__)
constexpr int kBytes = 32;
#else
constexpr int kBytes = 16;
#endif
using Vector = float __attribute__((vector_size(kBytes)));
constexpr int kLanes = kBytes / int(sizeof(float));

// More chains than latency times issue width, fewer than half of the registers.
constexpr int kChains = 12;
constexpr int kRounds = 25;

double seconds() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

// Keeps a result alive without storing it anywhere.
void use(Vector v) { asm volatile("" : : "m"(v)); }

void multiplyAdd(int64_t steps) {
  Vector acc[kChains];
  for (int i = 0; i < kChains; ++i)
    acc[i] = Vector{} + float(i);
  Vector x = Vector{} + 1.0001f, y = Vector{} + 0.9999f;
  for (int64_t s = 0; s < steps; ++s) {
    for (Vector &a : acc)
      a = __builtin_elementwise_fma(a, x, y);
    asm volatile("" ::: "memory"); // the compiler must not shorten the loop
  }
  for (int i = 1; i < kChains; ++i)
    acc[0] += acc[i];
  use(acc[0]);
}

void read(const float *data, size_t count, int64_t times) {
  constexpr int kStreams = 8;
  Vector acc[kStreams] = {};
  for (int64_t t = 0; t < times; ++t) {
    for (size_t i = 0; i + kStreams * kLanes <= count; i += kStreams * kLanes)
      for (int s = 0; s < kStreams; ++s) {
        Vector v;
        std::memcpy(&v, data + i + s * kLanes, sizeof v);
        acc[s] += v;
      }
    asm volatile("" ::: "memory");
  }
  for (int s = 1; s < kStreams; ++s)
    acc[0] += acc[s];
  use(acc[0]);
}

struct Rate {
  double best, median;
};

// Runs work(thread) on all threads at once, kRounds times; rate = amount / time of the slowest.
Rate measure(int threads, double amount, const std::function<void(int)> &work) {
  std::vector<double> rates;
  for (int round = 0; round < kRounds; ++round) {
    std::atomic<int> ready{0};
    std::vector<double> begin(threads), end(threads);
    auto body = [&](int t) {
      ready.fetch_add(1);
      while (ready.load() < threads)
        ;
      begin[t] = seconds();
      work(t);
      end[t] = seconds();
    };
    std::vector<std::thread> others;
    for (int t = 1; t < threads; ++t)
      others.emplace_back(body, t);
    body(0);
    for (std::thread &other : others)
      other.join();
    double time =
        *std::max_element(end.begin(), end.end()) - *std::min_element(begin.begin(), begin.end());
    rates.push_back(amount / time * 1e-9);
  }
  std::sort(rates.begin(), rates.end());
  return {rates.back(), rates[rates.size() / 2]};
}

struct Free {
  void operator()(float *p) const { std::free(p); }
};

Rate measureReads(int threads, size_t bytes) {
  constexpr size_t kUnit = 4096;
  size_t share = std::max(bytes / threads / kUnit, size_t(1)) * kUnit;
  std::vector<std::unique_ptr<float, Free>> data;
  for (int t = 0; t < threads; ++t) {
    data.emplace_back(static_cast<float *>(std::aligned_alloc(kUnit, share)));
    if (!data.back()) {
      std::fprintf(stderr, "error: no memory for %zu bytes\n", share);
      std::exit(1);
    }
    std::memset(data.back().get(), 0, share);
  }
  constexpr size_t kAmount = 256u << 20; // a round takes some milliseconds, whatever the size
  int64_t times = int64_t(kAmount / (share * threads)) + 1;
  double amount = double(share) * threads * double(times);
  return measure(threads, amount,
                 [&](int t) { read(data[t].get(), share / sizeof(float), times); });
}

} // namespace

int main(int argc, char **argv) {
  int threads = 1;
  size_t bytes = 256u << 20;
  for (int i = 1; i < argc; i += 2) {
    bool more = i + 1 < argc;
    if (more && !std::strcmp(argv[i], "--threads"))
      threads = std::atoi(argv[i + 1]);
    else if (more && !std::strcmp(argv[i], "--bytes"))
      bytes = std::strtoull(argv[i + 1], nullptr, 10);
    else
      threads = 0;
  }
  if (threads < 1 || threads > 1024 || bytes == 0) {
    std::fprintf(stderr, "usage: strut-peak [--threads T] [--bytes N]\n");
    return 1;
  }
  constexpr int64_t kSteps = 2000000;
  Rate flops =
      measure(threads, 2.0 * kLanes * kChains * kSteps * threads, [](int) { multiplyAdd(kSteps); });
  Rate reads = measureReads(threads, bytes);
  std::printf("{\"threads\": %d, \"lanes\": %d, \"gflops\": %.2f, \"gflops_median\": %.2f, "
              "\"bytes\": %zu, \"gbytes\": %.2f, \"gbytes_median\": %.2f}\n",
              threads, kLanes, flops.best, flops.median, bytes, reads.best, reads.median);
  return 0;
}
