#include "object/signed_row.h"

#include <algorithm>

#include "crypto/digest.h"

namespace cairn::object {
namespace {

constexpr std::string_view kLabel = "cairn row v1";
constexpr size_t kPlainHeadBytes = 13;  // What stands before the HMAC.

crypto::Sha256Value row_mac(const crypto::TenantKeys& keys, std::string_view row_key,
                            std::string_view head, std::string_view record) {
  uint8_t key_bytes[4];
  store_le(key_bytes, static_cast<uint32_t>(row_key.size()));
  std::string message;
  message.reserve(kLabel.size() + 4 + row_key.size() + head.size() + record.size());
  message.append(kLabel).append(as_text(key_bytes)).append(row_key).append(head).append(record);
  return crypto::hmac_sha256(keys.mac.view(), as_bytes(message));
}

std::unexpected<Error> damaged() {
  return fail(Code::kCorruption, "a metadata row does not authenticate");
}

}  // namespace

std::string sign_row(const crypto::TenantKeys& keys, std::string_view row_key,
                     std::string_view record) {
  uint8_t head[kPlainHeadBytes];
  head[0] = kSignedRowFormat;
  store_le(head + 1, keys.tenant.value);
  store_le(head + 9, keys.version);
  const crypto::Sha256Value mac = row_mac(keys, row_key, as_text(head), record);
  std::string out;
  out.reserve(kSignedRowHeadBytes + record.size());
  out.append(as_text(head)).append(as_text(mac)).append(record);
  return out;
}

Result<OpenedRow> open_row(const crypto::KeyRing& keys, std::string_view row_key,
                           std::string_view value) {
  const BytesView bytes = as_bytes(value);
  if (bytes.size() < kSignedRowHeadBytes || bytes[0] != kSignedRowFormat) return damaged();
  const crypto::TenantId tenant{load_le<uint64_t>(bytes.data() + 1)};
  const auto version = load_le<uint32_t>(bytes.data() + 9);
  const std::shared_ptr<const crypto::TenantKeys> key = keys.version(tenant, version);
  if (key == nullptr) return damaged();
  const std::string_view record = value.substr(kSignedRowHeadBytes);
  const crypto::Sha256Value mac = row_mac(*key, row_key, value.substr(0, kPlainHeadBytes), record);
  if (!crypto::equal_secret(mac, bytes.subspan(kPlainHeadBytes, mac.size()))) return damaged();
  return OpenedRow{tenant, as_bytes(record)};
}

Result<BytesView> peek_row(std::string_view value) {
  const BytesView bytes = as_bytes(value);
  if (bytes.size() < kSignedRowHeadBytes || bytes[0] != kSignedRowFormat) return damaged();
  return bytes.subspan(kSignedRowHeadBytes);
}

}  // namespace cairn::object
