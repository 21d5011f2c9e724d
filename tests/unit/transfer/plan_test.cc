// Property: a plan gives every byte out once and joins the CRCs of the pieces to that of the whole;
// the pace grows only while that helps; a journal gives back what was appended, and nothing that is
// damaged.
// Method: whole files cut at seeded places; a scripted clock; every truncation and bit flip of a
// small journal.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"
#include "crypto/crc64.h"
#include "io/reactor.h"
#include "io/sim_file_system.h"
#include "io/sim_time.h"
#include "transfer/file_names.h"
#include "transfer/journal.h"
#include "transfer/pace.h"
#include "transfer/range_plan.h"

namespace cairn::transfer {
namespace {

TEST(RangePlan, EveryByteOnceAndTheCrcOfTheWhole) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    SeededRandom random(seed);
    Bytes content(1 + random.below(100'000));
    random.fill(content);
    const auto piece_of = [&](ByteRange range) {
      return DonePiece{range, crypto::crc64_nvme(0, BytesView(content).subspan(range.offset_bytes,
                                                                               range.size_bytes))};
    };
    // An earlier run left some pieces, two of which overlap, and one outside of the file.
    std::vector<DonePiece> earlier;
    const uint64_t at = random.below(content.size());
    const uint64_t size = 1 + random.below(content.size() - at);
    earlier.push_back(piece_of({at, size}));
    earlier.push_back(piece_of({at + size / 2, size - size / 2}));
    earlier.push_back({{content.size(), 1}, 7});
    RangePlan plan(content.size(), earlier);
    std::vector<int> taken(content.size(), 0);
    for (uint64_t i = at; i < at + size; ++i) ++taken[i];
    while (const auto range = plan.take(1 + random.below(9000))) {
      for (uint64_t i = range->offset_bytes; i < range->end_bytes(); ++i) ++taken[i];
      EXPECT_TRUE(plan.finish(piece_of(*range)));
      EXPECT_FALSE(plan.finish(piece_of(*range))) << "a twin that comes later";
    }
    EXPECT_TRUE(std::ranges::all_of(taken, [](int count) { return count == 1; })) << seed;
    ASSERT_TRUE(plan.all_done()) << seed;
    EXPECT_EQ(plan.crc64(), crypto::crc64_nvme(0, content)) << seed;
  }
}

TEST(RangePlan, KeepsTheFirstFailureAndGivesNothingMore) {
  RangePlan plan(100, {});
  plan.fail(Failure(Error{Code::kIo, "first"}));
  plan.fail(Failure(Error{Code::kNoSpace, "second"}));
  EXPECT_EQ(plan.failure()->error.message, "first");
  EXPECT_FALSE(plan.take(10).has_value());
}

// Runs windows of one second in which `rate_of(limit)` bytes come.
template <typename RateOf>
size_t settle(Pace& pace, Instant& now, int windows, RateOf rate_of) {
  for (int i = 0; i < windows; ++i) {
    now = now + seconds(1);
    pace.on_bytes(rate_of(pace.in_flight_max()));
    pace.on_tick(now);
  }
  return pace.in_flight_max();
}

TEST(Pace, GrowsWhileThatHelps) {
  Instant now{1};
  Pace open({.in_flight_min = 1, .in_flight_start = 2, .in_flight_max = 32}, now);
  EXPECT_EQ(settle(open, now, 60, [](size_t limit) { return limit * 1000; }), 32U);
  Pace full({.in_flight_min = 1, .in_flight_start = 4, .in_flight_max = 32}, now);
  EXPECT_LE(settle(full, now, 60, [](size_t) { return 1000U; }), 8U) << "more brought nothing";
}

TEST(Pace, HalvesWhenRefusedAndComesBack) {
  Instant now{1};
  Pace pace({.in_flight_min = 1, .in_flight_start = 16, .in_flight_max = 32}, now);
  for (int i = 0; i < 3; ++i) {
    pace.on_refusal();
    now = now + seconds(1);
    pace.on_tick(now);
  }
  EXPECT_EQ(pace.in_flight_max(), 2U);
  EXPECT_GE(settle(pace, now, 60, [](size_t limit) { return limit * 1000; }), 30U);
}

class JournalTest : public testing::Test {
 protected:
  io::SimClock clock_;
  std::unique_ptr<io::Reactor> reactor_ = *io::create_simulated_reactor(clock_);
  io::SimFileSystem disk_{{}};
};

io::Task<std::vector<Bytes>> write_and_read(io::FileSystem& disk, std::vector<Bytes> records) {
  std::vector<Bytes> first{records.front()};
  auto journal = co_await Journal::create(disk, "/j", std::move(first));
  EXPECT_TRUE(journal.has_value());
  for (size_t i = 1; i < records.size(); ++i) {
    const Status appended = co_await (*journal)->append(records[i]);
    EXPECT_TRUE(appended.has_value());
  }
  co_await (*journal)->close();
  auto back = co_await Journal::read(disk, "/j");
  EXPECT_TRUE(back.has_value());
  co_return back.value_or(std::vector<Bytes>{});
}

TEST_F(JournalTest, GivesBackWhatWasAppended) {
  const std::vector<Bytes> records{Bytes(3, 1), Bytes(kJournalRecordBytesMax, 2), Bytes(1, 3)};
  EXPECT_EQ(reactor_->run(write_and_read(disk_, records)), records);
}

io::Task<Bytes> raw_of(io::FileSystem& disk) {
  auto contents = co_await disk.read_file("/j", kJournalBytesMax);
  EXPECT_TRUE(contents.has_value());
  co_return Bytes(contents->bytes.view().begin(), contents->bytes.view().end());
}

TEST_F(JournalTest, ADamagedTailEndsIt) {
  const std::vector<Bytes> records{Bytes(3, 1), Bytes(5, 2), Bytes(7, 3)};
  (void)reactor_->run(write_and_read(disk_, records));
  const Bytes whole = reactor_->run(raw_of(disk_));
  ASSERT_EQ(parse_journal(whole), records);
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto some = parse_journal(BytesView(whole).first(size));
    ASSERT_LT(some.size(), records.size());
    for (size_t i = 0; i < some.size(); ++i) EXPECT_EQ(some[i], records[i]);
  }
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    Bytes damaged = whole;
    damaged[bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8));
    const auto some = parse_journal(damaged);
    ASSERT_LT(some.size(), records.size()) << bit;
    for (size_t i = 0; i < some.size(); ++i) EXPECT_EQ(some[i], records[i]) << bit;
  }
}

TEST(RecordReader, TellsWhatIsMissing) {
  RecordWriter out;
  out.number(7).text("abc");
  RecordReader in(out.view());
  EXPECT_EQ(in.number(), 7U);
  EXPECT_EQ(in.text(), "abc");
  EXPECT_TRUE(in.is_whole());
  EXPECT_EQ(in.number(), 0U);
  EXPECT_FALSE(in.is_whole());
  RecordReader early(out.view());
  EXPECT_EQ(early.number(), 7U);
  EXPECT_FALSE(early.is_whole()) << "something is left";
}

TEST(FileNames, StandBesideTheTarget) {
  EXPECT_EQ(partial_path("a/b.bin"), "a/.b.bin.cairn-partial");
  EXPECT_EQ(journal_path("b"), ".b.cairn-journal");
  EXPECT_EQ(directory_of("/b"), "/");
  EXPECT_EQ(directory_of("b"), ".");
  EXPECT_LE(partial_path(std::string(255, 'x')).size(), 255U);
}

}  // namespace
}  // namespace cairn::transfer
