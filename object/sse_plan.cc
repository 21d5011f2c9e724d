#include "object/sse_plan.h"

#include <array>
#include <utility>

#include "base/encoding.h"
#include "crypto/kms_ring.h"
#include "object/kms_keys.h"

namespace cairn::object {
namespace {

using crypto::SseKeyPointer;
using crypto::SseKind;

Result<crypto::KmsKeyPointer> usable_kms_key(const Context& context, TenantId tenant,
                                             std::string_view name) {
  crypto::KmsKeyPointer key = context.keys.kms().find(tenant, name);
  if (key == nullptr) {
    return fail(Code::kNotFound, std::string(reason::kKmsKeyUnknown) + ": " + std::string(name));
  }
  if (!key->enabled) {
    return fail(Code::kPermissionDenied,
                std::string(reason::kKmsKeyDisabled) + ": " + std::string(name));
  }
  return key;
}

Result<SseKeyPointer> open_kms(const Context& context, TenantId tenant, const SseRecord& record) {
  const Result<crypto::KmsKeyPointer> key = usable_kms_key(context, tenant, record.kms_key_id);
  if (!key) return std::unexpected(key.error());
  SseKeyPointer out = crypto::make_kms_sse_key(**key, record.kms_version, record.kms_context);
  if (out == nullptr) {
    return fail(Code::kNotFound, std::string(reason::kKmsKeyUnknown) + ": version " +
                                     std::to_string(record.kms_version) + " of " +
                                     record.kms_key_id);
  }
  return out;
}

io::Task<Result<SsePlan>> plan_kms(Context& context, TenantId tenant, SseRequest request) {
  if (request.kms_key.empty() || request.kms_key == crypto::kKmsDefaultAlias) {
    request.kms_key = crypto::kKmsDefaultAlias;
    co_await io::or_return(ensure_default_kms_key(context, tenant));
  }
  const crypto::KmsKeyPointer key =
      co_await io::or_return(usable_kms_key(context, tenant, request.kms_key));
  SseRecord record;
  record.kind = SseKind::kKms;
  record.kms_key_id = key->id;
  record.kms_version = key->current;
  record.kms_context = std::move(request.kms_context);
  record.bucket_key = request.bucket_key;
  SsePlan out;
  out.key = crypto::make_kms_sse_key(*key, key->current, record.kms_context);
  if (out.key == nullptr) co_return fail(Code::kInternal, "a KMS key has no current version");
  out.record = encode_sse(record);
  co_return out;
}

}  // namespace

io::Task<Result<SsePlan>> plan_sse(Context& context, TenantId tenant, SseRequest request) {
  if (request.kind == SseKind::kKms) {
    co_return co_await plan_kms(context, tenant, std::move(request));
  }
  SsePlan out;
  if (request.kind == SseKind::kTenant) co_return out;
  if (request.customer_key == nullptr) {
    co_return fail(Code::kInvalidArgument, std::string(reason::kSseKeyRequired));
  }
  const auto tenant_keys = co_await io::or_return(context.keys_of(tenant));
  SseRecord record;
  record.kind = SseKind::kCustomer;
  record.commitment =
      crypto::commit_to_sse_key(*tenant_keys, *request.customer_key, context.random);
  out.record = encode_sse(record);
  out.key = std::move(request.customer_key);
  co_return out;
}

Result<SseKeyPointer> open_sse(const Context& context, TenantId tenant, std::string_view record,
                               const SseKeyPointer& customer_key) {
  const Result<SseRecord> parsed = parse_sse(record);
  if (!parsed) return std::unexpected(parsed.error());
  if (parsed->kind != SseKind::kCustomer) {
    if (customer_key != nullptr) {
      return fail(Code::kInvalidArgument, std::string(reason::kSseKeyUnexpected));
    }
    if (parsed->kind == SseKind::kTenant) return SseKeyPointer();
    return open_kms(context, tenant, *parsed);
  }
  if (customer_key == nullptr) {
    return fail(Code::kInvalidArgument, std::string(reason::kSseKeyRequired));
  }
  const auto tenant_keys = context.keys_of(tenant);
  if (!tenant_keys) return std::unexpected(tenant_keys.error());
  if (!crypto::sse_key_matches(**tenant_keys, *customer_key, parsed->commitment)) {
    return fail(Code::kPermissionDenied, std::string(reason::kSseKeyWrong));
  }
  return customer_key;
}

Result<SsePlan> plan_part_sse(const Context& context, TenantId tenant, std::string_view record,
                              const SseKeyPointer& customer_key) {
  SsePlan out;
  Result<SseKeyPointer> key = open_sse(context, tenant, record, customer_key);
  if (!key) {
    const std::string_view why = key.error().message;
    if (why.starts_with(reason::kSseKeyWrong)) {
      return fail(Code::kInvalidArgument, std::string(reason::kSseKeyOfPart));
    }
    if (why.starts_with(reason::kSseKeyRequired) || why.starts_with(reason::kSseKeyUnexpected)) {
      return fail(Code::kInvalidArgument, std::string(reason::kSseKeyOfPartMissing));
    }
    return std::unexpected(std::move(key.error()));
  }
  out.record = record;
  out.key = std::move(*key);
  return out;
}

Status check_complete_key(const Context& context, TenantId tenant, const UploadInfo& upload,
                          const SseKeyPointer& customer_key) {
  const Result<SseRecord> record = parse_sse(upload.sse);
  if (!record) return std::unexpected(record.error());
  if (record->kind != SseKind::kCustomer) return {};
  if (customer_key == nullptr && upload.checksum_was_asked) {
    return fail(Code::kInvalidArgument, std::string(reason::kSseKeyAtComplete));
  }
  if (customer_key == nullptr) return {};
  const Result<SsePlan> plan = plan_part_sse(context, tenant, upload.sse, customer_key);
  if (!plan) return std::unexpected(plan.error());
  return {};
}

std::optional<SseKeyPointer> known_sse_key(const Context& context, TenantId tenant,
                                           const SseRecord& record) {
  if (record.kind == SseKind::kTenant) return SseKeyPointer();
  if (record.kind != SseKind::kKms) return std::nullopt;
  const crypto::KmsKeyPointer key = context.keys.kms().find(tenant, record.kms_key_id);
  if (key == nullptr) return std::nullopt;
  SseKeyPointer out = crypto::make_kms_sse_key(*key, record.kms_version, record.kms_context);
  if (out == nullptr) return std::nullopt;
  return out;
}

std::shared_ptr<const crypto::TenantKeys> seal_keys(
    std::shared_ptr<const crypto::TenantKeys> tenant_keys, const SseKeyPointer& key) {
  if (key == nullptr) return tenant_keys;
  return crypto::derive_sse_keys(*tenant_keys, *key);
}

std::string make_sse_etag(Context& context, bool is_part) {
  std::array<uint8_t, 16> bytes;
  context.random.fill(bytes);
  std::string out = to_hex(bytes);
  if (!is_part) out += "-1";
  return out;
}

}  // namespace cairn::object
