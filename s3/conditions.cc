#include "s3/conditions.h"

#include <algorithm>

#include "base/dates.h"

namespace cairn::s3 {
namespace {

constexpr std::string_view kIfMatch = "If-Match";
constexpr std::string_view kIfNoneMatch = "If-None-Match";
constexpr std::string_view kIfModifiedSince = "If-Modified-Since";
constexpr std::string_view kIfUnmodifiedSince = "If-Unmodified-Since";
constexpr std::string_view kSourceIfMatch = "x-amz-copy-source-if-match";
constexpr std::string_view kSourceIfNoneMatch = "x-amz-copy-source-if-none-match";
constexpr std::string_view kSourceIfModifiedSince = "x-amz-copy-source-if-modified-since";
constexpr std::string_view kSourceIfUnmodifiedSince = "x-amz-copy-source-if-unmodified-since";

// Every ETag of a comma-separated list, over repeated headers. A comma inside quotes belongs to the
// ETag.
std::vector<std::string> parse_etags(const RequestView& request, std::string_view name) {
  std::vector<std::string> etags;
  for (const HeaderView& header : request.headers) {
    if (!equal_ignoring_case(header.name, name)) continue;
    bool quoted = false;
    size_t from = 0;
    for (size_t i = 0; i <= header.value.size(); ++i) {
      if (i < header.value.size()) {
        if (header.value[i] == '"') quoted = !quoted;
        if (header.value[i] != ',' || quoted) continue;
      }
      const std::string_view one = trimmed(header.value.substr(from, i - from));
      if (!one.empty()) etags.emplace_back(unquoted_etag(one));
      from = i + 1;
    }
    // A header that is there but names nothing must not be taken for an absent one.
    if (etags.empty()) etags.emplace_back();
  }
  return etags;
}

std::optional<WallTime> parse_date(const RequestView& request, std::string_view name,
                                   WallTime now) {
  const std::optional<std::string_view> value = request.header(name);
  if (!value) return std::nullopt;
  const std::optional<WallTime> time = parse_any_date(*value);
  if (!time || *time > now) return std::nullopt;
  return time;
}

bool any_match(const std::vector<std::string>& wanted, std::string_view etag) {
  return std::ranges::any_of(wanted,
                             [&](const std::string& one) { return one == "*" || one == etag; });
}

// Seconds, rounded down: HTTP dates carry no more.
int64_t whole_seconds(WallTime time) {
  const int64_t seconds_count = time.unix_ms / 1000;
  return time.unix_ms % 1000 < 0 ? seconds_count - 1 : seconds_count;
}

}  // namespace

std::string_view unquoted_etag(std::string_view text) {
  if (text.starts_with("W/")) text.remove_prefix(2);
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    return text.substr(1, text.size() - 2);
  }
  return text;
}

object::Conditions parse_conditions(const RequestView& request, WallTime now) {
  return {parse_etags(request, kIfMatch), parse_etags(request, kIfNoneMatch),
          parse_date(request, kIfModifiedSince, now), parse_date(request, kIfUnmodifiedSince, now)};
}

object::Conditions parse_copy_source_conditions(const RequestView& request, WallTime now) {
  return {parse_etags(request, kSourceIfMatch), parse_etags(request, kSourceIfNoneMatch),
          parse_date(request, kSourceIfModifiedSince, now),
          parse_date(request, kSourceIfUnmodifiedSince, now)};
}

object::Conditions parse_rename_source_conditions(const RequestView& request, WallTime now) {
  return {parse_etags(request, "x-amz-rename-source-if-match"),
          parse_etags(request, "x-amz-rename-source-if-none-match"),
          parse_date(request, "x-amz-rename-source-if-modified-since", now),
          parse_date(request, "x-amz-rename-source-if-unmodified-since", now)};
}

Evaluation evaluate_read(const object::Conditions& conditions, std::string_view etag,
                         WallTime modified) {
  const int64_t modified_s = whole_seconds(modified);
  if (!conditions.if_match.empty()) {
    if (!any_match(conditions.if_match, etag)) return {Verdict::kFailed, kIfMatch};
  } else if (conditions.if_unmodified_since &&
             modified_s > whole_seconds(*conditions.if_unmodified_since)) {
    return {Verdict::kFailed, kIfUnmodifiedSince};
  }
  if (!conditions.if_none_match.empty()) {
    if (any_match(conditions.if_none_match, etag)) return {Verdict::kNotModified, kIfNoneMatch};
  } else if (conditions.if_modified_since &&
             modified_s <= whole_seconds(*conditions.if_modified_since)) {
    return {Verdict::kNotModified, kIfModifiedSince};
  }
  return {};
}

Evaluation evaluate_copy_source(const object::Conditions& conditions, std::string_view etag,
                                WallTime modified) {
  const Evaluation read = evaluate_read(conditions, etag, modified);
  if (read.verdict == Verdict::kProceed) return read;
  if (read.condition == kIfMatch) return {Verdict::kFailed, kSourceIfMatch};
  if (read.condition == kIfNoneMatch) return {Verdict::kFailed, kSourceIfNoneMatch};
  if (read.condition == kIfModifiedSince) return {Verdict::kFailed, kSourceIfModifiedSince};
  return {Verdict::kFailed, kSourceIfUnmodifiedSince};
}

WriteEvaluation evaluate_write(const object::Conditions& conditions,
                               std::optional<std::string_view> etag) {
  if (!conditions.if_match.empty()) {
    if (!etag) return {WriteVerdict::kMissing, kIfMatch};
    if (!any_match(conditions.if_match, *etag)) return {WriteVerdict::kFailed, kIfMatch};
  }
  if (!conditions.if_none_match.empty() && etag && any_match(conditions.if_none_match, *etag)) {
    return {WriteVerdict::kFailed, kIfNoneMatch};
  }
  return {};
}

S3Error precondition_failed(std::string_view condition) {
  return S3Error{S3Code::kPreconditionFailed, {}, {{"Condition", std::string(condition)}}};
}

}  // namespace cairn::s3
