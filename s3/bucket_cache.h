// What the documents of bucket configurations say, parsed once and kept: CORS rules, lifecycle
// rules, compiled policies. A configuration never changes; a change makes a new BucketConfig, so a
// parsed form is good as long as the bucket's configuration is the object that it was made of.
//
// A kind of document is a type:
//   struct CorsKind {
//     static constexpr std::string_view kDocument = "cors";
//     using Parsed = CorsRules;
//     static std::shared_ptr<const Parsed> parse(const std::string& document);  // Null = as unset.
//   };
// Owned by one core's door or worker, used on its thread only. Holds at most kBucketCacheMax
// buckets; when full it begins anew, which costs one parse per bucket in use.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "object/types.h"

namespace cairn::s3 {

inline constexpr size_t kBucketCacheMax = 4096;

class BucketCache {
 public:
  BucketCache() = default;
  BucketCache(const BucketCache&) = delete;
  BucketCache& operator=(const BucketCache&) = delete;

  // Null when the bucket has no such document.
  template <typename Kind>
  std::shared_ptr<const typename Kind::Parsed> get(const object::BucketInfo& bucket) {
    const std::string* const document = bucket.config->document(Kind::kDocument);
    if (document == nullptr) return nullptr;
    Entry& entry = entry_of(bucket);
    for (const auto& [kind, parsed] : entry.parsed) {
      if (kind == &kTag<Kind>) {
        return std::static_pointer_cast<const typename Kind::Parsed>(parsed);
      }
    }
    std::shared_ptr<const typename Kind::Parsed> made = Kind::parse(*document);
    entry.parsed.emplace_back(&kTag<Kind>, made);
    return made;
  }

 private:
  // One address per kind.
  template <typename Kind>
  static constexpr char kTag = 0;

  struct Entry {
    std::shared_ptr<const object::BucketConfig> config;  // Held, so that its address stays its own.
    std::vector<std::pair<const void*, std::shared_ptr<const void>>> parsed;
  };

  Entry& entry_of(const object::BucketInfo& bucket) {
    if (entries_.size() >= kBucketCacheMax && !entries_.contains(bucket.id)) entries_.clear();
    Entry& entry = entries_[bucket.id];
    if (entry.config != bucket.config) entry = {bucket.config, {}};
    return entry;
  }

  std::unordered_map<uint64_t, Entry> entries_;  // By BucketInfo::id.
};

}  // namespace cairn::s3
