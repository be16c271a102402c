/*===- weights.c - Where a program's weights come from ------------------------===*/
#include "weights.h"
#include "libc.h"

enum { PathCapacity = 4096, PageBytes = 4096, HeaderVersion = 1 };

typedef enum Verdict { Usable, Missing, Refused } Verdict;

/* Prefers huge pages: weights are read once each run, so the TLB misses of small
 * ones are never amortised. Advice only; file systems without them ignore it. */
static void advise(const char *from, uint64_t bytes) {
  uintptr_t begin = (uintptr_t)from & ~(uintptr_t)(PageBytes - 1);
  madvise((void *)begin, (uintptr_t)from + bytes - begin, MADV_HUGEPAGE);
  madvise((void *)begin, (uintptr_t)from + bytes - begin, MADV_WILLNEED);
}

static Verdict refuse(StrutText *message, const char *path, const char *why) {
  strut_text(message, "weights file ");
  strut_text_quoted(message, path);
  strut_text(message, why);
  return Refused;
}

static Verdict refuseSize(StrutText *message, const char *path, const char *what, uint64_t has,
                          uint64_t needs) {
  refuse(message, path, what);
  strut_text_int(message, (int64_t)has);
  strut_text(message, " bytes, ");
  strut_text_int(message, (int64_t)needs);
  strut_text(message, " are needed");
  return Refused;
}

/* Whether a mapped file of `bytes` bytes holds this program's weights. */
static Verdict check(const StrutProgram *program, const char *mapping, uint64_t bytes,
                     const char *path, StrutText *message) {
  StrutWeightsHeader header;
  if (bytes < sizeof header)
    return refuseSize(message, path, " is truncated: it has ", bytes, sizeof header);
  memcpy(&header, mapping, sizeof header);
  if (memcmp(header.magic, "STRUTWT", 8) != 0)
    return refuse(message, path, " is not a weights file of strut");
  if (header.version != HeaderVersion) {
    refuse(message, path, " has format version ");
    strut_text_int(message, header.version);
    strut_text(message, ", the library reads version 1");
    return Refused;
  }
  if (header.hash != program->weights_hash || header.data_bytes != program->weight_bytes)
    return refuse(message, path,
                  " is stale: it belongs to another compilation of the model. Compile again, or "
                  "put the file written with this library in its place");
  if (header.data_offset < sizeof header || header.data_offset % 64 != 0)
    return refuse(message, path, " is damaged: its header names an impossible offset");
  if (bytes < header.data_offset || bytes - header.data_offset < header.data_bytes)
    return refuseSize(message, path, " is truncated: it has ", bytes,
                      header.data_offset + header.data_bytes);
  return Usable;
}

static Verdict tryFile(const StrutProgram *program, const char *path, StrutWeights *weights,
                       StrutText *message) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return Missing;
  long bytes = lseek(file, 0, SEEK_END);
  void *mapping = MAP_FAILED;
  if (bytes > 0)
    mapping = mmap(0, (size_t)bytes, PROT_READ, MAP_PRIVATE, file, 0);
  close(file);
  if (mapping == MAP_FAILED)
    return refuse(message, path, bytes == 0 ? " is empty" : " cannot be mapped into memory");
  Verdict verdict = check(program, mapping, (uint64_t)bytes, path, message);
  if (verdict != Usable) {
    munmap(mapping, (size_t)bytes);
    return verdict;
  }
  weights->mapping = mapping;
  weights->mapped_bytes = (uint64_t)bytes;
  weights->base = (const char *)mapping + ((const StrutWeightsHeader *)mapping)->data_offset;
  advise(weights->base, program->weight_bytes);
  return Usable;
}

/* One line of /proc/self/maps: "start-end perms offset device inode   path". Writes
 * the path and returns 1 when the line's range holds `address`. */
static int parseMapLine(const char *line, uintptr_t address, char *path) {
  uintptr_t bounds[2] = {0, 0};
  for (int i = 0; i < 2; ++i, ++line)
    for (; *line && *line != '-' && *line != ' '; ++line)
      bounds[i] = bounds[i] * 16 + (uintptr_t)(*line <= '9' ? *line - '0' : *line - 'a' + 10);
  if (address < bounds[0] || address >= bounds[1])
    return 0;
  while (*line && *line != '/')
    ++line;
  while ((*path++ = *line++)) {
  }
  return 1;
}

/* Finds the file that `address` is mapped from: this library's, or the program's
 * where the model is linked into it. The kernel knows the absolute path, the
 * dynamic linker only what it was asked for. */
static int findOwnFile(const void *address, char *path) {
  static const char maps[] = "/proc/self/maps";
  char buffer[512], line[PathCapacity];
  int file = open(maps, O_RDONLY | O_CLOEXEC), found = 0;
  long got, length = 0;
  if (file < 0)
    return 0;
  while (!found && (got = read(file, buffer, sizeof buffer)) > 0)
    for (long i = 0; i < got && !found; ++i) {
      if (buffer[i] != '\n') {
        if (length < PathCapacity - 1)
          line[length++] = buffer[i];
        continue;
      }
      line[length] = 0;
      length = 0;
      found = parseMapLine(line, (uintptr_t)address, path);
    }
  close(file);
  return found && *path == '/';
}

/* `folder of library` + '/' + last component of `file`, or false. */
static int besideLibrary(const StrutProgram *program, char *path) {
  const char *name = program->weights_file;
  char *folderEnd = path;
  if (!findOwnFile((const void *)program->run, path))
    return 0;
  for (char *at = path; *at; ++at)
    if (*at == '/')
      folderEnd = at + 1;
  for (const char *at = name; *at; ++at)
    if (*at == '/')
      name = at + 1;
  do {
    if (folderEnd == path + PathCapacity)
      return 0;
  } while ((*folderEnd++ = *name++));
  return 1;
}

static StrutStatus missing(StrutText *message, const char *first, const char *second) {
  strut_text(message, "no weights file at ");
  strut_text_quoted(message, first);
  if (second) {
    strut_text(message, " nor at ");
    strut_text_quoted(message, second);
  }
  strut_text(message, ". Keep the file written with the library beside it, or name it in "
                      "StrutOpenOptions::weights_path");
  return STRUT_IO;
}

StrutStatus strut_weights_open(const StrutProgram *program, const char *path, StrutWeights *weights,
                               StrutText *message) {
  *weights = (StrutWeights){program->weights, 0, 0};
  if (program->weight_bytes == 0)
    return STRUT_OK;
  if (program->weights) {
    advise(program->weights, program->weight_bytes);
    return STRUT_OK;
  }
  const char *first = path ? path : program->weights_file;
  Verdict verdict = tryFile(program, first, weights, message);
  if (verdict == Usable)
    return STRUT_OK;
  char beside[PathCapacity];
  if (path || !besideLibrary(program, beside))
    return verdict == Refused ? STRUT_IO : missing(message, first, 0);
  if (verdict == Refused) {
    /* Another compilation may have replaced the first file and left this one. */
    char discarded[StrutTextCapacity];
    StrutText unread = strut_text_begin(discarded);
    return tryFile(program, beside, weights, &unread) == Usable ? STRUT_OK : STRUT_IO;
  }
  verdict = tryFile(program, beside, weights, message);
  if (verdict == Missing)
    return missing(message, first, beside);
  return verdict == Usable ? STRUT_OK : STRUT_IO;
}

void strut_weights_close(StrutWeights *weights) {
  if (weights->mapping)
    munmap(weights->mapping, weights->mapped_bytes);
  weights->mapping = 0;
}
