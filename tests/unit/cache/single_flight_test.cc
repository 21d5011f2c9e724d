// One fetch per key: who leads, who follows, and what happens when a leader fails or is destroyed.
#include "cache/single_flight.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <vector>

#include "io/reactor_group.h"
#include "io/scope.h"

namespace cairn::cache {
namespace {

using Flights = SingleFlight<int, std::string, std::hash<int>>;

// A home that answers when it is told to, and may fail.
struct Home {
  int fetches_count = 0;
  int failures_left = 0;
  Code failure = Code::kIo;
  io::Event gate;
};

io::Task<Result<std::string>> read(Flights& flights, Home& home, int key) {
  Flights::Turn turn = flights.join(key);
  std::optional<Flights::Lead> lead = std::move(turn.lead);
  if (turn.follower) {
    Flights::Landing landing = co_await turn.follower->wait();
    if (landing.value) co_return *landing.value;
    if (landing.error) co_return std::unexpected(*landing.error);
    lead.emplace(std::move(*landing.lead));
  }
  ++home.fetches_count;
  co_await home.gate.wait();
  if (home.failures_left > 0) {
    --home.failures_left;
    const Error error{home.failure, "the home failed"};
    lead->fail(error, home.failure == Code::kNotFound);
    co_return std::unexpected(error);
  }
  const std::string value = "value " + std::to_string(key);
  lead->land([&] { return std::make_shared<const std::string>(value); });
  co_return value;
}

io::Task<void> read_into(Flights& flights, Home& home, int key, Result<std::string>& result) {
  result = co_await read(flights, home, key);
}

class SingleFlightTest : public testing::Test {
 protected:
  void SetUp() override { reactor_ = std::move(io::Reactor::create({}).value()); }

  // Starts `count` readers of one key, then lets the home answer.
  std::vector<Result<std::string>> read_side_by_side(size_t count) {
    std::vector<Result<std::string>> results(count);
    home_.gate.reset();
    const auto all = [](Flights& flights, Home& home,
                        std::vector<Result<std::string>>& into) -> io::Task<void> {
      io::Scope scope;
      for (Result<std::string>& each : into) scope.spawn(read_into(flights, home, 7, each));
      home.gate.set();
      co_await scope.join();
    };
    reactor_->run(all(flights_, home_, results));
    return results;
  }
  static size_t failed(const std::vector<Result<std::string>>& results) {
    return static_cast<size_t>(
        std::ranges::count_if(results, [](const auto& result) { return !result.has_value(); }));
  }

  std::unique_ptr<io::Reactor> reactor_;
  Home home_;
  Flights flights_{2};
};

TEST_F(SingleFlightTest, AThousandReadersMakeOneFetch) {
  const auto results = read_side_by_side(1000);
  EXPECT_EQ(failed(results), 0U);
  EXPECT_EQ(home_.fetches_count, 1);
  for (const auto& result : results) EXPECT_EQ(*result, "value 7");
}

TEST_F(SingleFlightTest, AFailedLeaderIsFollowedByExactlyOne) {
  home_.failures_left = 1;
  const auto results = read_side_by_side(1000);
  EXPECT_EQ(failed(results), 1U) << "the leader's own read";
  EXPECT_EQ(home_.fetches_count, 2);
}

TEST_F(SingleFlightTest, TheLastErrorIsSharedByThisFlightOnly) {
  home_.failures_left = 2;
  const auto results = read_side_by_side(1000);
  EXPECT_EQ(failed(results), 1000U);
  EXPECT_EQ(home_.fetches_count, 2);
  EXPECT_EQ(failed(read_side_by_side(3)), 0U);
  EXPECT_EQ(home_.fetches_count, 3);
}

TEST_F(SingleFlightTest, WhatIsAbsentIsNotAskedForAgain) {
  home_.failures_left = 1;
  home_.failure = Code::kNotFound;
  EXPECT_EQ(failed(read_side_by_side(10)), 10U);
  EXPECT_EQ(home_.fetches_count, 1);
}

TEST_F(SingleFlightTest, ADestroyedLeaderAndDestroyedFollowersPassTheLeadOn) {
  const auto all = [](Flights& flights, Home& home) -> io::Task<void> {
    std::optional<Flights::Turn> leader = flights.join(7);
    std::optional<Flights::Turn> gone = flights.join(7);
    io::Scope scope;
    Result<std::string> result = fail(Code::kInternal, "not read");
    scope.spawn(read_into(flights, home, 7, result));
    EXPECT_TRUE(leader->lead && gone->follower);
    home.gate.set();
    gone.reset();
    leader.reset();
    co_await scope.join();
    EXPECT_TRUE(result.has_value());
  };
  reactor_->run(all(flights_, home_));
  EXPECT_EQ(home_.fetches_count, 1);
  Flights::Turn next = flights_.join(7);
  EXPECT_TRUE(next.lead) << "nothing of the flight is left";
}

// Fetches of all reactors.
struct Counted {
  std::atomic<int> at_once{0};
  std::atomic<int> fetches{0};
};

io::Task<void> read_one(Flights& flights, Counted& counted) {
  Flights::Turn turn = flights.join(1);
  std::optional<Flights::Lead> lead = std::move(turn.lead);
  if (turn.follower) {
    Flights::Landing landing = co_await turn.follower->wait();
    if (!landing.lead) co_return;
    lead.emplace(std::move(*landing.lead));
  }
  EXPECT_EQ(counted.at_once.fetch_add(1), 0);
  co_await io::yield();
  const int number = counted.fetches.fetch_add(1);
  counted.at_once.fetch_sub(1);
  if (number % 3 == 0) {
    lead->fail(Error{Code::kIo, "now and then"}, false);
  } else {
    lead->land([] { return std::make_shared<const std::string>("x"); });
  }
}

io::Task<void> read_rounds(Flights& flights, Counted& counted) {
  for (int round = 0; round < 200; ++round) {
    io::Scope scope;
    for (int i = 0; i < 10; ++i) scope.spawn(read_one(flights, counted));
    co_await scope.join();
  }
}

TEST(SingleFlightThreads, AllReactorsShareOneFetchAtATime) {
  Flights flights(2);
  Counted counted;
  io::ReactorGroupOptions options;
  options.reactors_count = 4;
  options.reactor.pool_bytes = 16 << 20;
  auto group = std::move(io::ReactorGroup::start(options).value());
  group->run_on_each([&](size_t) { return read_rounds(flights, counted); });
  group->join();
  EXPECT_GT(counted.fetches.load(), 100);
  EXPECT_LT(counted.fetches.load(), 4 * 200 * 10);
}

}  // namespace
}  // namespace cairn::cache
