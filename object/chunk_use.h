// Which bytes of a chunk anybody refers to: from the chunk's edges, over the rows that tell whose
// they are (body_index.h), to the manifests of the versions.
//
// What it answers decides what is worth rewriting, never what may go: a chunk goes when its last
// edge has gone. An edge whose version is not found (of a pending upload, under SSE-C or SSE-KMS,
// of a body in the collector's queue) makes its chunk one that is not known.
// Thread rule: any reactor.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "io/task.h"
#include "object/context.h"
#include "object/records.h"
#include "object/rows.h"

namespace cairn::object {

// The use that is made of one chunk.
struct ChunkUse {
  bool is_known = false;  // All edges have versions, and these are of one tenant.
  bool has_edges = false;
  TenantId tenant;
  uint32_t chunk_bytes = 0;     // 0 while no manifest names it.
  std::vector<ByteRange> live;  // Ascending, apart from each other.

  uint64_t live_bytes() const;
};

// A version that refers to some of the chunks.
struct VersionUse {
  TenantId tenant;
  uint64_t bucket_id = 0;
  std::string key;
  std::string row_key;          // Of its row now.
  std::vector<Extent> extents;  // In those chunks, in the order of the body.
};

struct UseReport {
  std::map<ChunkId, ChunkUse> chunks;
  std::vector<VersionUse> versions;
};

// Looks at the first of `chunks`, as many as kUseOwnersMax allows and one at least.
io::Task<Result<UseReport>> find_use(Context& context, std::vector<ChunkId> chunks);

// A version with its manifest, as of one moment.
struct LoadedVersion {
  HeadRow row;
  Body body;
  Manifest manifest;
};
// The version of that row, if its chunks can be opened with the tenant's keys and its manifest is
// not larger than kUseManifestBytesMax; nullopt also when its rows are damaged.
io::Task<Result<std::optional<LoadedVersion>>> load_chunked(Context& context, TenantId tenant,
                                                            uint64_t bucket_id, std::string key,
                                                            std::string row_key);

// The runs of extents that one owner's edges are for.
struct OwnedExtents {
  OwnerId owner;
  size_t begin = 0;  // In Manifest::extents.
  size_t end = 0;
};
std::vector<OwnedExtents> owned_extents(const Manifest& manifest);

}  // namespace cairn::object
