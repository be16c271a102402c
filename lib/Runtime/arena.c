/*===- arena.c - Layout of the working memory --------------------------------===*/
#include "arena.h"

int64_t strut_align(int64_t bytes) {
  if (bytes < 0 || bytes > INT64_MAX - (StrutAlignment - 1))
    return -1;
  return (bytes + StrutAlignment - 1) & ~(int64_t)(StrutAlignment - 1);
}

static int comesBefore(const int64_t *bytes, int32_t a, int32_t b) {
  return bytes[a] != bytes[b] ? bytes[a] > bytes[b] : a < b;
}

/* Heap sort by falling size: in place, no worst case, no recursion. */
static void siftDown(int32_t *order, int32_t root, int32_t count, const int64_t *bytes) {
  for (int32_t child; (child = 2 * root + 1) < count; root = child) {
    if (child + 1 < count && comesBefore(bytes, order[child], order[child + 1]))
      ++child;
    if (!comesBefore(bytes, order[root], order[child]))
      return;
    int32_t swapped = order[root];
    order[root] = order[child];
    order[child] = swapped;
  }
}

static void sortBySize(int32_t *order, int32_t count, const int64_t *bytes) {
  for (int32_t i = count / 2 - 1; i >= 0; --i)
    siftDown(order, i, count, bytes);
  for (int32_t last = count - 1; last > 0; --last) {
    int32_t swapped = order[0];
    order[0] = order[last];
    order[last] = swapped;
    siftDown(order, 0, last, bytes);
  }
}

/* The lowest end of the smallest gap, between the `placed` buffers (by offset)
 * that live together with `buffer`, which holds `size` bytes. */
static int64_t findPlace(const int32_t *placed, int32_t numPlaced, int32_t buffer, int64_t size,
                         const StrutLifetime *lifetimes, const int64_t *bytes,
                         const int64_t *offsets) {
  int64_t end = 0, best = -1, bestGap = INT64_MAX;
  for (int32_t i = 0; i < numPlaced; ++i) {
    int32_t other = placed[i];
    if (lifetimes[other].last < lifetimes[buffer].first ||
        lifetimes[other].first > lifetimes[buffer].last)
      continue;
    int64_t gap = offsets[other] - end;
    if (gap >= size && gap < bestGap) {
      best = end;
      bestGap = gap;
    }
    int64_t otherEnd = offsets[other] + strut_align(bytes[other]);
    if (otherEnd > end)
      end = otherEnd;
  }
  return best >= 0 ? best : end;
}

int64_t strut_arena_layout(int32_t count, const StrutLifetime *lifetimes, const int64_t *bytes,
                           int64_t *offsets, int32_t *scratch) {
  int32_t *order = scratch, *placed = scratch + count;
  int32_t numPlaced = 0;
  int64_t total = 0;
  for (int32_t i = 0; i < count; ++i) {
    order[i] = i;
    offsets[i] = 0;
  }
  sortBySize(order, count, bytes);
  for (int32_t i = 0; i < count; ++i) {
    int32_t buffer = order[i];
    int64_t size = strut_align(bytes[buffer]);
    if (size < 0)
      return -1;
    if (size == 0)
      break; /* the rest is empty too */
    int64_t offset = findPlace(placed, numPlaced, buffer, size, lifetimes, bytes, offsets);
    if (offset > INT64_MAX - size)
      return -1;
    offsets[buffer] = offset;
    if (offset + size > total)
      total = offset + size;
    int32_t at = numPlaced++;
    for (; at > 0 && offsets[placed[at - 1]] > offset; --at)
      placed[at] = placed[at - 1];
    placed[at] = buffer;
  }
  return total;
}
