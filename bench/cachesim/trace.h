// Traces of requests to a cache: read from csv (`time,id,size`, no header), or generated. Sizes are
// those of an id's first request. Used by cache_sim and by tests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"

namespace cairn::cachesim {

struct Trace {
  std::vector<uint32_t> requests;    // Objects: 0 to n - 1, in order of first appearance.
  std::vector<uint64_t> times;       // By request, as in the file.
  std::vector<uint64_t> ids;         // By object, as in the file.
  std::vector<uint64_t> size_bytes;  // By object.
  uint64_t footprint_bytes = 0;      // Of all objects.
  uint64_t requested_bytes = 0;
  uint64_t largest_bytes = 0;
};

class TraceBuilder {
 public:
  void add(uint64_t time, uint64_t id, uint64_t size_bytes);
  Trace finish() { return std::move(trace_); }

 private:
  Trace trace_;
  std::unordered_map<uint64_t, uint32_t> objects_;
};

// Parses the text of a csv file. kInvalidArgument names the line that is not
// `number,number,number`.
Result<Trace> parse_trace(std::string_view csv);
// Reads a file, or what `zstd -dc` makes of one that ends in .zst.
Result<Trace> load_trace(const std::string& path);

enum class Synthetic { kMix, kScan, kNoScan, kScan4 };

// The traces of CACHE_DEDUP.md section 5 as csv, the same bytes on every machine with IEEE
// doubles. kMix has a million requests divided by `divisor` (its catalogues shrink alike), the
// others ten rounds divided by it. `seed` 0 is the published one.
std::string generate_csv(Synthetic kind, uint64_t divisor = 1, uint64_t seed = 0);

}  // namespace cairn::cachesim
