// Whether content is what the object's checksums say.
#pragma once

#include "crypto/digest.h"
#include "io/file.h"
#include "transfer/download.h"

namespace cairn::transfer {

// Whether an ETag can be the MD5 of the content: 32 hex digits.
bool may_be_md5(const std::string& etag);

// The strongest check that needs no second look at the data: `crc64` is what arrived.
S3Result<VerifiedBy> verify_crc64(const ObjectInfo& info, uint64_t crc64);
// Content in memory; `required` is the caller's own hash.
S3Result<VerifiedBy> verify_memory(const ObjectInfo& info, BytesView bytes,
                                   const std::optional<crypto::Sha256Value>& required,
                                   bool check_md5);
// The same by reading `file` from its start; used where only a hash of the whole is known.
io::Task<S3Result<VerifiedBy>> verify_file(io::File& file, ObjectInfo info,
                                           std::optional<crypto::Sha256Value> required,
                                           bool check_md5);

}  // namespace cairn::transfer
