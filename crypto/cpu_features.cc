#include "crypto/cpu_features.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace cairn::crypto {
namespace {

#if defined(__x86_64__)

constexpr bool bit(unsigned word, int index) {
  return ((word >> index) & 1U) != 0;
}

[[gnu::target("xsave")]] unsigned long long enabled_register_state() {
  return _xgetbv(0);
}

CpuFeatures probe() {
  CpuFeatures found;
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0) return found;
  found.pclmul = bit(c, 1);
  const bool sse41 = bit(c, 19);
  // The operating system must save the wide registers too, or they may not be touched.
  const unsigned long long state = bit(c, 27) ? enabled_register_state() : 0;
  const bool ymm = (state & 0x6) == 0x6;
  const bool zmm = (state & 0xE6) == 0xE6;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return found;
  found.sha_ni = bit(b, 29) && sse41;
  found.avx2 = ymm && bit(b, 5);
  found.avx512 = zmm && bit(b, 16) && bit(b, 17) && bit(b, 30) && bit(b, 31);
  found.vaes = found.avx2 && bit(c, 9);
  found.vpclmul = found.avx2 && bit(c, 10);
  return found;
}

#else

CpuFeatures probe() {
  return {};
}

#endif

}  // namespace

const CpuFeatures& cpu_features() {
  static const CpuFeatures features = probe();
  return features;
}

}  // namespace cairn::crypto
