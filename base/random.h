// Randomness as an interface: the operating system's for keys, salts and ids; seeded in tests.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace cairn {

// Thread rule: may be called on any thread.
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(MutableBytes out) = 0;
  uint64_t next_u64();
  // A value in [0, bound), unbiased enough for load spreading (multiply-shift). REQUIRES: bound >
  // 0.
  uint64_t below(uint64_t bound);
};

// getrandom(2), fit for cryptographic keys. Terminates when the kernel gives no randomness.
Random& system_random();

// Deterministic sequence from a seed (splitmix64, Steele et al. 2014); for tests and simulation
// only, never for keys. Not thread-safe.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed) : state_(seed) {}
  void fill(MutableBytes out) override;

 private:
  uint64_t step();
  uint64_t state_;
};

}  // namespace cairn
