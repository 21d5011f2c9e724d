// What lifecycle rules mean for one version of an object, or for one upload (S3.md 2.3; AWS "How
// lifecycle rules are applied"). Pure functions, used for the x-amz-expiration header and by the
// worker that removes.
//
// Times: an action is due a number of days after an event, rounded up to the next midnight UTC, as
// in AWS. A day is `day_ms` long: 24 hours, or what the setting lifecycle-day-seconds says; then
// midnights are multiples of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "s3/config_lifecycle.h"
#include "s3/storage_classes.h"

namespace cairn::s3 {

inline constexpr int64_t kLifecycleDayMs = int64_t{24} * 3600 * 1000;

// One version as the rules see it. Views must outlive the call.
struct LifecycleVersion {
  std::string_view key;
  uint64_t size_bytes = 0;
  const Tags* tags = nullptr;  // Null = none.
  WallTime modified;
  bool is_latest = true;
  bool is_delete_marker = false;
  // Of the latest version: nothing is under it.
  bool is_only_version = true;
  // Of a version that is not the latest: when its successor was written, and how many noncurrent
  // versions of the key are newer than it.
  WallTime noncurrent_since;
  uint64_t newer_noncurrent_count = 0;
  std::string_view storage_class = {};  // Empty = STANDARD.
};

enum class LifecycleAction : uint8_t {
  kNone,
  kExpire,         // DELETE without version id: what it does depends on the bucket's versioning.
  kDeleteVersion,  // The noncurrent version goes for good.
  kDeleteMarker,   // A delete marker with nothing under it goes for good.
};

// `rule` points into the rules that were asked; null with kNone.
struct LifecycleDecision {
  LifecycleAction action = LifecycleAction::kNone;
  const LifecycleRule* rule = nullptr;
  WallTime due;
};

// What is due by `now`. Of several rules the one that was due first.
LifecycleDecision decide_lifecycle(const LifecycleRules& rules, const LifecycleVersion& version,
                                   WallTime now, int64_t day_ms);
// When the current version will expire, by the rule that does so first; kNone when none will.
LifecycleDecision next_expiration(const LifecycleRules& rules, const LifecycleVersion& version,
                                  int64_t day_ms);
// The class that a version is due to be moved to by `now`, and by which rule; `rule` is null when
// it stays where it is. Of several due transitions the one to the lowest class of the waterfall;
// never one to a class above the version's own. Views are the rules'.
struct TransitionDecision {
  const LifecycleRule* rule = nullptr;
  std::string_view storage_class;
  WallTime due;
};
TransitionDecision decide_transition(const LifecycleRules& rules, const LifecycleVersion& version,
                                     WallTime now, int64_t day_ms, TransitionMinimum minimum);

// The bucket's minimum: what its document says (null = nothing), else S3's default, or none where
// days are made short for tests.
TransitionMinimum transition_minimum(const std::string* document, int64_t day_ms);

// When an upload that was begun at `initiated` is aborted; rule is null when none does it.
LifecycleDecision upload_abort(const LifecycleRules& rules, std::string_view key,
                               WallTime initiated, int64_t day_ms);

// True when the rule is enabled and its filter takes the version.
bool rule_applies(const LifecycleRule& rule, const LifecycleVersion& version);
// `days` after `from`, rounded up to a midnight.
WallTime lifecycle_due(WallTime from, int64_t days, int64_t day_ms);

// expiry-date="Fri, 23 Dec 2012 00:00:00 GMT", rule-id="a%20rule"
std::string expiration_header(const LifecycleDecision& decision);

}  // namespace cairn::s3
