#include "object/chunk_use.h"

#include <algorithm>
#include <set>
#include <utility>

#include "object/body_index.h"
#include "object/keys.h"
#include "object/limits.h"
#include "object/signed_row.h"

namespace cairn::object {

uint64_t ChunkUse::live_bytes() const {
  uint64_t sum = 0;
  for (const ByteRange& range : live) sum += range.size_bytes;
  return sum;
}

std::vector<OwnedExtents> owned_extents(const Manifest& manifest) {
  if (manifest.parts.empty()) return {{manifest.owner, 0, manifest.extents.size()}};
  std::vector<OwnedExtents> out;
  size_t begin = 0;
  for (const ManifestPart& part : manifest.parts) {
    out.push_back({part.owner, begin, begin + part.extents_count});
    begin += part.extents_count;
  }
  return out;
}

namespace {

// Damage is the scrub's to name; here it only means that nothing is known.
template <typename T>
Result<std::optional<T>> unless_damaged(Result<T> result) {
  if (result) return std::optional(std::move(*result));
  if (result.error().code == Code::kCorruption) return std::optional<T>();
  return std::unexpected(std::move(result.error()));
}

io::Task<Result<LoadedVersion>> open_version(Context& context, TenantId tenant, uint64_t bucket_id,
                                             HeadRow row) {
  LoadedVersion out;
  out.row = row;
  const std::optional<std::string> encoded =
      co_await io::or_return(load_body(context, tenant, bucket_id, std::move(row)));
  if (!encoded) co_return fail(Code::kCorruption, "the version changed while it was read");
  out.body = co_await io::or_return(parse_body(as_bytes(*encoded)));
  if (out.body.stored_bytes > kUseManifestBytesMax) {
    co_return fail(Code::kCorruption, "the manifest is too large to be rewritten");
  }
  Body body = out.body;
  out.manifest = co_await io::or_return(load_manifest(context, tenant, std::move(body)));
  co_return out;
}

void merge(std::vector<ByteRange>& ranges) {
  std::ranges::sort(ranges, {}, &ByteRange::offset_bytes);
  std::vector<ByteRange> out;
  for (const ByteRange& range : ranges) {
    if (!out.empty() && out.back().offset_bytes + out.back().size_bytes >= range.offset_bytes) {
      const uint64_t end = std::max(out.back().offset_bytes + out.back().size_bytes,
                                    range.offset_bytes + range.size_bytes);
      out.back().size_bytes = end - out.back().offset_bytes;
    } else {
      out.push_back(range);
    }
  }
  ranges = std::move(out);
}

// One call of find_use().
class UseFinder {
 public:
  explicit UseFinder(Context& context) : context_(context) {}
  io::Task<Result<UseReport>> run(std::vector<ChunkId> chunks);

 private:
  io::Task<Status> list_owners(ChunkId chunk);
  io::Task<Status> find_places();
  io::Task<Status> visit_place(BodyPlace place, std::vector<OwnerId> owners);
  io::Task<Status> visit_row(TenantId tenant, const BodyPlace& place, std::string row_key);
  void take(VersionUse version, const Manifest& manifest);
  void take_extent(TenantId tenant, const Extent& extent);
  io::Task<Result<std::optional<TenantId>>> tenant_of(uint64_t bucket_id);

  Context& context_;
  UseReport report_;
  std::map<OwnerId, std::set<ChunkId>> wanted_;  // Owners of edges, with the chunks.
  std::set<OwnerId> found_;                      // Those whose version was found.
  std::set<ChunkId> strange_;                    // Described in two ways, or with too many owners.
  std::map<uint64_t, std::optional<TenantId>> tenants_;  // Of buckets.
  std::set<std::string> visited_rows_;
};

io::Task<Status> UseFinder::list_owners(ChunkId chunk) {
  catalog::ScanRequest request;
  request.begin = keys::edges(chunk);
  request.end = catalog::prefix_end(request.begin);
  request.limit_entries = kUseChunkOwnersMax + 1;
  request.keys_only = true;
  const catalog::ScanPage page = co_await io::or_return(context_.catalog.scan(std::move(request)));
  ChunkUse& use = report_.chunks[chunk];
  use.has_edges = !page.entries.empty();
  if (page.more || page.entries.size() > kUseChunkOwnersMax) {
    strange_.insert(chunk);
    co_return Status{};
  }
  for (const catalog::Entry& row : page.entries) {
    const std::optional<OwnerId> owner = keys::parse_edge_owner(row.key);
    if (owner) wanted_[*owner].insert(chunk);
  }
  co_return Status{};
}

io::Task<Result<std::optional<TenantId>>> UseFinder::tenant_of(uint64_t bucket_id) {
  if (const auto known = tenants_.find(bucket_id); known != tenants_.end()) {
    co_return known->second;
  }
  std::optional<TenantId>& tenant = tenants_[bucket_id];
  const std::string row_key = keys::bucket_alive(bucket_id);
  const std::optional<catalog::Entry> entry = co_await io::or_return(context_.catalog.get(row_key));
  if (!entry) co_return tenant;
  const Result<OpenedRow> opened = open_row(context_.keys, row_key, entry->value);
  if (opened) tenant = opened->tenant;
  co_return tenant;
}

// Owners of one place are looked up together: a version with parts has many.
io::Task<Status> UseFinder::find_places() {
  std::map<std::string, std::vector<OwnerId>> places;
  for (const auto& [owner, chunks] : wanted_) {
    const std::optional<BodyPlace> place = co_await io::or_return(find_place(context_, owner));
    if (place) places[encode_place(*place)].push_back(owner);
  }
  for (const auto& [encoded, owners] : places) {
    BodyPlace place = *parse_place(encoded);
    co_await io::or_return(visit_place(std::move(place), owners));
  }
  co_return Status{};
}

// The row of a holder was right when it was written: since then the version may have become an
// older one, or the current one by an append.
io::Task<Status> UseFinder::visit_place(BodyPlace place, std::vector<OwnerId> owners) {
  const std::optional<TenantId> tenant = co_await io::or_return(tenant_of(place.bucket_id));
  if (!tenant) co_return Status{};
  co_await io::or_return(visit_row(*tenant, place, keys::object(place.bucket_id, place.key)));
  const bool all =
      std::ranges::all_of(owners, [&](const OwnerId& owner) { return found_.contains(owner); });
  if (all) co_return Status{};
  co_return co_await visit_row(*tenant, place,
                               keys::version(place.bucket_id, place.key, place.order));
}

io::Task<Status> UseFinder::visit_row(TenantId tenant, const BodyPlace& place,
                                      std::string row_key) {
  if (!visited_rows_.insert(row_key).second) co_return Status{};
  const std::optional<LoadedVersion> loaded =
      co_await io::or_return(load_chunked(context_, tenant, place.bucket_id, place.key, row_key));
  if (!loaded) co_return Status{};
  VersionUse version;
  version.tenant = tenant;
  version.bucket_id = place.bucket_id;
  version.key = place.key;
  version.row_key = std::move(row_key);
  take(std::move(version), loaded->manifest);
  co_return Status{};
}

// An owner without extents in a chunk that it has an edge for has moved away from it before: the
// edge waits in the collector's queue.
void UseFinder::take(VersionUse version, const Manifest& manifest) {
  for (const OwnedExtents& owned : owned_extents(manifest)) {
    const auto wanted = wanted_.find(owned.owner);
    if (wanted == wanted_.end()) continue;
    found_.insert(owned.owner);
    for (size_t i = owned.begin; i < owned.end; ++i) {
      const Extent& extent = manifest.extents[i];
      if (!wanted->second.contains(extent.chunk)) continue;
      take_extent(version.tenant, extent);
      version.extents.push_back(extent);
    }
    // One tenant's chunk has no edge of another's.
    for (const ChunkId& chunk : wanted->second) report_.chunks[chunk].tenant = version.tenant;
  }
  if (!version.extents.empty()) report_.versions.push_back(std::move(version));
}

void UseFinder::take_extent(TenantId tenant, const Extent& extent) {
  ChunkUse& use = report_.chunks[extent.chunk];
  const bool is_first = use.live.empty();
  const uint64_t end = uint64_t{extent.offset_bytes} + extent.size_bytes;
  const bool fits = end <= extent.chunk_bytes && extent.size_bytes > 0;
  const bool same = is_first || (use.chunk_bytes == extent.chunk_bytes && use.tenant == tenant);
  if (!fits || !same) strange_.insert(extent.chunk);
  use.chunk_bytes = extent.chunk_bytes;
  use.tenant = tenant;
  use.live.push_back({extent.offset_bytes, extent.size_bytes});
}

io::Task<Result<UseReport>> UseFinder::run(std::vector<ChunkId> chunks) {
  for (const ChunkId& chunk : chunks) {
    if (wanted_.size() >= kUseOwnersMax) break;
    co_await io::or_return(list_owners(chunk));
  }
  co_await io::or_return(find_places());
  for (auto& [chunk, use] : report_.chunks) {
    use.is_known = use.has_edges && !strange_.contains(chunk);
    merge(use.live);
  }
  for (const auto& [owner, owned] : wanted_) {
    if (found_.contains(owner)) continue;
    for (const ChunkId& chunk : owned) report_.chunks[chunk].is_known = false;
  }
  co_return std::move(report_);
}

}  // namespace

io::Task<Result<std::optional<LoadedVersion>>> load_chunked(Context& context, TenantId tenant,
                                                            uint64_t bucket_id, std::string key,
                                                            std::string row_key) {
  const std::optional<catalog::Entry> entry =
      co_await io::or_return(context.catalog.get(std::move(row_key)));
  if (!entry) co_return std::optional<LoadedVersion>();
  std::optional<HeadRow> row =
      co_await io::or_return(unless_damaged(open_head(context, tenant, std::move(key), *entry)));
  if (!row || !row->head.has_chunks || !row->head.info.sse.empty()) {
    co_return std::optional<LoadedVersion>();
  }
  Result<LoadedVersion> opened = co_await open_version(context, tenant, bucket_id, std::move(*row));
  co_return unless_damaged(std::move(opened));
}

io::Task<Result<UseReport>> find_use(Context& context, std::vector<ChunkId> chunks) {
  UseFinder finder(context);
  co_return co_await finder.run(std::move(chunks));
}

}  // namespace cairn::object
