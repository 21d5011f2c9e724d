// Content-Range of an answer to a range request (RFC 9110 14.4).
#pragma once

#include <optional>
#include <string_view>

#include "base/units.h"

namespace cairn::transfer {

// "bytes 0-9/100" as a range and the whole size; nullopt for another form.
struct ContentRange {
  ByteRange range;
  uint64_t total_bytes = 0;
};
std::optional<ContentRange> parse_content_range(std::string_view text);

}  // namespace cairn::transfer
