// Keeps room for deletes on a full disk: refuses puts below a floor of free space, and gives a
// ballast file back to the disk when even that was not enough.
//
// States: normal -> full (free space below the floor, or the disk said ENOSPC) -> normal again once
// there is room for the floor and a new ballast.
// Thread rule: the committer's thread only, after open().
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace cairn::catalog {

class SpaceGuard {
 public:
  struct Options {
    std::string directory;
    uint64_t ballast_bytes = 0;
    uint64_t free_bytes_min = 0;
    // Free bytes of the disk; a failure counts as "enough".
    std::function<Result<uint64_t>()> free_bytes;
  };
  explicit SpaceGuard(Options options) : options_(std::move(options)) {}

  // Creates the ballast when it is missing and there is room. A missing ballast is no error.
  void open();
  // Looks at the disk at most once per kCheckInterval. True while puts are refused.
  bool is_full();
  // The disk said ENOSPC: drops the ballast and refuses puts until there is room again.
  void on_no_space();

 private:
  void make_ballast();
  std::string ballast_path() const { return options_.directory + "/BALLAST"; }

  static constexpr Duration kCheckInterval = milliseconds(50);
  Options options_;
  Instant checked_at_{-kCheckInterval.nanoseconds};
  bool full_ = false;
  bool has_ballast_ = false;
};

}  // namespace cairn::catalog
