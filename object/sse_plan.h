// From what a write asks for to the key that seals it, and from what an object's record says to the
// key that opens it.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "io/task.h"
#include "object/context.h"
#include "object/sse.h"

namespace cairn::object {

// The key of one body and the record that is stored with it; both empty under the tenant's own
// keys.
struct SsePlan {
  std::string record;
  crypto::SseKeyPointer key;
};

// Makes the tenant's default KMS key when the request needs it and it does not exist. kNotFound
// kKmsKeyUnknown, kPermissionDenied kKmsKeyDisabled.
io::Task<Result<SsePlan>> plan_sse(Context& context, TenantId tenant, SseRequest request);

// The key that opens what `record` was stored with; null for the tenant's own. As plan_sse(), and:
// kInvalidArgument kSseKeyRequired or kSseKeyUnexpected, kPermissionDenied kSseKeyWrong.
Result<crypto::SseKeyPointer> open_sse(const Context& context, TenantId tenant,
                                       std::string_view record,
                                       const crypto::SseKeyPointer& customer_key);
// What a part of an upload with `record` is sealed with. kInvalidArgument: kSseKeyOfPart when the
// customer's key is not the one that the upload was begun with, kSseKeyOfPartMissing when only one
// of the two has a key.
Result<SsePlan> plan_part_sse(const Context& context, TenantId tenant, std::string_view record,
                              const crypto::SseKeyPointer& customer_key);

// Whether Complete may go on with that key: as S3, a key is needed where the upload asked for a
// checksum, and one that is given must be the upload's. kInvalidArgument kSseKeyAtComplete or
// kSseKeyOfPart.
Status check_complete_key(const Context& context, TenantId tenant, const UploadInfo& upload,
                          const crypto::SseKeyPointer& customer_key);

// As far as it is known without a request, disabled KMS keys included: nullopt when it is not.
std::optional<crypto::SseKeyPointer> known_sse_key(const Context& context, TenantId tenant,
                                                   const SseRecord& record);

// The keys that seal under `key`: the tenant's own when it is null.
std::shared_ptr<const crypto::TenantKeys> seal_keys(
    std::shared_ptr<const crypto::TenantKeys> tenant_keys, const crypto::SseKeyPointer& key);

// What an object stored with such a record shows as ETag: 32 hex digits that tell nothing of the
// body. S3.md 2.3: an ETag that is no MD5 has a `-`, so that clients do not compare it with one;
// `-1` as of an upload of one part, which readers ask for by part number 1 (S3.md 4, CRT). Parts
// have no suffix, because the object's ETag is made of theirs.
std::string make_sse_etag(Context& context, bool is_part);

}  // namespace cairn::object
