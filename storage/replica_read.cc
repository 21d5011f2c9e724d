#include "storage/replica_read.h"

#include <algorithm>
#include <array>
#include <deque>
#include <utility>

#include "base/log.h"
#include "io/sync.h"

namespace cairn::storage {
namespace {

// The primary, unless another home is much faster; now and then the second choice.
HomeList by_preference(const HomeList& wanted) {
  if (wanted.size() < 2) return wanted;
  struct Ranked {
    int64_t estimate_ns = 0;
    NamedHome* home = nullptr;
  };
  std::array<Ranked, kHomesMax> ranked{};
  size_t count = 0;
  for (NamedHome* home : wanted) {
    const int64_t estimate_ns = home->health.estimate().nanoseconds;
    // Where nothing is known yet the configured order stands.
    int64_t rank_ns = estimate_ns / kPrimaryAdvantage;
    if (home != wanted.front()) rank_ns = estimate_ns == 0 ? INT64_MAX : estimate_ns;
    // Inserted behind those that are no slower: a few homes, mostly in order.
    size_t at = count++;
    for (; at > 0 && ranked[at - 1].estimate_ns > rank_ns; --at) ranked[at] = ranked[at - 1];
    ranked[at] = {rank_ns, home};
  }
  static thread_local uint64_t reads_count = 0;
  if (++reads_count % kSecondChoiceOneIn == 0) std::swap(ranked[0], ranked[1]);
  HomeList list;
  for (size_t at = 0; at < count; ++at) list.push_back(ranked[at].home);
  return list;
}

// Reads that run side by side, and the reader that waits for the first good one.
struct Race {
  struct Finish {
    NamedHome* home = nullptr;
    Result<SealedRead> result;
  };
  std::deque<Finish> finished;
  size_t running_count = 0;
  std::optional<io::Completion<bool>> wake;
};

// Tells the home's health how a read went.
void note_outcome(NamedHome& home, const Result<SealedRead>& result, Instant begun) {
  NamedHome::count(home.counters.reads_count);
  const Instant now = io::Reactor::current().clock().now();
  if (result) {
    home.health.on_read(now - begun, result->payload.size());
    return;
  }
  if (result.error().code == Code::kNotFound) return;
  NamedHome::count(home.counters.read_failures);
  if (is_home_failure(result.error().code) && home.health.on_failure(now)) {
    log::warning("home-unavailable", {{"home", std::string_view(home.name)},
                                      {"message", std::string_view(result.error().message)}});
  }
}

io::Task<Result<SealedRead>> ask(NamedHome& home, ChunkId id, ByteRange range,
                                 ReadOptions options) {
  const Instant begun = io::Reactor::current().clock().now();
  Result<SealedRead> result = co_await home.store.read(id, range, options);
  note_outcome(home, result, begun);
  co_return result;
}

io::Task<void> run_beside(std::shared_ptr<Race> race, NamedHome* home, ChunkId id, ByteRange range,
                          ReadOptions options) {
  Result<SealedRead> result = co_await ask(*home, id, range, options);
  --race->running_count;
  race->finished.push_back({home, std::move(result)});
  if (race->wake) std::exchange(race->wake, std::nullopt)->complete(true);
}

Duration patience_with(const NamedHome& home, uint64_t size_bytes) {
  const int64_t usual_ns = home.health.estimate(size_bytes).nanoseconds * kOvertakeFactor;
  if (usual_ns == 0) return kOvertakeAfterMax;
  return {std::clamp(usual_ns, kOvertakeAfterMin.nanoseconds, kOvertakeAfterMax.nanoseconds)};
}

class ReplicaRead {
 public:
  ReplicaRead(ReplicatedStore& store, HomesContext& context, ChunkId id, ByteRange range,
              ReadOptions options)
      : store_(store), context_(context), id_(id), range_(range), options_(options) {}

  io::Task<Result<SealedRead>> run() {
    homes_ = reading_order(store_.route(), context_, id_, io::Reactor::current().clock().now(),
                           options_.distrust);
    while (true) {
      if (race_ != nullptr && !race_->finished.empty()) {
        Race::Finish finish = std::move(race_->finished.front());
        race_->finished.pop_front();
        if (settle(*finish.home, finish.result)) co_return std::move(finish.result);
        continue;
      }
      const bool is_running = race_ != nullptr && race_->running_count > 0;
      if (!is_running && next_ == homes_.size()) {
        if (!look_again()) break;
        continue;
      }
      if (is_running) {
        co_await wait_or_overtake();
        continue;
      }
      NamedHome& home = *homes_.begin()[next_++];
      if (may_be_overtaken(home)) {
        start_beside(home);
        continue;
      }
      Result<SealedRead> result = co_await ask(home, id_, range_, options_);
      if (settle(home, result)) co_return result;
    }
    co_return std::unexpected(failure());
  }

 private:
  // Only a client's read of a home elsewhere is worth a second request. Who distrusts an answer
  // wants that of the very home whose turn it is.
  bool may_be_overtaken(const NamedHome& home) const {
    return home.is_remote && options_.urgency == Urgency::kClient && options_.distrust == 0 &&
           next_may_overtake();
  }
  // Being slow is no failure: a home that is drained, or of another placement, is left alone.
  bool next_may_overtake() const {
    if (next_ == homes_.size()) return false;
    const NamedHome* const next = homes_.begin()[next_];
    return next == store_.route().staging() || store_.route().wanted().contains(next);
  }

  void start_beside(NamedHome& home) {
    if (race_ == nullptr) race_ = std::make_shared<Race>();
    last_started_ = &home;
    ++race_->running_count;
    ReadOptions options = options_;
    options.cached_bytes = nullptr;  // The reader may be gone before this read is.
    context_.lanes.current().spawn(run_beside(race_, &home, id_, range_, options));
  }

  io::Task<void> wait_or_overtake() {
    const bool may_overtake = next_may_overtake();
    answers_before_ = last_started_->health.answers_count();
    const Duration patience = patience_with(*last_started_, range_.size_bytes);
    race_->wake = io::Completion<bool>::make();
    const io::Completion<bool> wake = *race_->wake;
    const Result<bool> woken = co_await wake.wait(
        may_overtake ? io::Until{io::Reactor::current().now() + patience} : io::Until{});
    race_->wake.reset();
    if (woken || !race_->finished.empty() || !next_may_overtake()) co_return;
    // A home that has answered nobody meanwhile may not answer at all; one that has is busy.
    const bool is_busy = last_started_->health.answers_count() != answers_before_;
    if (is_busy && !last_started_->health.spend_overtake()) co_return;
    start_beside(*homes_.begin()[next_++]);
  }

  // True when the read is done; otherwise what there is to know of the failure is kept.
  bool settle(NamedHome& home, const Result<SealedRead>& result) {
    if (result) {
      repair_others(home, *result);
      return true;
    }
    const Code code = result.error().code;
    if (code == Code::kNotFound) {
      missing_.push_back(&home);
    } else if (code == Code::kCorruption) {
      damaged_.push_back(&home);
      if (!damage_) damage_ = in_home(home, result.error());
    } else if (!trouble_) {
      trouble_ = in_home(home, result.error());
    }
    return false;
  }

  void repair_others(const NamedHome& good, const SealedRead& read) {
    const HomeList wanted = store_.route().wanted();
    for (NamedHome* home : damaged_) {
      NamedHome::count(home->counters.damaged_copies);
      log::error("home-copy-damaged", {{"home", std::string_view(home->name)},
                                       {"chunk", std::string_view(id_.to_hex())}});
      store_.owe(*home, {id_, read.payload_bytes, true});
    }
    // What is staged goes to its homes anyway.
    if (&good == store_.route().staging()) return;
    for (NamedHome* home : missing_) {
      if (!wanted.contains(home) || home->owed.contains(id_)) continue;
      NamedHome::count(home->counters.missing_copies);
      store_.owe(*home, {id_, read.payload_bytes, false});
    }
  }

  // A chunk that moved behind the reader's back was not there yet in the one home, and no longer in
  // the other: where it is nowhere, every home is asked once more.
  bool look_again() {
    if (missing_.size() < 2 || damage_ || trouble_ || std::exchange(looked_again_, true))
      return false;
    missing_ = {};
    next_ = 0;
    return true;
  }

  // Absent or damaged is said only when every home was heard.
  Error failure() const {
    if (trouble_) return *trouble_;
    for (const NamedHome* home : context_.homes) {
      if (!home->is_open.load()) {
        return {Code::kUnavailable,
                "the home " + home->name + ", which may have chunk " + id_.to_hex() + ", is away"};
      }
    }
    if (damage_) return *damage_;
    return {Code::kNotFound, "chunk " + id_.to_hex() + " is not stored"};
  }

  ReplicatedStore& store_;
  HomesContext& context_;
  const ChunkId id_;
  const ByteRange range_;
  const ReadOptions options_;
  HomeList homes_;
  size_t next_ = 0;
  bool looked_again_ = false;
  std::shared_ptr<Race> race_;
  NamedHome* last_started_ = nullptr;
  uint64_t answers_before_ = 0;  // Of that home, when the wait for it began.
  HomeList missing_;
  HomeList damaged_;
  std::optional<Error> damage_;
  std::optional<Error> trouble_;
};

}  // namespace

HomeList reading_order(const PlacementRoute& route, const HomesContext& context, const ChunkId& id,
                       Instant now, uint8_t distrust) {
  HomeList order;
  HomeList doubtful;
  const auto add = [&](NamedHome* home) {
    if (home == nullptr || order.contains(home) || doubtful.contains(home)) return;
    if (!home->is_open.load(std::memory_order_relaxed)) return;
    const bool is_doubtful = home->health.refuses(now) || home->owed.is_damaged(id);
    (is_doubtful ? doubtful : order).push_back(home);
  };
  add(route.staging());
  // Who distrusts an answer goes through the homes in an order that does not change meanwhile.
  for (NamedHome* home : distrust > 0 ? route.wanted() : by_preference(route.wanted())) add(home);
  for (NamedHome* home : route.homes()) add(home);
  for (NamedHome* home : context.homes) add(home);
  for (NamedHome* home : doubtful) order.push_back(home);
  if (distrust > 0 && !order.empty()) order.rotate(distrust % order.size());
  return order;
}

io::Task<Result<SealedRead>> read_replica(ReplicatedStore& store, HomesContext& context, ChunkId id,
                                          ByteRange range, ReadOptions options) {
  ReplicaRead read(store, context, id, range, options);
  Result<SealedRead> result = co_await read.run();
  co_return result;
}

}  // namespace cairn::storage
