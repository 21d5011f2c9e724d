// The conditions of a write, delete or copy destination: If-Match and If-None-Match only; dates
// belong to reads.
#pragma once

#include "s3/call.h"
#include "s3/conditions.h"

namespace cairn::s3 {

inline object::Conditions write_conditions(const Call& call) {
  object::Conditions conditions = parse_conditions(call.view, call.now());
  conditions.if_modified_since.reset();
  conditions.if_unmodified_since.reset();
  return conditions;
}

}  // namespace cairn::s3
