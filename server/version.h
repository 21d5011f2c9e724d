// The version of this build.
#pragma once

#include <string_view>

namespace cairn::server {

std::string_view version();

}  // namespace cairn::server
