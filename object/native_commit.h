// The end of a native upload: an object out of the chunks that the client names, in one commit.
//
// No data moves and no edge is added: the object takes over the upload's owner, and with it the
// edges of its chunks; what it does not use becomes garbage in the same commit.
// What the object shows of its content is only what the server knows of it itself. A body up to
// kNativeVerifyBytesMax is read back: its MD5 is the ETag, and its SHA-256 is compared with the
// client's. A longer one has an ETag of another form, hex MD5 over the chunks' hashes and `-N`, and
// a checksum where that combines out of the chunks' or where the client asks for one, which makes
// the server read the body.
// Thread rule: any reactor.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "io/task.h"
#include "object/context.h"
#include "object/native_rows.h"
#include "object/objects.h"

namespace cairn::object {

struct NativeCommit {
  std::vector<ContentName> chunks;  // In order.
  PutOptions options;               // As of a PUT; `sse` has to be what the upload was begun with.
  // Of the whole body, compared with what the server computes.
  std::optional<std::pair<DigestKind, DigestValue>> checksum;
};

// Idempotent, as complete_upload(). kInvalidArgument kSizeMismatch, kChecksumMismatch or
// kEncryptionDiffers; kFailedPrecondition kChunksMissing, whose message names the first ones; as
// commit_version().
io::Task<Result<ObjectInfo>> commit_native(Context& context, BucketInfo bucket, std::string key,
                                           std::string upload_id, NativeCommit commit);

// ETag of a body that is not read back.
std::string native_etag(const std::vector<ContentName>& chunks);

}  // namespace cairn::object
