#include "object/version_move.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "object/commit.h"
#include "object/keys.h"
#include "object/versions.h"

namespace cairn::object {
namespace {

using Edges = std::vector<std::pair<ChunkId, OwnerId>>;

// Appends `extent`, as part of the last one where it continues that; from `begin` on.
void append_extent(std::vector<Extent>& extents, size_t begin, const Extent& extent) {
  if (extents.size() > begin) {
    Extent& last = extents.back();
    if (last.chunk == extent.chunk && last.offset_bytes + last.size_bytes == extent.offset_bytes) {
      last.size_bytes += extent.size_bytes;
      return;
    }
  }
  extents.push_back(extent);
}

// Old chunks of which the version has bytes that were not copied: it came to them meanwhile.
std::set<ChunkId> kept_chunks(const Manifest& manifest, const MoveTable& table) {
  std::set<ChunkId> out;
  for (const Extent& extent : manifest.extents) {
    if (table.is_old(extent.chunk) && !table.moved(extent)) out.insert(extent.chunk);
  }
  return out;
}

Manifest moved_manifest(const Manifest& manifest, const MoveTable& table,
                        const std::set<ChunkId>& kept) {
  Manifest out;
  out.owner = manifest.owner;
  out.parts = manifest.parts;
  size_t number = 0;
  for (const OwnedExtents& owned : owned_extents(manifest)) {
    const size_t begin = out.extents.size();
    for (size_t i = owned.begin; i < owned.end; ++i) {
      const Extent& extent = manifest.extents[i];
      if (!table.is_old(extent.chunk) || kept.contains(extent.chunk)) {
        append_extent(out.extents, begin, extent);
        continue;
      }
      const std::optional<std::vector<Extent>> pieces = table.moved(extent);
      for (const Extent& piece : *pieces) append_extent(out.extents, begin, piece);
    }
    const size_t count = out.extents.size() - begin;
    if (!out.parts.empty()) out.parts[number++].extents_count = static_cast<uint32_t>(count);
  }
  return out;
}

Edges difference(const Edges& of, const Edges& without) {
  Edges out;
  std::ranges::set_difference(of, without, std::back_inserter(out));
  return out;
}

// Bodies with nothing but the edges that the version gave up, one for each owner.
void queue_edges(const KeyScope& scope, const Edges& edges) {
  std::map<OwnerId, Body> bodies;
  for (const auto& [chunk, owner] : edges) {
    Body& body = bodies[owner];
    body.kind = Body::Kind::kManifest;
    body.manifest.owner = owner;
    body.manifest.extents.push_back({chunk, 1, 0, 1});  // Edges go by the id.
  }
  for (const auto& [owner, body] : bodies) {
    add_garbage(scope.context, scope.tenant_keys, encode_body(body), scope.change.batch);
  }
}

Status announce(const KeyScope& scope, const MoveTable& table, const std::set<ChunkId>& used,
                const std::set<ChunkId>& announced) {
  catalog::Batch& batch = scope.change.batch;
  for (const NewChunk& chunk : table.new_chunks) {
    if (!used.contains(chunk.id) || announced.contains(chunk.id)) continue;
    Result<std::vector<catalog::Put>> hooks =
        scope.context.segments.hooks_of(scope.tenant_keys.tenant, chunk.id, chunk.segments);
    if (!hooks) return std::unexpected(std::move(hooks.error()));
    std::ranges::move(*hooks, std::back_inserter(batch.puts));
    // Until all versions have moved, only some of it may be referred to.
    batch.puts.push_back({keys::partly_dead(chunk.id), {}});
  }
  return {};
}

// The commit that makes `prepared` the version's body.
Status plan_move(const KeyScope& scope, const LoadedVersion& loaded, const PreparedBody& prepared,
                 const Edges& before, const Edges& after) {
  catalog::Batch& batch = scope.change.batch;
  const HeadRow& row = loaded.row;
  batch.preconditions.push_back(catalog::Precondition::version_is(row.row_key, row.version));
  Head head = row.head;
  head.body_sha256 = crypto::sha256(as_bytes(prepared.encoded));
  put_head(scope, row.row_key, head);
  batch.puts.push_back(
      {keys::body(scope.bucket.id, row.head.info.key, row.head.order), prepared.encoded});
  for (const auto& [chunk, owner] : difference(after, before)) {
    batch.puts.push_back({keys::edge(chunk, owner), std::string()});
  }
  add_edges(batch, prepared);
  Edges dropped = difference(before, after);
  if (loaded.body.kind == Body::Kind::kStoredManifest) {
    const Edges table = loaded.body.manifest.references();
    dropped.insert(dropped.end(), table.begin(), table.end());
  }
  queue_edges(scope, dropped);
  return {};
}

}  // namespace

io::Task<Result<VersionMove>> move_version(Context& context, VersionUse version,
                                           const MoveTable& table, std::set<ChunkId>& announced) {
  VersionMove out;
  const KeyLocks::Guard guard =
      co_await context.locks.lock(keys::object(version.bucket_id, version.key));
  const std::optional<LoadedVersion> loaded = co_await io::or_return(
      load_chunked(context, version.tenant, version.bucket_id, version.key, version.row_key));
  if (!loaded) {
    out.is_complete = false;
    co_return out;
  }
  const std::set<ChunkId> kept = kept_chunks(loaded->manifest, table);
  out.is_complete = kept.empty();
  const Edges before = loaded->manifest.references();
  Manifest manifest = moved_manifest(loaded->manifest, table, kept);
  const Edges after = manifest.references();
  if (before == after) co_return out;
  for (const auto& [chunk, owner] : difference(after, before)) out.new_chunks.insert(chunk);

  const auto tenant_keys = co_await io::or_return(context.keys_of(version.tenant));
  PreparedBody prepared = co_await io::or_return(
      prepare_manifest(context, tenant_keys, std::move(manifest), false, context.new_owner()));
  BucketInfo bucket;
  bucket.id = version.bucket_id;
  bucket.tenant = version.tenant;
  KeyChange change;
  const KeyScope scope{context, *tenant_keys, bucket, change};
  Status planned = plan_move(scope, *loaded, prepared, before, after);
  if (planned) planned = announce(scope, table, out.new_chunks, announced);
  Result<catalog::Version> done = fail(Code::kInternal, "not committed");
  if (planned) {
    done = co_await commit_change(context, std::move(change));
  } else {
    done = std::unexpected(planned.error());
  }
  co_await end_prepared(prepared, done.has_value());
  if (done) {
    announced.insert(out.new_chunks.begin(), out.new_chunks.end());
    co_return out;
  }
  if (done.error().code != Code::kFailedPrecondition) co_return std::unexpected(done.error());
  out.is_complete = false;
  out.new_chunks.clear();
  co_return out;
}

}  // namespace cairn::object
