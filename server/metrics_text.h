// How a series is written on the Prometheus page. Included by .cc files only.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>

namespace cairn::server {

using MetricsOut = std::back_insert_iterator<std::string>;

inline void metrics_head(MetricsOut out, std::string_view name, std::string_view type,
                         std::string_view help) {
  fmt::format_to(out, "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

inline void metrics_single(MetricsOut out, std::string_view name, std::string_view type,
                           std::string_view help, uint64_t value) {
  metrics_head(out, name, type, help);
  fmt::format_to(out, "{} {}\n", name, value);
}

}  // namespace cairn::server
