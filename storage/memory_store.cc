#include "storage/memory_store.h"

#include <algorithm>

#include "io/reactor.h"

namespace cairn::storage {

MemoryStore::MemoryStore(ReferenceSource* references, uint64_t capacity_bytes)
    : capacity_bytes_(capacity_bytes), references_(references) {}
MemoryStore::~MemoryStore() = default;

void MemoryStore::set_references(ReferenceSource* references) {
  const std::lock_guard guard(mutex_);
  references_ = references;
}

io::Task<Status> MemoryStore::put(ChunkId id, SealedChunk chunk, OwnerId owner) {
  if (chunk.header.size() > crypto::kSealedHeaderBytesMax) {
    co_return fail(Code::kInvalidArgument, "the sealed header is too long");
  }
  while (true) {
    {
      const std::lock_guard guard(mutex_);
      const auto found = entries_.find(id);
      if (found == entries_.end()) {
        const uint64_t bytes = chunk.payload.size();
        if (bytes > capacity_bytes_ - live_bytes_) co_return fail(Code::kNoSpace, "memory is full");
        live_bytes_ += bytes;
        const BytesView view = chunk.payload.view();
        entries_.emplace(
            id, Entry{std::move(chunk.header), Bytes(view.begin(), view.end()), {owner}, false});
        co_return Status{};
      }
      if (!found->second.condemned) {
        found->second.holders.insert(owner);
        co_return Status{};
      }
    }
    co_await io::yield();
  }
}

io::Task<Result<bool>> MemoryStore::link(ChunkId id, OwnerId owner) {
  const std::lock_guard guard(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end() || found->second.condemned) co_return false;
  found->second.holders.insert(owner);
  co_return true;
}

io::Task<void> MemoryStore::release(OwnerId owner, std::vector<ChunkId> ids) {
  const std::lock_guard guard(mutex_);
  for (const ChunkId& id : ids) {
    if (const auto found = entries_.find(id); found != entries_.end()) {
      found->second.holders.erase(owner);
    }
  }
  co_return;
}

io::Task<Result<bool>> MemoryStore::unlink(ChunkId id, OwnerId owner) {
  ReferenceSource* references = nullptr;
  {
    const std::lock_guard guard(mutex_);
    const auto found = entries_.find(id);
    if (found == entries_.end() || found->second.condemned) co_return false;
    found->second.holders.erase(owner);
    if (!found->second.holders.empty()) co_return false;
    found->second.condemned = true;
    references = references_;
  }
  Result<bool> referenced = false;
  if (references != nullptr) referenced = co_await references->is_referenced(id);
  const std::lock_guard guard(mutex_);
  const auto found = entries_.find(id);
  if (!referenced || *referenced) {
    found->second.condemned = false;
    if (!referenced) co_return std::unexpected(referenced.error());
    co_return false;
  }
  live_bytes_ -= found->second.payload.size();
  entries_.erase(found);
  co_return true;
}

io::Task<Result<SealedRead>> MemoryStore::read(ChunkId id, ByteRange range,
                                               ReadOptions /*options*/) {
  const std::lock_guard guard(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) {
    co_return fail(Code::kNotFound, "chunk " + id.to_hex() + " is not stored");
  }
  const Entry& entry = found->second;
  const uint64_t begin = std::min<uint64_t>(range.offset_bytes, entry.payload.size());
  const uint64_t size = std::min<uint64_t>(range.size_bytes, entry.payload.size() - begin);
  co_return SealedRead{entry.header, Buffer::copy_of(BytesView(entry.payload).subspan(begin, size)),
                       entry.payload.size()};
}

io::Task<Status> MemoryStore::verify(ChunkId id) {
  const std::lock_guard guard(mutex_);
  if (!entries_.contains(id)) {
    co_return fail(Code::kNotFound, "chunk " + id.to_hex() + " is not stored");
  }
  co_return Status{};
}

io::Task<Result<std::vector<ChunkStat>>> MemoryStore::list(std::optional<ChunkId> after,
                                                           size_t limit) {
  const std::lock_guard guard(mutex_);
  std::vector<ChunkStat> stats;
  auto at = after ? entries_.upper_bound(*after) : entries_.begin();
  for (; at != entries_.end() && stats.size() < limit; ++at) {
    stats.push_back({at->first, at->second.header.size(), at->second.payload.size()});
  }
  co_return stats;
}

io::Task<Result<StoreUsage>> MemoryStore::usage() {
  const std::lock_guard guard(mutex_);
  StoreUsage usage{.live_bytes = live_bytes_,
                   .allocated_bytes = live_bytes_,
                   .capacity_bytes = capacity_bytes_,
                   .available_bytes = capacity_bytes_ - live_bytes_,
                   .chunks_count = entries_.size()};
  std::map<uint8_t, PlacementUsage> by_placement;
  for (const auto& [id, entry] : entries_) {
    PlacementUsage& of = by_placement[id.bytes.back()];
    of.placement = id.bytes.back();
    of.live_bytes += entry.payload.size();
    ++of.chunks_count;
  }
  for (const auto& [placement, of] : by_placement) usage.by_placement.push_back(of);
  co_return usage;
}

io::Task<Status> MemoryStore::close() {
  co_return Status{};
}

}  // namespace cairn::storage
