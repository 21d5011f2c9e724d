// Which files a sync copies and which it deletes. Pure: both trees are given, nothing is asked.
#pragma once

#include <string>
#include <vector>

#include "cli/transfer_plan.h"

namespace cairn::cli {

enum class SyncBy : unsigned char {
  kTime,       // Copied when the size differs or the source is newer (whole seconds).
  kExactTime,  // ... or the time differs at all.
  kSize,       // Only when the size differs.
  kContent,    // The size differs, else whoever asks compares the content.
};

struct SyncPlan {
  std::vector<TreeEntry> copies;     // Of the source.
  std::vector<TreeEntry> deletions;  // Of the target: not in the source.
  struct Pair {
    TreeEntry from;
    TreeEntry to;
  };
  std::vector<Pair> to_compare;  // Of the same size, with kContent.
};

// REQUIRES: both are sorted by relative path, without repeats.
SyncPlan plan_sync(const std::vector<TreeEntry>& from, const std::vector<TreeEntry>& to, SyncBy by);

}  // namespace cairn::cli
