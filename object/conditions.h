// RFC 9110 conditions of writes, evaluated on the current object (S3.md 2.2). Pure functions.
#pragma once

#include "base/result.h"
#include "object/types.h"

namespace cairn::object {

// Whether a write under `conditions` may replace or remove `current` (null = there is none):
// kFailedPrecondition with the condition's reason, or kNotFound kNoSuchKey when If-Match finds
// nothing.
Status check_write(const Conditions& conditions, const ObjectInfo* current);

}  // namespace cairn::object
