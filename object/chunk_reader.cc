#include "object/chunk_reader.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "crypto/sealing.h"
#include "io/sync.h"
#include "object/limits.h"

namespace cairn::object {

// One read: its result once `ready` is set.
struct ChunkReader::Slot {
  io::Event ready;
  size_t size_bytes = 0;
  std::optional<Result<Buffer>> result;
};

// What reads in flight share with the reader and outlives both.
struct ChunkReader::State {
  State(Context& on, crypto::SealKeys opened_with, ReadEpochs::ReadPin held)
      : context(on), core(on.core()), keys(std::move(opened_with)), pin(std::move(held)) {}
  static io::Task<void> run(std::shared_ptr<State> state, std::shared_ptr<Slot> slot, Extent piece);
  io::Task<Result<Buffer>> read(Extent piece);
  Result<std::shared_ptr<crypto::ChunkOpener>> opener(const ChunkId& id, BytesView header);

  Context& context;
  Core& core;
  const crypto::SealKeys keys;
  ReadEpochs::ReadPin pin;
  bool given_up = false;
  // Of the chunk opened last: consecutive pieces mostly lie in one chunk.
  ChunkId opened_id;
  std::shared_ptr<crypto::ChunkOpener> opened;
};

ChunkReader::ChunkReader(Context& context, TenantId tenant, ReadEpochs::ReadPin pin,
                         crypto::SseKeyPointer key)
    : state_(std::make_shared<State>(
          context, crypto::SealKeys(context.keys, tenant, std::move(key)), std::move(pin))) {}

ChunkReader::~ChunkReader() {
  state_->given_up = true;
}

void ChunkReader::start(std::vector<Extent> extents) {
  extents_ = std::move(extents);
  extent_index_ = 0;
  extent_done_bytes_ = 0;
  slots_.clear();
  in_flight_bytes_ = 0;
  fill();
}

void ChunkReader::fill() {
  while (slots_.size() < kPiecesInFlightMax && in_flight_bytes_ < kInFlightBytesMax &&
         extent_index_ < extents_.size()) {
    const Extent& extent = extents_[extent_index_];
    Extent piece = extent;
    piece.offset_bytes += extent_done_bytes_;
    // Up to the next multiple of a piece in the chunk, so that reads stay aligned to frames.
    const auto piece_end =
        static_cast<uint32_t>(round_down(piece.offset_bytes + kPieceBytes, kPieceBytes));
    piece.size_bytes =
        std::min(extent.size_bytes - extent_done_bytes_, piece_end - piece.offset_bytes);
    extent_done_bytes_ += piece.size_bytes;
    if (extent_done_bytes_ == extent.size_bytes) {
      ++extent_index_;
      extent_done_bytes_ = 0;
    }
    auto slot = std::make_shared<Slot>();
    slot->size_bytes = piece.size_bytes;
    in_flight_bytes_ += piece.size_bytes;
    slots_.push_back(slot);
    state_->core.fetches.spawn(State::run(state_, std::move(slot), piece));
  }
}

io::Task<Result<Buffer>> ChunkReader::next() {
  if (slots_.empty()) co_return Buffer();
  const std::shared_ptr<Slot> slot = slots_.front();
  co_await slot->ready.wait();
  slots_.pop_front();
  in_flight_bytes_ -= slot->size_bytes;
  fill();
  co_return std::move(*slot->result);
}

io::Task<void> ChunkReader::State::run(std::shared_ptr<State> state, std::shared_ptr<Slot> slot,
                                       Extent piece) {
  Core& core = state->core;
  core.fetches_running.fetch_add(1);
  if (state->given_up) {
    slot->result.emplace(fail(Code::kCancelled, "the reader is gone"));
  } else {
    Result<Buffer> result = co_await state->read(piece);
    slot->result.emplace(std::move(result));
  }
  slot->ready.set();
  core.fetches_running.fetch_sub(1);
}

Result<std::shared_ptr<crypto::ChunkOpener>> ChunkReader::State::opener(const ChunkId& id,
                                                                        BytesView header) {
  if (opened != nullptr && opened_id == id) return opened;
  Result<crypto::ChunkOpener> made = crypto::ChunkOpener::create(keys, id, header);
  if (!made) return std::unexpected(std::move(made.error()));
  opened_id = id;
  opened = std::make_shared<crypto::ChunkOpener>(std::move(*made));
  return opened;
}

io::Task<Result<Buffer>> ChunkReader::State::read(Extent piece) {
  const uint64_t first = round_down(piece.offset_bytes, crypto::kFrameBytes);
  const uint64_t end = std::min<uint64_t>(
      round_up(piece.offset_bytes + piece.size_bytes, crypto::kFrameBytes), piece.chunk_bytes);
  Result<storage::SealedRead> got =
      co_await context.store.read(piece.chunk, ByteRange{first, end - first});
  if (!got) {
    // A chunk that a manifest names must be there: its absence is damage, not a missing object.
    if (got.error().code != Code::kNotFound) co_return std::unexpected(std::move(got.error()));
    co_return fail(Code::kCorruption, "chunk " + piece.chunk.to_hex() + " is missing");
  }
  const std::shared_ptr<crypto::ChunkOpener> chunk_opener =
      co_await io::or_return(opener(piece.chunk, got->header));
  if (chunk_opener->plaintext_bytes() != piece.chunk_bytes || got->payload.size() != end - first) {
    co_return fail(Code::kCorruption, "chunk " + piece.chunk.to_hex() + " has another length");
  }
  co_await io::or_return(
      chunk_opener->open_frames(first / crypto::kFrameBytes, got->payload.span()));
  Buffer out = std::move(got->payload);
  const size_t skipped_bytes = piece.offset_bytes - first;
  if (skipped_bytes > 0) std::memmove(out.data(), out.data() + skipped_bytes, piece.size_bytes);
  out.resize(piece.size_bytes);
  co_return out;
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
