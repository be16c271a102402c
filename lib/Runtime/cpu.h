/*===- cpu.h - What this machine and process have ----------------------------===*/
#ifndef STRUT_RUNTIME_CPU_H
#define STRUT_RUNTIME_CPU_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The features of CpuFeatures.def that this CPU has and its operating system
 * supports, as bits. */
uint64_t strut_cpu_features(void);

/** Name of a feature bit. Null beyond the list. */
const char *strut_cpu_feature_name(int32_t bit);

/** How many threads the calling thread's process may usefully run: the CPUs of its
 * affinity mask, no more than the cgroup's quota grants (rounded up). At least 1. */
int32_t strut_cpu_width(void);

/** The quota of the cgroup that `membership` (the text of /proc/self/cgroup's
 * format, at that path) names, below the mount point `mount`, in whole CPUs rounded
 * up; the smallest of the group and its parents. INT32_MAX where none is set. */
int32_t strut_cpu_quota(const char *membership, const char *mount);

#ifdef __cplusplus
}
#endif
#endif /* STRUT_RUNTIME_CPU_H */
