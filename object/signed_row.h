// Rows that authenticate themselves: format (1) | tenant (8) | key version (4) | HMAC-SHA256 (32) |
// record. The HMAC, under the tenant's mac key, covers the row's key and all else, so a row that
// was altered or moved to another key does not open. Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/key_ring.h"

namespace cairn::object {

inline constexpr uint8_t kSignedRowFormat = 1;
inline constexpr size_t kSignedRowHeadBytes = 1 + 8 + 4 + 32;

std::string sign_row(const crypto::TenantKeys& keys, std::string_view row_key,
                     std::string_view record);

struct OpenedRow {
  crypto::TenantId tenant;
  BytesView record;  // Inside the value that was passed.
};
// kCorruption when the value is damaged or belongs to another key, or its tenant key is unknown.
Result<OpenedRow> open_row(const crypto::KeyRing& keys, std::string_view row_key,
                           std::string_view value);
// The record without a check of the HMAC: for listings, which show but never follow it.
Result<BytesView> peek_row(std::string_view value);

}  // namespace cairn::object
