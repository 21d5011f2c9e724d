#include "transfer/range_fetcher.h"

#include <algorithm>

#include "crypto/crc64.h"
#include "io/scope.h"
#include "io/sync.h"

namespace cairn::transfer {
namespace {

constexpr unsigned kRepeatsMax = 6;
constexpr size_t kPiecesPerFlight = 2;
constexpr Duration kSpareWorkerPause = milliseconds(50);
constexpr Duration kTailPause = milliseconds(10);
// Late: this many times the usual duration, and long enough to be worth a request.
constexpr int64_t kLateFactor = 3;
constexpr Duration kLateMin = milliseconds(200);
// A range should take about this long: shorter ones cost requests, longer ones are late at the end.
constexpr Duration kRangeQuick = milliseconds(100);
constexpr Duration kRangeSlow = seconds(15);

Failure changed() {
  return failure_of(412, "PreconditionFailed", "the object was replaced during the download", "");
}

}  // namespace

// One range on its way, perhaps twice.
struct RangeFetcher::Flight {
  ByteRange range;
  Instant since;
  std::vector<io::StopSource*> runners;
  bool is_hedged = false;
  bool is_done = false;
};

// What one reactor has in hand.
struct RangeFetcher::Lane {
  size_t member = 0;
  std::list<std::shared_ptr<Flight>> flights;
  int64_t usual_ns = 0;  // Moving average of what a range takes.

  void remove(const std::shared_ptr<Flight>& flight) { flights.remove(flight); }
};

// How far one runner is in its range.
struct RangeFetcher::Cursor {
  uint64_t at = 0;
  uint64_t end = 0;
  uint64_t crc64 = 0;
};

// Memory of one runner: one piece is received while the other is written.
struct RangeFetcher::Pieces {
  io::Semaphore free{kPiecesPerFlight};
  std::vector<Buffer> buffers;
  Status written;
  io::Scope scope;
};

// Passes the stop of the crew on to one runner.
namespace {
struct RunnerStop final : io::StopCallback {
  explicit RunnerStop(io::StopToken from) { from.add(*this); }
  void on_stop() noexcept override { source.request(); }
  io::StopSource source;
};
}  // namespace

RangeFetcher::RangeFetcher(Parts parts, PaceLimits limits)
    : parts_(parts),
      workers_max_((limits.in_flight_max + parts.crew.size() - 1) / parts.crew.size()),
      pace_(limits, io::Reactor::current().now()) {
  for (size_t i = 0; i < parts_.crew.size(); ++i) {
    lanes_.push_back(std::make_unique<Lane>());
    lanes_.back()->member = i;
  }
}

RangeFetcher::~RangeFetcher() = default;

io::Task<void> RangeFetcher::run() {
  co_await parts_.crew.run_on_each([this](size_t member) { return run_lane(member); });
}

io::Task<void> RangeFetcher::run_lane(size_t member) {
  io::Scope scope;
  for (size_t i = 0; i < workers_max_; ++i) {
    scope.spawn(work(*lanes_[member], i * parts_.crew.size() + member));
  }
  co_await scope.join();
}

io::Task<void> RangeFetcher::work(Lane& lane, size_t number) {
  const io::StopToken stop = parts_.crew.stop_token(lane.member);
  while (!parts_.plan.has_failed() && !stop.stop_requested()) {
    if (number >= pace_.in_flight_max()) {
      const bool needed = co_await idle(lane, kSpareWorkerPause);
      if (!needed) co_return;
      continue;
    }
    std::shared_ptr<Flight> flight;
    if (const std::optional<ByteRange> range = parts_.plan.take(range_bytes())) {
      flight = std::make_shared<Flight>();
      flight->range = *range;
      flight->since = io::Reactor::current().now();
      lane.flights.push_back(flight);
    } else {
      flight = late_flight(lane);
    }
    if (flight != nullptr) {
      co_await fly(lane, std::move(flight));
      continue;
    }
    const bool needed = co_await idle(lane, kTailPause);
    if (!needed) co_return;
  }
}

io::Task<bool> RangeFetcher::idle(Lane& lane, Duration patience) {
  if (parts_.plan.all_taken() && lane.flights.empty()) co_return false;
  pace_.on_tick(io::Reactor::current().now());
  (void)co_await io::sleep_for(patience, parts_.crew.stop_token(lane.member));
  co_return true;
}

std::shared_ptr<RangeFetcher::Flight> RangeFetcher::late_flight(Lane& lane) {
  const Instant now = io::Reactor::current().now();
  const Duration late{std::max(kLateFactor * lane.usual_ns, kLateMin.nanoseconds)};
  for (const std::shared_ptr<Flight>& flight : lane.flights) {
    if (flight->is_hedged || now < flight->since + late) continue;
    flight->is_hedged = true;
    ++hedges_count_;
    return flight;
  }
  return nullptr;
}

io::Task<void> RangeFetcher::fly(Lane& lane, std::shared_ptr<Flight> flight) {
  RunnerStop runner(parts_.crew.stop_token(lane.member));
  flight->runners.push_back(&runner.source);
  const Instant begun = io::Reactor::current().now();
  Cursor cursor{.at = flight->range.offset_bytes, .end = flight->range.end_bytes()};
  S3Status fetched = co_await fetch(lane, cursor, runner.source.token());
  std::erase(flight->runners, &runner.source);
  if (flight->is_done) co_return;  // The twin was first.
  if (!fetched) {
    if (!flight->runners.empty()) co_return;  // The twin goes on.
    lane.remove(flight);
    parts_.plan.fail(std::move(fetched.error()));
    co_return;
  }
  flight->is_done = true;
  for (io::StopSource* const other : flight->runners) other->request();
  lane.remove(flight);
  const Duration took = io::Reactor::current().now() - begun;
  lane.usual_ns = lane.usual_ns == 0 ? took.nanoseconds
                                     : lane.usual_ns + (took.nanoseconds - lane.usual_ns) / 8;
  adapt_range(took, flight->range.size_bytes);
  budget_.earn();
  const DonePiece piece{flight->range, cursor.crc64};
  if (!parts_.plan.finish(piece)) co_return;
  parts_.meter.add_done(piece.range.size_bytes);
  // A journal that cannot be written costs a later resume, not this download.
  (void)co_await parts_.partial.record(piece);
}

io::Task<S3Status> RangeFetcher::fetch(Lane& lane, Cursor& cursor, io::StopToken stop) {
  for (unsigned repeats = 0;;) {
    const uint64_t from = cursor.at;
    S3Status got = co_await fetch_once(lane, cursor, stop);
    if (got || !got.error().is_retryable || stop.stop_requested()) co_return got;
    pace_.on_refusal();
    repeats = cursor.at > from ? 1 : repeats + 1;
    if (repeats > kRepeatsMax || !budget_.spend()) co_return got;
    const Duration pause = RetryBudget::pause(repeats, system_random());
    co_await or_fail(io::sleep_for(pause, stop));
  }
}

io::Task<S3Status> RangeFetcher::fetch_once(Lane& lane, Cursor& cursor, io::StopToken stop) {
  const ByteRange rest{cursor.at, cursor.end - cursor.at};
  S3Client& client = parts_.crew.client(lane.member);
  const uint64_t retries = client.counters().retries;
  const io::Until until{.stop = stop};
  ObjectBody body = co_await or_fail(client.get(
      parts_.job.bucket, parts_.job.key, parts_.job.version_id, rest, parts_.info.etag, until));
  if (client.counters().retries != retries) pace_.on_refusal();
  const bool is_same = body.info.size_bytes == parts_.info.size_bytes &&
                       (body.info.etag == parts_.info.etag || body.info.etag.empty());
  if (!is_same) co_return std::unexpected(changed());
  Pieces pieces;
  for (size_t i = 0; i < kPiecesPerFlight; ++i) {
    Buffer buffer =
        co_await or_fail(io::Reactor::current().buffers().acquire(kDownloadPieceBytes, until));
    pieces.buffers.push_back(std::move(buffer));
  }
  S3Status received = co_await receive(body, cursor, pieces);
  co_await pieces.scope.join();
  if (!pieces.written) co_return std::unexpected(Failure(pieces.written.error()));
  co_return received;
}

io::Task<S3Status> RangeFetcher::receive(ObjectBody& body, Cursor& cursor, Pieces& pieces) {
  while (cursor.at < cursor.end) {
    co_await pieces.free.acquire();
    if (!pieces.written) co_return S3Status();
    Buffer piece = std::move(pieces.buffers.back());
    pieces.buffers.pop_back();
    const auto wanted =
        static_cast<size_t>(std::min<uint64_t>(kDownloadPieceBytes, cursor.end - cursor.at));
    piece.resize(wanted);
    Result<size_t> received = co_await body.response.receive(piece.span());
    if (!received || *received < wanted) {
      pieces.buffers.push_back(std::move(piece));
      pieces.free.release();
      // What came of this piece is asked for again: writes stay aligned.
      if (received) received = fail(Code::kClosed, "the server ended inside the body");
      co_return std::unexpected(Failure(received.error()));
    }
    cursor.crc64 = crypto::crc64_nvme(cursor.crc64, piece.view());
    parts_.meter.add_sent(wanted);
    pace_.on_bytes(wanted);
    pace_.on_tick(io::Reactor::current().now());
    pieces.scope.spawn(write(pieces, std::move(piece), cursor.at));
    cursor.at += wanted;
  }
  co_return S3Status();
}

io::Task<void> RangeFetcher::write(Pieces& pieces, Buffer piece, uint64_t offset_bytes) {
  Status written = co_await parts_.partial.write(piece, offset_bytes);
  if (!written && pieces.written) {
    pieces.written = std::unexpected(written.error().with_context(parts_.job.path));
  }
  pieces.buffers.push_back(std::move(piece));
  pieces.free.release();
}

// Small enough that every worker has two ranges to take; a multiple of the smallest.
uint64_t RangeFetcher::range_bytes() const {
  const uint64_t share_bytes = parts_.plan.open_bytes() / (2 * pace_.in_flight_max());
  const uint64_t wanted_bytes = std::min(range_bytes_.load(), share_bytes);
  return std::max(round_down(wanted_bytes, kRangeBytesMin), kRangeBytesMin);
}

void RangeFetcher::adapt_range(Duration took, uint64_t bytes) {
  uint64_t current = range_bytes_.load();
  if (took < kRangeQuick && bytes >= current) {
    range_bytes_.compare_exchange_strong(current, std::min(current * 2, kRangeBytesMax));
  } else if (took > kRangeSlow) {
    range_bytes_.compare_exchange_strong(current, std::max(current / 2, kRangeBytesMin));
  }
}

}  // namespace cairn::transfer
