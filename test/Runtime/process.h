/* process.h - What test programs do with their process: end it, count its threads, make some. */
#ifndef STRUT_TEST_RUNTIME_PROCESS_H
#define STRUT_TEST_RUNTIME_PROCESS_H

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static inline void die(const char *what, const char *why) {
  fprintf(stderr, "%s: %s\n", what, why);
  exit(1);
}

static inline int countThreads(void) {
  int count = 0;
  DIR *tasks = opendir("/proc/self/task");
  for (struct dirent *task; tasks && (task = readdir(tasks));)
    count += task->d_name[0] != '.';
  closedir(tasks);
  return count;
}

/** Runs `body` on `count` threads at once, at most 16, with their numbers as arguments. */
static inline void onThreads(size_t count, void *(*body)(void *)) {
  pthread_t threads[16];
  for (size_t i = 0; i < count; ++i)
    if (pthread_create(&threads[i], 0, body, (void *)i))
      die("pthread_create", "failed");
  for (size_t i = 0; i < count; ++i)
    pthread_join(threads[i], 0);
}

#endif
