// What a request says about the checksums of its body (S3.md 2.2): x-amz-checksum-*,
// x-amz-sdk-checksum-algorithm, x-amz-trailer, x-amz-checksum-algorithm/-type/-mode, Content-MD5.
// Checksums in a presigned query are ignored by never being looked for.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "crypto/digest.h"
#include "object/types.h"
#include "s3/aws_chunked.h"
#include "s3/errors.h"
#include "s3/request_view.h"

namespace cairn::s3 {

// `crc32`, `crc64nvme`, `xxhash3`, ... as in header names; nullopt for unknown. Any case.
std::optional<crypto::DigestKind> checksum_kind(std::string_view name);
// CRC32, CRC64NVME, XXHASH3 ... as in XML; and crc32 ... as in headers.
std::string_view checksum_name(crypto::DigestKind kind);
std::string_view checksum_header_suffix(crypto::DigestKind kind);
// ChecksumCRC32, ChecksumSHA256, ... : element names.
std::string_view checksum_element(crypto::DigestKind kind);
// Strict base64 of exactly the digest's size.
std::optional<crypto::DigestValue> parse_checksum_value(crypto::DigestKind kind,
                                                        std::string_view base64);
std::string encode_checksum(const crypto::DigestValue& value);
// With `-N` for a composite one.
std::string encode_checksum(const object::ObjectChecksum& checksum);

struct ClaimedChecksum {
  crypto::DigestKind kind = crypto::DigestKind::kCrc32;
  crypto::DigestValue value;
};

struct BodyChecksums {
  std::optional<crypto::DigestValue> content_md5;
  std::optional<ClaimedChecksum> header;      // x-amz-checksum-<alg>
  std::optional<crypto::DigestKind> trailer;  // x-amz-trailer: x-amz-checksum-<alg>
  // Of the header or the trailer. x-amz-sdk-checksum-algorithm must agree with it.
  std::optional<crypto::DigestKind> algorithm;
  bool any() const { return content_md5 || header || trailer; }
};
// Of PutObject, UploadPart, DeleteObjects and the Put*-Configuration operations.
S3Result<BodyChecksums> parse_body_checksums(const RequestView& request);

// The value in the trailer of a decoded body; MalformedTrailerError when it is not there or does
// not parse. Nullopt when the request named none and none came.
S3Result<std::optional<ClaimedChecksum>> trailer_checksum(const BodyChecksums& claimed,
                                                          const std::vector<Trailer>& trailers);

// The message where a part, or the whole, of an upload names another algorithm than the upload.
std::string checksum_kind_mismatch(crypto::DigestKind upload, crypto::DigestKind given);
// 400 BadDigest in S3's words. Kind kMd5 from Content-MD5 has words of its own.
S3Error checksum_mismatch(crypto::DigestKind kind, std::string_view claimed_base64,
                          std::string_view computed_base64);
S3Error content_md5_mismatch(const crypto::DigestValue& claimed,
                             const crypto::DigestValue& computed);

// x-amz-checksum-algorithm and -type of CreateMultipartUpload, checked together.
struct UploadChecksum {
  std::optional<crypto::DigestKind> kind;
  std::optional<object::ChecksumType> type;
};
S3Result<UploadChecksum> parse_upload_checksum(const RequestView& request);

// Checksum of the whole object on CompleteMultipartUpload: with or without `-N`.
struct CompleteChecksum {
  std::optional<ClaimedChecksum> value;
  std::optional<uint32_t> parts_count;  // The N, when it was given.
  std::optional<object::ChecksumType> type;
};
S3Result<CompleteChecksum> parse_complete_checksum(const RequestView& request);

// x-amz-checksum-mode: ENABLED.
bool checksum_mode_enabled(const RequestView& request);

}  // namespace cairn::s3
