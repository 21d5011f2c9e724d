// x-amz-server-side-encryption*: what a write asks for and the keys that SSE-C requests bring
// (S3.md 2.3 "SSE").
//
// Keys are taken from headers only, never from a query: URLs end up in logs. What is decoded of a
// key is cleansed before it is given back as a SecretKey; no error repeats any of it.
// The parsers are pure functions of the headers' values.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "crypto/kms_ring.h"
#include "object/sse.h"
#include "s3/errors.h"

namespace cairn::s3 {

inline constexpr size_t kSseContextBytesMax = 4096;  // Of the decoded JSON.

// x-amz-[copy-source-]server-side-encryption-customer-*
struct CustomerKeyHeaders {
  std::optional<std::string_view> algorithm;
  std::optional<std::string_view> key;
  std::optional<std::string_view> key_md5;
  bool any() const { return algorithm || key || key_md5; }
};
// Null when none of the three is there. All of them are needed; `is_secure`: the connection is
// encrypted, or plain HTTP is allowed.
S3Result<crypto::SseKeyPointer> parse_customer_key(const CustomerKeyHeaders& headers,
                                                   bool is_secure);

// x-amz-server-side-encryption, -aws-kms-key-id, -context, -bucket-key-enabled
struct EncryptionHeaders {
  std::optional<std::string_view> algorithm;
  std::optional<std::string_view> kms_key_id;
  std::optional<std::string_view> context;
  std::optional<std::string_view> bucket_key;
  bool any() const { return algorithm || kms_key_id || context || bucket_key; }
};
// The id or alias that a key id names: an ARN is taken apart. KMS.NotFoundException when it is
// another account's, another region's (an empty `region` is any) or none at all.
S3Result<std::string> parse_kms_key_name(std::string_view text, crypto::TenantId tenant,
                                         std::string_view region);
// The context as canonical JSON: names in order, no blanks.
S3Result<std::string> parse_encryption_context(std::string_view base64);
// InvalidArgument of a request that brings a customer's key and names another encryption.
std::unexpected<S3Error> both_encryptions(std::string_view algorithm);
// `customer_key` may be null. Without any header: the tenant's own keys.
S3Result<object::SseRequest> parse_encryption_headers(const EncryptionHeaders& headers,
                                                      crypto::SseKeyPointer customer_key,
                                                      crypto::TenantId tenant,
                                                      std::string_view region);

// How a KMS key is named to clients: its ARN, but a key that was created with a name of its own by
// that name.
std::string shown_kms_key(std::string_view id, crypto::TenantId tenant, std::string_view region);

}  // namespace cairn::s3
