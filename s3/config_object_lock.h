// Object lock (S3.md 2.4): the configuration of a bucket, Retention and LegalHold of an object, and
// the x-amz-object-lock-* headers' values. Pure functions; what a lock forbids is enforced where
// versions are changed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "object/types.h"
#include "s3/errors.h"

namespace cairn::s3 {

inline constexpr int64_t kRetentionDaysMax = 36500;
inline constexpr int64_t kRetentionYearsMax = 100;

// One of days and years is set.
struct DefaultRetention {
  object::LockMode mode = object::LockMode::kNone;
  int64_t days = 0;
  int64_t years = 0;
  // When a version written at `now` is free again. A year has 365 days, as in AWS.
  WallTime retain_until(WallTime now) const;
};
struct ObjectLockConfig {
  std::optional<DefaultRetention> rule;
};
// MalformedXML; InvalidRetentionPeriod for a period that is not positive or too long.
S3Result<ObjectLockConfig> parse_object_lock(std::string_view body);
std::string write_object_lock(const ObjectLockConfig& config);

// GOVERNANCE or COMPLIANCE; nullopt for another word.
std::optional<object::LockMode> parse_lock_mode(std::string_view text);
std::string_view lock_mode_name(object::LockMode mode);

struct Retention {
  object::LockMode mode = object::LockMode::kNone;  // kNone: an empty document lifts retention.
  WallTime retain_until;
};
// MalformedXML; InvalidArgument for a date that is not in the future.
S3Result<Retention> parse_retention(std::string_view body, WallTime now);
std::string write_retention(const Retention& retention);

// True for ON, false for OFF; anything else is MalformedXML.
S3Result<bool> parse_legal_hold(std::string_view body);
std::string write_legal_hold(bool is_on);

}  // namespace cairn::s3
