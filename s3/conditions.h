// Conditional headers and their truth tables (S3.md 2.1, captured from AWS).
#pragma once

#include <string_view>

#include "base/clock.h"
#include "object/types.h"
#include "s3/errors.h"
#include "s3/request_view.h"

namespace cairn::s3 {

// If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since. ETags lose quotes and W/; a date
// that does not parse, or lies after `now`, is ignored.
object::Conditions parse_conditions(const RequestView& request, WallTime now);
// x-amz-copy-source-if-*.
object::Conditions parse_copy_source_conditions(const RequestView& request, WallTime now);
// x-amz-rename-source-if-*.
object::Conditions parse_rename_source_conditions(const RequestView& request, WallTime now);
// One ETag without quotes and W/.
std::string_view unquoted_etag(std::string_view text);

enum class Verdict : uint8_t { kProceed, kNotModified, kFailed };
struct Evaluation {
  Verdict verdict = Verdict::kProceed;
  std::string_view condition;  // Header at fault, for <Condition>; empty when kProceed.
};
// Of GET and HEAD on an existing object; `etag` without quotes. Times compare in whole seconds.
Evaluation evaluate_read(const object::Conditions& conditions, std::string_view etag,
                         WallTime modified);
// Of a copy's source: the same logic, but every failure is kFailed. `condition` names the
// x-amz-copy-source-* header.
Evaluation evaluate_copy_source(const object::Conditions& conditions, std::string_view etag,
                                WallTime modified);
// Of PUT, Complete and the destination of a copy. `etag` is unset when there is no object.
// kIfMatch on a missing object is kMissing: 404 NoSuchKey.
enum class WriteVerdict : uint8_t { kProceed, kFailed, kMissing };
struct WriteEvaluation {
  WriteVerdict verdict = WriteVerdict::kProceed;
  std::string_view condition;
};
WriteEvaluation evaluate_write(const object::Conditions& conditions,
                               std::optional<std::string_view> etag);

// 412 PreconditionFailed with <Condition>.
S3Error precondition_failed(std::string_view condition);

}  // namespace cairn::s3
