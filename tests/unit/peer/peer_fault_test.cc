// Property: whatever another node does, a read ends with the home's bytes. Method: an owner that is
// broken or lying, behind real TLS. How soon a late one is passed by: peer_bypass_test.cc.

#include "tests/unit/peer/peer_fixture.h"

namespace cairn::peer {
namespace {

using testing_support::sample_id;

class PeerFaultTest : public PeerFixture {
 protected:
  // Node 1 owns the chunk and is in this mood; node 0 reads.
  void start_with(Mood mood, Duration patience) {
    start(2, patience);
    number_ = owned_by(1);
    put_home(number_, 1);
    nodes_[1]->door.mood = mood;
  }
  Counters& reader() { return nodes_[0]->tier.counters(); }
  uint64_t number_ = 0;
};

TEST_F(PeerFaultTest, AnswersThatAreNoneAreTheHomesTurnAtOnce) {
  start_with(Mood::kWell, kPatient);
  for (const Mood mood : {Mood::kRefuses, Mood::kCuts, Mood::kLies, Mood::kBabbles}) {
    SCOPED_TRACE(static_cast<int>(mood));
    nodes_[1]->door.mood = mood;
    expect_read(0, number_, {0, MiB});
  }
  EXPECT_EQ(reader().answered, 0U);
  EXPECT_EQ(reader().hedged, 0U);
  EXPECT_EQ(reader().wrong, 2U);
  EXPECT_EQ(reader().unanswered, 2U);
  // The reader's own four; the owner kept the block after the first of its.
  EXPECT_EQ(reader().home_reads, 4U);
}

// What a checksum cannot tell does not verify above, and then the caches are passed by.
TEST_F(PeerFaultTest, AReaderWhoWasLiedToGetsTheHomes) {
  start_with(Mood::kLiesWell, kPatient);
  const Result<storage::SealedRead> lied = wait(nodes_[0]->tier.read(sample_id(number_), {0, MiB}));
  ASSERT_TRUE(lied);
  const Bytes right = testing_support::sample_bytes(number_, kWhole);
  EXPECT_FALSE(std::ranges::equal(lied->payload.view(), BytesView(right).first(MiB)));
  const Result<storage::SealedRead> second =
      wait(nodes_[0]->tier.read(sample_id(number_), {0, MiB}, {.distrust = 1}));
  ASSERT_TRUE(second);
  EXPECT_TRUE(std::ranges::equal(second->payload.view(), BytesView(right).first(MiB)));
  EXPECT_EQ(reader().distrusted, 1U);
}

TEST_F(PeerFaultTest, ANodeThatKeepsFailingIsNotAskedForAWhile) {
  start_with(Mood::kRefuses, kPatient);
  for (int i = 0; i < 20; ++i) expect_read(0, number_, {0, MiB});
  EXPECT_EQ(nodes_[1]->door.requests_count, storage::UpstreamBreaker::kFailuresUntilOpen);
  EXPECT_EQ(reader().passed_by, 20U - storage::UpstreamBreaker::kFailuresUntilOpen);
}

TEST_F(PeerFaultTest, ANodeThatIsGoneCostsNothingButReadsOfTheHome) {
  start_with(Mood::kWell, kPatient);
  expect_read(0, number_, {0, MiB});
  EXPECT_EQ(reader().answered, 1U);
  wait(nodes_[1]->stop());
  for (int i = 0; i < 20; ++i) expect_read(0, number_, {0, MiB});
  EXPECT_EQ(reader().answered, 1U);
  EXPECT_EQ(reader().home_reads, 20U);
  // Once the cluster knows, the chunk is this node's.
  nodes_[0]->tier.set_members({nodes_[0]->member()});
  expect_read(0, number_, {0, MiB});
  EXPECT_EQ(reader().home_reads, 20U);
}

TEST_F(PeerFaultTest, AConnectionThatWasClosedMeanwhileIsNoFailure) {
  start_with(Mood::kWell, kPatient);
  expect_read(0, number_, {0, MiB});
  wait(nodes_[1]->stop());
  ASSERT_TRUE(wait(nodes_[1]->listen(identity("node-1"))));
  meet();
  expect_read(0, number_, {0, MiB});
  EXPECT_EQ(reader().answered, 2U);
}

// Its own authority signed it, and it listens where a member does.
TEST_F(PeerFaultTest, ANodeOfAnotherAuthorityIsNeitherBelievedNorServed) {
  start_with(Mood::kWell, kPatient);
  testing_support::PeerCertificates others;
  const Identity stranger =
      Identity::load({others.ca(), others.certificate("node-1"), others.key("node-1")}).value();
  wait(nodes_[1]->stop());
  ASSERT_TRUE(wait(nodes_[1]->listen(stranger)));
  meet();
  expect_read(0, number_, {0, MiB});
  EXPECT_EQ(reader().unanswered, 1U);
  EXPECT_EQ(nodes_[1]->door.requests_count, 0U);

  // A certificate of the right authority on one side does not make up for the other's.
  const Identity mixed =
      Identity::load({certificates_.ca(), others.certificate("node-2"), others.key("node-2")})
          .value();
  TestNode asking("node-2", home_, mixed, kPatient);
  asking.tier.set_members({nodes_[0]->member(), asking.member()});
  std::vector<cluster::Member> members{nodes_[0]->member(), asking.member()};
  members[1].address = "127.0.0.1:1";
  asking.tier.set_members(members);
  const uint64_t of_node_0 = [&] {
    const auto roster = asking.tier.peers().now();
    uint64_t number = 1000;
    while (roster->peers[roster->members.owners().first(placement_key(sample_id(number).bytes))] ==
           nullptr) {
      ++number;
    }
    return number;
  }();
  put_home(of_node_0, 1);
  int failed = 0;
  wait(read_right(asking.tier, of_node_0, {0, MiB}, kWhole, &failed));
  EXPECT_EQ(asking.tier.counters().unanswered, 1U);
  EXPECT_EQ(nodes_[0]->door.requests_count, 0U);
  EXPECT_TRUE(wait(asking.tier.close()));
}

}  // namespace
}  // namespace cairn::peer
