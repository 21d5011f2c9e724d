#include "cli/bench_plan.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "cli/human.h"
#include "cli/json_line.h"

namespace cairn::cli {
namespace {

struct Percentile {
  const char* name;
  double percent;
};
constexpr Percentile kPercentiles[] = {
    {"p50", 50}, {"p90", 90}, {"p99", 99}, {"p99.9", 99.9}, {"max", 100}};

double milliseconds_of(uint64_t nanoseconds) {
  return static_cast<double>(nanoseconds) / 1e6;
}

double per_second(uint64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

}  // namespace

Result<SizeChoice> SizeChoice::parse(std::string_view text) {
  SizeChoice choice;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view item = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    const size_t colon = std::min(item.find(':'), item.size());
    Row row;
    const Result<uint64_t> size = parse_human_size(item.substr(0, colon));
    if (!size) return std::unexpected(size.error());
    row.size_bytes = *size;
    if (colon < item.size()) {
      const char* end = item.data() + item.size();
      const auto [at, error] = std::from_chars(item.data() + colon + 1, end, row.weight);
      if (error != std::errc() || at != end || row.weight == 0 || row.weight > 1'000'000) {
        return fail(Code::kInvalidArgument, "a weight is a number from 1 to 1000000");
      }
    }
    if (row.size_bytes > kBenchObjectBytesMax) {
      return fail(Code::kInvalidArgument,
                  "objects of a bench have at most 64 MiB: one request "
                  "each; time `cairn cp` for larger ones");
    }
    choice.weights_sum_ += row.weight;
    choice.rows_.push_back(row);
    if (choice.rows_.size() > kBenchSizesMax) {
      return fail(Code::kInvalidArgument, "more than 64 sizes");
    }
  }
  if (choice.rows_.empty()) return fail(Code::kInvalidArgument, "no size is given");
  return choice;
}

uint64_t SizeChoice::pick(Random& random) const {
  uint64_t at = random.below(weights_sum_);
  for (const Row& row : rows_) {
    if (at < row.weight) return row.size_bytes;
    at -= row.weight;
  }
  return rows_.back().size_bytes;
}

uint64_t SizeChoice::largest() const {
  return std::ranges::max(rows_, {}, &Row::size_bytes).size_bytes;
}

uint64_t due_ns(uint64_t index, double requests_per_second) {
  return static_cast<uint64_t>(
      std::llround(static_cast<double>(index) * 1e9 / requests_per_second));
}

uint64_t due_count(double requests_per_second, uint64_t end_ns) {
  auto count = static_cast<uint64_t>(static_cast<double>(end_ns) * requests_per_second / 1e9);
  while (due_ns(count, requests_per_second) < end_ns) ++count;
  while (count > 0 && due_ns(count - 1, requests_per_second) >= end_ns) --count;
  return count;
}

void BenchFigures::merge(const BenchFigures& other) {
  latencies.merge(other.latencies);
  bytes += other.bytes;
  errors_count += other.errors_count;
}

std::string bench_text(std::string_view name, const BenchFigures& figures, double seconds) {
  const LatencyHistogram& latencies = figures.latencies;
  char text[256];
  std::snprintf(text, sizeof text, "%-4.*s %lu requests, %lu errors, %.1f/s, %s\n     latency ms:",
                static_cast<int>(name.size()), name.data(), latencies.count(), figures.errors_count,
                per_second(latencies.count(), seconds),
                human_rate(per_second(figures.bytes, seconds)).c_str());
  std::string out = text;
  for (const Percentile& percentile : kPercentiles) {
    std::snprintf(text, sizeof text, "  %s %.3f", percentile.name,
                  milliseconds_of(latencies.percentile_ns(percentile.percent)));
    out += text;
  }
  return out;
}

std::string bench_json(const BenchFigures& figures, double seconds) {
  const LatencyHistogram& latencies = figures.latencies;
  JsonLine times;
  times.add("min", milliseconds_of(latencies.min_ns())).add("mean", latencies.mean_ns() / 1e6);
  for (const Percentile& percentile : kPercentiles) {
    times.add(percentile.name, milliseconds_of(latencies.percentile_ns(percentile.percent)));
  }
  JsonLine json;
  json.add("requests", latencies.count())
      .add("errors", figures.errors_count)
      .add("bytes", figures.bytes)
      .add("requests_per_second", per_second(latencies.count(), seconds))
      .add("bytes_per_second", per_second(figures.bytes, seconds))
      .add_raw("latency_ms", times.text());
  return json.text();
}

}  // namespace cairn::cli
