// Which schema the rows of a catalog have: one row says it, and a program serves the one that it
// knows. Thread rule: check_schema() on a reactor; the rest is pure.
#pragma once

#include "base/result.h"
#include "catalog/catalog.h"
#include "io/task.h"
#include "object/context.h"

namespace cairn::object {

// 3: chunk ids tell a placement (storage/placement.h). Those of older stores are random there, so
// that placements would be looked for that nobody configured: they are refused.
inline constexpr uint32_t kSchemaVersion = 3;

// Refuses a store of another schema and marks a new one.
io::Task<Status> check_schema(Context& context);
// The same of the row keys::store_info(), for who watches it. kUnsupported says what to do.
Status check_schema_row(const catalog::Entry& row);

}  // namespace cairn::object
