#include "cache/disk_read.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "io/reactor.h"
#include "io/scope.h"
#include "storage/limits.h"

namespace cairn::cache {

using storage::SealedRead;
using Counters = DiskTierCounters;

namespace {

// Up to here the header of an entry is read together with its first frames.
constexpr uint64_t kHeaderInOneBytesMax = 4 * crypto::kFrameBytes;

// What is fetched for a piece.
FrameRange fetched_for(const FrameRange& frames) {
  if (frames.count() < kWholeBlockFrames) return frames;
  const uint32_t first = block_of(frames.first) * kBlockFrames;
  return {first, std::min(first + kBlockFrames, kChunkFramesMax)};
}

// The bytes that `frames` have of a payload that starts at `payload_from` of the chunk's.
BytesView part_of(BytesView payload, uint64_t payload_from, const FrameRange& frames) {
  const uint64_t begin = std::min<uint64_t>(frames.offset_bytes() - payload_from, payload.size());
  return payload.subspan(begin, std::min<uint64_t>(frames.size_bytes(), payload.size() - begin));
}

}  // namespace

DiskRead::DiskRead(const DiskReadParts& parts, ChunkId id, ByteRange range,
                   storage::ReadOptions options)
    : parts_(parts), id_(id), range_(range), options_(options) {
  ASSERT(range.size_bytes > 0 && range.offset_bytes < kPayloadBytesMax);
  const uint64_t size = std::min(range.size_bytes, kPayloadBytesMax - range.offset_bytes);
  const auto first = static_cast<uint32_t>(range.offset_bytes / crypto::kFrameBytes);
  const uint32_t end = frames_of(range.offset_bytes + size);
  for (uint32_t frame = first; frame < end;) {
    const uint32_t next = std::min(end, (block_of(frame) + 1) * kBlockFrames);
    pieces_.push_back({.frames = {frame, next}, .memory = nullptr, .held = {}});
    frame = next;
  }
}

// What a full queue has no room for is not kept; but to be kept is all that warming is for.
io::Task<void> DiskRead::wait_for_queue() const {
  io::Reactor& reactor = io::Reactor::current();
  const Instant last = reactor.now() + kWarmingWaitMax;
  while (parts_.writer.queued_bytes() > kWarmingQueueBytesMax && !parts_.health.bypassed() &&
         reactor.now() < last) {
    const Status slept = co_await io::sleep_for(kWarmingWaitStep);
    if (!slept) co_return;
  }
}

io::Task<Result<SealedRead>> DiskRead::run() {
  if (options_.urgency == storage::Urgency::kBackground) co_await wait_for_queue();
  for (int attempt = 0; attempt < kReadAttemptsMax && !past_tier_; ++attempt) {
    // By index: what is found may tell that there are fewer pieces.
    for (size_t i = 0; i < pieces_.size(); ++i) find(pieces_[i]);
    if (pieces_.size() > 1 && !payload_bytes_) co_await learn_length();
    std::optional<SealedRead> direct;
    co_await io::or_return(fetch_missing(direct));
    if (direct) co_return std::move(*direct);
    if (past_tier_) break;
    std::optional<SealedRead> whole = co_await io::or_return(assemble());
    if (whole) co_return std::move(*whole);
  }
  Counters::add(parts_.counters.bypassed_count);
  co_return co_await parts_.home.read(id_, range_, options_);
}

void DiskRead::find(Piece& piece) {
  if (piece.memory != nullptr) return;
  piece.held.reset();
  piece.memory = parts_.writer.find(id_, piece.frames, options_.pin);
  if (piece.memory != nullptr) {
    Counters::add(parts_.counters.queue_hits_count);
    Counters::add(parts_.counters.queue_hit_bytes, asked_bytes(piece));
    note_cached(piece);
    learn(piece.memory->header, piece.memory->chunk_payload_bytes);
    return;
  }
  piece.held =
      parts_.contents.find(id_, piece.frames, hints_of(options_), io::Reactor::current().now());
}

// Which of the pieces are there at all, before any of them is called missing.
io::Task<void> DiskRead::learn_length() {
  for (size_t i = 0; i < pieces_.size() && !payload_bytes_; ++i) {
    if (!pieces_[i].held) continue;
    const HeldRun held = *pieces_[i].held;
    const Result<EntryHeader> header = co_await parts_.reader.read_header(held);
    if (header) {
      learn(header->sealed_header, header->chunk_payload_bytes);
    } else {
      find(pieces_[i]);
    }
  }
}

// Pieces behind the chunk's end go, and the last one ends with it.
void DiskRead::learn(const Bytes& header, uint64_t payload_bytes) {
  if (payload_bytes_) return;
  payload_bytes_ = payload_bytes;
  header_ = header;
  const uint32_t end = frames_of(payload_bytes);
  while (!pieces_.empty() && pieces_.back().frames.first >= end) pieces_.pop_back();
  if (pieces_.empty() || pieces_.back().frames.end <= end) return;
  Piece& last = pieces_.back();
  last.frames.end = end;
  if (last.missing()) find(last);
}

io::Task<Status> DiskRead::fetch_missing(std::optional<SealedRead>& direct) {
  std::vector<Claim> claims;
  std::vector<Waiting> waiting;
  for (Piece& piece : pieces_) {
    if (!piece.missing()) continue;
    RunFlights::Turn turn = parts_.flights.join({id_, fetched_for(piece.frames)});
    if (turn.lead) claims.push_back({&piece, std::move(*turn.lead)});
    if (turn.follower) waiting.push_back({&piece, std::move(*turn.follower)});
  }
  if (!claims.empty() && claims.size() == pieces_.size()) {
    Status done;
    co_await fetch_run(std::move(claims), &direct, done);
    co_return done;
  }
  co_await io::or_return(fetch(std::move(claims)));
  co_return co_await follow(std::move(waiting));
}

// In ascending order, as single_flight.h asks for.
io::Task<Status> DiskRead::follow(std::vector<Waiting> waiting) {
  std::vector<Claim> claims;
  for (Waiting& each : waiting) {
    RunFlights::Landing landing = co_await each.follower.wait();
    if (landing.error && landing.error->code == Code::kNotFound) {
      // Absent when the leader asked; it may have been put before this read began.
      past_tier_ = true;
      co_return Status();
    }
    if (landing.error) co_return std::unexpected(std::move(*landing.error));
    if (landing.lead) {
      claims.push_back({each.piece, std::move(*landing.lead)});
      continue;
    }
    each.piece->memory = std::move(landing.value);
    Counters::add(parts_.counters.shared_count);
    Counters::add(parts_.counters.shared_bytes, asked_bytes(*each.piece));
  }
  co_return co_await fetch(std::move(claims));
}

io::Task<Status> DiskRead::fetch(std::vector<Claim> claims) {
  Status first_error;
  io::Scope scope;
  for (size_t begin = 0; begin < claims.size();) {
    std::vector<Claim> run;
    size_t end = begin;
    do {
      run.push_back(std::move(claims[end++]));
    } while (end < claims.size() &&
             claims[end].lead.key().frames.first == run.back().lead.key().frames.end);
    scope.spawn(fetch_run(std::move(run), nullptr, first_error));
    begin = end;
  }
  co_await scope.join();
  co_return first_error;
}

io::Task<void> DiskRead::fetch_run(std::vector<Claim> claims, std::optional<SealedRead>* direct,
                                   Status& first_error) {
  const uint64_t drops_seen = parts_.contents.drops_seen(id_);
  const FrameRange frames{claims.front().lead.key().frames.first,
                          claims.back().lead.key().frames.end};
  Result<SealedRead> fetched =
      co_await parts_.home.read(id_, {frames.offset_bytes(), frames.size_bytes()}, options_);
  if (!fetched) {
    // That a chunk is absent will not change by asking again.
    const bool is_final = fetched.error().code == Code::kNotFound;
    for (Claim& claim : claims) claim.lead.fail(fetched.error(), is_final);
    if (first_error) first_error = std::unexpected(std::move(fetched.error()));
    co_return;
  }
  Counters::add(parts_.counters.fetches_count);
  Counters::add(parts_.counters.fetched_bytes, fetched->payload.size());
  for (Claim& claim : claims) {
    publish(claim, *fetched, frames.offset_bytes(), drops_seen, direct == nullptr);
  }
  if (direct != nullptr) *direct = cut(std::move(*fetched), frames.offset_bytes());
}

// A copy is made only for those who need one: the writer, the followers, a read that has the rest
// from elsewhere.
void DiskRead::publish(Claim& claim, const SealedRead& fetched, uint64_t fetched_from,
                       uint64_t drops_seen, bool keep) {
  const FrameRange frames = claim.lead.key().frames;
  const BytesView data = part_of(fetched.payload.view(), fetched_from, frames);
  Counters::add(parts_.counters.misses_count);
  Counters::add(parts_.counters.miss_bytes, asked_bytes(*claim.piece));
  const bool has_room = parts_.shared_bytes.load(std::memory_order_relaxed) < kSharedRunsBytesMax;
  SealedRunPointer run;
  if (!data.empty() && has_room && !parts_.health.bypassed()) {
    const Admission decision = parts_.contents.decide({id_, frames.first}, data.size(), options_,
                                                      io::Reactor::current().now());
    if (admitted(decision)) {
      run = make_run(frames, fetched, data);
      parts_.writer.enqueue(run, drops_seen, decision == Admission::kChance, hints_of(options_));
    }
  }
  if (keep && run == nullptr) run = make_run(frames, fetched, data);
  if (keep) claim.piece->memory = run;
  // Without room the lead goes to a follower, who fetches for itself.
  if (run == nullptr && !has_room) return;
  claim.lead.land([&] { return run != nullptr ? run : make_run(frames, fetched, data); });
}

SealedRunPointer DiskRead::make_run(const FrameRange& frames, const SealedRead& fetched,
                                    BytesView data) {
  std::atomic<uint64_t>& shared_bytes = parts_.shared_bytes;
  auto run = std::make_unique<SealedRun>();
  run->key = {id_, frames.first};
  run->header = fetched.header;
  run->chunk_payload_bytes = fetched.payload_bytes;
  run->data = Buffer::copy_of(data);
  const MutableBytes tail = run->data.spare();
  std::fill(tail.begin(), tail.end(), uint8_t{0});
  shared_bytes.fetch_add(run->data.capacity(), std::memory_order_relaxed);
  return {run.release(), [&shared_bytes](const SealedRun* done) {
            shared_bytes.fetch_sub(done->data.capacity(), std::memory_order_relaxed);
            delete done;
          }};
}

// Small reads do not wait for the pool (storage/limits.h says why).
io::Task<Result<Buffer>> DiskRead::acquire(size_t size_bytes) {
  io::BufferPool& pool = io::Reactor::current().buffers();
  Result<Buffer> buffer = pool.try_acquire(size_bytes);
  if (!buffer && range_.size_bytes <= storage::kUnqueuedReadBytesMax) {
    buffer = Buffer::allocate(size_bytes);
  }
  if (!buffer) buffer = co_await pool.acquire(size_bytes, io::Until{});
  if (buffer) buffer->resize(size_bytes);
  co_return buffer;
}

io::Task<Result<std::optional<SealedRead>>> DiskRead::assemble() {
  for (size_t i = 0; i < pieces_.size() && !payload_bytes_; ++i) {
    const SealedRunPointer memory = pieces_[i].memory;
    if (memory != nullptr) learn(memory->header, memory->chunk_payload_bytes);
  }
  if (pieces_.empty()) co_return SealedRead{header_, Buffer(), *payload_bytes_};
  const auto room_of = [](const Piece& piece) {
    if (piece.held) return RegionReader::room_bytes(*piece.held, piece.frames);
    return part_of(piece.memory->data.view(), piece.memory->key.first_frame * crypto::kFrameBytes,
                   piece.frames)
        .size();
  };
  const uint64_t from = pieces_.front().frames.offset_bytes();
  const uint64_t last_from = pieces_.back().frames.offset_bytes() - from;
  const uint64_t room_bytes = last_from + room_of(pieces_.back());
  if (room_bytes <= kHeaderInOneBytesMax && pieces_.size() == 1 && pieces_.front().held &&
      pieces_.front().held->key.first_frame == pieces_.front().frames.first) {
    co_return co_await read_front(pieces_.front(), room_bytes);
  }
  Buffer out = co_await io::or_return(acquire(room_bytes));
  std::vector<std::optional<EntryHeader>> headers(pieces_.size());
  io::Scope scope;
  for (size_t i = 0; i < pieces_.size(); ++i) {
    const Piece& piece = pieces_[i];
    const MutableBytes room =
        out.span().subspan(piece.frames.offset_bytes() - from, room_of(piece));
    if (piece.held) {
      scope.spawn(read_held(piece, room, headers[i]));
    } else {
      const SealedRun& run = *piece.memory;
      const BytesView data =
          part_of(run.data.view(), run.key.first_frame * crypto::kFrameBytes, piece.frames);
      std::copy(data.begin(), data.end(), room.begin());
    }
  }
  co_await scope.join();
  for (size_t i = 0; i < pieces_.size(); ++i) {
    if (pieces_[i].held && !headers[i]) co_return std::optional<SealedRead>();
  }
  if (!of_one_sealing(headers)) co_return std::optional<SealedRead>();
  const uint64_t end = std::min<uint64_t>(*payload_bytes_, from + out.size());
  out.resize(end - from);
  co_return cut({std::move(header_), std::move(out), *payload_bytes_}, from);
}

// A few frames and the header before them, in one read. A large read has two: its memory, a power
// of two, would double.
io::Task<Result<std::optional<SealedRead>>> DiskRead::read_front(Piece& piece,
                                                                 uint64_t room_bytes) {
  const uint64_t from = piece.frames.offset_bytes();
  Buffer out = co_await io::or_return(acquire(kDiskBlockBytes + room_bytes));
  Result<EntryHeader> header = co_await parts_.reader.read_front(*piece.held, out.span());
  if (!header) co_return std::optional<SealedRead>();
  note_hit(piece);
  std::vector<std::optional<EntryHeader>> headers(1);
  headers.front() = std::move(*header);
  if (!of_one_sealing(headers)) co_return std::optional<SealedRead>();
  out = Buffer::without_front(std::move(out), kDiskBlockBytes);
  out.resize(std::min<uint64_t>(*payload_bytes_, from + out.size()) - from);
  co_return cut({std::move(header_), std::move(out), *payload_bytes_}, from);
}

io::Task<void> DiskRead::read_held(const Piece& piece, MutableBytes room,
                                   std::optional<EntryHeader>& header) {
  Result<EntryHeader> read = co_await parts_.reader.read(*piece.held, piece.frames, room);
  if (!read) co_return;
  header = std::move(*read);
  note_hit(piece);
}

void DiskRead::note_hit(const Piece& piece) const {
  Counters::add(parts_.counters.hits_count);
  Counters::add(parts_.counters.hit_bytes, asked_bytes(piece));
  note_cached(piece);
}

void DiskRead::note_cached(const Piece& piece) const {
  if (options_.cached_bytes != nullptr) *options_.cached_bytes += asked_bytes(piece);
}

// A chunk that was dropped and stored again has another salt, and so another header: frames of the
// one do not open under the other.
bool DiskRead::of_one_sealing(const std::vector<std::optional<EntryHeader>>& headers) {
  for (size_t i = 0; i < pieces_.size(); ++i) {
    const Bytes& header = headers[i] ? headers[i]->sealed_header : pieces_[i].memory->header;
    const uint64_t payload_bytes =
        headers[i] ? headers[i]->chunk_payload_bytes : pieces_[i].memory->chunk_payload_bytes;
    if (!payload_bytes_) {
      header_ = header;
      payload_bytes_ = payload_bytes;
    }
    if (header != header_ || payload_bytes != *payload_bytes_) past_tier_ = true;
  }
  if (!past_tier_) return true;
  Counters::add(parts_.counters.mixed_sealings);
  parts_.contents.erase_chunk(id_);
  parts_.writer.drop_chunk(id_);
  return false;
}

SealedRead DiskRead::cut(SealedRead read, uint64_t from_bytes) const {
  const uint64_t skipped = std::min(range_.offset_bytes - from_bytes, read.payload.size());
  read.payload = Buffer::without_front(std::move(read.payload), skipped);
  read.payload.resize(std::min<uint64_t>(read.payload.size(), range_.size_bytes));
  return read;
}

uint64_t DiskRead::asked_bytes(const Piece& piece) const {
  const uint64_t begin = std::max(piece.frames.offset_bytes(), range_.offset_bytes);
  const uint64_t range_end = range_.size_bytes > UINT64_MAX - range_.offset_bytes
                                 ? UINT64_MAX
                                 : range_.offset_bytes + range_.size_bytes;
  uint64_t end = std::min(piece.frames.end * uint64_t{crypto::kFrameBytes}, range_end);
  if (payload_bytes_) end = std::min(end, *payload_bytes_);
  return end > begin ? end - begin : 0;
}

}  // namespace cairn::cache
