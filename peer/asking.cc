#include "peer/asking.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/log.h"
#include "crypto/crc64.h"
#include "io/reactor.h"
#include "io/sync.h"
#include "peer/limits.h"
#include "storage/limits.h"

namespace cairn::peer {
namespace {

using storage::SealedRead;

http::ClientOptions client_options() {
  http::ClientOptions options;
  options.connections_per_host_max = kConnectionsPerCore;
  options.idle_per_host_max = kConnectionsPerCore;
  options.idle_total_max = 4 * kConnectionsPerCore;
  options.connect_timeout = kConnectMax;
  options.head_timeout = kAnswerMax;
  options.stall_timeout = kAnswerMax;
  // Only where a kept connection was closed meanwhile; the home is the second attempt.
  options.retry.attempts_max = 2;
  options.retry.budget_ratio = 0;
  options.retry.budget_max = 0;
  options.user_agent = "cairn-node";
  return options;
}

// The question and the read of the home that may run beside it. Shared: whoever is slower ends
// after the reader has gone.
struct Race {
  Race(Asking who, Question what, storage::ReadOptions how)
      : asking(std::move(who)), question(what), options(how) {
    // The reader may be gone when the home answers.
    options.cached_bytes = nullptr;
  }
  Asking asking;
  Question question;
  storage::ReadOptions options;
  std::optional<Result<SealedRead>> peer;
  std::optional<Result<SealedRead>> home;
  std::optional<size_t> owners_count;
  Instant begun;
  Instant heard;         // Something came from the node.
  bool answers = false;  // It has begun to.
  bool reads = false;    // It said that it reads its home.
  bool is_late = false;
  bool home_started = false;
  bool over = false;
  io::StopSource stop;
  io::Event changed;

  void hear() { heard = io::Reactor::current().now(); }
};
using RacePointer = std::shared_ptr<Race>;

io::Task<Status> receive_all(http::ClientResponse& response, Race& race, MutableBytes into) {
  while (!into.empty()) {
    const MutableBytes piece = into.first(std::min(into.size(), kPieceBytes));
    const size_t got = co_await io::or_return(response.receive(piece));
    race.hear();
    if (got != piece.size()) co_return fail(Code::kClosed, "the answer of a node ends early");
    into = into.subspan(got);
  }
  co_return Status();
}

// Passes over the marks of an owner that reads.
io::Task<Result<AnswerHead>> receive_head(http::ClientResponse& response, Race& race) {
  uint8_t mark = kWaitMark;
  while (mark == kWaitMark) {
    co_await io::or_return(receive_all(response, race, {&mark, 1}));
    race.reads |= mark == kWaitMark;
  }
  if (mark != kAnswerMark) co_return fail(Code::kCorruption, "a node answers something else");
  std::array<uint8_t, kAnswerHeadBytes> bytes{};
  co_await io::or_return(receive_all(response, race, bytes));
  const std::optional<AnswerHead> head = decode_answer(bytes);
  if (!head) co_return fail(Code::kCorruption, "the head of a node's answer does not parse");
  co_return *head;
}

io::Task<Result<Buffer>> acquire(size_t size_bytes, io::Until until) {
  io::BufferPool& pool = io::Reactor::current().buffers();
  Result<Buffer> buffer = pool.try_acquire(size_bytes);
  if (!buffer && size_bytes <= storage::kUnqueuedReadBytesMax)
    buffer = Buffer::allocate(size_bytes);
  if (!buffer) buffer = co_await pool.acquire(size_bytes, until);
  if (buffer) buffer->resize(size_bytes);
  co_return buffer;
}

uint64_t expected_bytes(const Question& question, uint64_t payload_bytes) {
  if (question.warm) return 0;
  const uint64_t begin = std::min(question.range.offset_bytes, payload_bytes);
  return std::min(question.range.size_bytes, payload_bytes - begin);
}

io::Task<Result<SealedRead>> receive_answer(http::ClientResponse& response, Race& race,
                                            io::Until until) {
  if (response.status() != 200) {
    co_return fail(Code::kUnavailable,
                   "a node answers with status " + std::to_string(response.status()));
  }
  const AnswerHead head = co_await io::or_return(receive_head(response, race));
  if (head.outcome == AnswerHead::Outcome::kAbsent) {
    co_return fail(Code::kNotFound, "the node does not find the chunk");
  }
  if (head.outcome != AnswerHead::Outcome::kBytes) {
    co_return fail(Code::kUnavailable, "the node could not read the chunk");
  }
  if (head.data_bytes != expected_bytes(race.question, head.payload_bytes)) {
    co_return fail(Code::kCorruption, "a node's answer has another length");
  }
  SealedRead read;
  read.payload_bytes = head.payload_bytes;
  read.header.resize(head.header_bytes);
  co_await io::or_return(receive_all(response, race, read.header));
  read.payload = co_await io::or_return(acquire(head.data_bytes, until));
  co_await io::or_return(receive_all(response, race, read.payload.span()));
  // Reads to the end, so that the connection can be used again.
  std::array<uint8_t, 1> end{};
  const size_t more = co_await io::or_return(response.receive(end));
  const uint64_t checksum =
      crypto::crc64_nvme(crypto::crc64_nvme(0, read.header), read.payload.view());
  if (more != 0 || checksum != head.checksum) {
    co_return fail(Code::kCorruption, "a node's answer does not have its checksum");
  }
  race.owners_count = head.owners_count;
  co_return read;
}

io::Task<Result<SealedRead>> ask_node(Race& race) {
  const io::Until until{race.begun + kAnswerMax, race.stop.token()};
  http::ClientRequest request;
  request.url = race.asking.peer->origin;
  request.url.target = target_of(race.question);
  request.fields.emplace_back(kFromField, race.asking.self);
  http::ClientResponse response =
      co_await io::or_return(race.asking.lane.client.send(std::move(request), until));
  race.hear();
  race.answers = true;
  race.asking.lane.policy.note_answer(race.heard - race.begun);
  Result<SealedRead> read = co_await receive_answer(response, race, until);
  co_return read;
}

void note_outcome(Race& race) {
  Counters& counters = race.asking.counters;
  storage::UpstreamBreaker& breaker = race.asking.peer->breaker;
  if (*race.peer) {
    breaker.on_success();
    return;
  }
  switch (race.peer->error().code) {
    case Code::kNotFound:
      breaker.on_success();
      Counters::add(counters.absent);
      return;
    // Given up, because the home was quicker. One that had begun to answer lives and has much to
    // do; one that was silent may be gone.
    case Code::kCancelled:
      if (race.answers) return;
      break;
    case Code::kCorruption: Counters::add(counters.wrong); break;
    default: Counters::add(counters.unanswered); break;
  }
  if (!breaker.on_failure(io::Reactor::current().now())) return;
  log::warning("peer_left_alone", {{"name", std::string_view(race.asking.peer->name)},
                                   {"message", std::string_view(race.peer->error().message)}});
}

io::Task<void> run_node(RacePointer race) {
  Peer& peer = *race->asking.peer;
  const uint64_t size_bytes = race->question.range.size_bytes;
  peer.in_flight_count.fetch_add(1, std::memory_order_relaxed);
  peer.in_flight_bytes.fetch_add(size_bytes, std::memory_order_relaxed);
  Counters::add(race->asking.counters.asked);
  Result<SealedRead> read = co_await ask_node(*race);
  peer.in_flight_count.fetch_sub(1, std::memory_order_relaxed);
  peer.in_flight_bytes.fetch_sub(size_bytes, std::memory_order_relaxed);
  race->peer.emplace(std::move(read));
  note_outcome(*race);
  race->changed.set();
}

io::Task<void> run_home(RacePointer race) {
  Counters::add(race->asking.counters.home_reads);
  Result<SealedRead> read =
      co_await race->asking.home.read(race->question.chunk, race->question.range, race->options);
  if (read) Counters::add(race->asking.counters.home_bytes, read->payload.size());
  race->home.emplace(std::move(read));
  race->changed.set();
}

// When the node is to be called late, as things stand.
Instant late_at(const Race& race) {
  const Instant silent = race.heard + race.asking.patience;
  // Alive it may be, but it reads for too long.
  const Instant slow = race.begun + std::max(kReadMax, race.asking.patience);
  if (race.answers) return race.reads ? std::min(silent, slow) : silent;
  const std::optional<Duration> learned = race.asking.lane.policy.delay();
  if (!learned) return silent;
  // Not earlier than half of the patience: what is gained by it are milliseconds, and what it costs
  // is a second read of the home.
  const Duration half{race.asking.patience.nanoseconds / 2};
  return std::min(silent, race.begun + std::max(*learned, half));
}

// Before the patience is over only a small share of requests is hedged.
bool is_worth_it(Race& race, Instant now) {
  if (now - race.heard >= race.asking.patience || race.answers) return true;
  return race.asking.lane.policy.spend();
}

io::Task<void> watch(RacePointer race) {
  bool asked_for_leave = false;
  while (!race->over && !race->home_started) {
    const Instant now = io::Reactor::current().now();
    Instant at = late_at(*race);
    if (asked_for_leave) at = std::max(at, race->heard + race->asking.patience);
    if (now < at) {
      static_cast<void>(co_await io::sleep_for(at - now, race->stop.token()));
      continue;
    }
    if (!is_worth_it(*race, now)) {
      asked_for_leave = true;
      continue;
    }
    const bool is_silent = now - race->heard >= race->asking.patience;
    if (!is_silent) {
      Counters& counters = race->asking.counters;
      Counters::add(race->answers ? counters.hedged_slow : counters.hedged_early);
    }
    race->is_late = true;
    race->changed.set();
    co_return;
  }
}

void start_home(const RacePointer& race) {
  race->home_started = true;
  race->asking.lane.strays.spawn(run_home(race));
}

Told take(Race& race, std::optional<Result<SealedRead>>& from) {
  race.over = true;
  race.stop.request();
  return {std::move(*from), race.owners_count};
}

}  // namespace

Lane::Lane(io::Reactor& on, std::unique_ptr<http::Connector> with)
    : reactor(on), connector(std::move(with)), client(*connector, client_options()) {}

io::Task<Told> ask_or_read_home(Asking asking, Question question, storage::ReadOptions options) {
  Lane& lane = asking.lane;
  Counters& counters = asking.counters;
  const auto race = std::make_shared<Race>(std::move(asking), question, options);
  race->begun = race->heard = lane.reactor.now();
  lane.policy.note_request();
  lane.strays.spawn(run_node(race));
  if (!race->peer) lane.strays.spawn(watch(race));
  while (true) {
    if (race->peer && *race->peer) {
      const Duration took = lane.reactor.now() - race->begun;
      Counters::add(counters.answered);
      Counters::add(counters.answered_bytes, (*race->peer)->payload.size());
      Counters::add(counters.answered_ns, static_cast<uint64_t>(took.nanoseconds));
      co_return take(*race, race->peer);
    }
    if (race->home && (*race->home || race->peer)) {
      if (!race->peer) Counters::add(counters.hedged_won);
      co_return take(*race, race->home);
    }
    if (!race->home_started && (race->peer || race->is_late)) {
      if (!race->peer) Counters::add(counters.hedged);
      start_home(race);
      continue;
    }
    co_await race->changed.wait();
    race->changed.reset();
  }
}

}  // namespace cairn::peer
