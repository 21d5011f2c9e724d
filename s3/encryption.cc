#include "s3/encryption.h"

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

bool is_secure(const Call& call) {
  return client_is_encrypted(call) || call.context.allow_ssec_over_http;
}

std::unexpected<S3Error> unsupported_here(const Call& call) {
  return invalid_argument(
      "x-amz-server-side-encryption header is not supported for this operation.", kAlgorithm,
      call.header(kAlgorithm).value_or(""));
}

// What the bucket's configuration says for writes that say nothing.
S3Result<object::SseRequest> bucket_default(const Call& call) {
  object::SseRequest out;
  if (call.bucket.config->document(document::kEncryption) == nullptr) return out;
  const auto config = call.context.bucket_cache->get<EncryptionKind>(call.bucket);
  // Not as unset: an object that should be under a KMS key must not be stored without.
  if (config == nullptr) return s3_fail(S3Code::kInternalError);
  if (config->algorithm == DefaultEncryption::kAes256) return out;
  out.kind = SseKind::kKms;
  out.bucket_key = config->bucket_key;
  if (config->kms_key_id.empty()) return out;
  S3Result<std::string> name = parse_kms_key_name(config->kms_key_id, call.bucket.tenant);
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
  S3Result<crypto::SseKeyPointer> key = customer_key_of(call);
  if (!key) return std::unexpected(std::move(key.error()));
  const EncryptionHeaders headers = encryption_headers(call);
  if (*key == nullptr && !headers.any()) return bucket_default(call);
  return parse_encryption_headers(headers, std::move(*key), call.bucket.tenant);
}

S3Result<crypto::SseKeyPointer> customer_key_of(const Call& call) {
  CustomerKeyHeaders headers;
  headers.algorithm = call.header("x-amz-server-side-encryption-customer-algorithm");
  headers.key = call.view.header("x-amz-server-side-encryption-customer-key");
  headers.key_md5 = call.view.header("x-amz-server-side-encryption-customer-key-MD5");
  return parse_customer_key(headers, is_secure(call));
}

S3Result<crypto::SseKeyPointer> source_key_of(const Call& call) {
  CustomerKeyHeaders headers;
  headers.algorithm = call.header("x-amz-copy-source-server-side-encryption-customer-algorithm");
  headers.key = call.view.header("x-amz-copy-source-server-side-encryption-customer-key");
  headers.key_md5 = call.view.header("x-amz-copy-source-server-side-encryption-customer-key-MD5");
  return parse_customer_key(headers, is_secure(call));
}

S3Status refuse_encryption_headers(const Call& call) {
  if (encryption_headers(call).any()) return unsupported_here(call);
  return {};
}

S3Status check_part_encryption(const Call& call, std::string_view upload_record) {
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

std::optional<S3Error> translate_encryption(const Error& error) {
  const auto is = [&](std::string_view why) { return error.message.starts_with(why); };
  if (is(reason::kKmsKeyUnknown)) return S3Error{S3Code::kKmsNotFound, error.message, {}};
  if (is(reason::kKmsKeyDisabled)) return S3Error{S3Code::kKmsDisabled, error.message, {}};
  if (is(reason::kSseKeyWrong)) return S3Error{S3Code::kAccessDenied, {}, {}};
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
