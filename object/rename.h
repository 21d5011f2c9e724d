// RenameObject (S3.md 2.4): one commit that gives an object another name in its bucket, in the
// place of what had that name. The body's chunks and everything else of the object stay as they
// are, its time of change included; bytes in the body row are sealed anew, for their seal names the
// key (under an SSE key it does not).
//
// Only where there are no versions: a version's name is part of what it was.
#pragma once

#include <string>

#include "base/result.h"
#include "io/task.h"
#include "object/context.h"
#include "object/objects.h"

namespace cairn::object {

// kNotFound kNoSuchKey for the source; conditions as check_write(), those of the source with
// kSourceCondition; kInvalidArgument kTokenMismatch; kUnsupported in a bucket with versioning.
io::Task<Result<ObjectInfo>> rename_object(Context& context, BucketInfo bucket,
                                           std::string source_key, std::string target_key,
                                           RenameOptions options);

// Forgets tokens that are older than kRenameTokenMemory, from the row behind `after` on; tells the
// row to go on behind, empty at the end, and whether any was forgotten.
struct ForgottenTokens {
  std::string after;
  bool any = false;
};
io::Task<Result<ForgottenTokens>> forget_rename_tokens(Context& context, std::string after);

}  // namespace cairn::object
