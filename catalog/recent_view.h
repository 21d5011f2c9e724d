// Views of what a mirroring catalog has at the moment, taken without asking anybody: for reads that
// may be stale. What such a view may miss is what Catalog::get_recent() may.
#pragma once

#include <memory>

#include "base/result.h"
#include "catalog/catalog.h"
#include "io/task.h"

namespace cairn::catalog {

// What some catalogs are besides.
class RecentViews {
 public:
  virtual ~RecentViews() = default;
  virtual io::Task<Result<std::shared_ptr<const Snapshot>>> recent_snapshot() = 0;
};

// snapshot() of a catalog that has no such views.
inline io::Task<Result<std::shared_ptr<const Snapshot>>> recent_snapshot(Catalog& catalog) {
  auto* const views = dynamic_cast<RecentViews*>(&catalog);
  return views != nullptr ? views->recent_snapshot() : catalog.snapshot();
}

}  // namespace cairn::catalog
