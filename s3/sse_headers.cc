#include "s3/sse_headers.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/encoding.h"
#include "crypto/digest.h"
#include "iam/account.h"
#include "s3/request_view.h"

namespace cairn::s3 {
namespace {

constexpr std::string_view kAlgorithmHeader = "x-amz-server-side-encryption";
constexpr std::string_view kContextHeader = "x-amz-server-side-encryption-context";
constexpr size_t kCustomerKeyBytes = 32;
constexpr size_t kKeyTextBytesMax = 256;  // Longer texts are no key of any algorithm.
constexpr size_t kUuidBytes = 36;

// Decoded bytes that may be a key: cleansed when they go.
class SecretBytes {
 public:
  explicit SecretBytes(std::string_view base64) {
    if (base64.size() <= kKeyTextBytesMax) bytes_ = from_base64(base64);
  }
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes() {
    if (bytes_) OPENSSL_cleanse(bytes_->data(), bytes_->size());
  }
  bool is_text() const { return !bytes_; }
  bool is_key() const { return bytes_ && bytes_->size() == kCustomerKeyBytes; }
  BytesView view() const { return *bytes_; }

 private:
  std::optional<Bytes> bytes_;
};

std::unexpected<S3Error> bad_customer_key(std::string message) {
  // S3 names this header in all of them.
  return invalid_argument(std::move(message), kAlgorithmHeader, "null");
}

S3Status check_customer_headers(const CustomerKeyHeaders& headers, bool is_secure) {
  if (!is_secure) {
    return s3_fail(S3Code::kInvalidRequest,
                   "Requests specifying Server Side Encryption with Customer provided keys must be "
                   "made over a secure connection.");
  }
  if (!headers.algorithm) {
    return bad_customer_key(
        "Requests specifying Server Side Encryption with Customer provided keys must provide a "
        "valid encryption algorithm.");
  }
  if (*headers.algorithm != "AES256") {
    return s3_fail(S3Code::kInvalidEncryptionAlgorithmError, {},
                   {{"ArgumentName", std::string(kAlgorithmHeader)},
                    {"ArgumentValue", std::string(*headers.algorithm)}});
  }
  if (!headers.key) {
    return bad_customer_key(
        "Requests specifying Server Side Encryption with Customer provided keys must provide an "
        "appropriate secret key.");
  }
  if (!headers.key_md5) {
    return bad_customer_key(
        "Requests specifying Server Side Encryption with Customer provided keys must provide the "
        "client calculated MD5 of the secret key.");
  }
  return {};
}

}  // namespace

S3Result<crypto::SseKeyPointer> parse_customer_key(const CustomerKeyHeaders& headers,
                                                   bool is_secure) {
  if (!headers.any()) return crypto::SseKeyPointer();
  if (S3Status checked = check_customer_headers(headers, is_secure); !checked) {
    return std::unexpected(std::move(checked.error()));
  }
  constexpr std::string_view kBadKey = "The secret key was invalid for the specified algorithm.";
  const SecretBytes key(*headers.key);
  if (key.is_text()) return bad_customer_key(std::string(kBadKey));
  const std::optional<Bytes> md5 = from_base64(*headers.key_md5);
  const crypto::DigestValue computed = crypto::digest_of(crypto::DigestKind::kMd5, key.view());
  if (!md5 || !crypto::equal_secret(computed.view(), *md5)) {
    return bad_customer_key(
        "The calculated MD5 hash of the key did not match the hash that was provided.");
  }
  if (!key.is_key()) return bad_customer_key(std::string(kBadKey));
  auto out = std::make_shared<crypto::SseKey>();
  out->kind = crypto::SseKind::kCustomer;
  out->secret = crypto::SecretKey(key.view());
  return crypto::SseKeyPointer(std::move(out));
}

S3Result<std::string> parse_kms_key_name(std::string_view text, crypto::TenantId tenant,
                                         std::string_view region) {
  const std::string given(text);
  const auto unknown = [&] {
    return s3_fail(S3Code::kKmsNotFound, "Invalid keyId '" + given + "'");
  };
  if (text.starts_with("arn:")) {
    // arn:aws:kms:REGION:ACCOUNT:key/ID or ...:alias/NAME
    std::string_view fields[5];
    for (std::string_view& field : fields) {
      const size_t colon = text.find(':');
      if (colon == std::string_view::npos) return unknown();
      field = text.substr(0, colon);
      text.remove_prefix(colon + 1);
    }
    if (!fields[1].starts_with("aws") || fields[2] != "kms" ||
        fields[4] != iam::account_number(tenant)) {
      return unknown();
    }
    if (!region.empty() && fields[3] != region) {
      return s3_fail(S3Code::kKmsNotFound, "Invalid arn " + std::string(fields[3]));
    }
    if (text.starts_with("key/")) {
      text.remove_prefix(4);
      if (text.starts_with(crypto::kKmsAliasPrefix)) return unknown();
    } else if (!text.starts_with(crypto::kKmsAliasPrefix)) {
      return unknown();
    }
  }
  if (!crypto::is_kms_name(text)) return unknown();
  return std::string(text);
}

S3Result<std::string> parse_encryption_context(std::string_view base64) {
  const auto bad = [&] {
    return invalid_argument(
        "The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string "
        "holding JSON which represents a string-string map",
        kContextHeader, "");
  };
  const std::optional<Bytes> bytes = from_base64(base64);
  if (!bytes || bytes->size() > kSseContextBytesMax) return bad();
  const nlohmann::json json = nlohmann::json::parse(as_text(*bytes), nullptr, false);
  if (!json.is_object()) return bad();
  for (const auto& entry : json.items()) {
    if (!entry.value().is_string()) return bad();
  }
  if (json.empty()) return std::string();
  // Invalid UTF-8 does not parse, so dumping cannot throw.
  return json.dump();
}

namespace {

S3Result<object::SseRequest> parse_kms_headers(const EncryptionHeaders& headers,
                                               crypto::TenantId tenant, std::string_view region) {
  object::SseRequest out;
  out.kind = crypto::SseKind::kKms;
  if (headers.kms_key_id && !headers.kms_key_id->empty()) {
    S3Result<std::string> name = parse_kms_key_name(*headers.kms_key_id, tenant, region);
    if (!name) return std::unexpected(std::move(name.error()));
    out.kms_key = std::move(*name);
  }
  if (headers.context) {
    S3Result<std::string> context = parse_encryption_context(*headers.context);
    if (!context) return std::unexpected(std::move(context.error()));
    out.kms_context = std::move(*context);
  }
  if (headers.bucket_key) {
    // botocore writes Python's True.
    const bool enabled = equal_ignoring_case(*headers.bucket_key, "true");
    if (!enabled && !equal_ignoring_case(*headers.bucket_key, "false")) {
      return invalid_argument("The value must be true or false",
                              "x-amz-server-side-encryption-bucket-key-enabled",
                              *headers.bucket_key);
    }
    out.bucket_key = enabled;
  }
  return out;
}

}  // namespace

std::unexpected<S3Error> both_encryptions(std::string_view algorithm) {
  return invalid_argument(
      "Server Side Encryption with Customer provided key is incompatible with the encryption "
      "method specified",
      kAlgorithmHeader, algorithm);
}

S3Result<object::SseRequest> parse_encryption_headers(const EncryptionHeaders& headers,
                                                      crypto::SseKeyPointer customer_key,
                                                      crypto::TenantId tenant,
                                                      std::string_view region) {
  const std::string_view algorithm = headers.algorithm.value_or("");
  if (customer_key != nullptr && headers.any()) {
    return both_encryptions(algorithm);
  }
  object::SseRequest out;
  if (customer_key != nullptr) {
    out.kind = crypto::SseKind::kCustomer;
    out.customer_key = std::move(customer_key);
    return out;
  }
  if (algorithm == "aws:kms") return parse_kms_headers(headers, tenant, region);
  if (algorithm == "aws:kms:dsse") {
    return s3_fail(S3Code::kNotImplemented,
                   "aws:kms:dsse is not implemented: use aws:kms or AES256.",
                   {{"Header", std::string(kAlgorithmHeader)}});
  }
  if (headers.algorithm && algorithm != "AES256") {
    return invalid_argument("The encryption method specified is not supported", kAlgorithmHeader,
                            algorithm);
  }
  if (headers.kms_key_id || headers.context) {
    return invalid_argument(
        "Server Side Encryption with AWS KMS managed key requires HTTP header "
        "x-amz-server-side-encryption : aws:kms",
        kAlgorithmHeader, algorithm);
  }
  return out;
}

std::string shown_kms_key(std::string_view id, crypto::TenantId tenant, std::string_view region) {
  const bool is_uuid = id.size() == kUuidBytes && std::ranges::count(id, '-') == 4;
  if (!is_uuid) return std::string(id);
  std::string arn = "arn:aws:kms:";
  arn.append(region).append(":").append(iam::account_number(tenant)).append(":key/").append(id);
  return arn;
}

}  // namespace cairn::s3
