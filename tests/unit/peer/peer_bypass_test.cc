// Property: an owner that is silent is passed by as soon as the patience with it is over and no
// sooner, and one that says that it reads its home is waited for, so that the home is read once.
// Method: virtual time and a simulated network, with real TLS over it: what the machine has to do
// beside this test changes nothing.
#include "io/sim_network.h"
#include "io/sim_time.h"
#include "tests/unit/peer/peer_fixture.h"

namespace cairn::peer {
namespace {

class PeerBypassTest : public PeerFixture {
 protected:
  // What the network of the simulation takes for a question and 1 MiB in windows of 64 KiB.
  static constexpr Duration kTransfer = milliseconds(25);

  void SetUp() override {
    reactor_ = std::move(io::create_simulated_reactor(clock_, 512 * MiB).value());
    network_ = &simulated_;
  }
  void TearDown() override {
    PeerFixture::TearDown();
    reactor_.reset();  // Before its clock.
  }
  // Node 1 owns the chunk and is in this mood; node 0 reads.
  void start_with(Mood mood) {
    start(2, kPatience);
    number_ = owned_by(1);
    put_home(number_, 1);
    nodes_[1]->door.mood = mood;
  }
  Counters& reader() { return nodes_[0]->tier.counters(); }
  Duration time_of_read() {
    const Instant begun = clock_.now();
    expect_read(0, number_, {0, MiB});
    return clock_.now() - begun;
  }
  static io::Task<void> open_after(testing_support::CountingHome& home, Duration after) {
    static_cast<void>(co_await io::sleep_for(after));
    home.gate.set();
  }
  static io::Task<void> read_while_home_is_slow(PeerTier& tier, testing_support::CountingHome& home,
                                                uint64_t number, Duration after, int* failed) {
    io::Scope scope;
    scope.spawn(read_right(tier, number, {0, MiB}, kWhole, failed));
    scope.spawn(open_after(home, after));
    co_await scope.join();
  }

  io::SimClock clock_;
  io::SimNetwork simulated_{{.seed = 11}};
  uint64_t number_ = 0;
};

TEST_F(PeerBypassTest, ASilentOwnerIsPassedByWhenThePatienceIsOver) {
  start_with(Mood::kSilent);
  const Duration took = time_of_read();
  EXPECT_GE(took, kPatience);
  EXPECT_LE(took, kPatience + milliseconds(1));
  EXPECT_EQ(reader().hedged, 1U);
  EXPECT_EQ(reader().hedged_won, 1U);
  EXPECT_EQ(reader().answered, 0U);
}

TEST_F(PeerBypassTest, AnOwnerThatStopsInTheMiddleIsPassedBy) {
  start_with(Mood::kHalf);
  const Duration took = time_of_read();
  EXPECT_GE(took, kPatience);
  EXPECT_LE(took, kPatience + kTransfer);
  EXPECT_EQ(reader().hedged, 1U);
  EXPECT_EQ(reader().hedged_won, 1U);
}

TEST_F(PeerBypassTest, AnOwnerThatIsWellIsNotPassedBy) {
  start_with(Mood::kWell);
  for (int i = 0; i < 50; ++i) EXPECT_LE(time_of_read(), kTransfer);
  EXPECT_EQ(reader().answered, 50U);
  EXPECT_EQ(reader().hedged, 0U);
  EXPECT_EQ(home_.reads.size(), 1U);
  // What is learned of it makes the home's turn come sooner when it falls silent, but not before
  // half of the patience.
  nodes_[1]->door.mood = Mood::kSilent;
  const Duration took = time_of_read();
  EXPECT_GE(took, Duration{kPatience.nanoseconds / 2});
  EXPECT_LE(took, kPatience + milliseconds(1));
  EXPECT_EQ(reader().hedged, 1U);
}

TEST_F(PeerBypassTest, AnOwnerThatOnlySaysItReadsIsNotWaitedForForEver) {
  start_with(Mood::kSaysItReads);
  const Duration took = time_of_read();
  EXPECT_GE(took, kReadMax);
  EXPECT_LE(took, kReadMax + milliseconds(1));
  EXPECT_EQ(reader().hedged_won, 1U);
}

TEST_F(PeerBypassTest, AnOwnerWhoseHomeIsSlowIsWaitedFor) {
  for (const Duration after : {milliseconds(60), milliseconds(900), milliseconds(1900)}) {
    SCOPED_TRACE(after.nanoseconds);
    if (nodes_.empty()) start_with(Mood::kWell);
    nodes_[1]->tier.keeper().forget(testing_support::sample_id(number_));
    home_.gate.reset();
    home_.reads.clear();
    int failed = 0;
    wait(read_while_home_is_slow(nodes_[0]->tier, home_, number_, after, &failed));
    EXPECT_EQ(failed, 0);
    // Longer than the patience, and the home was still asked once, by the owner.
    EXPECT_EQ(home_.reads.size(), 1U);
    EXPECT_EQ(reader().hedged, 0U);
  }
  EXPECT_EQ(reader().answered, 3U);
}

}  // namespace
}  // namespace cairn::peer
