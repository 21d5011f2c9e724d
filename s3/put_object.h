// What the two ways to write a whole object share: PutObject, whose parameters are headers, and
// PostObject, whose form fields stand in `call.headers` by the time these are called.
#pragma once

#include "object/objects.h"
#include "s3/call.h"
#include "s3/errors.h"

namespace cairn::s3 {

// Everything that the headers ask for but conditions, digests and size.
S3Result<object::PutOptions> put_options(const Call& call);

// What every reply to a stored object carries: ETag, version, checksum, encryption.
void add_stored_headers(http::ResponseHead& head, const Call& call, const object::ObjectInfo& info);

}  // namespace cairn::s3
