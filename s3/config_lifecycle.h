// LifecycleConfiguration (S3.md 2.3, AWS "Lifecycle configuration elements"): the document. What
// its rules mean for a version is lifecycle_rules.h. Pure functions.
//
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/units.h"
#include "s3/config_tagging.h"
#include "s3/errors.h"

namespace cairn::s3 {

// Limits of AWS, and of a document of as many full rules.
inline constexpr size_t kLifecycleRulesMax = 1000;
inline constexpr size_t kLifecycleBodyBytesMax = 512 * KiB;
inline constexpr int64_t kNewerNoncurrentVersionsMax = 100;

struct LifecycleTransition {
  std::optional<int64_t> days;  // One of days and date; noncurrent: days.
  std::optional<WallTime> date;
  std::string storage_class;
  std::optional<int64_t> newer_noncurrent_versions;
};

struct LifecycleRule {
  std::string id;
  bool enabled = false;

  // What the rule is about. Unset members restrict nothing.
  enum class FilterForm : uint8_t { kPrefix, kFilter, kAnd };
  FilterForm form =
      FilterForm::kFilter;  // How it was written: kPrefix = beside the rule's actions.
  std::optional<std::string> prefix;
  Tags tags;
  std::optional<int64_t> size_greater_than_bytes;
  std::optional<int64_t> size_less_than_bytes;

  // What happens. At least one is set.
  std::optional<int64_t> expiration_days;
  std::optional<WallTime> expiration_date;  // Midnight UTC.
  std::optional<bool> expired_object_delete_marker;
  std::optional<int64_t> noncurrent_days;
  std::optional<int64_t> newer_noncurrent_versions;
  std::optional<int64_t> abort_upload_days;
  std::vector<LifecycleTransition> transitions;
  std::vector<LifecycleTransition> noncurrent_transitions;
};
using LifecycleRules = std::vector<LifecycleRule>;

// Rules without an ID get one. MalformedXML, InvalidArgument, InvalidRequest, InvalidTag.
S3Result<LifecycleRules> parse_lifecycle(std::string_view body);
std::string write_lifecycle(const LifecycleRules& rules);

}  // namespace cairn::s3
