// What a store in a Ceph pool is made of and needs no cluster: bytes and names, the table of holds,
// and the monitors' answer about space. Corpora of the fuzz target are written by hand from here.
#include <gtest/gtest.h>

#include "io/reactor.h"
#include "storage/rados/format.h"
#include "storage/rados/hold_table.h"
#include "storage/rados/pool_usage.h"
#include "tests/support/chunk_samples.h"

namespace cairn::storage {
namespace {

using testing_support::sample_header;
using testing_support::sample_id;
using testing_support::sample_owner;

ChunkDescription sample_description() {
  return {.chunk = sample_id(1),
          .generation = {1, 2, 3},
          .payload_bytes = 5000,
          .payload_xxh3 = 0x1122334455667788,
          .sealed_header = sample_header(1)};
}

TEST(RadosFormat, ADescriptionComesBackAsItWas) {
  const ChunkDescription description = sample_description();
  const Bytes bytes = encode(description);
  EXPECT_EQ(bytes.size(), kDescriptionFixedBytes + description.sealed_header.size());
  const Result<ChunkDescription> again = decode_chunk_description(bytes);
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(*again, description);
}

TEST(RadosFormat, EveryFlippedBitAndEveryOtherLengthIsRefused) {
  const Bytes bytes = encode(sample_description());
  for (size_t at = 0; at < bytes.size(); ++at) {
    Bytes damaged = bytes;
    damaged[at] ^= 1;
    EXPECT_FALSE(decode_chunk_description(damaged).has_value()) << at;
    EXPECT_FALSE(decode_chunk_description(BytesView(bytes).first(at)).has_value()) << at;
  }
  Bytes longer = bytes;
  longer.push_back(0);
  EXPECT_FALSE(decode_chunk_description(longer).has_value());
}

TEST(RadosFormat, ANewerVersionIsToldApartFromDamage) {
  Bytes bytes = encode(sample_description());
  bytes[4] = 2;
  const size_t sum_at = bytes.size() - sizeof(uint64_t);
  store_le(bytes.data() + sum_at, checksum_of(BytesView(bytes).first(sum_at)));
  EXPECT_EQ(decode_chunk_description(bytes).error().code, Code::kUnsupported);
}

TEST(RadosFormat, NamesAreOfOneForm) {
  const ChunkId id = sample_id(1);
  EXPECT_EQ(chunk_of_object_name(object_name_of(id)), id);
  EXPECT_FALSE(chunk_of_object_name("FORMAT").has_value());
  EXPECT_FALSE(chunk_of_object_name(std::string(64, 'A')).has_value()) << "lower case only";
  const HoldName hold{.session = {0xab}, .number = 0x1234};
  EXPECT_EQ(attribute_of(hold), "hold.ab000000000000000000000000000000.0000000000001234");
  EXPECT_EQ(hold_of_attribute(attribute_of(hold)), hold);
  EXPECT_FALSE(hold_of_attribute("cairn").has_value());
  EXPECT_FALSE(hold_of_attribute(attribute_of(hold) + "0").has_value());
  const SessionId session{7};
  EXPECT_EQ(session_of_attribute(attribute_of_session(session)), session);
  EXPECT_FALSE(session_of_attribute(attribute_of(hold)).has_value());
}

class HoldTableTest : public testing::Test {
 protected:
  // Completions of those who wait belong to a reactor.
  template <typename Body>
  void on_reactor(Body body) {
    Result<std::unique_ptr<io::Reactor>> reactor = io::Reactor::create(io::ReactorOptions());
    ASSERT_TRUE(reactor.has_value());
    const auto task = [](Body& run) -> io::Task<void> {
      run();
      co_return;
    };
    (*reactor)->run(task(body));
  }
  HoldTable table_;
};

TEST_F(HoldTableTest, TheFirstSetsTheLastClears) {
  const HoldTurn first = table_.begin(sample_id(1), sample_owner(1));
  ASSERT_EQ(first.kind, HoldTurn::Kind::kSet);
  EXPECT_TRUE(table_.is_held(sample_id(1))) << "it is about to be";
  EXPECT_FALSE(table_.settle(sample_id(1), true).has_value());
  EXPECT_EQ(table_.begin(sample_id(1), sample_owner(2)).kind, HoldTurn::Kind::kHeld);
  EXPECT_EQ(table_.begin(sample_id(1), sample_owner(2)).kind, HoldTurn::Kind::kHeld);
  EXPECT_FALSE(table_.release(sample_id(1), sample_owner(1)).has_value());
  EXPECT_FALSE(table_.release(sample_id(1), sample_owner(1)).has_value()) << "each owner once";
  EXPECT_EQ(table_.release(sample_id(1), sample_owner(2)), first.number);
  EXPECT_FALSE(table_.is_held(sample_id(1)));
  const HoldTurn later = table_.begin(sample_id(1), sample_owner(1));
  EXPECT_EQ(later.kind, HoldTurn::Kind::kSet);
  EXPECT_NE(later.number, first.number) << "no number is used twice";
}

TEST_F(HoldTableTest, WhoComesMeanwhileWaitsForTheOutcome) {
  on_reactor([this] {
    ASSERT_EQ(table_.begin(sample_id(1), sample_owner(1)).kind, HoldTurn::Kind::kSet);
    ASSERT_EQ(table_.begin(sample_id(1), sample_owner(2)).kind, HoldTurn::Kind::kWait);
    EXPECT_FALSE(table_.settle(sample_id(1), false).has_value());
    EXPECT_FALSE(table_.is_held(sample_id(1)));
    EXPECT_EQ(table_.begin(sample_id(1), sample_owner(2)).kind, HoldTurn::Kind::kSet);
  });
}

TEST_F(HoldTableTest, AHoldThatWasLetGoWhileItWasSetIsUnwanted) {
  const HoldTurn turn = table_.begin(sample_id(1), sample_owner(1));
  EXPECT_FALSE(table_.release(sample_id(1), sample_owner(1)).has_value());
  EXPECT_EQ(table_.settle(sample_id(1), true), turn.number);
  EXPECT_FALSE(table_.is_held(sample_id(1)));
}

TEST(RadosPoolUsage, IsReadFromTheMonitorsAnswer) {
  const std::string answer =
      R"({"stats":{"total_bytes":100},"pools":[{"name":"other","id":1,"stats":{"stored":1}},)"
      R"({"name":"data","id":2,"stats":{"stored":4096,"objects":1,"max_avail":123456}}]})";
  const Result<PoolUsage> usage = parse_pool_usage(answer, "data");
  ASSERT_TRUE(usage.has_value()) << usage.error().message;
  EXPECT_EQ(usage->stored_bytes, 4096U);
  EXPECT_EQ(usage->available_bytes, 123456U);
  EXPECT_EQ(parse_pool_usage(answer, "absent").error().code, Code::kNotFound);
  for (const std::string_view bad : {"", "{", "[]", R"({"pools":1})", "null"}) {
    EXPECT_EQ(parse_pool_usage(bad, "data").error().code, Code::kCorruption) << bad;
  }
}

}  // namespace
}  // namespace cairn::storage
