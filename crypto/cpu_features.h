// What this processor can do, asked once by CPUID. Every faster path is chosen by it at run time.
#pragma once

namespace cairn::crypto {

struct CpuFeatures {
  bool avx2 = false;
  bool avx512 = false;  // F, BW, VL and DQ together.
  bool sha_ni = false;  // With SSE4.1, which the SHA code uses too.
  bool pclmul = false;
  bool vpclmul = false;  // 256-bit form, with AVX2.
  bool vaes = false;     // 256-bit form, with AVX2.
};

// Thread rule: any thread.
const CpuFeatures& cpu_features();

}  // namespace cairn::crypto
