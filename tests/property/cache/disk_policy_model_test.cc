// Property: no two entries of a disk tier lie over each other, nothing is found where it is not,
// what leaves by reuse is reported once, pins stay, tenants' bytes add up, and what is written,
// reinsertions included, keeps the budget on every simulated day. Method: random operations from a
// seed on a device that is an array of owners by unit.
#include <gtest/gtest.h>

#include <set>
#include <unordered_map>
#include <vector>

#include "base/random.h"
#include "bench/cachesim/mix.h"
#include "cache/admission.h"
#include "cache/disk_policy.h"

namespace cairn::cache {
namespace {

using cachesim::hash;

constexpr uint32_t kRegions = 32;
constexpr uint32_t kRegionUnits = 64;
constexpr uint64_t kUnitBytes = 4096;
constexpr uint64_t kDay = 86'400;

class Device {
 public:
  Device(uint64_t seed, uint64_t budget_bytes_per_second)
      : random_(seed),
        admission_({.capacity_bytes = kRegions * kRegionUnits * kUnitBytes,
                    .write_bytes_per_second = budget_bytes_per_second},
                   {}),
        owners_(kRegions, std::vector<uint64_t>(kRegionUnits)),
        footers_(kRegions) {
    policy_.shares().set_share(1, kRegions * kRegionUnits * kUnitBytes / 10);
  }

  void request(uint64_t id, Instant now) {
    now_ = now;
    const uint64_t fingerprint = hash(id);
    if (const auto place = policy_.look_up(fingerprint, now_, {})) {
      for (uint32_t unit = 0; unit < place->size_units; ++unit) {
        ASSERT_EQ(owners_[place->region][place->offset_units + unit], fingerprint) << "overwritten";
      }
      if (random_.below(200) == 0) erase(fingerprint);
      return;
    }
    ASSERT_FALSE(pinned_.contains(fingerprint)) << "a pin was lost";
    const uint64_t size_bytes = 1 + hash(id + 7) % (8 * kUnitBytes);
    Hints hints;
    hints.pin = random_.below(500) == 0;
    hints.tenant = static_cast<uint16_t>(id % 2);
    const Admission decision =
        admission_.decide(fingerprint, size_bytes, 1, hints, now_, policy_.state());
    if (!admitted(decision)) return;
    const DiskPlace at = place(size_bytes, log_of(decision));
    write(fingerprint, at);
    policy_.commit(fingerprint, at, hints, decision == Admission::kChance, now_);
    live_.insert(fingerprint);
    if (hints.pin && policy_.pin(fingerprint)) pinned_.insert(fingerprint);
  }

  void check() {
    ASSERT_EQ(policy_.entries_count(), live_.size());
    ASSERT_LE(policy_.live_bytes(), kRegions * kRegionUnits * kUnitBytes);
    ASSERT_LE(policy_.pinned_bytes(), kRegions * kRegionUnits * kUnitBytes / 2);
    ASSERT_EQ(policy_.live_bytes(),
              policy_.shares().used_bytes(0) + policy_.shares().used_bytes(1));
    for (const uint64_t fingerprint : pinned_) ASSERT_TRUE(policy_.contains(fingerprint));
  }
  uint64_t written_bytes() const { return written_bytes_; }

 private:
  void erase(uint64_t fingerprint) {
    policy_.erase(fingerprint);
    live_.erase(fingerprint);
    pinned_.erase(fingerprint);
  }
  void write(uint64_t fingerprint, const DiskPlace& at) {
    for (uint32_t unit = 0; unit < at.size_units; ++unit) {
      owners_[at.region][at.offset_units + unit] = fingerprint;
    }
    footers_[at.region].push_back({fingerprint, at});
    written_bytes_ += at.size_units * kUnitBytes;
    admission_.wrote(at.size_units * kUnitBytes, now_);
  }
  DiskPlace place(uint64_t size_bytes, DiskLog log) {
    while (true) {
      const auto at = policy_.place(size_bytes, log);
      note_departed();
      if (at) return *at;
      turn(log);
    }
  }
  void note_departed() {
    for (const DiskDeparture& gone : policy_.take_departed()) {
      EXPECT_EQ(live_.erase(gone.item.fingerprint), 1U) << "reported twice";
      EXPECT_FALSE(pinned_.contains(gone.item.fingerprint)) << "a pin was evicted";
    }
  }
  void turn(DiskLog log) {
    const RegionId region = policy_.next_region(log);
    const std::vector<DiskItem> items = std::move(footers_[region]);
    footers_[region].clear();
    std::vector<DiskItem> survivors;
    policy_.set_reinserted_share(admission_.reinserted_share(now_));
    policy_.reclaim(region, items, now_, survivors);
    policy_.open_region(region, log);
    for (const DiskItem& survivor : survivors) {
      const DiskPlace at = place(survivor.place.size_units * kUnitBytes, DiskLog::kKept);
      ASSERT_TRUE(policy_.move(survivor, at));
      write(survivor.fingerprint, at);
    }
  }

  SeededRandom random_;
  DiskPolicy policy_{
      {.regions_count = kRegions, .region_units = kRegionUnits, .unit_bytes = kUnitBytes}, {}};
  AdmissionControl admission_;
  std::vector<std::vector<uint64_t>> owners_;  // Fingerprint by region and unit.
  std::vector<std::vector<DiskItem>> footers_;
  std::set<uint64_t> live_;
  std::set<uint64_t> pinned_;
  uint64_t written_bytes_ = 0;
  Instant now_{};
};

TEST(DiskPolicyModel, KeepsItsPromisesUnderRandomRequests) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed);
    Device device(seed, 0);
    SeededRandom random(seed);
    for (int64_t step = 0; step < 20'000; ++step) {
      // Half of the requests are for a tenth of the objects.
      const uint64_t id = random.below(2) == 0 ? random.below(200) : random.below(2'000);
      device.request(id, Instant{} + seconds(step));
      if (step % 500 == 0) device.check();
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

// More is wanted on every day than may be written: what is written is the budget, within 5 %.
TEST(DiskPolicyModel, ReinsertionsAndAdmissionsTogetherKeepTheDailyBudget) {
  constexpr uint64_t kBytesPerSecond = 512;
  Device device(3, kBytesPerSecond);
  SeededRandom random(3);
  uint64_t before_bytes = 0;
  for (uint64_t day = 0; day < 5; ++day) {
    for (uint64_t second = 0; second < kDay; second += 2) {
      const uint64_t id = random.below(3) == 0 ? random.below(400) : random.below(3'000);
      device.request(id, Instant{} + seconds(static_cast<int64_t>(day * kDay + second)));
      ASSERT_FALSE(testing::Test::HasFatalFailure());
    }
    const auto written = static_cast<double>(device.written_bytes() - before_bytes);
    EXPECT_NEAR(written / static_cast<double>(kBytesPerSecond * kDay), 1, 0.05) << "day " << day;
    before_bytes = device.written_bytes();
  }
}

}  // namespace
}  // namespace cairn::cache
