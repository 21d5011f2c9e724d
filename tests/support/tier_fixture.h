// A test with a reactor, a home and disk tiers in front of it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cache/disk_tier.h"
#include "io/reactor.h"
#include "io/scope.h"
#include "tests/support/chunk_samples.h"
#include "tests/support/counting_home.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/temporary_directory.h"

namespace cairn::testing_support {

// The system's clocks, which a test can put forward, and that of the wall also back.
class AdvancedClock final : public Clock {
 public:
  Instant now() const override { return system_clock().now() + ahead; }
  WallTime wall_now() const override {
    return {system_clock().wall_now().unix_ms + wall_ahead.nanoseconds / 1'000'000};
  }
  Duration ahead;
  Duration wall_ahead;
};

class TierFixture : public testing::Test {
 protected:
  using DiskTier = cache::DiskTier;
  static constexpr size_t kWhole = 3 * MiB + 100'000;  // Of a sample chunk.

  void SetUp() override {
    io::ReactorOptions options;
    options.pool_bytes = 256 * MiB;
    options.clock = &clock_;
    reactor_ = std::move(io::Reactor::create(options).value());
  }
  void TearDown() override {
    if (tier_ != nullptr) close();
  }

  template <typename T>
  T wait(io::Task<T> task) {
    return reactor_->run(std::move(task));
  }
  cache::DiskTierOptions options() {
    cache::DiskTierOptions options;
    options.directory = directory_.sub("cache");
    options.size_bytes = 64 * MiB;
    options.first_miss_chance = 1;
    options.home = &home_;
    options.files = &files_;
    return options;
  }
  void open() { open(options()); }
  void open(cache::DiskTierOptions how) {
    Result<std::unique_ptr<DiskTier>> tier = wait(DiskTier::open(std::move(how)));
    ASSERT_TRUE(tier.has_value()) << tier.error().message;
    tier_ = std::move(*tier);
  }
  void close() {
    EXPECT_TRUE(wait(tier_->close()).has_value());
    tier_.reset();
  }
  // Puts samples [first, first + count) into the home, past the tier.
  void put_home(uint64_t first, uint64_t count, size_t size = kWhole) {
    for (uint64_t number = first; number < first + count; ++number) {
      ASSERT_TRUE(
          wait(home_.inner.put(sample_id(number), sample_chunk(number, size), sample_owner(0))));
    }
  }
  // Until nothing waits to be written.
  void settle() { wait(settled(*tier_)); }
  static io::Task<void> settled(DiskTier& tier) {
    while (tier.metrics().queued_bytes > 0) {
      (void)co_await io::sleep_for(milliseconds(1));
    }
  }

  // A read and its comparison with the sample.
  void expect_read(uint64_t number, ByteRange range, size_t size = kWhole) {
    SCOPED_TRACE(testing::Message() << "chunk " << number << ", range " << range.offset_bytes << "+"
                                    << range.size_bytes);
    wait(read_right(*tier_, number, range, size, sample_header(number)));
  }
  static io::Task<void> read_right(DiskTier& tier, uint64_t number, ByteRange range, size_t size,
                                   Bytes header) {
    const Result<storage::SealedRead> got = co_await tier.read(sample_id(number), range);
    EXPECT_TRUE(got.has_value()) << (got ? "" : got.error().message);
    if (!got) co_return;
    EXPECT_EQ(got->payload_bytes, size);
    EXPECT_EQ(got->header, header);
    const Bytes whole = sample_bytes(number, size);
    const uint64_t begin = std::min<uint64_t>(range.offset_bytes, size);
    const BytesView expected =
        BytesView(whole).subspan(begin, std::min<uint64_t>(range.size_bytes, size - begin));
    EXPECT_TRUE(std::ranges::equal(got->payload.view(), expected)) << "chunk " << number;
  }
  std::string file_path() { return directory_.sub("cache") + "/regions"; }

  AdvancedClock clock_;
  TemporaryDirectory directory_;
  FaultyFileSystem files_{io::system_file_system()};
  std::unique_ptr<io::Reactor> reactor_;
  CountingHome home_;
  std::unique_ptr<DiskTier> tier_;
};

}  // namespace cairn::testing_support
