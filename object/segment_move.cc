#include "object/segment_move.h"

#include <algorithm>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/bytes.h"
#include "crypto/hash_engine.h"
#include "io/reactor.h"
#include "object/chunk_reader.h"
#include "object/limits.h"
#include "object/placing.h"
#include "object/segment_seal.h"

namespace cairn::object {

std::optional<std::vector<Extent>> MoveTable::moved(const Extent& extent) const {
  const std::vector<Segment>& segments = old_chunks.at(extent.chunk);
  std::vector<Extent> out;
  uint32_t at = extent.offset_bytes;
  const uint32_t end = extent.offset_bytes + extent.size_bytes;
  auto segment = std::ranges::upper_bound(segments, at, {}, &Segment::offset_bytes);
  if (segment == segments.begin()) return std::nullopt;
  for (--segment; at < end; ++segment) {
    if (segment == segments.end() || segment->offset_bytes > at) return std::nullopt;
    const uint32_t segment_end = segment->offset_bytes + segment->size_bytes;
    if (segment_end <= at) return std::nullopt;
    const uint32_t size_bytes = std::min(end, segment_end) - at;
    const NewChunk& chunk = new_chunks[segment->new_chunk];
    out.push_back({chunk.id, chunk.size_bytes,
                   segment->new_offset_bytes + (at - segment->offset_bytes), size_bytes});
    at += size_bytes;
  }
  return out;
}

namespace {

struct OldSegment {
  SegmentName name;
  uint32_t offset_bytes = 0;
  std::optional<size_t> copy;  // In copies_, once it is to be copied.
};
struct OldChunk {
  uint32_t chunk_bytes = 0;
  std::vector<OldSegment> segments;
};
// A segment to be copied.
struct Copy {
  SegmentName name;
  Extent from;
  uint32_t new_chunk = 0;
  uint32_t new_offset_bytes = 0;
};

// One call of move_segments().
class SegmentMover {
 public:
  SegmentMover(Context& context, TenantId tenant, OwnerId holder, MoveTable& table)
      : context_(context), tenant_(tenant), holder_(holder), table_(table) {}
  io::Task<Status> run(const std::map<ChunkId, ChunkUse>& chunks,
                       const std::vector<VersionUse>& versions);

 private:
  io::Task<Status> load(const std::map<ChunkId, ChunkUse>& chunks);
  void choose(const Extent& extent);
  io::Task<Status> write_all();
  io::Task<Status> write(size_t begin, size_t end);
  io::Task<Status> fill(Buffer& buffer, size_t begin, size_t end);
  void tell();

  Context& context_;
  const TenantId tenant_;
  const OwnerId holder_;
  MoveTable& table_;
  std::shared_ptr<const crypto::TenantKeys> keys_;
  PlacementId placement_ = storage::kDefaultPlacement;
  std::map<ChunkId, OldChunk> old_;
  std::vector<Copy> copies_;  // In the order in which they will lie.
  std::map<crypto::Sha256Value, size_t> copy_of_;
};

io::Task<Status> SegmentMover::load(const std::map<ChunkId, ChunkUse>& chunks) {
  for (const auto& [id, use] : chunks) {
    const std::vector<SegmentName> names = co_await io::or_return(read_segment_table(
        context_, tenant_, id, {use.chunk_bytes, crypto::kSegmentTableBytesMax}));
    OldChunk& old = old_[id];
    old.chunk_bytes = use.chunk_bytes;
    uint32_t offset_bytes = 0;
    for (const SegmentName& name : names) {
      old.segments.push_back({name, offset_bytes, std::nullopt});
      offset_bytes += name.size_bytes;
    }
  }
  co_return Status{};
}

// Whole segments, also where only some of their bytes are referred to.
void SegmentMover::choose(const Extent& extent) {
  const auto old = old_.find(extent.chunk);
  if (old == old_.end()) return;
  const uint32_t end = extent.offset_bytes + extent.size_bytes;
  for (OldSegment& segment : old->second.segments) {
    if (segment.offset_bytes >= end) break;
    if (segment.offset_bytes + segment.name.size_bytes <= extent.offset_bytes) continue;
    if (segment.copy) continue;
    const auto [same, is_new] = copy_of_.emplace(segment.name.hash, copies_.size());
    if (is_new) {
      const Extent from{extent.chunk, old->second.chunk_bytes, segment.offset_bytes,
                        segment.name.size_bytes};
      copies_.push_back({segment.name, from, 0, 0});
    }
    segment.copy = same->second;
  }
}

io::Task<Status> SegmentMover::write_all() {
  size_t begin = 0;
  while (begin < copies_.size()) {
    size_t end = begin;
    uint64_t size_bytes = 0;
    while (end < copies_.size() && end - begin < kSegmentsPerChunkMax) {
      const uint64_t longer_bytes = size_bytes + copies_[end].name.size_bytes;
      if (size_bytes > 0 && longer_bytes > kGatheredChunkBytes) break;
      size_bytes = longer_bytes;
      ++end;
    }
    co_await io::or_return(write(begin, end));
    begin = end;
    const auto pause_ns =
        static_cast<int64_t>(size_bytes * uint64_t{1'000'000'000} / kRewriteBytesPerSecond);
    co_await io::or_return(io::sleep_for(Duration{pause_ns}));
  }
  co_return Status{};
}

// Reads copies [begin, end) one behind the other into `buffer` and compares them with their names.
io::Task<Status> SegmentMover::fill(Buffer& buffer, size_t begin, size_t end) {
  std::vector<Extent> extents;
  for (size_t i = begin; i < end; ++i) {
    const Extent& from = copies_[i].from;
    const bool follows =
        !extents.empty() && extents.back().chunk == from.chunk &&
        extents.back().offset_bytes + extents.back().size_bytes == from.offset_bytes;
    if (follows) {
      extents.back().size_bytes += from.size_bytes;
    } else {
      extents.push_back(from);
    }
  }
  ReadEpochs::ReadPin pin(context_.core().readers, io::Reactor::current().now());
  ChunkReader reader(context_, tenant_, std::move(pin));
  reader.start(std::move(extents));
  size_t next = begin;
  size_t checked_bytes = 0;
  while (next < end) {
    const Buffer piece = co_await io::or_return(reader.next());
    if (piece.empty() || buffer.append(piece.view()) != piece.size()) {
      co_return fail(Code::kInternal, "the segments of a chunk have other sizes than its table");
    }
    for (; next < end; ++next) {
      const SegmentName& name = copies_[next].name;
      if (checked_bytes + name.size_bytes > buffer.size()) break;
      if (crypto::sha256(buffer.view(checked_bytes, name.size_bytes)) != name.hash) {
        co_return fail(Code::kCorruption, "a segment of chunk " +
                                              copies_[next].from.chunk.to_hex() +
                                              " has another hash than its table says");
      }
      checked_bytes += name.size_bytes;
    }
  }
  co_return Status{};
}

// Memory of its own, not of the pool: it is held while the reader waits for the pool's.
io::Task<Status> SegmentMover::write(size_t begin, size_t end) {
  NewChunk made;
  for (size_t i = begin; i < end; ++i) made.segments.push_back(copies_[i].name);
  made.size_bytes = static_cast<uint32_t>(total_bytes(made.segments));
  made.id = random_chunk_id(context_.random, keys_->tenant, placement_);
  CutChunk chunk;
  chunk.segments = made.segments;
  chunk.buffer = Buffer::allocate(
      round_up(made.size_bytes + made.segments.size() * kSegmentEntryBytes, kIoAlignment));
  co_await io::or_return(fill(chunk.buffer, begin, end));
  storage::SealedChunk sealed =
      co_await io::or_return(seal_cut_chunk(context_, *keys_, made.id, chunk));
  const auto number = static_cast<uint32_t>(table_.new_chunks.size());
  const ChunkId id = made.id;
  uint32_t offset_bytes = 0;
  for (size_t i = begin; i < end; ++i) {
    copies_[i].new_chunk = number;
    copies_[i].new_offset_bytes = offset_bytes;
    offset_bytes += copies_[i].name.size_bytes;
  }
  // Noted before the store is asked: a put that failed may have left a hold.
  table_.new_chunks.push_back(std::move(made));
  co_return co_await context_.store.put(id, std::move(sealed), holder_);
}

void SegmentMover::tell() {
  for (const auto& [id, old] : old_) {
    std::vector<MoveTable::Segment>& segments = table_.old_chunks[id];
    for (const OldSegment& segment : old.segments) {
      if (!segment.copy) continue;
      const Copy& copy = copies_[*segment.copy];
      segments.push_back(
          {segment.offset_bytes, segment.name.size_bytes, copy.new_chunk, copy.new_offset_bytes});
    }
  }
}

io::Task<Status> SegmentMover::run(const std::map<ChunkId, ChunkUse>& chunks,
                                   const std::vector<VersionUse>& versions) {
  keys_ = co_await io::or_return(context_.keys_of(tenant_));
  if (!chunks.empty()) placement_ = storage::placement_of(chunks.begin()->first);
  co_await io::or_return(load(chunks));
  for (const VersionUse& version : versions) {
    for (const Extent& extent : version.extents) choose(extent);
  }
  co_await io::or_return(write_all());
  tell();
  co_return Status{};
}

}  // namespace

io::Task<Status> move_segments(Context& context, TenantId tenant, OwnerId holder,
                               const std::map<ChunkId, ChunkUse>& chunks,
                               const std::vector<VersionUse>& versions, MoveTable& table) {
  SegmentMover mover(context, tenant, holder, table);
  co_return co_await mover.run(chunks, versions);
}

}  // namespace cairn::object
