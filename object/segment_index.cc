#include "object/segment_index.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/bytes.h"
#include "catalog/commit_apart.h"
#include "crypto/sealing.h"
#include "object/context.h"
#include "object/keys.h"
#include "object/references.h"
#include "object/segment_seal.h"

namespace cairn::object {
namespace {

constexpr size_t kHookValueBytes = 40;
constexpr size_t kHookPrefixBytes = 16;
constexpr std::string_view kHookLabel = "cairn segment hook 1";

bool is_sampled(const SegmentName& name) {
  return load_le<uint16_t>(name.hash.data() + name.hash.size() - 2) % kHookEvery == 0;
}

// The names that have hooks when those of [begin, end) are a chunk.
std::vector<size_t> hooked_names(const std::vector<SegmentName>& names, size_t begin, size_t end) {
  std::vector<size_t> out;
  size_t least = begin;
  for (size_t i = begin; i < end; ++i) {
    if (is_sampled(names[i])) out.push_back(i);
    if (names[i].hash < names[least].hash) least = i;
  }
  if (begin < end && !is_sampled(names[least])) out.push_back(least);
  return out;
}

// A placement's own: a segment that is in two of them has two hooks.
std::string hook_key(const crypto::TenantKeys& keys, storage::PlacementId placement,
                     const SegmentName& name) {
  Bytes message(as_bytes(kHookLabel).begin(), as_bytes(kHookLabel).end());
  if (placement != storage::kDefaultPlacement) message.push_back(placement);
  message.insert(message.end(), name.hash.begin(), name.hash.end());
  const crypto::Sha256Value keyed = crypto::hmac_sha256(keys.id.view(), message);
  return keys::segment_hook(keys.tenant, BytesView(keyed).first(kHookPrefixBytes));
}

}  // namespace

std::string encode_hook(const HookedChunk& hooked) {
  std::string out(kHookValueBytes, '\0');
  auto* at = reinterpret_cast<uint8_t*>(out.data());
  std::ranges::copy(hooked.chunk.bytes, at);
  store_le(at + 32, hooked.chunk_bytes);
  store_le(at + 36, hooked.table_bytes);
  return out;
}

std::optional<HookedChunk> parse_hook(std::string_view value) {
  if (value.size() != kHookValueBytes) return std::nullopt;
  HookedChunk out;
  const uint8_t* at = as_bytes(value).data();
  std::copy_n(at, out.chunk.bytes.size(), out.chunk.bytes.begin());
  out.chunk_bytes = load_le<uint32_t>(at + 32);
  out.table_bytes = load_le<uint32_t>(at + 36);
  const bool possible = out.chunk_bytes > 0 && out.chunk_bytes <= crypto::kChunkBytesMax &&
                        out.table_bytes > 0 && out.table_bytes % kSegmentEntryBytes == 0 &&
                        out.table_bytes <= kSegmentsPerChunkMax * kSegmentEntryBytes;
  if (!possible) return std::nullopt;
  return out;
}

io::Task<Result<std::vector<std::optional<SegmentPlace>>>> SegmentIndex::find(
    TenantId tenant, storage::PlacementId placement, std::vector<SegmentName> names) {
  std::vector<std::optional<SegmentPlace>> places(names.size());
  const auto keys = context_.keys_of(tenant);
  if (!keys) co_return places;
  for (size_t begin = 0; begin < names.size(); begin += kSegmentsPerLookup) {
    const size_t end = std::min(names.size(), begin + kSegmentsPerLookup);
    const std::span group(names.data() + begin, end - begin);
    const std::span group_places(places.data() + begin, end - begin);
    cache_.find(tenant, placement, group, group_places);
    std::vector<std::string> rows;
    for (const size_t index : hooked_names(names, begin, end)) {
      if (!places[index]) rows.push_back(hook_key(**keys, placement, names[index]));
    }
    if (rows.empty()) continue;
    co_await io::or_return(follow_hooks(tenant, std::move(rows)));
    cache_.find(tenant, placement, group, group_places);
  }
  // Tables loaded for later groups may hold segments of earlier ones.
  cache_.find(tenant, placement, names, places);
  co_return places;
}

io::Task<Status> SegmentIndex::follow_hooks(TenantId tenant, std::vector<std::string> rows) {
  std::set<std::string> followed;  // Several hooks mostly name one chunk.
  for (std::string& row : rows) {
    std::optional<catalog::Entry> entry =
        co_await io::or_return(context_.catalog.get(std::move(row)));
    if (!entry || !followed.insert(entry->value).second) continue;
    // A chunk that is gone or does not open gives no places; a scrub names what is damaged.
    const Status loaded = co_await load_table(tenant, std::move(entry->value));
    static_cast<void>(loaded);
  }
  co_return Status{};
}

io::Task<Status> SegmentIndex::load_table(TenantId tenant, std::string hook) {
  const std::optional<HookedChunk> hooked = parse_hook(hook);
  if (!hooked || cache_.contains(tenant, hooked->chunk)) co_return Status{};
  std::vector<SegmentName> segments = co_await io::or_return(read_segment_table(
      context_, tenant, hooked->chunk, {hooked->chunk_bytes, hooked->table_bytes}));
  cache_.insert(tenant, hooked->chunk, std::move(segments));
  co_return Status{};
}

Result<std::vector<catalog::Put>> SegmentIndex::hooks_of(
    TenantId tenant, const ChunkId& chunk, const std::vector<SegmentName>& segments) const {
  const auto keys = context_.keys_of(tenant);
  if (!keys) return std::unexpected(keys.error());
  HookedChunk hooked;
  hooked.chunk = chunk;
  hooked.table_bytes = static_cast<uint32_t>(segments.size() * kSegmentEntryBytes);
  for (const SegmentName& name : segments) hooked.chunk_bytes += name.size_bytes;
  const std::string value = encode_hook(hooked);
  std::vector<catalog::Put> out;
  for (const size_t index : hooked_names(segments, 0, segments.size())) {
    out.push_back({hook_key(**keys, storage::placement_of(chunk), segments[index]), value});
  }
  return out;
}

io::Task<Result<bool>> SegmentIndex::sweep(size_t limit) {
  catalog::ScanRequest request;
  request.begin = swept_to_.empty() ? keys::all_segment_hooks() : swept_to_ + '\0';
  request.end = catalog::prefix_end(keys::all_segment_hooks());
  request.limit_entries = limit;
  const catalog::ScanPage page = co_await io::or_return(context_.catalog.scan(std::move(request)));
  CatalogReferences edges(context_.catalog);
  catalog::Batch batch;
  for (const catalog::Entry& row : page.entries) {
    const std::optional<HookedChunk> hooked = parse_hook(row.value);
    bool is_needed = false;
    if (hooked) is_needed = co_await io::or_return(edges.is_referenced(hooked->chunk));
    if (is_needed) continue;
    // Written with the edge that it belongs to, so one that was written anew meanwhile stays.
    batch.preconditions.push_back(catalog::Precondition::version_is(row.key, row.version));
    batch.deletes.push_back(row.key);
  }
  swept_to_ = page.more && !page.entries.empty() ? page.entries.back().key : std::string();
  const bool at_end = swept_to_.empty();
  const Status done = co_await catalog::commit_apart(context_.catalog, std::move(batch));
  if (!done && done.error().code != Code::kFailedPrecondition) {
    co_return std::unexpected(done.error());
  }
  co_return at_end;
}

}  // namespace cairn::object
