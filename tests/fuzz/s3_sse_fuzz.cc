// Headers of server-side encryption. Invariants: a key that is accepted has 32 bytes whose base64
// and MD5 are what was sent; a context that is accepted is canonical, so reading it again changes
// nothing; no two kinds of encryption are accepted at once; no error repeats a key.
#include <array>
#include <optional>
#include <string>

#include "base/assert.h"
#include "base/encoding.h"
#include "crypto/digest.h"
#include "object/sse.h"
#include "s3/sse_headers.h"

using namespace cairn;
using namespace cairn::s3;

namespace {

// Takes the next line; nullopt for one that is "-".
std::optional<std::string_view> next_value(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  if (line == "-") return std::nullopt;
  return line;
}

void check_key(const CustomerKeyHeaders& headers, const S3Result<crypto::SseKeyPointer>& key) {
  if (!key) {
    if (headers.key && headers.key->size() >= 8) {
      ASSERT(key.error().message.find(*headers.key) == std::string::npos);
      for (const ErrorField& field : key.error().fields) {
        ASSERT(field.value.find(*headers.key) == std::string::npos);
      }
    }
    return;
  }
  if (*key == nullptr) {
    ASSERT(!headers.any());
    return;
  }
  ASSERT(headers.algorithm == "AES256");
  ASSERT(to_base64((*key)->secret.view()) == *headers.key);
  ASSERT(to_base64(crypto::digest_of(crypto::DigestKind::kMd5, (*key)->secret.view()).view()) ==
         *headers.key_md5);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text = as_text({data, size});
  CustomerKeyHeaders customer;
  customer.algorithm = next_value(text);
  customer.key = next_value(text);
  customer.key_md5 = next_value(text);
  EncryptionHeaders headers;
  headers.algorithm = next_value(text);
  headers.kms_key_id = next_value(text);
  headers.bucket_key = next_value(text);
  headers.context = next_value(text);
  const S3Result<crypto::SseKeyPointer> key = parse_customer_key(customer, true);
  check_key(customer, key);
  ASSERT(!customer.any() || !parse_customer_key(customer, false));
  const S3Result<object::SseRequest> request =
      parse_encryption_headers(headers, key.value_or(nullptr), crypto::kRootTenant, "us-east-1");
  if (request) {
    const bool brought = key.has_value() && *key != nullptr;
    ASSERT((request->kind == crypto::SseKind::kCustomer) == brought);
    ASSERT((request->kind == crypto::SseKind::kKms) == (headers.algorithm == "aws:kms"));
    ASSERT(request->kms_key.empty() || crypto::is_kms_name(request->kms_key));
  }
  if (headers.context) {
    const S3Result<std::string> context = parse_encryption_context(*headers.context);
    if (context && !context->empty()) {
      ASSERT(parse_encryption_context(to_base64(as_bytes(*context))).value() == *context);
    }
  }
  const Result<object::SseRecord> record = object::parse_sse(as_text({data, size}));
  if (record && record->kind != crypto::SseKind::kTenant) {
    const Result<object::SseRecord> again = object::parse_sse(object::encode_sse(*record));
    ASSERT(again && again->kms_key_id == record->kms_key_id &&
           again->kms_version == record->kms_version && again->commitment == record->commitment);
  }
  return 0;
}
