// SegmentIndex: where a tenant's segments are stored, so that only new ones are written or sent.
//
// Two levels. In memory: segment tables of chunks written or met lately (segment_cache.h), exact.
// In the catalog: hooks, rows f/ that name the chunk of one segment in kHookEvery and of the least
// hash of every chunk; a hit on a hook loads that chunk's whole table (it is sealed in the chunk),
// so that the neighbours match too (sparse indexing, Lillibridge et al., FAST'09). A hook's key is
// keyed by the tenant's id key: who steals the catalog confirms no guess.
//
// Everything found is a hint and may be stale: link() the chunk before use. Hooks are unsigned:
// what they name is believed only where the chunk's own sealed table, authenticated under its id,
// holds the segment. Thread rule: any reactor.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "catalog/catalog.h"
#include "io/task.h"
#include "object/limits.h"
#include "object/segment_cache.h"

namespace cairn::object {

class Context;

class SegmentIndex {
 public:
  explicit SegmentIndex(Context& context) : context_(context), cache_(kSegmentCacheBytesMax) {}
  SegmentIndex(const SegmentIndex&) = delete;
  SegmentIndex& operator=(const SegmentIndex&) = delete;

  // Where the named segments lie in that placement, in the order asked. Names are best given as
  // they follow each other in a body. Fails only when the catalog does.
  io::Task<Result<std::vector<std::optional<SegmentPlace>>>> find(TenantId tenant,
                                                                  storage::PlacementId placement,
                                                                  std::vector<SegmentName> names);
  // The tenant has stored that chunk: finds it from now on, without hooks while it is in memory.
  void remember(TenantId tenant, const ChunkId& chunk, std::vector<SegmentName> segments) {
    cache_.insert(tenant, chunk, std::move(segments));
  }
  void forget(TenantId tenant, const ChunkId& chunk) { cache_.erase(tenant, chunk); }

  // The hooks of a new chunk, for the commit that makes its first owner visible. kNotFound when the
  // tenant has no keys.
  Result<std::vector<catalog::Put>> hooks_of(TenantId tenant, const ChunkId& chunk,
                                             const std::vector<SegmentName>& segments) const;

  // Removes hooks whose chunk nobody refers to, among up to `limit` of them from where the last
  // call ended; true when that was the last row. One call at a time.
  io::Task<Result<bool>> sweep(size_t limit);

  uint64_t memory_bytes() { return cache_.used_bytes(); }

 private:
  io::Task<Status> follow_hooks(TenantId tenant, std::vector<std::string> rows);
  io::Task<Status> load_table(TenantId tenant, std::string hook);

  Context& context_;
  SegmentCache cache_;
  std::string swept_to_;  // The last row that sweep() looked at.
};

// What a hook says; parse_hook() is nullopt for anything that encode_hook() never makes.
struct HookedChunk {
  ChunkId chunk;
  uint32_t chunk_bytes = 0;
  uint32_t table_bytes = 0;
};
std::string encode_hook(const HookedChunk& hooked);
std::optional<HookedChunk> parse_hook(std::string_view value);

}  // namespace cairn::object
