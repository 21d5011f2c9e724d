// Text encodings of bytes: hex and base64 (RFC 4648).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace cairn {

// Lower-case hex.
std::string to_hex(BytesView bytes);
// Accepts both cases; nullopt on odd length or a non-hex character.
std::optional<Bytes> from_hex(std::string_view text);

// Standard alphabet with padding (RFC 4648 section 4).
std::string to_base64(BytesView bytes);
// Strict: standard alphabet, padding required, no white space, zero trailing bits.
std::optional<Bytes> from_base64(std::string_view text);

}  // namespace cairn
