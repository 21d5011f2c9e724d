// What of an offer the store has already, as far as the caller may know it.
//
// A hash is no proof: a chunk counts as known only when the caller could read its bytes by S3
// (RELIABILITY.md 3.4, D4). Whoever may read everything of the tenant knows every chunk of it;
// anybody else those that a version holds which he may GetObject. Everything else is missing,
// whether it is there or not. Other tenants' chunks have other ids, so a look-up of one is a miss
// like any other.
// Thread rule: any reactor; a ReadRights is used on the reactor of its request.
#pragma once

#include <vector>

#include "base/result.h"
#include "io/task.h"
#include "object/context.h"
#include "object/native_rows.h"

namespace cairn::object {

// What the caller of a request may read. Answers are worth remembering for the request.
class ReadRights {
 public:
  virtual ~ReadRights() = default;
  // Every object of the bucket's tenant, whatever policies say of it later.
  virtual bool reads_all(TenantId tenant) const = 0;
  // s3:GetObject, or s3:GetObjectVersion where a version is named.
  virtual io::Task<bool> may_read(BucketInfo bucket, std::string key, std::string version_id) = 0;
};

// The keys that chunks of an upload are named and sealed with.
Result<std::shared_ptr<const crypto::TenantKeys>> native_keys(const Context& context,
                                                              TenantId tenant,
                                                              const UploadInfo& upload);

// Whether the caller may know that `chunk` is there.
io::Task<Result<bool>> may_know(Context& context, TenantId tenant, ChunkId chunk,
                                ReadRights& rights);

// For each chunk whether the upload holds it afterwards: those that it held, and those that the
// caller may know. REQUIRES: names.size() <= kNativeOfferNamesMax.
io::Task<Result<std::vector<bool>>> offer_chunks(Context& context, BucketInfo bucket,
                                                 UploadInfo upload, std::vector<ContentName> names,
                                                 ReadRights& rights);

}  // namespace cairn::object
