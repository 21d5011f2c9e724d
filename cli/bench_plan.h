// What a load of `cairn bench` consists of, and what came of it. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/units.h"
#include "cli/latency_histogram.h"

namespace cairn::cli {

inline constexpr uint64_t kBenchObjectBytesMax = 64 * MiB;
inline constexpr size_t kBenchSizesMax = 64;

// "64KiB", or sizes with weights: "4KiB:70,1MiB:25,16MiB:5".
class SizeChoice {
 public:
  static Result<SizeChoice> parse(std::string_view text);
  uint64_t pick(Random& random) const;
  uint64_t largest() const;

 private:
  struct Row {
    uint64_t size_bytes = 0;
    uint64_t weight = 1;
  };
  std::vector<Row> rows_;
  uint64_t weights_sum_ = 0;
};

// When request number `index` of an open loop is due, in nanoseconds after the start: evenly spaced
// whatever happened to the requests before it. Latency is counted from there, so that a server that
// stalls is charged for the requests that it kept from being sent (coordinated omission, G. Tene).
uint64_t due_ns(uint64_t index, double requests_per_second);
// How many requests are due before `end_ns`.
uint64_t due_count(double requests_per_second, uint64_t end_ns);

// Of one kind of request.
struct BenchFigures {
  LatencyHistogram latencies;
  uint64_t bytes = 0;
  uint64_t errors_count = 0;

  void merge(const BenchFigures& other);
};

// "put: 1234 requests, ..." and the same as JSON.
std::string bench_text(std::string_view name, const BenchFigures& figures, double seconds);
std::string bench_json(const BenchFigures& figures, double seconds);

}  // namespace cairn::cli
