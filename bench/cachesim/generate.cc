// The synthetic traces: models that are read from start to end beside small objects, and one-time
// loads beside a hot set. Only +, *, / and square roots on doubles.
#include <algorithm>
#include <cmath>
#include <vector>

#include "base/units.h"
#include "bench/cachesim/mix.h"
#include "bench/cachesim/trace.h"

namespace cairn::cachesim {
namespace {

// 2^(octave..octave + count) bytes, log-uniform by the hash of the id.
uint64_t log_uniform(uint64_t id, uint64_t octave, uint64_t octaves_count) {
  const uint64_t h = hash(id);
  const uint64_t exponent = octave + h % octaves_count;
  return (uint64_t{1} << exponent) + ((h >> 8) & ((uint64_t{1} << exponent) - 1));
}
uint64_t small_bytes(uint64_t id) {
  return log_uniform(id, 10, 8);  // 1 to 256 KiB
}
uint64_t chunk_bytes(uint64_t id) {
  return log_uniform(id, 18, 5);  // 0.25 to 8 MiB
}

class Generator {
 public:
  explicit Generator(uint64_t seed) : state_(seed) {}

  uint64_t next() { return mix_bits(state_ += kGolden); }
  void put(uint64_t id, uint64_t size_bytes) {
    csv_ += std::to_string(requests_count_ / 1000) + ',' + std::to_string(id) + ',' +
            std::to_string(size_bytes) + '\n';
    ++requests_count_;
  }
  uint64_t requests_count() const { return requests_count_; }
  std::string take() { return std::move(csv_); }

 private:
  uint64_t state_;
  uint64_t requests_count_ = 0;
  std::string csv_;
};

// Draws 0 to n - 1 with weights 1/i or i^-0.75.
class Zipf {
 public:
  enum class Skew { kOne, kThreeQuarters };
  Zipf(size_t count, Skew skew) : sums_(count) {
    double sum = 0;
    for (size_t i = 0; i < count; ++i) {
      const auto x = static_cast<double>(i + 1);
      const double root = std::sqrt(x);
      sum += skew == Skew::kOne ? 1.0 / x : 1.0 / (root * std::sqrt(root));
      sums_[i] = sum;
    }
  }
  uint64_t draw(Generator& generator) const {
    const double unit = static_cast<double>(generator.next() >> 11) * (1.0 / 9007199254740992.0);
    const auto at = std::upper_bound(sums_.begin(), sums_.end(), unit * sums_.back());
    return static_cast<uint64_t>(at - sums_.begin());
  }

 private:
  std::vector<double> sums_;
};

// 75 % small objects of a catalogue, 10 % that come once, 15 % chunks of 2,000 models of 16 to 271
// chunks, read from start to end by eight readers.
std::string generate_mix(uint64_t divisor, uint64_t seed) {
  Generator generator(seed);
  const Zipf small(300'000 / divisor, Zipf::Skew::kThreeQuarters);
  const Zipf models(2'000 / divisor, Zipf::Skew::kOne);
  struct Reader {
    uint64_t model = 0;
    uint64_t position = 0;
    uint64_t length = 0;
  };
  std::vector<Reader> readers(8);
  uint64_t once = uint64_t{1} << 40;
  while (generator.requests_count() < 1'000'000 / divisor) {
    const uint64_t kind = generator.next() % 100;
    if (kind < 75) {
      const uint64_t id = 1 + small.draw(generator);
      generator.put(id, small_bytes(id));
    } else if (kind < 85) {
      const uint64_t id = once++;
      generator.put(id, small_bytes(id));
    } else {
      Reader& reader = readers[generator.next() % readers.size()];
      if (reader.position == reader.length) {
        reader.model = models.draw(generator);
        reader.position = 0;
        reader.length = 16 + hash(reader.model ^ 0xABCDEF) % 256;
      }
      const uint64_t id = (uint64_t{1} << 32) + reader.model * 1024 + reader.position++;
      generator.put(id, chunk_bytes(id));
    }
  }
  return generator.take();
}

// A hot set of 1,000 objects of 1 MiB, and ten one-time loads of 1,280 chunks of 4 MiB, each by no,
// one or four readers; four are eight chunks apart.
std::string generate_loads(uint64_t readers_count, uint64_t divisor, uint64_t seed) {
  Generator generator(seed);
  const Zipf hot(1000, Zipf::Skew::kThreeQuarters);
  const auto put_hot = [&] { generator.put(1 + hot.draw(generator), 1 * MiB); };
  constexpr uint64_t kChunks = 1280;
  uint64_t once = uint64_t{1} << 40;
  for (int i = 0; i < 20'000; ++i) put_hot();
  for (uint64_t load = 0; load < std::max<uint64_t>(10 / divisor, 1); ++load) {
    for (int i = 0; i < 2'000; ++i) put_hot();
    for (uint64_t chunk = 0; chunk < kChunks; ++chunk) {
      if (readers_count == 1) generator.put(once++, 4 * MiB);
      for (uint64_t reader = 0; readers_count > 1 && reader < readers_count; ++reader) {
        if (chunk < 8 * reader) continue;
        generator.put((uint64_t{1} << 41) + load * kChunks + chunk - 8 * reader, 4 * MiB);
      }
      if (chunk % 4 == 3) put_hot();
    }
  }
  return generator.take();
}

}  // namespace

std::string generate_csv(Synthetic kind, uint64_t divisor, uint64_t seed) {
  switch (kind) {
    case Synthetic::kMix: return generate_mix(divisor, seed == 0 ? 42 : seed);
    case Synthetic::kScan: return generate_loads(1, divisor, seed == 0 ? 7 : seed);
    case Synthetic::kNoScan: return generate_loads(0, divisor, seed == 0 ? 7 : seed);
    case Synthetic::kScan4: return generate_loads(4, divisor, seed == 0 ? 7 : seed);
  }
  return {};
}

}  // namespace cairn::cachesim
