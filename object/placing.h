// Where the chunks of a new body go: the placement of its storage class and bucket, which every id
// made for it carries (storage/placement.h).
//
// A body finds and shares what is stored in its own placement only: a chunk elsewhere would put the
// object, or a part of it, where nobody asked for it to be. Manifests that are stored as chunks are
// of the default placement whatever they describe, like the rows that name them.
// Thread rule: pure functions.
#pragma once

#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "crypto/key_ring.h"
#include "object/records.h"
#include "object/types.h"
#include "storage/placement.h"

namespace cairn::object {

using storage::PlacementId;

// The document of a bucket that names its placement, which takes every storage class that no
// placement takes for itself.
inline constexpr std::string_view kPlacementDocument = "placement";

// `storage_class` as in ObjectMetadata. kUnavailable when the bucket's placement is not configured:
// what was put under a placement for a reason does not go elsewhere.
Result<PlacementId> placement_for(const storage::Placements& placements, const BucketInfo& bucket,
                                  std::string_view storage_class);

// Ids of chunks of that placement: named by their content, or random.
ChunkId content_chunk_id(const crypto::TenantKeys& keys, const Sha256Value& content_hash,
                         PlacementId placement);
ChunkId random_chunk_id(Random& random, TenantId tenant, PlacementId placement);

// Whether all of `extents` lie in that placement.
bool lie_in(const std::vector<Extent>& extents, PlacementId placement);

}  // namespace cairn::object
