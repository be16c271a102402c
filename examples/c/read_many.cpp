// Several threads read digits at once: the weights are shared by one session, and each thread
// has a context of its own. The outputs stay in the context's memory, so nothing is copied.
#include "digits.h"
#include <atomic>
#include <cstdio>
#include <memory>
#include <random>
#include <thread>
#include <vector>

namespace {

struct CloseSession {
  void operator()(StrutSession *session) const { digits_close(session); }
};
struct DestroyContext {
  void operator()(StrutContext *context) const { digits_destroy_context(context); }
};

/// The sum of all probabilities of `count` noise images, which is `count` but for rounding.
double readNoise(StrutContext *context, int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> ink(0, 1);
  std::vector<float> images(count * 64);
  for (float &pixel : images)
    pixel = ink(random);
  int64_t shape[4] = {count, 1, 8, 8};
  DLTensor input = digits_tensor_image(images.data(), shape);
  DLTensor output = digits_tensor_probabilities(nullptr, nullptr); // the context provides it
  if (digits_run(context, &input, &output) != STRUT_OK) {
    std::fprintf(stderr, "error: %s\n", digits_error(context));
    return -1;
  }
  const float *probabilities = static_cast<const float *>(output.data);
  double sum = 0;
  for (int64_t i = 0; i < output.shape[0] * output.shape[1]; ++i)
    sum += probabilities[i];
  return sum;
}

} // namespace

int main() {
  StrutOpenOptions options = {};
  options.struct_size = sizeof options;
  options.threads = 1; // the program has threads of its own
  StrutSession *opened = nullptr;
  if (digits_open(&options, &opened)) {
    std::fprintf(stderr, "error: %s\n", digits_error(nullptr));
    return 1;
  }
  std::unique_ptr<StrutSession, CloseSession> session(opened);

  std::atomic<int> read{0}, failures{0};
  auto work = [&](unsigned seed) {
    StrutContext *created = nullptr;
    if (digits_create_context(session.get(), &created)) {
      ++failures;
      return;
    }
    std::unique_ptr<StrutContext, DestroyContext> context(created);
    for (int64_t count : {5, 1, 12}) {
      double sum = readNoise(context.get(), count, seed);
      if (sum < count - 1e-3 || sum > count + 1e-3)
        ++failures;
      read += int(count);
    }
  };
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 4; ++seed)
    threads.emplace_back(work, seed);
  for (std::thread &thread : threads)
    thread.join();
  std::printf("%d images on %zu threads, %d failures\n", read.load(), threads.size(),
              failures.load());
  return failures ? 1 : 0;
}
