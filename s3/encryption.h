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
// The key of a read; null when none is given.
S3Result<crypto::SseKeyPointer> customer_key_of(const Call& call);
// Of a part or of an upload's end: AccessDenied where the bucket blocks customers' keys.
S3Result<crypto::SseKeyPointer> customer_key_of_write(const Call& call);
// Whether the bucket's default encryption was set by somebody.
bool has_default_encryption(const object::BucketInfo& bucket);
// Of a copy's source.
S3Result<crypto::SseKeyPointer> source_key_of(const Call& call);
// GET and HEAD: the headers of a write are refused.
S3Status refuse_encryption_headers(const Call& call);
// GET: what is under a KMS key is read with signatures of version 4 only.
S3Status check_kms_signature(const Call& call, std::string_view record);
// UploadPart: what it asks for must be what the upload was begun with.
S3Status check_part_encryption(const Call& call, std::string_view upload_record);

// x-amz-server-side-encryption and its kind, as of `record` (ObjectInfo::sse).
void add_encryption(http::ResponseHead& head, const Call& call, std::string_view record);
// And x-amz-server-side-encryption-context, which only the reply to a write tells.
void add_encryption_of_write(http::ResponseHead& head, const Call& call, std::string_view record);

// Overwrites customers' keys in the connection's memory, where they would stay until another head
// is read into it. Called when nothing reads the head's fields any more.
void cleanse_customer_keys(const http::RequestHead& head);

// An error of the object layer about keys, in S3's words; nullopt when it is about something else.
std::optional<S3Error> translate_encryption(const Error& error);

}  // namespace cairn::s3
