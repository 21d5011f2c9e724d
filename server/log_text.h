// Pieces of the JSON lines of the access log and the audit log. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace cairn::server {

// "2026-01-02T03:04:05.007Z"
void append_iso_time(std::string& out, WallTime at);
// ,"name":"<escaped text>"
void append_text_field(std::string& out, std::string_view name, std::string_view text);
// ,"name":value
void append_count_field(std::string& out, std::string_view name, uint64_t value);

}  // namespace cairn::server
