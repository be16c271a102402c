/*===- cpu.c - The CPU feature probe ------------------------------------------===*/
#include "cpu.h"
#include "libc.h"

static const char *const featureNames[] = {
#if defined(__x86_64__)
#define STRUT_X86_FEATURE(name, leaf, subleaf, reg, bit, xcr0) name,
#else
#define STRUT_AARCH64_FEATURE(name, word, bit) name,
#endif
#include "strut/Runtime/CpuFeatures.def"
};

enum { NumFeatures = sizeof featureNames / sizeof *featureNames };
_Static_assert(NumFeatures <= 64, "features are bits of one word");

const char *strut_cpu_feature_name(int32_t bit) {
  return bit >= 0 && bit < NumFeatures ? featureNames[bit] : 0;
}

#if defined(__x86_64__)
#include <cpuid.h>

static const struct {
  uint32_t leaf;
  uint8_t subleaf, reg, bit;
  uint32_t xcr0;
} probes[] = {
#define STRUT_X86_FEATURE(name, leaf, subleaf, reg, bit, xcr0) {leaf, subleaf, reg, bit, xcr0},
#include "strut/Runtime/CpuFeatures.def"
};

/* The register state that the operating system saves: 0 where it saves none
 * beyond SSE. */
static uint32_t enabledState(void) {
  uint32_t eax, ebx, ecx, edx;
  enum { OsXsave = 1 << 27 };
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & OsXsave))
    return 0;
  __asm__("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
  return eax;
}

uint64_t strut_cpu_features(void) {
  uint64_t found = 0;
  uint32_t state = enabledState();
  for (int32_t i = 0; i < NumFeatures; ++i) {
    uint32_t regs[4];
    /* False beyond the highest leaf. A subleaf beyond the highest reads as zeros. */
    if (!__get_cpuid_count(probes[i].leaf, probes[i].subleaf, &regs[0], &regs[1], &regs[2],
                           &regs[3]))
      continue;
    if ((regs[probes[i].reg] >> probes[i].bit & 1) && (probes[i].xcr0 & ~state) == 0)
      found |= (uint64_t)1 << i;
  }
  return found;
}

#elif defined(__aarch64__)

static const struct {
  uint8_t word, bit;
} probes[] = {
#define STRUT_AARCH64_FEATURE(name, word, bit) {word, bit},
#include "strut/Runtime/CpuFeatures.def"
};

uint64_t strut_cpu_features(void) {
  const uint64_t words[2] = {getauxval(AT_HWCAP), getauxval(AT_HWCAP2)};
  uint64_t found = 0;
  for (int32_t i = 0; i < NumFeatures; ++i)
    found |= (words[probes[i].word] >> probes[i].bit & 1) << i;
  return found;
}
#endif
