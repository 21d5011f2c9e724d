// How a body is encrypted beyond the tenant's own keys: SSE-KMS and SSE-C.
//
// A write asks (SseRequest); what it was given is resolved to a key and a record; the record is
// stored with the object (ObjectInfo::sse) and says what a read needs. Objects under the tenant's
// keys alone have an empty record, so nothing here touches them.
// Sealing: crypto/sse_keys.h. Bytes of the record: proto Sse.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/kms_ring.h"
#include "crypto/sse_keys.h"

namespace cairn::object {

namespace reason {
inline constexpr std::string_view kSseKeyRequired = "SSE-C key required";
inline constexpr std::string_view kSseKeyWrong = "SSE-C key wrong";
inline constexpr std::string_view kSseKeyUnexpected = "SSE-C key unexpected";
inline constexpr std::string_view kSseKeyOfPart = "SSE-C key of a part";
inline constexpr std::string_view kSseKeyOfPartMissing = "SSE-C key missing in a part or unasked";
inline constexpr std::string_view kSseKeyAtComplete = "SSE-C key missing at the end of an upload";
inline constexpr std::string_view kKmsKeyUnknown = "KMS key unknown";
inline constexpr std::string_view kKmsKeyDisabled = "KMS key disabled";
}  // namespace reason

// What a write asks for.
struct SseRequest {
  crypto::SseKind kind = crypto::SseKind::kTenant;
  std::string kms_key;      // Id or alias; empty = the tenant's default key.
  std::string kms_context;  // Canonical JSON; empty = none.
  bool bucket_key = false;  // Kept and told, no more: no key here is a call away.
  crypto::SseKeyPointer customer_key;
};

// What is stored.
struct SseRecord {
  crypto::SseKind kind = crypto::SseKind::kTenant;
  std::string kms_key_id;
  uint32_t kms_version = 0;
  std::string kms_context;
  bool bucket_key = false;
  Bytes commitment;  // Of a customer's key.
};

// One change of a tenant's KMS keys.
struct KmsCommand {
  enum class Kind : uint8_t { kCreate, kEnable, kDisable, kDelete, kRotate };
  Kind kind = Kind::kCreate;
  crypto::TenantId tenant;
  // kCreate: the id; empty = a new UUID. Else an id or alias.
  std::string name;
  std::vector<std::string> aliases;  // kCreate; with the prefix, not `alias/aws/`.
};

// Empty for kTenant.
std::string encode_sse(const SseRecord& record);
// kCorruption for anything that encode_sse() cannot have made.
Result<SseRecord> parse_sse(std::string_view record);

}  // namespace cairn::object
