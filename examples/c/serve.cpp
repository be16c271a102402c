// A server that reads digits: clients connect to 127.0.0.1 and send one image a line, 64
// numbers from 0 (paper) to 1 (ink); each line is answered by "DIGIT PROBABILITY" or "error: ...".
//
//   serve [WORKERS [THREADS]]      prints the port, serves until its standard input ends
//
// WORKERS contexts share one session, and THREADS threads of Strut's pool work on each run.
// Requests that wait are answered together: the batch is a dimension of the model, so one
// library serves every batch size.
#include "digits.h"
#include <algorithm>
#include <arpa/inet.h>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

constexpr size_t pixels = 64, classes = 10, largestBatch = 64;

struct Request {
  std::vector<float> image;
  std::promise<std::string> answer;
};

/// Requests that wait for a worker.
class Queue {
public:
  std::future<std::string> add(std::vector<float> image) {
    Request request{std::move(image), {}};
    std::future<std::string> answer = request.answer.get_future();
    std::lock_guard<std::mutex> lock(mutex);
    if (closed)
      request.answer.set_value("error: the server is closing");
    else
      waiting.push_back(std::move(request));
    changed.notify_one();
    return answer;
  }

  /// All that wait, up to the largest batch; none once the queue is closed and empty.
  std::vector<Request> take() {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&] { return closed || !waiting.empty(); });
    std::vector<Request> batch;
    while (!waiting.empty() && batch.size() < largestBatch) {
      batch.push_back(std::move(waiting.front()));
      waiting.pop_front();
    }
    return batch;
  }

  void close() {
    std::lock_guard<std::mutex> lock(mutex);
    closed = true;
    changed.notify_all();
  }

private:
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Request> waiting;
  bool closed = false;
};

std::string answerOf(const float *probabilities) {
  const float *best = std::max_element(probabilities, probabilities + classes);
  char text[32];
  std::snprintf(text, sizeof text, "%d %.4f", int(best - probabilities), *best);
  return text;
}

/// Answers batches on a context of its own until the queue is closed.
void work(StrutContext *context, Queue &queue) {
  std::vector<float> images;
  for (std::vector<Request> batch; !(batch = queue.take()).empty();) {
    images.clear();
    for (const Request &request : batch)
      images.insert(images.end(), request.image.begin(), request.image.end());
    int64_t shape[4] = {int64_t(batch.size()), 1, 8, 8};
    DLTensor input = digits_tensor_image(images.data(), shape);
    DLTensor output = digits_tensor_probabilities(nullptr, nullptr); // the context provides it
    bool failed = digits_run(context, &input, &output) != STRUT_OK;
    const float *probabilities = static_cast<const float *>(output.data);
    for (size_t i = 0; i < batch.size(); ++i)
      batch[i].answer.set_value(failed ? std::string("error: ") + digits_error(context)
                                       : answerOf(probabilities + i * classes));
  }
}

std::vector<float> parse(const char *line) {
  std::vector<float> image;
  for (char *end = nullptr;; line = end) {
    float value = std::strtof(line, &end);
    if (end == line)
      return image;
    image.push_back(value);
  }
}

void serve(int connection, std::shared_ptr<Queue> queue) {
  std::unique_ptr<FILE, int (*)(FILE *)> in(fdopen(connection, "r"), std::fclose);
  char *line = nullptr;
  size_t capacity = 0;
  while (in && getline(&line, &capacity, in.get()) > 0) {
    std::vector<float> image = parse(line);
    std::string answer = image.size() == pixels ? queue->add(std::move(image)).get()
                                                : "error: an image has 64 numbers, this line has " +
                                                      std::to_string(image.size());
    answer += "\n";
    if (send(connection, answer.data(), answer.size(), MSG_NOSIGNAL) < 0)
      break;
  }
  std::free(line);
}

/// A socket that listens on a free port of this machine alone, or -1.
int listenSomewhere(uint16_t &port) {
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto *generic = reinterpret_cast<sockaddr *>(&address);
  if (listener < 0 || bind(listener, generic, size) || listen(listener, 128) ||
      getsockname(listener, generic, &size))
    return -1;
  port = ntohs(address.sin_port);
  return listener;
}

} // namespace

int main(int argc, char **argv) {
  int workers = argc > 1 ? std::atoi(argv[1]) : 2;
  StrutOpenOptions options = {};
  options.struct_size = sizeof options;
  options.threads = argc > 2 ? std::atoi(argv[2]) : 1;
  StrutSession *session = nullptr;
  if (workers < 1 || digits_open(&options, &session)) {
    std::fprintf(stderr, "error: %s\n", workers < 1 ? "no workers" : digits_error(nullptr));
    return 1;
  }
  uint16_t port = 0;
  int listener = listenSomewhere(port);
  if (listener < 0) {
    std::perror("error: no port to listen on");
    digits_close(session);
    return 1;
  }

  auto queue = std::make_shared<Queue>();
  std::vector<std::thread> threads;
  for (int i = 0; i < workers; ++i) {
    StrutContext *context = nullptr;
    if (digits_create_context(session, &context)) {
      std::fprintf(stderr, "error: %s\n", digits_error(nullptr));
      return 1;
    }
    threads.emplace_back([context, queue] {
      work(context, *queue);
      digits_destroy_context(context);
    });
  }
  std::thread([listener, queue] {
    for (int connection; (connection = accept(listener, nullptr, nullptr)) >= 0;)
      std::thread(serve, connection, queue).detach();
  }).detach();
  std::printf("port %d\n", port);
  std::fflush(stdout);

  while (std::getchar() != EOF)
    ;
  queue->close();
  for (std::thread &thread : threads)
    thread.join();
  digits_close(session);
  return 0;
}
