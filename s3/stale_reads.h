// Which buckets a door has seen to allow stale reads (object/stale_reads.h), by name, so that a
// request of any other bucket pays nothing for the question. A hint: who is told that a bucket is
// in here looks at the bucket.
// Thread rule: one reactor.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_set>

namespace cairn::s3 {

// Beyond it the set begins anew; each bucket then costs one question to be known again.
inline constexpr size_t kStaleBucketsMax = 4096;

class StaleReads {
 public:
  bool contains(const std::string& bucket) const {
    return !names_.empty() && names_.contains(bucket);
  }
  void add(const std::string& bucket) {
    if (names_.size() >= kStaleBucketsMax) names_.clear();
    names_.insert(bucket);
  }
  void remove(const std::string& bucket) { names_.erase(bucket); }

 private:
  std::unordered_set<std::string> names_;
};

}  // namespace cairn::s3
