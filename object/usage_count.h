// Finds out what every bucket held when the store was opened; the base that UsageTable's changes
// since are added to.
//
// The scan reads a snapshot that was taken before the first write, so nothing is counted twice or
// missed. It goes in short pages and lets requests run in between.
// Thread rule: one reactor.
#pragma once

#include <functional>
#include <memory>

#include "base/result.h"
#include "catalog/catalog.h"
#include "io/stop.h"
#include "io/task.h"
#include "object/context.h"

namespace cairn::object {

// Tells `found` what each bucket holds. True when it came to the end, false, without an error, when
// `stop` was asked for.
io::Task<Result<bool>> count_usage(Context& context,
                                   std::shared_ptr<const catalog::Snapshot> snapshot,
                                   std::function<void(const UsageChange&)> found,
                                   io::StopToken stop);

}  // namespace cairn::object
