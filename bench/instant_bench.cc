// Fills a catalog with rows of known bodies, as `bench/instant.py` needs it, and measures the
// look-up alone: what a write with a hash pays before it is known whether its body has to come.
// Usage: instant_bench CATALOG_DIRECTORY BODIES LOOKUPS. The server of that data directory must not
// run.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "catalog/rocksdb_catalog.h"
#include "crypto/key_ring.h"
#include "io/reactor.h"
#include "object/body_index.h"
#include "object/keys.h"

namespace {

using namespace cairn;

constexpr uint64_t kRowsPerCommit = 20'000;
constexpr uint64_t kSeed = 20261125;

crypto::Sha256Value hash_of(uint64_t number) {
  uint8_t bytes[sizeof(number)];
  store_le(bytes, number);
  return crypto::sha256(bytes);
}

double now_seconds() {
  return static_cast<double>(system_clock().now().nanoseconds) / 1e9;
}

// Rows as inline bodies have them: the place stands in the row.
io::Task<bool> fill(catalog::Catalog& catalog, uint64_t bodies) {
  SeededRandom random(kSeed);
  uint64_t number = 0;
  while (number < bodies) {
    catalog::Batch batch;
    for (uint64_t i = 0; i < kRowsPerCommit && number < bodies; ++i, ++number) {
      storage::OwnerId owner;
      random.fill(owner.bytes);
      batch.puts.push_back(
          {object::keys::known_body(crypto::kRootTenant, hash_of(number), owner),
           object::encode_place(
               {.bucket_id = 1, .order = 0, .key = fmt::format("k{:09}", number)})});
    }
    const Result<catalog::Version> done = co_await catalog.commit(std::move(batch));
    if (!done) co_return false;
  }
  co_return true;
}

struct Times {
  std::vector<double> known, unknown;
};

io::Task<bool> look_up(catalog::Catalog& catalog, uint64_t bodies, uint64_t lookups, Times& times) {
  SeededRandom random(kSeed + 1);
  for (uint64_t i = 0; i < 2 * lookups; ++i) {
    const bool known = i % 2 == 0;
    const uint64_t number = random.below(bodies) + (known ? 0 : bodies);
    const double begin = now_seconds();
    catalog::ScanRequest request;
    request.begin = object::keys::known_bodies(crypto::kRootTenant, hash_of(number));
    request.end = catalog::prefix_end(request.begin);
    request.limit_entries = object::kBodyHintsMax;
    const Result<catalog::ScanPage> page = co_await catalog.scan(std::move(request));
    if (!page || page->entries.empty() == known) co_return false;
    (known ? times.known : times.unknown).push_back(now_seconds() - begin);
  }
  co_return true;
}

void print(const char* name, std::vector<double>& seconds) {
  std::ranges::sort(seconds);
  const auto at = [&](double share) {
    const auto last = static_cast<double>(seconds.size() - 1);
    return seconds[static_cast<size_t>(share * last)] * 1e6;
  };
  fmt::print("look-up, {:8} p50 {:7.0f} us  p99 {:7.0f} us  p99.9 {:7.0f} us\n", name, at(0.5),
             at(0.99), at(0.999));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print(stderr, "usage: instant_bench CATALOG_DIRECTORY BODIES LOOKUPS\n");
    return 2;
  }
  const auto bodies = std::strtoull(argv[2], nullptr, 10);
  const auto lookups = std::strtoull(argv[3], nullptr, 10);
  const auto reactor = std::move(io::Reactor::create({}).value());
  const auto catalog = reactor->run(catalog::open_rocksdb_catalog(argv[1], {})).value();
  const double begin = now_seconds();
  bool good = reactor->run(fill(*catalog, bodies));
  fmt::print("{} bodies in {:.1f} s\n", bodies, now_seconds() - begin);
  Times times;
  good = good && reactor->run(look_up(*catalog, bodies, lookups, times));
  if (good) {
    print("known", times.known);
    print("unknown", times.unknown);
  }
  good = reactor->run(catalog->close()).has_value() && good;
  return good ? 0 : 1;
}
