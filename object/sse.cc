#include "object/sse.h"

#include <utility>

#include "crypto/kms_ring.h"
#include "object/limits.h"
#include "proto/sse.pb.h"

namespace cairn::object {
namespace {

using crypto::SseKind;

std::unexpected<Error> damaged() {
  return fail(Code::kCorruption, "the encryption record of an object is damaged");
}

bool is_valid(const SseRecord& record) {
  if (record.kind == SseKind::kCustomer) {
    return record.commitment.size() == crypto::kSseCommitmentBytes && record.kms_key_id.empty();
  }
  return record.kind == SseKind::kKms && crypto::is_kms_name(record.kms_key_id) &&
         record.kms_version >= 1 && record.commitment.empty();
}

}  // namespace

std::string encode_sse(const SseRecord& record) {
  if (record.kind == SseKind::kTenant) return {};
  proto::Sse out;
  out.set_kind(static_cast<uint32_t>(record.kind));
  out.set_kms_key_id(record.kms_key_id);
  out.set_kms_version(record.kms_version);
  out.set_kms_context(record.kms_context);
  out.set_bucket_key(record.bucket_key);
  out.set_commitment(std::string(as_text(record.commitment)));
  return out.SerializeAsString();
}

Result<SseRecord> parse_sse(std::string_view record) {
  SseRecord out;
  if (record.empty()) return out;
  proto::Sse in;
  if (record.size() > kSseRecordBytesMax ||
      !in.ParseFromArray(record.data(), static_cast<int>(record.size())) || in.kind() > UINT8_MAX) {
    return damaged();
  }
  out.kind = static_cast<SseKind>(in.kind());
  out.kms_key_id = std::move(*in.mutable_kms_key_id());
  out.kms_version = in.kms_version();
  out.kms_context = std::move(*in.mutable_kms_context());
  out.bucket_key = in.bucket_key();
  const BytesView commitment = as_bytes(in.commitment());
  out.commitment.assign(commitment.begin(), commitment.end());
  if (!is_valid(out)) return damaged();
  return out;
}

}  // namespace cairn::object
