#include "transfer/part_sender.h"

#include <algorithm>

#include "crypto/crc64.h"
#include "crypto/hash_engine.h"
#include "crypto/hmac.h"
#include "io/scope.h"
#include "io/sync.h"
#include "transfer/file_source.h"

namespace cairn::transfer {
namespace {

// Streams that SHA-NI hashes best side by side (bench/README.md, crypto).
constexpr size_t kGroupParts = 3;
// Read and hashed in step while it is in the cache; then the senders get a turn.
constexpr size_t kStepBytes = 512 * KiB;
constexpr unsigned kRepeatsMax = 6;
constexpr Duration kSpareSenderPause = milliseconds(20);

}  // namespace

// A part that has been hashed and waits for a sender.
struct PartSender::ReadyPart {
  ByteRange range;
  Buffer bytes;  // Empty for a part that is read while it is sent.
  crypto::Sha256Value sha256{};
  uint64_t crc64 = 0;
};

// What one reactor has in hand.
struct PartSender::Lane {
  Lane(size_t index, size_t parts_max) : member(index), room(parts_max) {}
  size_t member;
  io::Semaphore room;  // One permit per part in memory.
  std::deque<ReadyPart> ready;
  bool is_producing = true;
  crypto::HashEngine engine;
};

PartSender::PartSender(Parts parts, std::string upload_id, uint64_t part_bytes)
    : parts_(parts),
      upload_id_(std::move(upload_id)),
      part_bytes_(part_bytes),
      senders_max_((parts.options.pace.in_flight_max + parts.crew.size() - 1) / parts.crew.size()),
      pace_(parts.options.pace, io::Reactor::current().now()) {
  const size_t parts_max = std::max(parts.options.parts_in_memory_max, kGroupParts);
  for (size_t i = 0; i < parts_.crew.size(); ++i) {
    lanes_.push_back(std::make_unique<Lane>(i, parts_max));
  }
}

PartSender::~PartSender() = default;

io::Task<void> PartSender::run() {
  co_await parts_.crew.run_on_each([this](size_t member) { return run_lane(member); });
}

std::vector<SentPart> PartSender::take_sent() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::move(sent_);
}

bool PartSender::is_over(Lane& lane) const {
  return parts_.plan.has_failed() || parts_.crew.stop_token(lane.member).stop_requested();
}

io::Task<void> PartSender::run_lane(size_t member) {
  Lane& lane = *lanes_[member];
  io::Scope scope;
  scope.spawn(produce(lane));
  for (size_t i = 0; i < senders_max_; ++i) {
    scope.spawn(send_parts(lane, i * parts_.crew.size() + member));
  }
  co_await scope.join();
}

io::Task<void> PartSender::produce(Lane& lane) {
  while (!is_over(lane)) {
    std::vector<ReadyPart> group;
    // The first part is worth waiting for; more are taken as room allows.
    co_await lane.room.acquire();
    if (is_over(lane)) break;
    while (true) {
      const std::optional<ByteRange> range = parts_.plan.take(part_bytes_);
      if (!range) {
        lane.room.release();
        break;
      }
      ReadyPart& part = group.emplace_back();
      part.range = *range;
      if (group.size() == kGroupParts || !lane.room.try_acquire()) break;
    }
    if (group.empty()) break;
    S3Status prepared = co_await prepare(lane, group);
    if (!prepared) {
      parts_.plan.fail(std::move(prepared.error()));
      break;
    }
    for (ReadyPart& part : group) lane.ready.push_back(std::move(part));
  }
  lane.is_producing = false;
}

io::Task<S3Status> PartSender::prepare(Lane& lane, std::vector<ReadyPart>& group) {
  const io::Until until{.stop = parts_.crew.stop_token(lane.member)};
  if (part_bytes_ > kPartInMemoryBytesMax) {
    for (ReadyPart& part : group) co_await or_fail(prepare_large(part));
    co_return S3Status();
  }
  std::vector<crypto::Sha256Stream> hashes(group.size());
  for (ReadyPart& part : group) {
    const auto size_bytes = static_cast<size_t>(part.range.size_bytes);
    part.bytes = co_await or_fail(io::Reactor::current().buffers().acquire(size_bytes, until));
    part.bytes.resize(size_bytes);
  }
  for (uint64_t at = 0; at < part_bytes_; at += kStepBytes) {
    for (size_t i = 0; i < group.size(); ++i) {
      ReadyPart& part = group[i];
      if (at >= part.range.size_bytes) continue;
      const auto step =
          static_cast<size_t>(std::min<uint64_t>(kStepBytes, part.range.size_bytes - at));
      const MutableBytes into = part.bytes.span().subspan(static_cast<size_t>(at), step);
      co_await or_fail(parts_.file.read_exact(into, part.range.offset_bytes + at));
      part.crc64 = crypto::crc64_nvme(part.crc64, into);
      lane.engine.add(hashes[i], into);
    }
    lane.engine.run();
    co_await io::yield();
    if (is_over(lane)) break;
  }
  for (size_t i = 0; i < group.size(); ++i) group[i].sha256 = hashes[i].finish();
  co_return S3Status();
}

// Hashes a part that does not fit into memory; it is read again when it is sent.
io::Task<S3Status> PartSender::prepare_large(ReadyPart& part) {
  FileSource source(parts_.file, part.range);
  crypto::Sha256 hash;
  Buffer piece = co_await or_fail(io::Reactor::current().buffers().acquire(kStepBytes, {}));
  piece.resize(kStepBytes);
  uint64_t read_bytes = 0;
  while (read_bytes < part.range.size_bytes) {
    const size_t size_bytes = co_await or_fail(source.read(piece.span()));
    if (size_bytes == 0) {
      co_return std::unexpected(
          Failure(Error{Code::kFailedPrecondition, parts_.job.path + " became shorter"}));
    }
    part.crc64 = crypto::crc64_nvme(part.crc64, piece.view(0, size_bytes));
    hash.update(piece.view(0, size_bytes));
    read_bytes += size_bytes;
    co_await io::yield();
  }
  part.sha256 = hash.finish();
  co_return S3Status();
}

io::Task<void> PartSender::send_parts(Lane& lane, size_t number) {
  while (!is_over(lane)) {
    pace_.on_tick(io::Reactor::current().now());
    if (lane.ready.empty() && !lane.is_producing) break;
    if (lane.ready.empty() || number >= pace_.in_flight_max()) {
      (void)co_await io::sleep_for(kSpareSenderPause, parts_.crew.stop_token(lane.member));
      continue;
    }
    ReadyPart part = std::move(lane.ready.front());
    lane.ready.pop_front();
    S3Result<PutResult> sent = co_await send(lane, part);
    if (!sent) {
      parts_.plan.fail(std::move(sent.error()));
      break;
    }
    co_await keep(part, std::move(*sent));
    part.bytes = Buffer();
    lane.room.release();
  }
  // A producer that waits for room must see the end as well.
  lane.room.release();
}

io::Task<S3Result<PutResult>> PartSender::send(Lane& lane, const ReadyPart& part) {
  const io::StopToken stop = parts_.crew.stop_token(lane.member);
  S3Client& client = parts_.crew.client(lane.member);
  const auto number = static_cast<uint32_t>(part.range.offset_bytes / part_bytes_ + 1);
  for (unsigned repeats = 1;; ++repeats) {
    FileSource source(parts_.file, part.range);
    UploadBody body{.bytes = part.bytes.view(), .sha256 = part.sha256, .crc64_nvme = part.crc64};
    if (part.bytes.empty()) body.source = &source;
    const uint64_t retries = client.counters().retries;
    S3Result<PutResult> sent = co_await client.upload_part(
        parts_.job.bucket, parts_.job.key, upload_id_, number, body, {.stop = stop});
    if (client.counters().retries != retries) pace_.on_refusal();
    if (sent || !sent.error().is_retryable || stop.stop_requested()) co_return sent;
    pace_.on_refusal();
    if (repeats > kRepeatsMax || !budget_.spend()) co_return sent;
    co_await or_fail(io::sleep_for(RetryBudget::pause(repeats, system_random()), stop));
  }
}

io::Task<void> PartSender::keep(const ReadyPart& part, PutResult result) {
  const uint64_t size_bytes = part.range.size_bytes;
  SentPart sent{.number = static_cast<uint32_t>(part.range.offset_bytes / part_bytes_ + 1),
                .size_bytes = size_bytes,
                .crc64 = part.crc64,
                .etag = std::move(result.etag)};
  budget_.earn();
  pace_.on_bytes(size_bytes);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    sent_.push_back(sent);
    if (result.was_instant) instant_bytes_ += size_bytes;
  }
  if (result.was_instant) {
    parts_.meter.add_instant(size_bytes);
  } else {
    parts_.meter.add_sent(size_bytes);
  }
  parts_.meter.add_done(size_bytes);
  (void)parts_.plan.finish({part.range, part.crc64});
  if (parts_.journal != nullptr) co_await parts_.journal->record(std::move(sent));
}

}  // namespace cairn::transfer
