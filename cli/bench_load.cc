#include "cli/bench_load.h"

#include <algorithm>

#include "io/scope.h"

namespace cairn::cli {
namespace {

// Every block of a body is stamped, so that no piece of it that a server may deduplicate by was
// ever sent before.
constexpr size_t kStampDistance = 4096;
constexpr size_t kReceivePieceBytes = 256 * KiB;
// How long requests that were due in time are still sent after the end.
constexpr uint64_t kLateNsMax = 5'000'000'000;

}  // namespace

struct BenchLoad::Lane {
  Lane(size_t index, uint64_t seed) : member(index), random(seed) {}

  const size_t member;
  SeededRandom random;
  uint64_t begin_ns = 0;  // Of the clock of the reactor.
  double requests_per_second = 0;
  uint64_t next_request = 0;
  uint64_t next_worker = 0;
  uint64_t unsent_count = 0;
  uint64_t stamp = 0;
  std::vector<std::string> written;  // One key per worker, overwritten.
  BenchFigures figures[2];
  std::string first_error;
};

BenchLoad::BenchLoad(transfer::Crew& crew, BenchSettings settings)
    : crew_(crew), settings_(std::move(settings)) {
  for (size_t i = 0; i < crew_.size(); ++i) {
    lanes_.push_back(std::make_unique<Lane>(i, system_random().next_u64()));
  }
}

BenchLoad::~BenchLoad() = default;

size_t BenchLoad::workers_of(size_t member) const {
  const size_t share = settings_.concurrency / crew_.size();
  return share + (member < settings_.concurrency % crew_.size() ? 1 : 0);
}

std::string BenchLoad::read_key(uint64_t index) const {
  return settings_.prefix + "read-" + std::to_string(index);
}

std::vector<std::string> BenchLoad::keys() const {
  std::vector<std::string> keys;
  for (uint64_t i = 0; settings_.read_share > 0 && i < settings_.objects_count; ++i) {
    keys.push_back(read_key(i));
  }
  for (const auto& lane : lanes_) {
    keys.insert(keys.end(), lane->written.begin(), lane->written.end());
  }
  return keys;
}

void BenchLoad::vary(Lane& lane, MutableBytes body) const {
  if (settings_.repeats_content) return;
  ++lane.stamp;
  for (size_t at = 0; at + 16 <= body.size(); at += kStampDistance) {
    store_le<uint64_t>(body.data() + at, lane.stamp);
    store_le<uint64_t>(body.data() + at + 8, at);
  }
}

io::Task<Status> BenchLoad::put(Lane& lane, MutableBytes memory, std::string key,
                                uint64_t size_bytes) {
  transfer::UploadBody body;
  body.bytes = memory.first(static_cast<size_t>(size_bytes));
  co_await transfer::or_fail(crew_.client(lane.member)
                                 .put(settings_.bucket, std::move(key), body, {},
                                      {.stop = crew_.stop_token(lane.member)}));
  co_return Status();
}

io::Task<Status> BenchLoad::get(Lane& lane, std::string key, uint64_t& size_bytes) {
  transfer::ObjectBody body =
      co_await transfer::or_fail(crew_.client(lane.member)
                                     .get(settings_.bucket, std::move(key), "", std::nullopt, "",
                                          {.stop = crew_.stop_token(lane.member)}));
  Bytes piece(std::min<uint64_t>(kReceivePieceBytes, body.range.size_bytes + 1));
  size_bytes = 0;
  for (;;) {
    const size_t got = co_await io::or_return(body.response.receive(piece));
    if (got == 0) break;
    size_bytes += got;
  }
  if (size_bytes != body.info.size_bytes) co_return fail(Code::kCorruption, "a body is too short");
  co_return Status();
}

io::Task<void> BenchLoad::prepare_some(size_t member, std::vector<Status>& results) {
  Lane& lane = *lanes_[member];
  Bytes memory(static_cast<size_t>(settings_.sizes.largest()));
  lane.random.fill(memory);
  for (uint64_t i = member; i < settings_.objects_count; i += crew_.size()) {
    const uint64_t size_bytes = settings_.sizes.pick(lane.random);
    vary(lane, memory);
    results[member] = co_await put(lane, memory, read_key(i), size_bytes);
    if (!results[member]) co_return;
  }
}

io::Task<Status> BenchLoad::prepare(io::Until until) {
  if (settings_.read_share <= 0) co_return Status();
  const transfer::ForwardedStop forwarded(crew_, until.stop);
  std::vector<Status> results(crew_.size());
  co_await crew_.run_on_each(
      [this, &results](size_t member) { return prepare_some(member, results); });
  for (const Status& result : results) {
    if (!result) co_return result;
  }
  co_return Status();
}

io::Task<void> BenchLoad::work(Lane& lane) {
  const io::StopToken stop = crew_.stop_token(lane.member);
  io::Reactor& reactor = crew_.reactor(lane.member);
  const uint64_t worker = lane.next_worker++;
  const std::string own_key =
      settings_.prefix + "write-" + std::to_string(lane.member) + "-" + std::to_string(worker);
  Bytes memory(settings_.read_share < 1 ? static_cast<size_t>(settings_.sizes.largest()) : 0);
  lane.random.fill(memory);
  if (!memory.empty()) lane.written.push_back(own_key);
  const uint64_t record_from_ns = settings_.warm_up_ms * 1'000'000;
  const uint64_t end_ns = record_from_ns + settings_.duration_ms * 1'000'000;
  const auto since_begin = [&] {
    return static_cast<uint64_t>(reactor.clock().now().nanoseconds) - lane.begin_ns;
  };
  while (!stop.stop_requested()) {
    uint64_t start_ns = since_begin();
    if (lane.requests_per_second > 0) {
      const uint64_t due = due_ns(lane.next_request++, lane.requests_per_second);
      if (due > start_ns && due < end_ns) {
        const Status slept = co_await io::sleep_for({static_cast<int64_t>(due - start_ns)}, stop);
        if (!slept) co_return;
      }
      start_ns = due;
    }
    if (start_ns >= end_ns) co_return;
    if (since_begin() >= end_ns + kLateNsMax) {
      // The first worker that gives up counts for all: its own request is among them.
      if (lane.unsent_count == 0) {
        lane.unsent_count = due_count(lane.requests_per_second, end_ns) - lane.next_request + 1;
      }
      co_return;
    }
    const bool reads =
        static_cast<double>(lane.random.below(1'000'000)) < settings_.read_share * 1'000'000;
    BenchFigures& figures =
        lane.figures[static_cast<size_t>(reads ? BenchKind::kGet : BenchKind::kPut)];
    uint64_t size_bytes = 0;
    Status done;
    if (reads) {
      done = co_await get(lane, read_key(lane.random.below(settings_.objects_count)), size_bytes);
    } else {
      size_bytes = settings_.sizes.pick(lane.random);
      vary(lane, memory);
      done = co_await put(lane, memory, own_key, size_bytes);
    }
    if (!done && done.error().code == Code::kCancelled) co_return;
    if (!done && lane.first_error.empty()) lane.first_error = done.error().message;
    if (start_ns < record_from_ns) continue;
    if (done) {
      figures.latencies.record(since_begin() - start_ns);
      figures.bytes += size_bytes;
    } else {
      ++figures.errors_count;
    }
  }
}

io::Task<void> BenchLoad::run_lane(size_t member, uint64_t begin_ns) {
  Lane& lane = *lanes_[member];
  lane.begin_ns = begin_ns;
  const size_t workers_count = workers_of(member);
  lane.requests_per_second = settings_.requests_per_second * static_cast<double>(workers_count) /
                             static_cast<double>(settings_.concurrency);
  io::Scope scope;
  for (size_t i = 0; i < workers_count; ++i) scope.spawn(work(lane));
  co_await scope.join();
}

io::Task<void> BenchLoad::run(io::Until until) {
  const transfer::ForwardedStop forwarded(crew_, until.stop);
  const auto now_ns = [this] {
    return static_cast<uint64_t>(crew_.reactor(0).clock().now().nanoseconds);
  };
  const uint64_t begin_ns = now_ns();
  co_await crew_.run_on_each(
      [this, begin_ns](size_t member) { return run_lane(member, begin_ns); });
  const uint64_t measured_from_ns = begin_ns + settings_.warm_up_ms * 1'000'000;
  const uint64_t end_ns = std::max(now_ns(), measured_from_ns);
  seconds_ = static_cast<double>(end_ns - measured_from_ns) / 1e9;
  for (const auto& lane : lanes_) {
    for (size_t kind = 0; kind < 2; ++kind) totals_[kind].merge(lane->figures[kind]);
    if (first_error_.empty()) first_error_ = lane->first_error;
    unsent_count_ += lane->unsent_count;
  }
}

}  // namespace cairn::cli
