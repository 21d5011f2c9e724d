#include "object/chunk_reader.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "cache/ram_tier.h"
#include "cache/tenant_shares.h"
#include "crypto/sealing.h"
#include "io/sync.h"
#include "object/limits.h"
#include "object/read_ahead.h"

namespace cairn::object {

namespace {

// What somebody asked to be warm is kept like what was asked for again.
constexpr uint8_t kWarmedFrequency = 2;
// Reads of a piece after one that did not verify, each of which asks another home first.
constexpr uint8_t kDistrustingReadsMax = 3;

// The whole frames that cover a piece, as a range of the chunk's payload.
ByteRange frames_of(const Extent& piece) {
  const uint64_t first = round_down(piece.offset_bytes, crypto::kFrameBytes);
  const uint64_t end = std::min<uint64_t>(
      round_up(piece.offset_bytes + piece.size_bytes, crypto::kFrameBytes), piece.chunk_bytes);
  return {first, end - first};
}

}  // namespace

// One read: its result once `ready` is set.
struct ChunkReader::Slot {
  io::Event ready;
  size_t size_bytes = 0;
  std::optional<Result<Buffer>> result;
};

// What reads in flight share with the reader and outlives both.
struct ChunkReader::State {
  State(Context& on, cache::RamTier* kept_in, crypto::SealKeys opened_with,
        ReadEpochs::ReadPin held)
      : context(on),
        core(on.core()),
        tier(kept_in),
        keys(std::move(opened_with)),
        pin(std::move(held)) {}
  static io::Task<void> run(std::shared_ptr<State> state, std::shared_ptr<Slot> slot, Extent piece,
                            cache::Hints hints);
  io::Task<Result<Buffer>> read(Extent piece, cache::Hints hints);
  io::Task<Result<Buffer>> read_again(Extent piece, cache::Hints hints, Error first);
  io::Task<Result<Buffer>> read_once(Extent piece, cache::Hints hints);
  io::Task<Result<Buffer>> read_past_tier(Extent piece, cache::Hints hints, uint8_t distrust);
  io::Task<Result<Buffer>> read_through(Extent piece, cache::Hints hints);
  io::Task<Result<cache::RamBlockPointer>> read_block(cache::BlockKey key, Extent piece,
                                                      cache::Hints hints);
  struct Sealed {
    Buffer payload;
    std::shared_ptr<crypto::ChunkOpener> opener;
  };
  io::Task<Result<Sealed>> read_sealed(Extent piece, cache::Hints hints, uint8_t distrust);
  Result<std::shared_ptr<crypto::ChunkOpener>> opener(const ChunkId& id, BytesView header);

  Context& context;
  Core& core;
  cache::RamTier* const tier;  // Null: nothing is kept.
  const crypto::SealKeys keys;
  ReadEpochs::ReadPin pin;
  uint16_t tenant_slot = 0;  // Of shares of tiers.
  bool given_up = false;
  uint64_t cached_bytes = 0;
  // Of the chunk opened last: consecutive pieces mostly lie in one chunk.
  ChunkId opened_id;
  Bytes opened_header;  // A cache may have a chunk in an older sealing than its home.
  std::shared_ptr<crypto::ChunkOpener> opened;
};

ChunkReader::ChunkReader(Context& context, TenantId tenant, ReadEpochs::ReadPin pin,
                         crypto::SseKeyPointer key, From from)
    : from_(from),
      window_(context.read_ahead != nullptr ? context.read_ahead->window_bytes_max() : 0) {
  cache::RamTier* const tier =
      key == nullptr && from == From::kNearest ? context.ram_tier : nullptr;
  state_ = std::make_shared<State>(
      context, tier, crypto::SealKeys(context.keys, tenant, std::move(key)), std::move(pin));
  state_->tenant_slot = cache::tenant_slot(tenant.value);
}

ChunkReader::~ChunkReader() {
  state_->given_up = true;
  resize_window(kInFlightBytesMax);
}

uint64_t ChunkReader::cached_bytes() const {
  return state_->cached_bytes;
}

void ChunkReader::start(std::vector<Extent> extents, Purpose purpose) {
  extents_ = std::move(extents);
  extent_index_ = 0;
  extent_done_bytes_ = 0;
  slots_.clear();
  in_flight_bytes_ = started_bytes_ = handed_bytes_ = 0;
  uint64_t size_bytes = 0;
  for (const Extent& extent : extents_) size_bytes += extent.size_bytes;
  state_->cached_bytes = 0;
  hints_ = cache::Hints();
  hints_.tenant = state_->tenant_slot;
  hints_.pin = purpose.pin;
  hints_.ahead = purpose.ahead;
  hints_.no_cache = from_ == From::kStore;
  if (purpose.warm) {
    hints_.frequency = kWarmedFrequency;
    hints_.urgency = storage::Urgency::kBackground;
  } else if (purpose.ahead) {
    hints_.urgency = storage::Urgency::kAhead;
  }
  hints_.declared_load = size_bytes >= kStreamBytesMin;
  // What cannot stay anyway shall not push out what does, whether it is asked for as a whole or, as
  // loaders of models do, by ranges.
  const uint64_t load_bytes =
      size_bytes >= kLoadRangeBytesMin ? std::max(size_bytes, purpose.body_bytes) : size_bytes;
  const uint64_t passing_bytes =
      state_->tier == nullptr ? UINT64_MAX
                              : std::max(kStreamBytesMin, state_->tier->capacity_bytes() / 4);
  hints_.stream = load_bytes >= passing_bytes;
  const Instant now = state_->core.reactor.now();
  resize_window(kInFlightBytesMax);
  window_.start(now);
  convoy_.reset();
  ReadAhead* const shared = state_->context.read_ahead.get();
  if (size_bytes >= passing_bytes && shared != nullptr && !purpose.warm && !purpose.ahead) {
    const Extent& first = extents_.front();
    convoy_ = shared->convoys().join({first.chunk, first.offset_bytes, size_bytes}, now);
  }
  fill();
}

// Up to the next multiple of a piece in the chunk, so that reads stay aligned to frames.
Extent ChunkReader::next_piece() const {
  const Extent& extent = extents_[extent_index_];
  Extent piece = extent;
  piece.offset_bytes += extent_done_bytes_;
  const auto piece_end =
      static_cast<uint32_t>(round_down(piece.offset_bytes + kPieceBytes, kPieceBytes));
  piece.size_bytes =
      std::min(extent.size_bytes - extent_done_bytes_, piece_end - piece.offset_bytes);
  return piece;
}

void ChunkReader::start_piece(Extent piece) {
  extent_done_bytes_ += piece.size_bytes;
  if (extent_done_bytes_ == extents_[extent_index_].size_bytes) {
    ++extent_index_;
    extent_done_bytes_ = 0;
  }
  cache::Hints hints = hints_;
  hints.awaited = convoy_ != nullptr && convoy_->awaited(started_bytes_);
  auto slot = std::make_shared<Slot>();
  slot->size_bytes = piece.size_bytes;
  in_flight_bytes_ += piece.size_bytes;
  started_bytes_ += piece.size_bytes;
  slots_.push_back(slot);
  state_->core.fetches.spawn(State::run(state_, std::move(slot), piece, hints));
}

bool ChunkReader::has_room() const {
  const size_t pieces_max = kPiecesInFlightMax * window_.size_bytes() / kInFlightBytesMax;
  return slots_.size() < pieces_max && in_flight_bytes_ < window_.size_bytes();
}

bool ChunkReader::may_start(uint64_t size_bytes) {
  return convoy_ == nullptr ||
         convoy_->may_read(started_bytes_ + size_bytes, state_->core.reactor.now());
}

void ChunkReader::fill() {
  // Beyond the least window several pieces at a time, which a home can fetch together, in so many
  // requests that one which ends leaves others under way.
  const uint64_t window_bytes = window_.size_bytes();
  const uint64_t refill_bytes = std::min(window_bytes / 16, kRefillBytesMax);
  if (window_bytes > kInFlightBytesMax && !slots_.empty() &&
      in_flight_bytes_ + refill_bytes > window_bytes) {
    return;
  }
  while (has_room() && extent_index_ < extents_.size()) {
    const Extent piece = next_piece();
    if (!may_start(piece.size_bytes)) return;
    start_piece(piece);
  }
}

void ChunkReader::resize_window(uint64_t wanted_bytes) {
  ReadAhead* const shared = state_->context.read_ahead.get();
  const uint64_t size_bytes = window_.size_bytes();
  if (shared == nullptr || wanted_bytes == size_bytes) return;
  // What is near gives no more for being asked for earlier.
  if (wanted_bytes > size_bytes && !shared->store_is_slow()) return;
  if (shared->resize(size_bytes, wanted_bytes)) window_.set_size_bytes(wanted_bytes);
}

void ChunkReader::handed_over(size_t size_bytes, Duration waited) {
  const Instant now = state_->core.reactor.now();
  in_flight_bytes_ -= size_bytes;
  handed_bytes_ += size_bytes;
  if (convoy_ != nullptr) convoy_->advance(handed_bytes_, now);
  resize_window(window_.note(size_bytes, waited, now));
}

io::Task<Result<Buffer>> ChunkReader::next() {
  while (slots_.empty() && extent_index_ < extents_.size()) {
    co_await convoy_->wait(started_bytes_ + next_piece().size_bytes);
    fill();
  }
  if (slots_.empty()) co_return Buffer();
  const std::shared_ptr<Slot> slot = slots_.front();
  Duration waited{};
  if (!slot->ready.is_set()) {
    const Instant begun = state_->core.reactor.now();
    co_await slot->ready.wait();
    waited = state_->core.reactor.now() - begun;
  }
  slots_.pop_front();
  handed_over(slot->size_bytes, waited);
  fill();
  co_return std::move(*slot->result);
}

io::Task<void> ChunkReader::State::run(std::shared_ptr<State> state, std::shared_ptr<Slot> slot,
                                       Extent piece, cache::Hints hints) {
  Core& core = state->core;
  core.fetches_running.fetch_add(1);
  if (state->given_up) {
    slot->result.emplace(fail(Code::kCancelled, "the reader is gone"));
  } else {
    Result<Buffer> result = co_await state->read(piece, hints);
    slot->result.emplace(std::move(result));
  }
  slot->ready.set();
  core.fetches_running.fetch_sub(1);
}

Result<std::shared_ptr<crypto::ChunkOpener>> ChunkReader::State::opener(const ChunkId& id,
                                                                        BytesView header) {
  if (opened != nullptr && opened_id == id && std::ranges::equal(opened_header, header)) {
    return opened;
  }
  Result<crypto::ChunkOpener> made = crypto::ChunkOpener::create(keys, id, header);
  if (!made) return std::unexpected(std::move(made.error()));
  opened_id = id;
  opened_header.assign(header.begin(), header.end());
  opened = std::make_shared<crypto::ChunkOpener>(std::move(*made));
  return opened;
}

// The frames of `piece` as they are stored.
io::Task<Result<ChunkReader::State::Sealed>> ChunkReader::State::read_sealed(Extent piece,
                                                                             cache::Hints hints,
                                                                             uint8_t distrust) {
  const ByteRange frames = frames_of(piece);
  storage::ReadOptions options = cache::options_of(hints);
  options.distrust = distrust;
  options.cached_bytes = &cached_bytes;
  const Instant begun = core.reactor.now();
  Result<storage::SealedRead> got = co_await context.store.read(piece.chunk, frames, options);
  if (context.read_ahead != nullptr) {
    context.read_ahead->note_store_read(core.reactor.now() - begun);
  }
  if (!got) {
    // A chunk that a manifest names must be there: its absence is damage, not a missing object.
    if (got.error().code != Code::kNotFound) co_return std::unexpected(std::move(got.error()));
    co_return fail(Code::kCorruption, "chunk " + piece.chunk.to_hex() + " is missing");
  }
  Sealed sealed;
  sealed.opener = co_await io::or_return(opener(piece.chunk, got->header));
  if (sealed.opener->plaintext_bytes() != piece.chunk_bytes ||
      got->payload.size() != frames.size_bytes) {
    co_return fail(Code::kCorruption, "chunk " + piece.chunk.to_hex() + " has another length");
  }
  sealed.payload = std::move(got->payload);
  co_return sealed;
}

io::Task<Result<Buffer>> ChunkReader::State::read_past_tier(Extent piece, cache::Hints hints,
                                                            uint8_t distrust) {
  Sealed sealed = co_await io::or_return(read_sealed(piece, hints, distrust));
  const uint64_t first = frames_of(piece).offset_bytes;
  Buffer out = std::move(sealed.payload);
  co_await io::or_return(sealed.opener->open_frames(first / crypto::kFrameBytes, out.span()));
  const size_t skipped_bytes = piece.offset_bytes - first;
  if (skipped_bytes > 0) std::memmove(out.data(), out.data() + skipped_bytes, piece.size_bytes);
  out.resize(piece.size_bytes);
  co_return out;
}

// Frame by frame, so that what was just decrypted is still in the processor's cache when it is
// copied to where it stays.
io::Task<Result<cache::RamBlockPointer>> ChunkReader::State::read_block(cache::BlockKey key,
                                                                        Extent piece,
                                                                        cache::Hints hints) {
  Sealed sealed = co_await io::or_return(read_sealed(piece, hints, 0));
  cache::RamBlockPointer block = tier->allocate(key, sealed.payload.size());
  MutableBytes rest = sealed.payload.span();
  uint8_t* out = block->span().data();
  for (uint64_t frame = key.first_frame; !rest.empty(); ++frame) {
    const MutableBytes bytes = rest.first(std::min<size_t>(rest.size(), crypto::kFrameBytes));
    co_await io::or_return(sealed.opener->open_frames(frame, bytes));
    std::memcpy(out, bytes.data(), bytes.size());
    out += bytes.size();
    rest = rest.subspan(bytes.size());
  }
  co_return block;
}

io::Task<Result<Buffer>> ChunkReader::State::read_through(Extent piece, cache::Hints hints) {
  const uint64_t first_byte = frames_of(piece).offset_bytes;
  const auto first = static_cast<uint32_t>(first_byte / crypto::kFrameBytes);
  const size_t skipped_bytes = piece.offset_bytes - first_byte;
  const size_t needed_bytes = skipped_bytes + piece.size_bytes;
  // A whole block that was kept serves every range in it.
  const uint32_t block_first = first - first % cache::kBlockFrames;
  const size_t before_bytes = (first - block_first) * crypto::kFrameBytes;
  if (before_bytes > 0) {
    cache::RamBlockPointer whole = tier->find(
        {piece.chunk, block_first}, before_bytes + needed_bytes, hints, core.reactor.now());
    if (whole != nullptr) {
      cached_bytes += piece.size_bytes;
      co_return cache::RamBlock::view(std::move(whole), before_bytes + skipped_bytes,
                                      piece.size_bytes);
    }
  }
  const cache::BlockKey key{piece.chunk, first};
  cache::RamTier::Turn turn = tier->begin(key, needed_bytes, hints, core.reactor.now());
  if (turn.block != nullptr) cached_bytes += piece.size_bytes;
  if (turn.outcome) {
    Result<cache::RamBlockPointer> shared = co_await turn.outcome->wait();
    // When the other reader failed, exactly one of those who waited for it reads again.
    if (!shared) {
      turn = tier->begin(key, needed_bytes, hints, core.reactor.now());
      if (turn.outcome) shared = co_await turn.outcome->wait();
    }
    if (turn.outcome) turn.block = co_await io::or_return(std::move(shared));
  }
  if (turn.block == nullptr) {
    Result<cache::RamBlockPointer> read = co_await read_block(key, piece, hints);
    if (turn.flight != 0 && !read) tier->abandon(key, turn.flight, read.error());
    turn.block = co_await io::or_return(std::move(read));
    tier->publish(key, turn.block, hints, core.reactor.now());
  }
  co_return cache::RamBlock::view(std::move(turn.block), skipped_bytes, piece.size_bytes);
}

io::Task<Result<Buffer>> ChunkReader::State::read(Extent piece, cache::Hints hints) {
  Result<Buffer> first = co_await read_once(piece, hints);
  if (first || first.error().code != Code::kCorruption) co_return first;
  Result<Buffer> again = co_await read_again(piece, hints, std::move(first.error()));
  co_return again;
}

// What the store gave does not verify. Where it has other copies, looking at all of them tells
// which ones are good, and makes good the others. A home may also have lied once, with right
// checksums, and a tier may have kept that: then only another answer helps.
io::Task<Result<Buffer>> ChunkReader::State::read_again(Extent piece, cache::Hints hints,
                                                        Error first) {
  (void)co_await context.store.verify(piece.chunk);
  for (uint8_t distrust = 1; distrust <= kDistrustingReadsMax; ++distrust) {
    Result<Buffer> again = co_await read_past_tier(piece, hints, distrust);
    if (again || again.error().code != Code::kCorruption) co_return again;
  }
  co_return std::unexpected(std::move(first));
}

io::Task<Result<Buffer>> ChunkReader::State::read_once(Extent piece, cache::Hints hints) {
  if (tier == nullptr) co_return co_await read_past_tier(piece, hints, 0);
  co_return co_await read_through(piece, hints);
}

io::Task<Result<Bytes>> read_all(Context& context, TenantId tenant, ReadEpochs::ReadPin pin,
                                 std::vector<Extent> extents, uint64_t size_bytes_max) {
  uint64_t size_bytes = 0;
  for (const Extent& extent : extents) size_bytes += extent.size_bytes;
  if (size_bytes > size_bytes_max) co_return fail(Code::kCorruption, "a manifest is too large");
  Bytes out;
  out.reserve(size_bytes);
  ChunkReader reader(context, tenant, std::move(pin));
  reader.start(std::move(extents));
  while (true) {
    const Buffer piece = co_await io::or_return(reader.next());
    if (piece.empty()) break;
    out.insert(out.end(), piece.data(), piece.data() + piece.size());
  }
  co_return out;
}

}  // namespace cairn::object
