#include "base/random.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>

#include "base/assert.h"

namespace cairn {
namespace {

class SystemRandom final : public Random {
 public:
  void fill(MutableBytes out) override {
    while (!out.empty()) {
      const ssize_t got = ::getrandom(out.data(), out.size(), 0);
      if (got < 0 && errno == EINTR) continue;
      ASSERT(got > 0);
      out = out.subspan(static_cast<size_t>(got));
    }
  }
};

}  // namespace

uint64_t Random::next_u64() {
  uint8_t raw[8];
  fill(raw);
  return load_le<uint64_t>(raw);
}

uint64_t Random::below(uint64_t bound) {
  ASSERT(bound > 0);
  const auto wide = static_cast<unsigned __int128>(next_u64()) * bound;
  return static_cast<uint64_t>(wide >> 64);
}

Random& system_random() {
  static SystemRandom random;
  return random;
}

uint64_t SeededRandom::step() {
  state_ += 0x9E3779B97F4A7C15ULL;
  uint64_t mixed = state_;
  mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9ULL;
  mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBULL;
  return mixed ^ (mixed >> 31);
}

void SeededRandom::fill(MutableBytes out) {
  while (!out.empty()) {
    uint8_t raw[8];
    store_le(raw, step());
    const size_t taken = std::min<size_t>(out.size(), sizeof(raw));
    std::memcpy(out.data(), raw, taken);
    out = out.subspan(taken);
  }
}

}  // namespace cairn
