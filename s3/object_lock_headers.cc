#include "s3/object_lock_headers.h"

#include <algorithm>

#include "base/dates.h"
#include "s3/bucket_cache.h"
#include "s3/config_kinds.h"

namespace cairn::s3 {
namespace {

constexpr std::string_view kModeHeader = "x-amz-object-lock-mode";
constexpr std::string_view kUntilHeader = "x-amz-object-lock-retain-until-date";
constexpr std::string_view kHoldHeader = "x-amz-object-lock-legal-hold";

S3Status parse_retention_headers(const Call& call, std::string_view mode, std::string_view until,
                                 object::ObjectLock& lock) {
  const std::optional<object::LockMode> parsed_mode = parse_lock_mode(mode);
  if (!parsed_mode) return invalid_argument("Unknown wormMode directive.", kModeHeader, mode);
  const std::optional<WallTime> date = parse_iso8601(until);
  if (!date) {
    return invalid_argument("The retain until date must be provided in ISO 8601 format",
                            kUntilHeader, until);
  }
  if (*date <= call.now()) {
    return invalid_argument("The retain until date must be in the future!", kUntilHeader, until);
  }
  lock.mode = *parsed_mode;
  lock.retain_until = *date;
  return {};
}

S3Status parse_hold_header(std::string_view hold, object::ObjectLock& lock) {
  if (hold != "ON" && hold != "OFF") {
    return invalid_argument("Legal Hold must be either of 'ON' or 'OFF'", kHoldHeader, hold);
  }
  lock.legal_hold = hold == "ON";
  lock.legal_hold_was_set = true;
  return {};
}

void apply_default_retention(const Call& call, object::ObjectLock& lock) {
  const std::shared_ptr<const ObjectLockConfig> config =
      call.context.bucket_cache->get<ObjectLockKind>(call.bucket);
  if (config == nullptr || !config->rule) return;
  lock.mode = config->rule->mode;
  lock.retain_until = config->rule->retain_until(call.now());
}

}  // namespace

S3Result<object::ObjectLock> lock_of_write(const Call& call) {
  object::ObjectLock lock;
  const std::optional<std::string_view> mode = call.header(kModeHeader);
  const std::optional<std::string_view> until = call.header(kUntilHeader);
  const std::optional<std::string_view> hold = call.header(kHoldHeader);
  if (!call.bucket.config->object_lock) {
    if (mode || until || hold) {
      return s3_fail(S3Code::kInvalidRequest, "Bucket is missing Object Lock Configuration");
    }
    return lock;
  }
  if (mode.has_value() != until.has_value()) {
    return invalid_argument(
        "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied",
        mode ? kUntilHeader : kModeHeader, "null");
  }
  S3Status parsed;
  if (mode) parsed = parse_retention_headers(call, *mode, *until, lock);
  if (parsed && hold) parsed = parse_hold_header(*hold, lock);
  if (!parsed) return std::unexpected(std::move(parsed.error()));
  if (!mode) apply_default_retention(call, lock);
  return lock;
}

S3Status check_lock_has_checksum(const Call& call, const object::ObjectLock& lock) {
  if (!lock.any()) return {};
  const bool has_checksum = std::ranges::any_of(call.headers, [](const HeaderView& header) {
    return equal_ignoring_case(header.name, "content-md5") ||
           equal_ignoring_case(header.name, "x-amz-trailer") ||
           (starts_with_ignoring_case(header.name, "x-amz-checksum-") &&
            !equal_ignoring_case(header.name, "x-amz-checksum-mode"));
  });
  if (has_checksum) return {};
  return s3_fail(S3Code::kInvalidRequest,
                 "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests "
                 "with Object Lock parameters");
}

void add_lock_headers(http::ResponseHead& head, const object::ObjectLock& lock) {
  if (lock.mode != object::LockMode::kNone) {
    head.add(kModeHeader, lock_mode_name(lock.mode));
    head.add(kUntilHeader, format_iso8601_ms(lock.retain_until));
  }
  if (lock.legal_hold_was_set) head.add(kHoldHeader, lock.legal_hold ? "ON" : "OFF");
}

bool bypasses_governance(const Call& call) {
  const std::optional<std::string_view> header = call.header("x-amz-bypass-governance-retention");
  return header && equal_ignoring_case(*header, "true");
}

S3Status check_retention_change(const object::ObjectLock& old, const object::ObjectLock& wanted,
                                bool bypass, WallTime now) {
  if (old.mode == object::LockMode::kNone || old.retain_until <= now) return {};
  const bool is_weaker = wanted.mode != old.mode || wanted.retain_until < old.retain_until;
  if (!is_weaker || (old.mode == object::LockMode::kGovernance && bypass)) return {};
  return s3_fail(S3Code::kAccessDenied, "Access Denied because object protected by object lock.");
}

}  // namespace cairn::s3
