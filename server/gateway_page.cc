#include "server/gateway_page.h"

#include <string_view>

#include "server/metrics_text.h"

namespace cairn::server {
namespace {

using Link = gateway::LinkReading;

struct Family {
  std::string_view name;
  std::string_view help;
  uint64_t Link::* value;
};
constexpr Family kFamilies[] = {
    {"cairn_gateway_upstream_requests_total", "Requests sent to the upstream.", &Link::requests},
    {"cairn_gateway_upstream_failures_total",
     "Of those, without an answer or with one that means trouble.", &Link::failures},
    {"cairn_gateway_upstream_refused_total",
     "Requests not sent, because the upstream is left alone for a while.", &Link::refused},
    {"cairn_gateway_upstream_received_bytes_total", "Bytes of objects fetched.",
     &Link::received_bytes},
    {"cairn_gateway_upstream_sent_bytes_total", "Bytes of objects written through.",
     &Link::sent_bytes},
    {"cairn_gateway_metadata_hits_total", "Objects that were known within the TTL.", &Link::known},
    {"cairn_gateway_metadata_misses_total", "Objects that the upstream was asked for.",
     &Link::asked},
    {"cairn_gateway_revalidated_total", "Of those, known before and unchanged.", &Link::unchanged},
    {"cairn_gateway_stale_total", "Objects served beyond the TTL while the upstream was down.",
     &Link::stale},
    {"cairn_gateway_changed_total", "Objects that changed at the upstream while they were read.",
     &Link::changed},
    {"cairn_gateway_wrong_answers_total",
     "Answers with another object, range, length or body than was asked for.",
     &Link::wrong_answers}};

}  // namespace

void append_gateway_metrics(std::string& page, const gateway::GatewayReading& reading) {
  if (reading.links.empty()) return;
  const MetricsOut out(page);
  for (const Family& family : kFamilies) {
    metrics_head(out, family.name, "counter", family.help);
    for (const Link& link : reading.links) {
      fmt::format_to(out, "{}{{bucket=\"{}\"}} {}\n", family.name, link.bucket, link.*family.value);
    }
  }
  metrics_head(out, "cairn_gateway_upstream_down", "gauge", "1 while the upstream is left alone.");
  for (const Link& link : reading.links) {
    fmt::format_to(out, "cairn_gateway_upstream_down{{bucket=\"{}\"}} {}\n", link.bucket,
                   link.is_open ? 1 : 0);
  }
  metrics_single(out, "cairn_gateway_metadata_entries", "gauge", "Objects that are known.",
                 reading.metadata_entries);
  metrics_single(out, "cairn_gateway_metadata_bytes", "gauge", "Memory taken by them.",
                 reading.metadata_bytes);
}

}  // namespace cairn::server
