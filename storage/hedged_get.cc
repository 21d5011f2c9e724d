#include "storage/hedged_get.h"

#include <array>
#include <optional>
#include <utility>

#include "io/reactor.h"
#include "io/scope.h"
#include "io/sync.h"

namespace cairn::storage {
namespace {

using transfer::ObjectBody;
using transfer::S3Client;
using transfer::S3Result;

// The two requests and the timer between them, on one reactor.
struct Race {
  struct Runner {
    std::optional<S3Result<ObjectBody>> result;
    bool started = false;
    bool running() const { return started && !result; }
  };
  std::array<Runner, 2> runners;
  io::StopSource timer_stop;
  io::Event changed;  // A runner is done, or it is time for the second.
  bool is_late = false;

  Runner* winner() {
    for (Runner& each : runners) {
      if (each.result && each.result->has_value()) return &each;
    }
    return nullptr;
  }
  bool over() { return winner() != nullptr || (!runners[0].running() && !runners[1].running()); }
};

io::Task<S3Result<ObjectBody>> get_once(S3Client& client, RangeGet get, io::StopToken stop) {
  const io::Until until{.deadline = get.deadline, .stop = stop};
  return client.get(std::move(get.bucket), std::move(get.key), std::string(), get.range,
                    std::move(get.etag), until);
}

io::Task<void> run(S3Client& client, RangeGet get, Race& race, HedgeStops& stops, size_t index) {
  Race::Runner& self = race.runners[index];
  S3Result<ObjectBody> got = co_await get_once(client, std::move(get), stops[index].token());
  self.result.emplace(std::move(got));
  race.changed.set();
}

io::Task<void> ring(Duration delay, Race& race) {
  (void)co_await io::sleep_for(delay, race.timer_stop.token());
  race.is_late = true;
  race.changed.set();
}

}  // namespace

io::Task<S3Result<ObjectBody>> get_hedged(S3Client& client, RangeGet get, HedgePolicy& policy,
                                          HedgeStops& stops, StoreCounters& counters) {
  const Instant begun = io::Reactor::current().now();
  policy.note_request();
  const std::optional<Duration> delay = policy.delay();
  if (!delay) {
    S3Result<ObjectBody> got = co_await get_once(client, std::move(get), io::StopToken());
    if (got) policy.note_answer(io::Reactor::current().now() - begun);
    co_return got;
  }
  Race race;
  io::Scope scope;
  race.runners[0].started = true;
  scope.spawn(run(client, get, race, stops, 0));
  scope.spawn(ring(*delay, race));
  bool asked_for_leave = false;
  while (!race.over()) {
    co_await race.changed.wait();
    race.changed.reset();
    if (!race.is_late || asked_for_leave || race.over()) continue;
    asked_for_leave = true;
    if (!policy.spend()) {
      StoreCounters::add(counters.hedges_refused);
      continue;
    }
    StoreCounters::add(counters.hedges_sent);
    race.runners[1].started = true;
    scope.spawn(run(client, get, race, stops, 1));
  }
  // What is known of the first one, where the second was quicker: that it took longer than this.
  policy.note_answer(io::Reactor::current().now() - begun);
  Race::Runner* const winner = race.winner();
  race.timer_stop.request();
  for (size_t i = 0; i < stops.size(); ++i) {
    if (race.runners[i].running()) stops[i].request();
  }
  co_await scope.join();
  if (winner == nullptr) co_return std::move(*race.runners[0].result);
  if (winner == &race.runners[1]) StoreCounters::add(counters.hedges_won);
  co_return std::move(*winner->result);
}

}  // namespace cairn::storage
