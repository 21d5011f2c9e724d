// Content types by file name, for objects that come from files. Types of IANA's registry where
// there is one; weights and other binary formats are application/octet-stream, S3's default.
#pragma once

#include <string_view>

namespace cairn::cli {

// Empty when the name says nothing.
std::string_view content_type_of(std::string_view path);

}  // namespace cairn::cli
