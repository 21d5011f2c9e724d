// What is pinned in the caches, as it was asked for: buckets, prefixes and ranges, in a file of the
// data directory. Caches forget pins with what they hold; after a start the list is read back and
// warmed again, which finds most of it on the disk tiers.
//
// Thread rule: one reactor; files are written while it waits.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"

namespace cairn::server {

// Objects of a bucket whose keys begin with `prefix`, and which bytes of each.
struct CacheSelection {
  std::string bucket;
  std::string prefix;
  std::optional<ByteRange> range;  // None: all of them.
  friend bool operator==(const CacheSelection&, const CacheSelection&) = default;
};

class PinList {
 public:
  static constexpr size_t kPinsMax = 1000;
  static constexpr size_t kFileBytesMax = 8 << 20;

  // kCorruption when the file is not a list of pins.
  static Result<PinList> open(std::string path);

  const std::vector<CacheSelection>& all() const { return pins_; }
  // kResourceExhausted when there are too many. Durable when it returns.
  Status add(const CacheSelection& pin);
  // Those that lie under the prefix; all of them without a bucket.
  Status remove(std::string_view bucket, std::string_view prefix);

  // One line each: the range ("-" or "FIRST-LAST"), bucket and prefix, both percent-encoded.
  static std::string encode(const std::vector<CacheSelection>& pins);
  static Result<std::vector<CacheSelection>> decode(std::string_view text);

 private:
  explicit PinList(std::string path) : path_(std::move(path)) {}
  Status store() const;

  std::string path_;
  std::vector<CacheSelection> pins_;
};

// "FIRST-LAST", both included, as in a Range header; kInvalidArgument.
Result<ByteRange> parse_cache_range(std::string_view text);

}  // namespace cairn::server
