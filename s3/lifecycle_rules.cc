#include "s3/lifecycle_rules.h"

#include <algorithm>

#include "base/dates.h"
#include "s3/uri.h"

namespace cairn::s3 {
namespace {

bool has_tag(const Tags* tags, const std::pair<std::string, std::string>& wanted) {
  return tags != nullptr && std::ranges::find(*tags, wanted) != tags->end();
}

// Keeps the earlier of two.
void take_earlier(LifecycleDecision& best, LifecycleAction action, const LifecycleRule& rule,
                  WallTime due) {
  if (best.rule == nullptr || due < best.due) best = {action, &rule, due};
}

std::optional<WallTime> expiration_due(const LifecycleRule& rule, WallTime modified,
                                       int64_t day_ms) {
  if (rule.expiration_date) return rule.expiration_date;
  if (rule.expiration_days) return lifecycle_due(modified, *rule.expiration_days, day_ms);
  return std::nullopt;
}

// A delete marker that hides nothing goes at once where the rule says so, and with its age where
// the rule expires objects (AWS: "removing expired object delete markers").
void consider_marker(const LifecycleRule& rule, const LifecycleVersion& version, int64_t day_ms,
                     LifecycleDecision& best) {
  if (!version.is_only_version) return;
  std::optional<WallTime> due = expiration_due(rule, version.modified, day_ms);
  if (rule.expired_object_delete_marker.value_or(false)) due = version.modified;
  if (due) take_earlier(best, LifecycleAction::kDeleteMarker, rule, *due);
}

void consider_noncurrent(const LifecycleRule& rule, const LifecycleVersion& version, int64_t day_ms,
                         LifecycleDecision& best) {
  if (!rule.noncurrent_days) return;
  const uint64_t kept_count = static_cast<uint64_t>(rule.newer_noncurrent_versions.value_or(0));
  if (version.newer_noncurrent_count < kept_count) return;
  take_earlier(best, LifecycleAction::kDeleteVersion, rule,
               lifecycle_due(version.noncurrent_since, *rule.noncurrent_days, day_ms));
}

LifecycleDecision earliest(const LifecycleRules& rules, const LifecycleVersion& version,
                           int64_t day_ms) {
  LifecycleDecision best;
  for (const LifecycleRule& rule : rules) {
    if (!rule_applies(rule, version)) continue;
    if (!version.is_latest) {
      consider_noncurrent(rule, version, day_ms, best);
    } else if (version.is_delete_marker) {
      consider_marker(rule, version, day_ms, best);
    } else if (const auto due = expiration_due(rule, version.modified, day_ms)) {
      take_earlier(best, LifecycleAction::kExpire, rule, *due);
    }
  }
  return best;
}

// Whether the version is too small to be moved to that class. A filter that speaks of sizes says so
// itself.
bool is_too_small(const LifecycleRule& rule, const LifecycleVersion& version,
                  std::string_view storage_class, TransitionMinimum minimum) {
  if (version.size_bytes >= kTransitionBytesMin || minimum == TransitionMinimum::kNone) {
    return false;
  }
  if (rule.size_greater_than_bytes || rule.size_less_than_bytes) return false;
  if (minimum == TransitionMinimum::kAllClasses) return true;
  return storage_class != "GLACIER" && storage_class != "DEEP_ARCHIVE";
}

// When the transition is due for the version; nullopt when it does not apply to it.
std::optional<WallTime> transition_due(const LifecycleTransition& transition,
                                       const LifecycleVersion& version, int64_t day_ms) {
  if (version.is_latest) {
    if (transition.date) return transition.date;
    return lifecycle_due(version.modified, *transition.days, day_ms);
  }
  const auto kept_count = static_cast<uint64_t>(transition.newer_noncurrent_versions.value_or(0));
  if (version.newer_noncurrent_count < kept_count) return std::nullopt;
  return lifecycle_due(version.noncurrent_since, *transition.days, day_ms);
}

}  // namespace

bool rule_applies(const LifecycleRule& rule, const LifecycleVersion& version) {
  if (!rule.enabled || !version.key.starts_with(rule.prefix.value_or(""))) return false;
  const int64_t size = static_cast<int64_t>(version.size_bytes);
  if (rule.size_greater_than_bytes && size <= *rule.size_greater_than_bytes) return false;
  if (rule.size_less_than_bytes && size >= *rule.size_less_than_bytes) return false;
  return std::ranges::all_of(rule.tags,
                             [&](const auto& tag) { return has_tag(version.tags, tag); });
}

WallTime lifecycle_due(WallTime from, int64_t days, int64_t day_ms) {
  const int64_t exact_ms = from.unix_ms + days * day_ms;
  return {(exact_ms + day_ms - 1) / day_ms * day_ms};
}

LifecycleDecision decide_lifecycle(const LifecycleRules& rules, const LifecycleVersion& version,
                                   WallTime now, int64_t day_ms) {
  const LifecycleDecision decision = earliest(rules, version, day_ms);
  if (decision.rule == nullptr || now < decision.due) return {};
  return decision;
}

LifecycleDecision next_expiration(const LifecycleRules& rules, const LifecycleVersion& version,
                                  int64_t day_ms) {
  if (!version.is_latest || version.is_delete_marker) return {};
  return earliest(rules, version, day_ms);
}

TransitionDecision decide_transition(const LifecycleRules& rules, const LifecycleVersion& version,
                                     WallTime now, int64_t day_ms, TransitionMinimum minimum) {
  TransitionDecision best;
  int best_rank = waterfall_rank(version.storage_class);
  if (version.is_delete_marker || best_rank < 0) return best;
  for (const LifecycleRule& rule : rules) {
    if (!rule_applies(rule, version)) continue;
    for (const LifecycleTransition& transition :
         version.is_latest ? rule.transitions : rule.noncurrent_transitions) {
      const int rank = waterfall_rank(transition.storage_class);
      if (rank <= best_rank || is_too_small(rule, version, transition.storage_class, minimum)) {
        continue;
      }
      const std::optional<WallTime> due = transition_due(transition, version, day_ms);
      if (!due || now < *due) continue;
      best = {&rule, transition.storage_class, *due};
      best_rank = rank;
    }
  }
  return best;
}

TransitionMinimum transition_minimum(const std::string* document, int64_t day_ms) {
  if (document != nullptr) {
    return *document == kMinimumVaries ? TransitionMinimum::kVariesByClass
                                       : TransitionMinimum::kAllClasses;
  }
  return day_ms == kLifecycleDayMs ? TransitionMinimum::kAllClasses : TransitionMinimum::kNone;
}

LifecycleDecision upload_abort(const LifecycleRules& rules, std::string_view key,
                               WallTime initiated, int64_t day_ms) {
  LifecycleVersion upload;
  upload.key = key;
  LifecycleDecision best;
  for (const LifecycleRule& rule : rules) {
    if (!rule.abort_upload_days || !rule_applies(rule, upload)) continue;
    take_earlier(best, LifecycleAction::kNone, rule,
                 lifecycle_due(initiated, *rule.abort_upload_days, day_ms));
  }
  return best;
}

std::string expiration_header(const LifecycleDecision& decision) {
  std::string value = "expiry-date=\"" + format_http_date(decision.due) + "\", rule-id=\"";
  append_uri_encoded(value, decision.rule->id, Slash::kEncode);
  value += '"';
  return value;
}

}  // namespace cairn::s3
