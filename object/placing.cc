#include "object/placing.h"

#include <algorithm>
#include <optional>
#include <string>

#include "crypto/chunk_tenant.h"

namespace cairn::object {

Result<PlacementId> placement_for(const storage::Placements& placements, const BucketInfo& bucket,
                                  std::string_view storage_class) {
  if (!storage_class.empty() && storage_class != storage::kDefaultStorageClass) {
    const std::optional<PlacementId> own = placements.for_class(storage_class);
    if (own) return *own;
  }
  const std::string* const name = bucket.config->document(kPlacementDocument);
  if (name == nullptr) return storage::kDefaultPlacement;
  const storage::Placement* const placement = placements.find(std::string_view(*name));
  if (placement != nullptr) return placement->id;
  return fail(Code::kUnavailable, "bucket \"" + bucket.name + "\" is kept in placement \"" + *name +
                                      "\", which is not configured: give the server that "
                                      "placement, or the bucket another one with `cairn admin "
                                      "bucket placement`");
}

ChunkId content_chunk_id(const crypto::TenantKeys& keys, const Sha256Value& content_hash,
                         PlacementId placement) {
  return storage::with_placement(crypto::make_chunk_id(keys, content_hash), placement);
}

ChunkId random_chunk_id(Random& random, TenantId tenant, PlacementId placement) {
  ChunkId id;
  random.fill(id.bytes);
  return storage::with_placement(crypto::with_tenant(id, tenant), placement);
}

bool lie_in(const std::vector<Extent>& extents, PlacementId placement) {
  return std::ranges::all_of(extents, [placement](const Extent& extent) {
    return storage::placement_of(extent.chunk) == placement;
  });
}

}  // namespace cairn::object
