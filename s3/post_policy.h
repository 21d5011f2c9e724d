// Policy documents of POST uploads (S3.md 1.5): what the signer of a form allows to be posted.
//
// Default is refusal: the policy has not expired, every condition holds, every field of the form is
// covered by a condition, and the bucket is constrained. Messages are S3's. Pure functions.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "s3/errors.h"
#include "s3/form_reader.h"

namespace cairn::s3 {

struct PostCondition {
  std::string field;  // Lower-case, without `$`; empty when the policy names no field.
  std::string value;
  bool is_prefix = false;  // starts-with; else eq.
  std::string text;        // As the policy has it, for messages.
};

struct PostPolicy {
  WallTime expiration;
  std::vector<PostCondition> conditions;
  // content-length-range, both included.
  uint64_t size_bytes_min = 0;
  uint64_t size_bytes_max = std::numeric_limits<uint64_t>::max();
};

// 400 InvalidPolicyDocument. `base64` is the field `policy` as sent.
S3Result<PostPolicy> parse_post_policy(std::string_view base64);

// Judges a form that is posted to `bucket` now: 403 AccessDenied.
S3Status check_post_policy(const PostPolicy& policy, const std::vector<FormField>& fields,
                           std::string_view bucket, WallTime now);

// 400 EntityTooSmall or EntityTooLarge when the file's size is outside the policy's range.
S3Status check_post_size(const PostPolicy& policy, uint64_t size_bytes);

}  // namespace cairn::s3
