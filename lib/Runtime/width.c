/*===- width.c - How many threads this process may use ------------------------===*/
#include "cpu.h"
#include "libc.h"

enum { PathCapacity = 1024, FileCapacity = 4096 };

/* Reads a small file whole, terminated; its length, or -1. */
static long readSmall(const char *path, char *to, long capacity) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return -1;
  long length = 0, got;
  while (length < capacity - 1 &&
         (got = read(file, to + length, (size_t)(capacity - 1 - length))) > 0)
    length += got;
  close(file);
  to[length] = 0;
  return length;
}

/* Appends to a path of PathCapacity bytes; false when it does not fit. */
static int append(char *path, long *length, const char *part, long partLength) {
  if (*length + partLength >= PathCapacity)
    return 0;
  memcpy(path + *length, part, (size_t)partLength);
  *length += partLength;
  path[*length] = 0;
  return 1;
}

static long lengthOf(const char *string) {
  long length = 0;
  while (string[length])
    ++length;
  return length;
}

/* A decimal number at `*at`, which is moved behind it and the blanks that follow;
 * -1 where there is none ("max", "-1"). */
static int64_t parseNumber(const char **at) {
  int64_t value = -1;
  for (; **at >= '0' && **at <= '9' && value < INT64_MAX / 16; ++*at)
    value = (value < 0 ? 0 : value) * 10 + (**at - '0');
  while (**at == ' ' || **at == '\n')
    ++*at;
  return value;
}

static int32_t cpusOf(int64_t quota, int64_t period) {
  if (quota <= 0 || period <= 0)
    return INT32_MAX;
  int64_t cpus = (quota - 1) / period + 1;
  return cpus < INT32_MAX ? (int32_t)cpus : INT32_MAX;
}

/* The quota set in one folder, whichever cgroup version it belongs to. */
static int32_t quotaInFolder(const char *folder, long folderLength) {
  char path[PathCapacity], text[64];
  const char *at = text;
  long length = 0;
  if (!append(path, &length, folder, folderLength) || !append(path, &length, "/cpu.max", 8))
    return INT32_MAX;
  if (readSmall(path, text, sizeof text) > 0) {
    int64_t quota = parseNumber(&at);
    return cpusOf(quota, parseNumber(&at));
  }
  length = folderLength;
  if (!append(path, &length, "/cpu.cfs_quota_us", 17) || readSmall(path, text, sizeof text) <= 0)
    return INT32_MAX;
  int64_t quota = parseNumber(&at);
  length = folderLength;
  if (!append(path, &length, "/cpu.cfs_period_us", 18) || readSmall(path, text, sizeof text) <= 0)
    return INT32_MAX;
  at = text;
  return cpusOf(quota, parseNumber(&at));
}

/* The smallest quota from `root`/`group` up to `root`. Inside a container the
 * group's path may be the host's and not exist here: its parents do. */
static int32_t quotaUpwards(const char *root, const char *group, long groupLength) {
  char path[PathCapacity];
  long length = 0, rootLength = lengthOf(root);
  int32_t least = INT32_MAX;
  if (!append(path, &length, root, rootLength) || !append(path, &length, group, groupLength))
    return INT32_MAX;
  for (;;) {
    while (length > rootLength && path[length - 1] == '/')
      --length;
    int32_t here = quotaInFolder(path, length);
    if (here < least)
      least = here;
    if (length <= rootLength)
      return least;
    while (length > rootLength && path[length - 1] != '/')
      --length;
  }
}

/* Whether a comma-separated controller list holds "cpu". */
static int namesCpu(const char *list, long length) {
  for (long i = 0; i + 3 <= length; ++i)
    if ((i == 0 || list[i - 1] == ',') && memcmp(list + i, "cpu", 3) == 0 &&
        (i + 3 == length || list[i + 3] == ','))
      return 1;
  return 0;
}

/* One line of /proc/self/cgroup: "0::/group" (version 2), "4:cpu,cpuacct:/group". */
static int32_t quotaOfLine(const char *line, long length, const char *mount) {
  long first = 0, second;
  while (first < length && line[first] != ':')
    ++first;
  for (second = first + 1; second < length && line[second] != ':';)
    ++second;
  if (second >= length)
    return INT32_MAX;
  const char *list = line + first + 1, *group = line + second + 1;
  long listLength = second - first - 1, groupLength = length - second - 1;
  if (listLength && !namesCpu(list, listLength))
    return INT32_MAX;
  char root[PathCapacity];
  long rootLength = 0;
  if (!append(root, &rootLength, mount, lengthOf(mount)))
    return INT32_MAX;
  if (listLength &&
      (!append(root, &rootLength, "/", 1) || !append(root, &rootLength, list, listLength)))
    return INT32_MAX;
  return quotaUpwards(root, group, groupLength);
}

int32_t strut_cpu_quota(const char *membership, const char *mount) {
  char text[FileCapacity];
  int32_t least = INT32_MAX;
  if (readSmall(membership, text, sizeof text) < 0)
    return least;
  for (const char *line = text; *line;) {
    long length = 0;
    while (line[length] && line[length] != '\n')
      ++length;
    int32_t quota = quotaOfLine(line, length, mount);
    if (quota < least)
      least = quota;
    line += length + (line[length] != 0);
  }
  return least;
}

int32_t strut_cpu_width(void) {
  uint64_t mask[1024]; /* 65536 CPUs: the kernel refuses a mask shorter than its own */
  int32_t width = 0;
  long bytes = syscall(SYS_sched_getaffinity, 0L, sizeof mask, mask);
  for (long i = 0; i < bytes / 8; ++i)
    width += __builtin_popcountll(mask[i]);
  int32_t quota = strut_cpu_quota("/proc/self/cgroup", "/sys/fs/cgroup");
  if (width > quota)
    width = quota;
  return width < 1 ? 1 : width;
}
