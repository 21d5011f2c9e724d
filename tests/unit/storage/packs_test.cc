// The parts of an S3 home that need no server: what a draft's bytes are, which packs are rewritten,
// what a snapshot says and refuses, when a breaker opens.
#include <gtest/gtest.h>

#include "io/reactor.h"
#include "storage/pack_draft.h"
#include "storage/pack_janitor.h"
#include "storage/pack_recovery.h"
#include "storage/pack_snapshot.h"
#include "storage/upstream_breaker.h"
#include "tests/support/chunk_samples.h"

namespace cairn::storage {
namespace {

using testing_support::sample_bytes;
using testing_support::sample_chunk;
using testing_support::sample_header;
using testing_support::sample_id;

class PacksTest : public testing::Test {
 protected:
  void SetUp() override {
    Result<std::unique_ptr<io::Reactor>> reactor = io::Reactor::create({});
    ASSERT_TRUE(reactor.has_value());
    reactor_ = std::move(*reactor);
  }
  std::unique_ptr<io::Reactor> reactor_;
};

io::Task<Bytes> bytes_of(PackDraft& draft) {
  Bytes all;
  Bytes piece(10'000);
  while (true) {
    const Result<size_t> count = co_await draft.read(piece);
    if (!count || *count == 0) break;
    all.insert(all.end(), piece.begin(), piece.begin() + static_cast<ptrdiff_t>(*count));
  }
  co_return all;
}

io::Task<void> check_draft(bool& done) {
  PackDraft draft(LogHeader{.log_id = {7}, .store_id = {8}, .creation_sequence = 9}, kPackBytesMax,
                  true);
  for (uint64_t number = 0; number < 3; ++number) {
    draft.add(sample_id(number), sample_chunk(number, 5000 + number));
  }
  draft.seal();
  const Bytes all = co_await bytes_of(draft);
  EXPECT_EQ(all.size(), draft.pack_bytes());
  EXPECT_EQ(draft.size_bytes(), all.size());
  EXPECT_EQ(crypto::sha256(all), draft.sha256());
  EXPECT_TRUE(draft.rewind());
  const Bytes again = co_await bytes_of(draft);
  EXPECT_EQ(again, all);

  const BytesView view(all);
  EXPECT_EQ(decode_log_header(view.first(kBlockBytes))->store_id, RandomId{8});
  const Result<FooterTrailer> trailer = decode_footer_trailer(view.last(kBlockBytes));
  EXPECT_TRUE(trailer.has_value());
  const auto entries =
      decode_footer_entries(*trailer, view.last(footer_bytes(trailer->entries_count)));
  EXPECT_EQ(entries, draft.entries());
  for (uint64_t number = 0; number < 3; ++number) {
    const FooterEntry& entry = (*entries)[number];
    const auto record = decode_record_header(view.subspan(entry.offset_bytes, kBlockBytes));
    EXPECT_EQ(record->chunk, sample_id(number));
    EXPECT_EQ(record->sealed_header, sample_header(number));
    const BytesView payload = view.subspan(entry.offset_bytes + kBlockBytes, record->payload_bytes);
    EXPECT_TRUE(std::ranges::equal(payload, sample_bytes(number, 5000 + number)));
    EXPECT_EQ(checksum_of(payload), record->payload_xxh3);
  }
  done = true;
}

TEST_F(PacksTest, ADraftIsASealedLogFile) {
  bool done = false;
  reactor_->run(check_draft(done));
  EXPECT_TRUE(done);
}

Snapshot sample_snapshot() {
  Snapshot snapshot{.store_id = {1, 2}, .packs = {}};
  for (uint64_t number = 0; number < 3; ++number) {
    SnapshotPack pack{
        .name = log_file_name(
            {.log_id = {uint8_t(number)}, .store_id = {}, .creation_sequence = number}),
        .size_bytes = 1 * MiB,
        .records_bytes = 100 * KiB,
        .etag = std::string(number * 10, 'e'),
        .entries = {}};
    for (uint64_t row = 0; row < number; ++row) {
      pack.entries.push_back({sample_id(row), kBlockBytes * (1 + row), 3000, 200});
    }
    snapshot.packs.push_back(std::move(pack));
  }
  return snapshot;
}

TEST_F(PacksTest, ASnapshotReadsBackAndNoChangedOrCutOneDoes) {
  const Snapshot snapshot = sample_snapshot();
  const Bytes bytes = encode_snapshot(snapshot);
  EXPECT_EQ(decode_snapshot(bytes), snapshot);
  for (size_t at = 0; at < bytes.size(); ++at) {
    Bytes changed = bytes;
    changed[at] ^= 0x10;
    EXPECT_FALSE(decode_snapshot(changed).has_value()) << "byte " << at;
    EXPECT_FALSE(decode_snapshot(BytesView(bytes).first(at)).has_value()) << "cut at " << at;
  }
}

std::shared_ptr<Pack> pack_of(uint64_t size_bytes, uint64_t live_bytes, bool settled = true) {
  auto pack = std::make_shared<Pack>(LogHeader{}, size_bytes, size_bytes, "");
  if (live_bytes != 0) pack->add_live(live_bytes);
  if (settled) pack->set_settled();
  return pack;
}

TEST_F(PacksTest, PacksThatAreMostlyDeadAreChosenTheDeadestFirst) {
  const auto full = pack_of(40 * MiB, 39 * MiB);
  const auto half = pack_of(40 * MiB, 19 * MiB);
  const auto tenth = pack_of(40 * MiB, 4 * MiB);
  EXPECT_EQ(choose_sources({full, half, tenth}, kPackBytesMax),
            (std::vector<std::shared_ptr<Pack>>{tenth, half}));
  EXPECT_TRUE(choose_sources({full}, kPackBytesMax).empty());
}

TEST_F(PacksTest, PacksInMakingAndDamagedOnesAreLeftAlone) {
  const auto making = pack_of(40 * MiB, 1 * MiB, false);
  const auto damaged = pack_of(40 * MiB, 1 * MiB);
  damaged->set_damaged();
  EXPECT_TRUE(choose_sources({making, damaged}, kPackBytesMax).empty());
}

TEST_F(PacksTest, SmallPacksAreJoinedOnlyWithTheirLikeAndWhenTheyAreMany) {
  std::vector<std::shared_ptr<Pack>> packs;
  for (size_t i = 0; i + 1 < kPacksJoinedMin; ++i) packs.push_back(pack_of(20 * KiB, 20 * KiB));
  packs.push_back(pack_of(4 * MiB, 4 * MiB));
  EXPECT_TRUE(choose_sources(packs, kPackBytesMax).empty());
  packs.push_back(pack_of(20 * KiB, 20 * KiB));
  EXPECT_EQ(choose_sources(packs, kPackBytesMax).size(), kPacksJoinedMin);
}

TEST_F(PacksTest, WhatIsRewrittenFillsOnePack) {
  std::vector<std::shared_ptr<Pack>> packs;
  for (int i = 0; i < 20; ++i) packs.push_back(pack_of(60 * MiB, 20 * MiB));
  EXPECT_EQ(choose_sources(packs, kPackBytesMax).size(), 4U);
}

// Chunks of a pack whose records are still being published would be missing at the next start.
TEST_F(PacksTest, ASnapshotLeavesOutAPackThatIsNotSettled) {
  PackIndex index;
  PackSet packs;
  StoreCounters counters;
  PackContext context{index, packs, counters, system_random(), RandomId{5}, kPackBytesMax, {}};
  const auto settled = std::make_shared<Pack>(
      LogHeader{.log_id = {1}, .store_id = {}, .creation_sequence = 1}, 1 * MiB, 8192, "a");
  const auto making = std::make_shared<Pack>(
      LogHeader{.log_id = {2}, .store_id = {}, .creation_sequence = 2}, 1 * MiB, 8192, "b");
  packs.add(settled);
  packs.add(making);
  EXPECT_TRUE(index.insert_recovered(sample_id(1), {settled, kBlockBytes, 100, 50}));
  EXPECT_TRUE(index.insert_recovered(sample_id(2), {making, kBlockBytes, 100, 50}));
  packs.settle(settled);
  const Snapshot snapshot = reactor_->run(take_snapshot(context));
  ASSERT_EQ(snapshot.packs.size(), 1U);
  EXPECT_EQ(snapshot.packs[0].name, settled->name());
  packs.settle(making);
  EXPECT_EQ(reactor_->run(take_snapshot(context)).packs.size(), 2U);
  index.clear();
}

TEST_F(PacksTest, APackEndsWithItsLastLiveRecordAndGoesWhenNobodyReadsIt) {
  PackSet packs;
  const auto pack = std::make_shared<Pack>(LogHeader{}, 1 * MiB, 8192, "");
  packs.add(pack);
  pack->add_live(8192);
  packs.settle(pack);
  EXPECT_TRUE(packs.take_removable(Instant{}).packs.empty());
  pack->acquire();  // A read.
  packs.drop_live(pack, 8192);
  EXPECT_TRUE(packs.take_removable(Instant{}).packs.empty());
  EXPECT_EQ(packs.stored_bytes(), 1 * MiB);
  pack->release();
  EXPECT_EQ(packs.take_removable(Instant{}).packs.size(), 1U);
  EXPECT_EQ(packs.stored_bytes(), 0U);
}

TEST_F(PacksTest, ANameWithoutAnAnswerIsRemovedAfterAWhile) {
  PackSet packs;
  packs.doubt("name", Instant{});
  EXPECT_TRUE(packs.take_removable(Instant{kDoubtfulPause.nanoseconds - 1}).names.empty());
  EXPECT_EQ(packs.take_removable(Instant{} + kDoubtfulPause).names.size(), 1U);
  EXPECT_TRUE(packs.take_removable(Instant{} + kDoubtfulPause).names.empty());
}

TEST_F(PacksTest, ABreakerOpensAfterFailuresInARowAndTriesOneCallAtATime) {
  UpstreamBreaker breaker;
  Instant now{};
  for (unsigned i = 1; i < UpstreamBreaker::kFailuresUntilOpen; ++i) {
    EXPECT_TRUE(breaker.admit(now));
    EXPECT_FALSE(breaker.on_failure(now));
  }
  breaker.on_success();
  for (unsigned i = 1; i < UpstreamBreaker::kFailuresUntilOpen; ++i) breaker.on_failure(now);
  EXPECT_FALSE(breaker.refuses(now));
  EXPECT_TRUE(breaker.on_failure(now)) << "it opens once, which is worth an alarm";
  EXPECT_TRUE(breaker.refuses(now));
  EXPECT_FALSE(breaker.admit(now));
  now = now + UpstreamBreaker::kPauseFirst;
  EXPECT_FALSE(breaker.refuses(now));
  EXPECT_TRUE(breaker.admit(now));
  EXPECT_FALSE(breaker.admit(now)) << "one trial at a time";
  EXPECT_FALSE(breaker.on_failure(now));
  now = now + UpstreamBreaker::kPauseFirst;
  EXPECT_FALSE(breaker.admit(now)) << "the pause has grown";
  now = now + UpstreamBreaker::kPauseFirst;
  EXPECT_TRUE(breaker.admit(now));
  breaker.on_success();
  EXPECT_TRUE(breaker.admit(now));
  EXPECT_TRUE(breaker.admit(now));
}

}  // namespace
}  // namespace cairn::storage
