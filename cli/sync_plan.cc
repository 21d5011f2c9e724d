#include "cli/sync_plan.h"

namespace cairn::cli {
namespace {

// S3 tells whole seconds in some answers and milliseconds in others.
int64_t whole_seconds(WallTime time) {
  return time.unix_ms / 1000;
}

bool differs(const TreeEntry& from, const TreeEntry& to, SyncBy by) {
  if (from.size_bytes != to.size_bytes) return true;
  switch (by) {
    case SyncBy::kTime: return whole_seconds(from.modified) > whole_seconds(to.modified);
    case SyncBy::kExactTime: return whole_seconds(from.modified) != whole_seconds(to.modified);
    case SyncBy::kSize:
    case SyncBy::kContent: return false;
  }
  return true;
}

}  // namespace

SyncPlan plan_sync(const std::vector<TreeEntry>& from, const std::vector<TreeEntry>& to,
                   SyncBy by) {
  SyncPlan plan;
  size_t f = 0;
  size_t t = 0;
  while (f < from.size() || t < to.size()) {
    const int order = f == from.size() ? 1
                      : t == to.size() ? -1
                                       : from[f].relative_path.compare(to[t].relative_path);
    if (order < 0) {
      plan.copies.push_back(from[f++]);
    } else if (order > 0) {
      plan.deletions.push_back(to[t++]);
    } else {
      if (differs(from[f], to[t], by)) {
        plan.copies.push_back(from[f]);
      } else if (by == SyncBy::kContent) {
        plan.to_compare.push_back({from[f], to[t]});
      }
      ++f;
      ++t;
    }
  }
  return plan;
}

}  // namespace cairn::cli
