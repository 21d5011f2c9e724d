// Encryption of one request: what its headers and the bucket's default ask for, what its reply
// tells (S3.md 2.3 "SSE"). The headers' grammar is sse_headers.h.
#pragma once

#include <optional>
#include <string_view>

#include "http/server.h"
#include "object/sse.h"
#include "s3/call.h"
#include "s3/errors.h"

namespace cairn::s3 {

// What a write asks for: its headers, else the bucket's default encryption.
S3Result<object::SseRequest> plan_encryption(const Call& call);
// The key of a read or of a part; null when none is given.
S3Result<crypto::SseKeyPointer> customer_key_of(const Call& call);
// Of a copy's source.
S3Result<crypto::SseKeyPointer> source_key_of(const Call& call);
// GET and HEAD: the headers of a write are refused.
S3Status refuse_encryption_headers(const Call& call);
// UploadPart: what it asks for must be what the upload was begun with.
S3Status check_part_encryption(const Call& call, std::string_view upload_record);

// x-amz-server-side-encryption and its kind, as of `record` (ObjectInfo::sse).
void add_encryption(http::ResponseHead& head, const Call& call, std::string_view record);
// And x-amz-server-side-encryption-context, which only the reply to a write tells.
void add_encryption_of_write(http::ResponseHead& head, const Call& call, std::string_view record);

// An error of the object layer about keys, in S3's words; nullopt when it is about something else.
std::optional<S3Error> translate_encryption(const Error& error);

}  // namespace cairn::s3
