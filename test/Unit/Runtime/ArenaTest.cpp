//===- ArenaTest.cpp - Layout of the working memory ------------------------===//
#include "arena.h"
#include <gtest/gtest.h>
#include <random>
#include <vector>

namespace {

struct Layout {
  std::vector<StrutLifetime> lifetimes;
  std::vector<int64_t> bytes, offsets;
  int64_t total = 0;

  void add(int32_t first, int32_t last, int64_t size) {
    lifetimes.push_back({first, last});
    bytes.push_back(size);
  }
  void plan() {
    std::vector<int32_t> scratch(2 * bytes.size());
    offsets.assign(bytes.size(), -1);
    total = strut_arena_layout(static_cast<int32_t>(bytes.size()), lifetimes.data(), bytes.data(),
                               offsets.data(), scratch.data());
  }
  int64_t sum() const {
    int64_t all = 0;
    for (int64_t size : bytes)
      all += strut_align(size);
    return all;
  }
  /// The most that lives at one time: no layout is smaller.
  int64_t peak() const {
    int64_t most = 0;
    for (const StrutLifetime &at : lifetimes) {
      int64_t live = 0;
      for (size_t i = 0; i < bytes.size(); ++i)
        if (lifetimes[i].first <= at.first && at.first <= lifetimes[i].last)
          live += strut_align(bytes[i]);
      most = std::max(most, live);
    }
    return most;
  }
  void check() const {
    ASSERT_LE(total, sum());
    ASSERT_GE(total, peak());
    for (size_t i = 0; i < bytes.size(); ++i) {
      ASSERT_GE(offsets[i], 0);
      ASSERT_EQ(offsets[i] % StrutAlignment, 0);
      ASSERT_LE(offsets[i] + bytes[i], total);
      for (size_t j = 0; j < i; ++j) {
        bool together =
            lifetimes[i].first <= lifetimes[j].last && lifetimes[j].first <= lifetimes[i].last;
        bool overlap = offsets[i] < offsets[j] + bytes[j] && offsets[j] < offsets[i] + bytes[i];
        ASSERT_FALSE(together && overlap) << "buffers " << j << " and " << i;
      }
    }
  }
};

} // namespace

TEST(Arena, NothingTakesNoRoom) {
  Layout layout;
  layout.plan();
  EXPECT_EQ(layout.total, 0);
  layout.add(0, 9, 0);
  layout.add(0, 9, 0);
  layout.plan();
  EXPECT_EQ(layout.total, 0);
}

TEST(Arena, AChainNeedsTwoBuffers) {
  Layout layout;
  for (int32_t i = 0; i < 20; ++i)
    layout.add(i, i + 1, 1000);
  layout.plan();
  layout.check();
  EXPECT_EQ(layout.total, 2 * 1024);
}

TEST(Arena, TakesTheSmallestGap) {
  Layout layout;
  layout.add(0, 1, 640); // leaves a gap of 640 at time 2
  layout.add(0, 9, 512);
  layout.add(0, 1, 128); // and one of 128
  layout.add(0, 9, 128);
  layout.add(2, 3, 128);
  layout.plan();
  layout.check();
  EXPECT_EQ(layout.offsets[4], layout.offsets[2]);
}

TEST(Arena, RefusesSizesThatOverflow) {
  Layout layout;
  layout.add(0, 1, INT64_MAX);
  layout.plan();
  EXPECT_EQ(layout.total, -1);
  layout.bytes[0] = INT64_MAX / 2;
  layout.add(0, 1, INT64_MAX / 2 + 128);
  layout.plan();
  EXPECT_EQ(layout.total, -1);
  layout.lifetimes[1] = {2, 3};
  layout.plan();
  EXPECT_GT(layout.total, 0);
}

TEST(Arena, NeverOverlapsLiveBuffers) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  auto below = [&](int n) { return static_cast<int>(random() % n); };
  for (int round = 0; round < 300; ++round) {
    Layout layout;
    const int count = below(40), steps = 1 + below(30), scale = 1 << below(16);
    for (int i = 0; i < count; ++i) {
      int first = below(steps);
      layout.add(first, first + below(6), below(scale));
    }
    layout.plan();
    layout.check();
    if (HasFailure())
      return;
  }
}
