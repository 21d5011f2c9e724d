// The condition keys of S3 (Service Authorization Reference, "Condition keys for Amazon S3"), for
// refusing a bucket policy that names another, and for finding their values fast. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cairn::iam {

// `key` as Condition keeps it. Keys that start with "aws:" are all taken, as S3 takes them.
bool is_bucket_policy_key(std::string_view key);

// Whether the key can have a value in requests for that S3 action. `action` is its exact name.
bool key_applies_to(std::string_view key, std::string_view action);

// Keys whose fixed values make a statement for everybody not public (S3 User Guide, "The meaning
// of 'public'").
bool narrows_everybody(std::string_view key);

// Numbers, from 1 on, of the keys without a variable part that policies use most; 0 for all others.
inline constexpr size_t kNumberedKeysMax = 63;
uint8_t number_of_key(std::string_view key);

}  // namespace cairn::iam
