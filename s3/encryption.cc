#include "s3/encryption.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <utility>

#include "base/encoding.h"
#include "s3/config_kinds.h"
#include "s3/request_keys.h"
#include "s3/sse_headers.h"

namespace cairn::s3 {
namespace {

using crypto::SseKind;
namespace reason = object::reason;

constexpr std::string_view kAlgorithm = "x-amz-server-side-encryption";

EncryptionHeaders encryption_headers(const Call& call) {
  EncryptionHeaders out;
  out.algorithm = call.header(kAlgorithm);
  out.kms_key_id = call.header("x-amz-server-side-encryption-aws-kms-key-id");
  out.context = call.header("x-amz-server-side-encryption-context");
  out.bucket_key = call.header("x-amz-server-side-encryption-bucket-key-enabled");
  return out;
}

CustomerKeyHeaders customer_headers(const Call& call) {
  CustomerKeyHeaders out;
  out.algorithm = call.header("x-amz-server-side-encryption-customer-algorithm");
  out.key = call.view.header("x-amz-server-side-encryption-customer-key");
  out.key_md5 = call.view.header("x-amz-server-side-encryption-customer-key-MD5");
  return out;
}

// Most requests name none of the headers and pay for one pass over their head only.
bool mentions_encryption(const Call& call) {
  if (call.auth.is_presigned()) return true;
  return std::ranges::any_of(call.view.headers, [](const HeaderView& header) {
    return starts_with_ignoring_case(header.name, kAlgorithm);
  });
}

bool is_secure(const Call& call) {
  return client_is_encrypted(call) || call.context.allow_ssec_over_http;
}

std::unexpected<S3Error> unsupported_here(const Call& call) {
  return invalid_argument(
      "x-amz-server-side-encryption header is not supported for this operation.", kAlgorithm,
      call.header(kAlgorithm).value_or(""));
}

bool is_signed_v2(const Call& call) {
  return call.auth.kind == AuthKind::kV2Header || call.auth.kind == AuthKind::kV2Query;
}

std::unexpected<S3Error> needs_v4() {
  return invalid_argument(
      "Requests specifying Server Side Encryption with AWS KMS managed keys require AWS Signature "
      "Version 4.",
      "Authorization", "null");
}

// The bucket's configuration; null when it has none.
S3Result<std::shared_ptr<const EncryptionConfig>> bucket_encryption(const Call& call) {
  if (!has_default_encryption(call.bucket)) return nullptr;
  auto config = call.context.bucket_cache->get<EncryptionKind>(call.bucket);
  // Not as unset: an object that should be under a KMS key must not be stored without.
  if (config == nullptr) return s3_fail(S3Code::kInternalError);
  return config;
}

// What it says for writes that say nothing.
S3Result<object::SseRequest> bucket_default(const Call& call, const EncryptionConfig& config) {
  object::SseRequest out;
  if (config.algorithm == DefaultEncryption::kAes256) return out;
  out.kind = SseKind::kKms;
  out.bucket_key = config.bucket_key;
  if (config.kms_key_id.empty()) return out;
  S3Result<std::string> name = parse_kms_key_name(config.kms_key_id, call.bucket.tenant, {});
  if (!name) return std::unexpected(std::move(name.error()));
  out.kms_key = std::move(*name);
  return out;
}

void add_record(http::ResponseHead& head, const Call& call, const object::SseRecord& record) {
  if (record.kind == SseKind::kCustomer) {
    // Replies to requests that brought the key tell which one it was; others only the algorithm.
    head.add("x-amz-server-side-encryption-customer-algorithm", "AES256");
    const auto md5 = call.view.header("x-amz-server-side-encryption-customer-key-MD5");
    if (md5) head.add("x-amz-server-side-encryption-customer-key-MD5", *md5);
    return;
  }
  head.add(kAlgorithm, record.kind == SseKind::kKms ? "aws:kms" : "AES256");
  if (record.kind != SseKind::kKms) return;
  head.add("x-amz-server-side-encryption-aws-kms-key-id",
           shown_kms_key(record.kms_key_id, call.bucket.tenant, call.context.region));
  if (record.bucket_key) head.add("x-amz-server-side-encryption-bucket-key-enabled", "true");
}

}  // namespace

S3Result<object::SseRequest> plan_encryption(const Call& call) {
  if (!mentions_encryption(call) && !has_default_encryption(call.bucket)) {
    return object::SseRequest();
  }
  const EncryptionHeaders headers = encryption_headers(call);
  const bool brings_key = customer_headers(call).any();
  if (brings_key && headers.algorithm) return both_encryptions(*headers.algorithm);
  S3Result<crypto::SseKeyPointer> key = customer_key_of_write(call);
  if (!key) return std::unexpected(std::move(key.error()));
  const auto config = bucket_encryption(call);
  if (!config) return std::unexpected(config.error());
  if (*key == nullptr && !headers.any()) {
    if (*config == nullptr) return object::SseRequest();
    if ((*config)->algorithm == DefaultEncryption::kKms && is_signed_v2(call)) return needs_v4();
    return bucket_default(call, **config);
  }
  S3Result<object::SseRequest> out =
      parse_encryption_headers(headers, std::move(*key), call.bucket.tenant, call.context.region);
  if (out && out->kind == SseKind::kKms && is_signed_v2(call)) return needs_v4();
  if (out && out->kind == SseKind::kKms && !headers.bucket_key && *config != nullptr) {
    out->bucket_key = (*config)->bucket_key;
  }
  return out;
}

S3Result<crypto::SseKeyPointer> customer_key_of_write(const Call& call) {
  S3Result<crypto::SseKeyPointer> key = customer_key_of(call);
  if (!key || *key == nullptr) return key;
  const auto config = bucket_encryption(call);
  if (!config) return std::unexpected(config.error());
  if (*config != nullptr && (*config)->blocks_customer_keys) {
    return s3_fail(S3Code::kAccessDenied,
                   "This bucket has blocked upload requests that specify Server Side Encryption "
                   "with Customer provided keys (SSE-C). Please specify a different server-side "
                   "encryption type");
  }
  return key;
}

bool has_default_encryption(const object::BucketInfo& bucket) {
  return bucket.config->document(document::kEncryption) != nullptr;
}

S3Result<crypto::SseKeyPointer> customer_key_of(const Call& call) {
  if (!mentions_encryption(call)) return crypto::SseKeyPointer();
  return parse_customer_key(customer_headers(call), is_secure(call));
}

S3Result<crypto::SseKeyPointer> source_key_of(const Call& call) {
  CustomerKeyHeaders headers;
  headers.algorithm = call.header("x-amz-copy-source-server-side-encryption-customer-algorithm");
  headers.key = call.view.header("x-amz-copy-source-server-side-encryption-customer-key");
  headers.key_md5 = call.view.header("x-amz-copy-source-server-side-encryption-customer-key-MD5");
  return parse_customer_key(headers, is_secure(call));
}

S3Status refuse_encryption_headers(const Call& call) {
  if (mentions_encryption(call) && encryption_headers(call).any()) return unsupported_here(call);
  return {};
}

S3Status check_kms_signature(const Call& call, std::string_view record) {
  if (record.empty() || !is_signed_v2(call)) return {};
  const Result<object::SseRecord> parsed = object::parse_sse(record);
  if (parsed && parsed->kind == SseKind::kKms) return needs_v4();
  return {};
}

S3Status check_part_encryption(const Call& call, std::string_view upload_record) {
  if (!mentions_encryption(call)) return {};
  const EncryptionHeaders headers = encryption_headers(call);
  const Result<object::SseRecord> record = object::parse_sse(upload_record);
  if (!record) return std::unexpected(translate(call, record.error()));
  // Clients repeat the headers of the upload; what differs from it would not be applied.
  if (record->kind == SseKind::kKms || !headers.any()) return {};
  if (record->kind == SseKind::kTenant && headers.algorithm == "AES256") return {};
  return unsupported_here(call);
}

void add_encryption(http::ResponseHead& head, const Call& call, std::string_view record) {
  if (record.empty()) {
    head.add(kAlgorithm, "AES256");
    return;
  }
  const Result<object::SseRecord> parsed = object::parse_sse(record);
  if (parsed) add_record(head, call, *parsed);
}

void add_encryption_of_write(http::ResponseHead& head, const Call& call, std::string_view record) {
  add_encryption(head, call, record);
  if (record.empty()) return;
  const Result<object::SseRecord> parsed = object::parse_sse(record);
  if (!parsed || parsed->kms_context.empty()) return;
  head.add("x-amz-server-side-encryption-context", to_base64(as_bytes(parsed->kms_context)));
}

void cleanse_customer_keys(const http::RequestHead& head) {
  for (const http::Field field : head.fields) {
    const bool is_key =
        equal_ignoring_case(field.name, "x-amz-server-side-encryption-customer-key") ||
        equal_ignoring_case(field.name, "x-amz-copy-source-server-side-encryption-customer-key");
    if (!is_key || field.value.empty()) continue;
    // The bytes are the connection's receive buffer, which is not const.
    OPENSSL_cleanse(const_cast<char*>(field.value.data()), field.value.size());
  }
}

std::optional<S3Error> translate_encryption(const Error& error) {
  const auto is = [&](std::string_view why) { return error.message.starts_with(why); };
  // What follows the reason is the key's name.
  const auto name = [&](std::string_view why) {
    return error.message.substr(std::min(error.message.size(), why.size() + 2));
  };
  if (is(reason::kKmsKeyUnknown)) {
    return S3Error{
        S3Code::kKmsNotFound, "Invalid keyId '" + name(reason::kKmsKeyUnknown) + "'", {}};
  }
  if (is(reason::kKmsKeyDisabled)) {
    return S3Error{S3Code::kKmsDisabled, name(reason::kKmsKeyDisabled) + " is disabled.", {}};
  }
  if (is(reason::kSseKeyWrong)) {
    return S3Error{S3Code::kAccessDenied,
                   "Requests specifying Server Side Encryption with Customer provided keys must "
                   "provide the correct secret key.",
                   {}};
  }
  if (is(reason::kSseKeyOfPartMissing)) {
    return S3Error{S3Code::kInvalidRequest,
                   "The multipart upload initiate requested encryption. Subsequent part requests "
                   "must include the appropriate encryption parameters.",
                   {}};
  }
  if (is(reason::kSseKeyAtComplete)) {
    return S3Error{S3Code::kInvalidArgument,
                   "Requests specifying Server Side Encryption with Customer provided keys must "
                   "provide a valid encryption algorithm.",
                   {{"ArgumentName", std::string(kAlgorithm)}, {"ArgumentValue", "null"}}};
  }
  if (is(reason::kSseKeyOfPart)) {
    return S3Error{S3Code::kInvalidRequest,
                   "The provided encryption parameters did not match the ones used originally.",
                   {}};
  }
  if (is(reason::kSseKeyRequired)) {
    return S3Error{S3Code::kInvalidRequest,
                   "The object was stored using a form of Server Side Encryption. The correct "
                   "parameters must be provided to retrieve the object.",
                   {}};
  }
  if (is(reason::kSseKeyUnexpected)) {
    return S3Error{S3Code::kInvalidRequest,
                   "The encryption parameters are not applicable to this object.",
                   {}};
  }
  return std::nullopt;
}

}  // namespace cairn::s3
