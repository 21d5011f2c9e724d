// Reads everything: every record of the store, every row and manifest, every frame of every chunk
// that an object or a pending part refers to. Names what is damaged; changes nothing.
//
// Used by one task. An object that changes while it is read is not damage.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "io/task.h"
#include "object/context.h"
#include "object/objects.h"
#include "object/records.h"

namespace cairn::object {

class Scrubber {
 public:
  explicit Scrubber(Context& context) : context_(context) {}
  io::Task<Result<ScrubReport>> run();

 private:
  io::Task<Status> check_store();
  io::Task<Status> check_objects(BucketInfo bucket, std::string rows);
  io::Task<Status> check_uploads(BucketInfo bucket);
  io::Task<Status> check_object(BucketInfo bucket, catalog::Entry row, std::string key);
  io::Task<Status> check_bytes(TenantId tenant, uint64_t bucket_id, const Head& head,
                               std::string encoded);
  // What opens bytes: `locked` when the key is not here, else `key` (null: the tenant's alone).
  struct Opening {
    TenantId tenant;
    crypto::SseKeyPointer key;
    bool locked = false;
  };
  Result<Opening> opening_of(TenantId tenant, std::string_view sse_record) const;
  io::Task<Result<uint64_t>> check_inline(Opening opening, std::string context, std::string sealed);
  io::Task<Status> check_upload(TenantId tenant, catalog::Entry row, std::string upload_id);
  io::Task<Status> check_part(TenantId tenant, Opening opening, Part part);
  io::Task<Status> check_manifest(Opening opening, Manifest manifest);
  io::Task<Status> check_chunk(Opening opening, Extent extent);
  io::Task<Status> check_locked_chunk(TenantId tenant, Extent extent);
  void report(const BucketInfo& bucket, std::string key, std::string what);

  Context& context_;
  ScrubReport report_;
  std::map<ChunkId, std::string> bad_chunks_;  // Until an object is named for them.
  std::set<ChunkId> named_chunks_;
  std::set<ChunkId> good_chunks_;  // Bounded by kScrubKnownChunksMax.
};

}  // namespace cairn::object
