// Instant upload (S3.md section 6, docs/instant-upload.md): a PUT or UploadPart whose head names
// the SHA-256 of its body and that waits for `100 Continue` is answered at once when the store has
// that body and its caller may read an object that holds it.
//
// The hash is what the caller claims under its signature, no proof that it has the bytes. So a hash
// alone gives nothing: the right to GetObject on a holder is asked for as a GET would ask, and only
// of holders in the caller's own tenant. In every other case the upload goes on as ever, and its
// reply does not tell why.
//
// Thread rule: the door's reactor.
#pragma once

#include <optional>

#include "object/objects.h"
#include "s3/body.h"
#include "s3/call.h"

namespace cairn::s3 {

// To be called when all else of the request was found good and `writer` is open. With an answer or
// a failure the writer is finished; with nullopt it waits for the body.
io::Task<S3Result<std::optional<object::ObjectInfo>>> try_instant_upload(
    Call& call, const UploadPlan& plan, object::ObjectWriter& writer);

}  // namespace cairn::s3
