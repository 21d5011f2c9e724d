#include "object/segment_composer.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "base/assert.h"
#include "base/bytes.h"
#include "crypto/sealing.h"
#include "object/context.h"
#include "object/limits.h"
#include "object/placing.h"

namespace cairn::object {
namespace {

using Known = std::vector<std::optional<KnownSegment>>;

bool has_room(const CutChunk& chunk, uint64_t size_bytes, size_t segments_count) {
  return size_bytes <= kBodyChunkBytesMax && segments_count <= kSegmentsPerChunkMax &&
         round_up(size_bytes + segments_count * kSegmentEntryBytes, kIoAlignment) <=
             chunk.buffer.capacity();
}

}  // namespace

size_t SegmentComposer::FirstBytes::operator()(const crypto::Sha256Value& hash) const {
  return load_le<size_t>(hash.data());
}

SegmentComposer::SegmentComposer(Context& context, std::shared_ptr<const crypto::TenantKeys> keys,
                                 OwnerId owner, bool shares_segments,
                                 storage::PlacementId placement)
    : context_(context),
      core_(context.core()),
      keys_(std::move(keys)),
      owner_(owner),
      shares_segments_(shares_segments),
      placement_(placement) {}

SegmentComposer::~SegmentComposer() {
  ASSERT(done_);
}

ChunkId SegmentComposer::id_of(const std::vector<SegmentName>& segments) const {
  Bytes hashes;
  hashes.reserve(segments.size() * sizeof(crypto::Sha256Value));
  for (const SegmentName& segment : segments) {
    hashes.insert(hashes.end(), segment.hash.begin(), segment.hash.end());
  }
  return content_chunk_id(*keys_, crypto::sha256(hashes), placement_);
}

io::Task<Status> SegmentComposer::add(std::unique_ptr<CutChunk> chunk) {
  std::vector<Due> due;
  {
    const io::MutexGuard turn = co_await turns_.lock();
    co_await core_.hashing.drain();
    co_await io::or_return(take(std::move(chunk), due));
  }
  co_return co_await put_all(std::move(due));
}

io::Task<Status> SegmentComposer::take(std::unique_ptr<CutChunk> chunk, std::vector<Due>& due) {
  const ChunkId id = id_of(chunk->segments);
  const bool is_stored = co_await io::or_return(hold(id));
  if (is_stored) {
    const auto size_bytes = static_cast<uint32_t>(total_bytes(chunk->segments));
    pieces_.push_back({Extent{id, size_bytes, 0, size_bytes}, std::nullopt});
    if (shares_segments_) {
      context_.segments.remember(keys_->tenant, id, std::move(chunk->segments));
    }
    co_return Status{};
  }
  Known known(chunk->segments.size());
  if (shares_segments_) known = co_await io::or_return(find_known(chunk->segments));
  choose_shared(chunk->segments, known);
  co_await io::or_return(hold_shared(known));
  const bool any = std::ranges::any_of(known, [](const auto& each) { return each.has_value(); });
  if (any) {
    weave(std::move(chunk), known, due);
  } else {
    keep_whole(std::move(chunk), id, due);
  }
  co_return Status{};
}

io::Task<Result<Known>> SegmentComposer::find_known(std::vector<SegmentName> names) {
  const std::vector<std::optional<SegmentPlace>> places =
      co_await io::or_return(context_.segments.find(keys_->tenant, placement_, names));
  Known known(names.size());
  for (size_t i = 0; i < names.size(); ++i) {
    const auto own = own_segments_.find(names[i].hash);
    if (places[i]) {
      known[i] = KnownSegment{*places[i], std::nullopt};
    } else if (own != own_segments_.end() && own->second.place.size_bytes == names[i].size_bytes) {
      known[i] = own->second;
    }
  }
  co_return known;
}

io::Task<Result<bool>> SegmentComposer::hold(ChunkId id) {
  if (held_.contains(id)) co_return true;
  const bool present = co_await io::or_return(context_.store.link(id, owner_));
  if (present) held_.insert(id);
  co_return present;
}

// Holds the chunks of the shared segments; those of chunks that are gone are not known.
io::Task<Status> SegmentComposer::hold_shared(Known& known) {
  std::optional<ChunkId> gone;
  for (std::optional<KnownSegment>& each : known) {
    if (!each || each->new_chunk) continue;
    const ChunkId id = each->place.chunk;
    if (gone == id) {
      each.reset();
      continue;
    }
    const bool present = co_await io::or_return(hold(id));
    if (present) continue;
    gone = id;
    context_.segments.forget(keys_->tenant, id);
    each.reset();
  }
  co_return Status{};
}

void SegmentComposer::keep_whole(std::unique_ptr<CutChunk> chunk, ChunkId id,
                                 std::vector<Due>& due) {
  const auto number = static_cast<uint32_t>(new_chunks_.size());
  const auto size_bytes = static_cast<uint32_t>(total_bytes(chunk->segments));
  new_chunks_.push_back({id, size_bytes});
  pieces_.push_back({Extent{id, size_bytes, 0, size_bytes}, number});
  note_new(number, chunk->segments, 0);
  due.push_back({std::move(chunk), number, id});
}

// The known segments as they lie, the others gathered.
void SegmentComposer::weave(std::unique_ptr<CutChunk> chunk, const Known& known,
                            std::vector<Due>& due) {
  const std::vector<SegmentName> names = chunk->segments;
  gather(std::move(chunk), known, due);
  auto offset_bytes = static_cast<uint32_t>(gathered_bytes_);
  for (size_t i = 0; i < names.size(); ++i) {
    if (!known[i]) offset_bytes -= names[i].size_bytes;
  }
  for (size_t i = 0; i < names.size(); ++i) {
    if (known[i]) {
      const SegmentPlace& place = known[i]->place;
      pieces_.push_back(
          {Extent{place.chunk, place.chunk_bytes, place.offset_bytes, place.size_bytes},
           known[i]->new_chunk});
      continue;
    }
    pieces_.push_back({Extent{ChunkId{}, 0, offset_bytes, names[i].size_bytes}, gathered_number_});
    offset_bytes += names[i].size_bytes;
  }
  if (gathered_bytes_ >= kGatheredChunkBytes || memory_wanted_) end_gathering(due);
}

// Moves the segments that are not known to the end of the gathered chunk. The first chunk that
// brings such lends its buffer.
void SegmentComposer::gather(std::unique_ptr<CutChunk> chunk, const Known& known,
                             std::vector<Due>& due) {
  uint64_t new_bytes = 0;
  size_t new_count = 0;
  for (size_t i = 0; i < known.size(); ++i) {
    if (known[i]) continue;
    new_bytes += chunk->segments[i].size_bytes;
    ++new_count;
  }
  if (new_count == 0) return;
  if (gathered_ != nullptr &&
      !has_room(*gathered_, gathered_bytes_ + new_bytes, gathered_->segments.size() + new_count)) {
    end_gathering(due);
  }
  const std::vector<SegmentName> names = std::move(chunk->segments);
  uint8_t* const from = chunk->buffer.data();
  if (gathered_ == nullptr) {
    gathered_ = std::move(chunk);
    gathered_->segments.clear();
    gathered_number_ = static_cast<uint32_t>(new_chunks_.size());
    gathered_bytes_ = 0;
    new_chunks_.emplace_back();
  }
  const size_t first = gathered_->segments.size();
  uint64_t at_bytes = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    if (!known[i]) {
      std::memmove(gathered_->buffer.data() + gathered_bytes_, from + at_bytes,
                   names[i].size_bytes);
      gathered_->segments.push_back(names[i]);
      gathered_bytes_ += names[i].size_bytes;
    }
    at_bytes += names[i].size_bytes;
  }
  note_new(gathered_number_, gathered_->segments, first);
}

void SegmentComposer::end_gathering(std::vector<Due>& due) {
  if (gathered_ == nullptr) return;
  const ChunkId id = id_of(gathered_->segments);
  new_chunks_[gathered_number_] = {id, static_cast<uint32_t>(gathered_bytes_)};
  due.push_back({std::move(gathered_), gathered_number_, id});
}

// Segments [from, end) of a new chunk, whose segments are given, can be referenced.
void SegmentComposer::note_new(uint32_t number, const std::vector<SegmentName>& segments,
                               size_t from) {
  if (!shares_segments_) return;
  if (own_segments_.size() + segments.size() > kOwnSegmentsMax) own_segments_.clear();
  uint32_t offset_bytes = 0;
  for (size_t i = 0; i < segments.size(); ++i) {
    if (i >= from) {
      KnownSegment& own = own_segments_[segments[i].hash];
      own.place = SegmentPlace{ChunkId{}, 0, offset_bytes, segments[i].size_bytes};
      own.new_chunk = number;
    }
    offset_bytes += segments[i].size_bytes;
  }
}

io::Task<Status> SegmentComposer::wants_memory(bool wanted) {
  memory_wanted_ = wanted;
  if (!wanted) co_return Status{};
  std::vector<Due> due;
  {
    const io::MutexGuard turn = co_await turns_.lock();
    end_gathering(due);
  }
  co_return co_await put_all(std::move(due));
}

io::Task<Status> SegmentComposer::put_all(std::vector<Due> due) {
  for (Due& each : due) co_await io::or_return(put(std::move(each)));
  co_return Status{};
}

io::Task<Status> SegmentComposer::put(Due due) {
  const bool is_stored = co_await io::or_return(hold(due.id));
  if (!is_stored) {
    // Noted before the store is asked: a failed put may have left a hold.
    held_.insert(due.id);
    co_await io::or_return(seal_and_put(*due.chunk, due.id));
  }
  if (!shares_segments_) co_return Status{};
  if (!is_stored && hooks_.size() < kHooksPerBodyMax) {
    std::vector<catalog::Put> rows = co_await io::or_return(
        context_.segments.hooks_of(keys_->tenant, due.id, due.chunk->segments));
    std::ranges::move(rows, std::back_inserter(hooks_));
  }
  context_.segments.remember(keys_->tenant, due.id, std::move(due.chunk->segments));
  co_return Status{};
}

io::Task<Status> SegmentComposer::seal_and_put(CutChunk& chunk, ChunkId id) {
  storage::SealedChunk sealed = co_await io::or_return(seal_cut_chunk(context_, *keys_, id, chunk));
  co_return co_await context_.store.put(id, std::move(sealed), owner_);
}

io::Task<Result<std::vector<Extent>>> SegmentComposer::finish() {
  std::vector<Due> due;
  end_gathering(due);
  co_await io::or_return(put_all(std::move(due)));
  std::vector<Extent> extents;
  for (const Piece& piece : pieces_) {
    Extent extent = piece.extent;
    if (piece.new_chunk) {
      extent.chunk = new_chunks_[*piece.new_chunk].id;
      extent.chunk_bytes = new_chunks_[*piece.new_chunk].size_bytes;
    }
    if (!extents.empty() && extents.back().chunk == extent.chunk &&
        extents.back().offset_bytes + extents.back().size_bytes == extent.offset_bytes) {
      extents.back().size_bytes += extent.size_bytes;
    } else {
      extents.push_back(extent);
    }
  }
  co_return extents;
}

io::Task<void> SegmentComposer::settle() {
  ASSERT(!done_);
  done_ = true;
  gathered_.reset();
  if (held_.empty()) co_return;
  co_await context_.store.release(owner_, std::vector<ChunkId>(held_.begin(), held_.end()));
}

io::Task<void> SegmentComposer::abandon() {
  ASSERT(!done_);
  done_ = true;
  gathered_.reset();
  for (const ChunkId& id : std::exchange(held_, {})) {
    // The store keeps what others hold or refer to; a failure leaves an orphan to the sweep.
    const Result<bool> dropped = co_await context_.store.unlink(id, owner_);
    static_cast<void>(dropped);
  }
}

}  // namespace cairn::object
