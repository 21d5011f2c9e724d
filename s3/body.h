// Request bodies: documents read whole under a bound, and object bodies streamed into a writer.
// Either way the payload hash, Content-MD5, checksums and lengths are compared before anything that
// the body says or holds takes effect.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "object/objects.h"
#include "s3/aws_chunked.h"
#include "s3/call.h"
#include "s3/checksum_headers.h"

namespace cairn::s3 {

// Reads the body into call.document (at most route->body_bytes_max, else MaxMessageLengthExceeded)
// and compares what the request claims about it.
io::Task<S3Status> read_document(Call& call);

// What is known of an object body before its first byte.
struct UploadPlan {
  std::optional<uint64_t> size_bytes;  // Decoded; unset for plain chunked bodies.
  BodyChecksums checksums;
  std::optional<AwsChunkedDecoder> decoder;  // For aws-chunked bodies.
};
// Fails (411, 400) without touching the body. `size_bytes_max`: beyond is EntityTooLarge.
S3Result<UploadPlan> plan_upload(const Call& call, uint64_t size_bytes_max);

// Compares what was claimed with what came; what finish() compares once more.
S3Result<object::ExpectedBody> check_received(const Call& call, const UploadPlan& plan,
                                              const object::BodyDigests& digests);
// A body that did not arrive as it should, in S3's words.
S3Error body_error(const Call& call, const Error& error);

// Sends 100 Continue, receives the body into `writer`, compares, commits. On failure the writer was
// aborted and nothing is stored.
io::Task<S3Result<object::ObjectInfo>> receive_object(Call& call, UploadPlan plan,
                                                      std::unique_ptr<object::ObjectWriter> writer);

}  // namespace cairn::s3
