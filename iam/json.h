// JSON from strangers, for the .cc files of iam/: bounded in depth, without duplicate keys, without
// exceptions. Internal to iam/.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "base/bytes.h"

namespace cairn::iam {

// nullopt when it is no JSON, nests deeper than `depth_max`, or an object names a key twice.
std::optional<nlohmann::json> parse_json(std::string_view text, int depth_max);

// Without padding, RFC 4648 section 5; padding and the standard alphabet are refused.
std::optional<Bytes> from_base64url(std::string_view text);

}  // namespace cairn::iam
