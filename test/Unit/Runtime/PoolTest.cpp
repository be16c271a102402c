//===- PoolTest.cpp - The thread pool --------------------------------------===//
#include "pool.h"
#include "cpu.h"
#include <algorithm>
#include <atomic>
#include <gtest/gtest.h>
#include <mutex>
#include <sched.h>
#include <set>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

/// Counts how often each task ran, and on which threads.
struct Tally {
  explicit Tally(int64_t tasks) : ran(tasks) {}
  static void body(void *self, int64_t begin, int64_t end) {
    auto *tally = static_cast<Tally *>(self);
    for (int64_t i = begin; i < end; ++i)
      tally->ran[i].fetch_add(1, std::memory_order_relaxed);
    std::lock_guard<std::mutex> lock(tally->mutex);
    tally->threads.insert(gettid());
    tally->ranges.push_back({begin, end});
  }
  void expectOnceEach() const {
    for (size_t i = 0; i < ran.size(); ++i)
      ASSERT_EQ(ran[i].load(), 1) << "task " << i << " of " << ran.size();
  }

  std::vector<std::atomic<int>> ran;
  std::mutex mutex;
  std::set<pid_t> threads;
  std::vector<std::pair<int64_t, int64_t>> ranges;
};

void parallel(int width, Tally &tally) {
  strut_process_v1.parallel_for(reinterpret_cast<void *>(static_cast<intptr_t>(width)), Tally::body,
                                &tally, static_cast<int64_t>(tally.ran.size()));
}

} // namespace

TEST(Pool, RunsEachTaskOnce) {
  int width = strut_process_v1.prepare(4);
  EXPECT_EQ(width, 4);
  for (int64_t tasks : {0, 1, 2, 3, 7, 16, 31, 32, 33, 100, 1000, 12345}) {
    Tally tally(tasks);
    parallel(width, tally);
    tally.expectOnceEach();
    for (auto [begin, end] : tally.ranges)
      EXPECT_LT(begin, end);
  }
}

// So that a thread which is slower than others does not keep them waiting in the end.
TEST(Pool, CutsSmallerPiecesTowardsTheEnd) {
  strut_process_v1.prepare(2);
  Tally tally(1003);
  parallel(2, tally);
  if (tally.ranges.size() == 1)
    return; // another test's pool was busy: legal
  std::sort(tally.ranges.begin(), tally.ranges.end());
  int64_t last = 1003, end = 0;
  for (auto [begin, after] : tally.ranges) {
    EXPECT_EQ(begin, end);
    EXPECT_LE(after - begin, last);
    last = after - begin;
    end = after;
  }
  EXPECT_EQ(end, 1003);
  EXPECT_LE(tally.ranges.front().second, 1003 / 4 + 8) << "half of a thread's half";
  EXPECT_LE(last, 1003 / 100);
  EXPECT_GE(tally.ranges.size(), 8u);
  EXPECT_LE(tally.ranges.size(), 32u) << "each costs a dispatch";
}

TEST(Pool, KeepsToTheWidth) {
  strut_process_v1.prepare(4);
  for (int round = 0; round < 200; ++round) {
    Tally two(64), one(64);
    parallel(2, two);
    two.expectOnceEach();
    EXPECT_LE(two.threads.size(), 2u);
    parallel(1, one);
    EXPECT_EQ(one.threads.size(), 1u);
    EXPECT_EQ(one.ranges.size(), 1u);
  }
}

TEST(Pool, WakesWorkersThatSleep) {
  strut_process_v1.prepare(2);
  // Each of two tasks waits for the other: it takes two threads to finish.
  struct Meeting {
    std::atomic<int> there{0};
    static void body(void *self, int64_t begin, int64_t end) {
      auto *meeting = static_cast<Meeting *>(self);
      meeting->there += static_cast<int>(end - begin);
      while (meeting->there.load() < 2)
        sched_yield();
    }
  };
  for (int round = 0; round < 20; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2)); // long enough to fall asleep
    Meeting meeting;
    strut_process_v1.parallel_for(reinterpret_cast<void *>(2), Meeting::body, &meeting, 2);
    EXPECT_EQ(meeting.there.load(), 2);
  }
}

TEST(Pool, ServesSeveralCallersAtOnce) {
  strut_process_v1.prepare(3);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([] {
      for (int round = 0; round < 500; ++round) {
        Tally tally(1 + round % 50);
        parallel(3, tally);
        tally.expectOnceEach();
      }
    });
  for (std::thread &caller : callers)
    caller.join();
}

TEST(Pool, RunsNestedLoopsInline) {
  strut_process_v1.prepare(2);
  struct Nest {
    std::atomic<int> inner{0};
    static void outerBody(void *self, int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        strut_process_v1.parallel_for(reinterpret_cast<void *>(2), innerBody, self, 10);
    }
    static void innerBody(void *self, int64_t begin, int64_t end) {
      static_cast<Nest *>(self)->inner += static_cast<int>(end - begin);
    }
  } nest;
  strut_process_v1.parallel_for(reinterpret_cast<void *>(2), Nest::outerBody, &nest, 32);
  EXPECT_EQ(nest.inner.load(), 320);
}

TEST(Pool, LeavesTheCallersAffinityAlone) {
  cpu_set_t before, after;
  sched_getaffinity(0, sizeof before, &before);
  strut_process_v1.prepare(3);
  Tally tally(100);
  parallel(3, tally);
  sched_getaffinity(0, sizeof after, &after);
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

TEST(Pool, LivesAgainInEveryChild) {
  strut_process_v1.prepare(2);
  auto child = [](auto &self, int depth) -> int {
    pid_t pid = fork();
    if (pid == 0) {
      alarm(120); // a hang is a failure
      int width = strut_process_v1.prepare(2);
      Tally tally(100);
      parallel(2, tally);
      bool good = width == 2;
      for (auto &ran : tally.ran)
        good = good && ran == 1;
      if (good && depth > 0)
        good = self(self, depth - 1) == 0;
      _exit(good ? 0 : 1);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return status;
  };
  EXPECT_EQ(child(child, 2), 0);
}

// Forking while other threads dispatch: the child inherits a pool in mid-flight.
TEST(Pool, LivesAgainWhenForkedInMidFlight) {
  strut_process_v1.prepare(2);
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    while (!stop) {
      Tally tally(40);
      parallel(2, tally);
    }
  });
  for (int round = 0; round < 20; ++round) {
    pid_t pid = fork();
    if (pid == 0) {
      alarm(120);
      // No allocation here: another thread may have held the allocator's lock.
      std::atomic<int> ran{0};
      strut_process_v1.prepare(2);
      strut_process_v1.parallel_for(
          reinterpret_cast<void *>(2),
          [](void *count, int64_t begin, int64_t end) {
            *static_cast<std::atomic<int> *>(count) += static_cast<int>(end - begin);
          },
          &ran, 40);
      _exit(ran == 40 ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
  }
  stop = true;
  busy.join();
}
