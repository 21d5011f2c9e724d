// How far a reader reads ahead, what is guessed of a client's next ranges, and that the readers of
// one range stay together without waiting for one that is slow. Times are made up, but for convoys.
#include "object/read_ahead.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "io/reactor.h"
#include "io/scope.h"
#include "object/read_convoys.h"
#include "object/read_streams.h"
#include "object/read_window.h"

namespace cairn::object {
namespace {

// A reader of a home with a bandwidth and a latency: what is handed over waits for it.
struct PretendedHome {
  double bytes_per_second;
  Duration latency;
  double rate_with(uint64_t window_bytes) const {
    const double by_window =
        static_cast<double>(window_bytes) / (static_cast<double>(latency.nanoseconds) / 1e9);
    return std::min(bytes_per_second, by_window);
  }
};

uint64_t window_after(ReadWindow& window, const PretendedHome& home, int rounds, Instant& now) {
  for (int round = 0; round < rounds; ++round) {
    const uint64_t size_bytes = window.size_bytes();
    const auto ns =
        static_cast<int64_t>(static_cast<double>(size_bytes) / home.rate_with(size_bytes) * 1e9);
    now = now + Duration{ns};
    window.set_size_bytes(window.note(size_bytes, Duration{ns}, now));
  }
  return window.size_bytes();
}

TEST(ReadWindow, GrowsToWhatTheHomeNeedsAndNoFurther) {
  ReadWindow window(64 * MiB);
  Instant now{1'000'000'000};
  window.start(now);
  // 400 MB/s times 50 ms are 20 MB: 32 MiB are enough, and 64 bring nothing.
  const uint64_t size_bytes = window_after(window, {400e6, milliseconds(50)}, 10, now);
  EXPECT_GE(size_bytes, 32 * MiB);
  ReadWindow near(64 * MiB);
  near.start(now);
  EXPECT_LE(window_after(near, {100e6, milliseconds(20)}, 10, now), 8 * MiB);
}

// Requests of 4 MiB of which each has a connection of its own: so fast is the home as there are
// such requests in the window, and they come in bursts, of which the first piece alone is waited
// for.
TEST(ReadWindow, GrowsBehindAHomeThatBoundsEachConnection) {
  constexpr double kStreamBytesPerNs = 0.025;
  constexpr uint64_t kRequestBytes = 4 * MiB;
  ReadWindow window(ReadWindow::kMostBytes);
  Instant now{1'000'000'000};
  window.start(now);
  for (int round = 0; round < 4; ++round) {
    const uint64_t size_bytes = window.size_bytes();
    const Duration took =
        milliseconds(20) + Duration{static_cast<int64_t>(kRequestBytes / kStreamBytesPerNs)};
    now = now + took;
    uint64_t wanted_bytes = window.note(MiB, took, now);
    for (uint64_t done = MiB; done < size_bytes; done += MiB) {
      wanted_bytes = window.note(MiB, Duration{}, now);
    }
    window.set_size_bytes(wanted_bytes);
  }
  EXPECT_EQ(window.size_bytes(), ReadWindow::kMostBytes);
}

TEST(ReadWindow, StaysWithinItsMost) {
  ReadWindow window(16 * MiB);
  Instant now{1'000'000'000};
  window.start(now);
  EXPECT_EQ(window_after(window, {1e12, seconds(1)}, 50, now), 16 * MiB);
}

TEST(ReadWindow, ASlowClientNeedsNone) {
  ReadWindow window(64 * MiB);
  Instant now{1'000'000'000};
  window.start(now);
  (void)window_after(window, {1e9, milliseconds(100)}, 10, now);
  ASSERT_GT(window.size_bytes(), kInFlightBytesMax);
  for (int round = 0; round < 10; ++round) {
    now = now + seconds(1);
    window.set_size_bytes(window.note(window.size_bytes(), Duration{}, now));
  }
  EXPECT_EQ(window.size_bytes(), kInFlightBytesMax);
}

TEST(ReadAhead, WindowsShareABudget) {
  ReadAhead shared(nullptr);
  uint64_t taken_bytes = 0;
  while (shared.resize(kInFlightBytesMax, ReadWindow::kMostBytes)) {
    taken_bytes += ReadWindow::kMostBytes - kInFlightBytesMax;
    ASSERT_LE(taken_bytes, kReadAheadBytesMax);
  }
  EXPECT_EQ(shared.counters().window_bytes, taken_bytes);
  EXPECT_EQ(shared.counters().windows_denied, 1U);
  EXPECT_TRUE(shared.resize(ReadWindow::kMostBytes, kInFlightBytesMax));
  EXPECT_TRUE(shared.resize(kInFlightBytesMax, ReadWindow::kMostBytes)) << "what was given back";
}

class ReadStreamsTest : public testing::Test {
 protected:
  std::vector<ByteRange> ask(uint64_t begin, uint64_t size) {
    now_ = now_ + milliseconds(10);
    return streams_.note(object_, {begin, size}, now_);
  }
  // Bytes that are read ahead, and then asked for or not.
  std::vector<ByteRange> guessed_;
  ReadStreams streams_;
  const ReadStreams::Key object_{crypto::ChunkId{}, 10 * GiB};
  Instant now_{1'000'000'000};
};

TEST_F(ReadStreamsTest, RangesInOrderAreFollowed) {
  EXPECT_TRUE(ask(80 * MiB, 8 * MiB).empty());
  EXPECT_TRUE(ask(88 * MiB, 8 * MiB).empty()) << "two may be chance";
  uint64_t until = 0;
  for (uint64_t at = 96; at < 400; at += 8) {
    for (const ByteRange& each : ask(at * MiB, 8 * MiB)) {
      EXPECT_GE(each.offset_bytes, (at + 8) * MiB) << "what is asked for is not read ahead";
      EXPECT_GE(each.offset_bytes, until) << "nothing twice";
      until = each.offset_bytes + each.size_bytes;
    }
    EXPECT_GE(until, (at + 16) * MiB) << "the next range is under way";
    EXPECT_LE(until, (at + 8) * MiB + ReadStreams::kAheadBytesMax);
  }
}

TEST_F(ReadStreamsTest, ASafetensorsHeaderIsReadWithItsLength) {
  const std::vector<ByteRange> header = ask(0, 8);
  ASSERT_EQ(header.size(), 1U);
  EXPECT_EQ(header[0].offset_bytes, 8U);
  EXPECT_EQ(header[0].offset_bytes + header[0].size_bytes, ReadStreams::kHeaderBytes);
  EXPECT_TRUE(ask(8, 400'000).empty());
  EXPECT_FALSE(ask(400'008, 30 * MiB).empty()) << "the first tensor: the next one follows";
}

TEST_F(ReadStreamsTest, EqualDistancesAreFollowed) {
  std::vector<ByteRange> ahead;
  for (uint64_t i = 0; i < 5; ++i) ahead = ask(100 * MiB + i * 20 * MiB, 64 * KiB);
  ASSERT_FALSE(ahead.empty());
  EXPECT_EQ(ahead.back().size_bytes, 64 * KiB);
  EXPECT_EQ((ahead.back().offset_bytes - 100 * MiB) % (20 * MiB), 0U);
}

TEST_F(ReadStreamsTest, RangesWithoutAnOrderAreNot) {
  uint64_t at = 12345;
  for (int i = 0; i < 1000; ++i) {
    at = (at * 6364136223846793005ULL + 1442695040888963407ULL);
    EXPECT_TRUE(ask(MiB + at % (9 * GiB), 64 * KiB).empty());
  }
}

TEST_F(ReadStreamsTest, TheEndOfTheObjectIsTheEnd) {
  const ReadStreams::Key small{crypto::ChunkId{}, 30 * MiB};
  uint64_t until = 0;
  for (uint64_t at = 0; at < 30; at += 5) {
    for (const ByteRange& each : streams_.note(small, {at * MiB, 5 * MiB}, now_)) {
      until = std::max(until, each.offset_bytes + each.size_bytes);
    }
  }
  EXPECT_EQ(until, 30 * MiB);
}

class ReadConvoysTest : public testing::Test {
 protected:
  static constexpr uint64_t kLead = 32 * MiB;
  void SetUp() override { reactor_ = std::move(io::Reactor::create({}).value()); }

  // Reads as fast as it may, but for a pause before each of the first so many bytes.
  io::Task<void> read(uint64_t size_bytes, Duration pause, uint64_t paused_bytes,
                      uint64_t& position) {
    const Instant now = reactor_->now();
    const std::unique_ptr<ReadConvoys::Member> member = convoys_.join({{}, 0, GiB}, now);
    while (position < size_bytes) {
      while (!member->may_read(position + MiB, reactor_->now())) {
        co_await member->wait(position + MiB);
      }
      if (position < paused_bytes) (void)co_await io::sleep_for(pause);
      co_await io::yield();
      position += MiB;
      member->advance(position, reactor_->now());
    }
  }
  io::Task<void> watch(const uint64_t& first, const uint64_t& last, uint64_t& distance_max) {
    while (first < 200 * MiB) {
      if (first > last) distance_max = std::max(distance_max, first - last);
      co_await io::yield();
    }
  }
  io::Task<void> together(Duration pause_of_last, uint64_t paused_bytes, uint64_t& distance_max,
                          uint64_t& last) {
    uint64_t first = 0;
    io::Scope scope;
    scope.spawn(read(200 * MiB, pause_of_last, paused_bytes, last));
    scope.spawn(read(200 * MiB, {}, 0, first));
    scope.spawn(watch(first, last, distance_max));
    while (first < 200 * MiB) co_await io::yield();
    last_when_first_was_done_ = last;
    co_await scope.join();
  }

  ReadConvoys convoys_{kLead};
  std::unique_ptr<io::Reactor> reactor_;
  uint64_t last_when_first_was_done_ = 0;
};

TEST_F(ReadConvoysTest, ReadersStayTogether) {
  uint64_t distance = 0;
  uint64_t last = 0;
  reactor_->run(together(milliseconds(1), 20 * MiB, distance, last));
  EXPECT_LE(distance, kLead + MiB);
  EXPECT_GT(convoys_.counters().waits, 0U);
  EXPECT_EQ(convoys_.counters().behind, 0U);
}

TEST_F(ReadConvoysTest, WhoIsSlowByItselfIsLeftBehind) {
  uint64_t distance = 0;
  uint64_t last = 0;
  const Instant begun = reactor_->now();
  reactor_->run(together(milliseconds(25), 200 * MiB, distance, last));
  EXPECT_EQ(convoys_.counters().behind, 1U);
  EXPECT_LT(last_when_first_was_done_, 150 * MiB) << "the first did not wait to the end";
  EXPECT_GT((reactor_->now() - begun).nanoseconds, seconds(4).nanoseconds);
}

TEST_F(ReadConvoysTest, WhoJoinsLateIsOnItsOwn) {
  const Instant now = reactor_->now();
  const auto first = convoys_.join({{}, 0, GiB}, now);
  first->advance(500 * MiB, now);
  const auto late = convoys_.join({{}, 0, GiB}, now);
  EXPECT_TRUE(first->may_read(501 * MiB, now));
  EXPECT_TRUE(late->may_read(MiB, now));
  EXPECT_TRUE(first->awaited(500 * MiB)) << "memory will not have it any more";
  EXPECT_FALSE(late->awaited(0));
  late->advance(480 * MiB, now);
  EXPECT_FALSE(first->awaited(501 * MiB)) << "it is near enough";
}

}  // namespace
}  // namespace cairn::object
