#include "server/metrics_page.h"

#include <map>

#include "native/guest.h"
#include "s3/routes.h"
#include "server/etcd_page.h"
#include "server/metrics_text.h"

namespace cairn::server {
namespace {

double to_seconds(int64_t nanoseconds) {
  return static_cast<double>(nanoseconds) / 1e9;
}

// Rows of the table may share a name: one series per name.
std::map<std::string_view, RouteReading> by_name(const std::vector<RouteReading>& rows) {
  std::map<std::string_view, RouteReading> merged;
  std::vector<std::string_view> names;
  for (const s3::Route& route : s3::routes()) names.push_back(route.name);
  for (const s3::Route& route : native::routes()) names.push_back(route.name);
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].requests() == 0) continue;
    merged[i < names.size() ? names[i] : "none"].add(rows[i]);
  }
  return merged;
}

void render_requests(MetricsOut out, const std::map<std::string_view, RouteReading>& routes) {
  metrics_head(out, "cairn_requests_total", "counter", "Requests by route and status.");
  for (const auto& [name, row] : routes) {
    for (size_t i = 0; i < row.by_status.size(); ++i) {
      if (row.by_status[i] == 0) continue;
      const uint16_t status = kCountedStatuses[i];
      const std::string text = status == 0                ? "other"
                               : status == kAbortedStatus ? "aborted"
                                                          : std::to_string(status);
      fmt::format_to(out, "cairn_requests_total{{route=\"{}\",status=\"{}\"}} {}\n", name, text,
                     row.by_status[i]);
    }
  }
  metrics_head(out, "cairn_request_body_bytes_total", "counter",
               "Body bytes by route and direction.");
  for (const auto& [name, row] : routes) {
    fmt::format_to(out, "cairn_request_body_bytes_total{{route=\"{}\",direction=\"in\"}} {}\n",
                   name, row.bytes_in);
    fmt::format_to(out, "cairn_request_body_bytes_total{{route=\"{}\",direction=\"out\"}} {}\n",
                   name, row.bytes_out);
  }
}

void render_instant_uploads(MetricsOut out,
                            const std::map<std::string_view, RouteReading>& routes) {
  metrics_head(out, "cairn_instant_uploads_total", "counter",
               "Uploads answered before their bodies, which the store had.");
  for (const auto& [name, row] : routes) {
    if (row.instant_count == 0) continue;
    fmt::format_to(out, "cairn_instant_uploads_total{{route=\"{}\"}} {}\n", name,
                   row.instant_count);
  }
  metrics_head(out, "cairn_instant_upload_saved_bytes_total", "counter",
               "Body bytes that were not sent because the store had them.");
  for (const auto& [name, row] : routes) {
    if (row.instant_count == 0) continue;
    fmt::format_to(out, "cairn_instant_upload_saved_bytes_total{{route=\"{}\"}} {}\n", name,
                   row.instant_bytes);
  }
}

void render_latency(MetricsOut out, const std::map<std::string_view, RouteReading>& routes) {
  metrics_head(out, "cairn_request_seconds", "histogram",
               "From a request's first byte to the last of its reply.");
  for (const auto& [name, row] : routes) {
    uint64_t count = 0;
    for (size_t i = 0; i < kLatencyBuckets; ++i) {
      count += row.by_latency[i];
      if (i + 1 == kLatencyBuckets) {
        fmt::format_to(out, "cairn_request_seconds_bucket{{route=\"{}\",le=\"+Inf\"}} {}\n", name,
                       count);
      } else {
        fmt::format_to(out, "cairn_request_seconds_bucket{{route=\"{}\",le=\"{:.6f}\"}} {}\n", name,
                       to_seconds(kLatencyFirst.nanoseconds << i), count);
      }
    }
    fmt::format_to(out, "cairn_request_seconds_sum{{route=\"{}\"}} {:.9f}\n", name,
                   to_seconds(static_cast<int64_t>(row.latency_sum_ns)));
    fmt::format_to(out, "cairn_request_seconds_count{{route=\"{}\"}} {}\n", name, count);
  }
}

void render_cores(MetricsOut out, const std::vector<CoreReading>& cores) {
  const auto series = [&](std::string_view name, std::string_view type, std::string_view help,
                          auto value) {
    metrics_head(out, name, type, help);
    for (size_t i = 0; i < cores.size(); ++i) {
      fmt::format_to(out, "{}{{core=\"{}\"}} {}\n", name, i, value(cores[i]));
    }
  };
  series("cairn_core_cpu_seconds_total", "counter", "CPU time of the core's thread.",
         [](const CoreReading& core) { return to_seconds(core.cpu_ns); });
  series("cairn_connections_open", "gauge", "Open client connections.",
         [](const CoreReading& core) { return core.http.connections_open; });
  series("cairn_connections_accepted_total", "counter", "Accepted client connections.",
         [](const CoreReading& core) { return core.http.connections_accepted; });
  series("cairn_connections_rejected_total", "counter", "Connections over the limit.",
         [](const CoreReading& core) { return core.http.connections_rejected; });
  series("cairn_requests_in_flight", "gauge", "Requests being served.",
         [](const CoreReading& core) { return core.http.requests_in_flight; });
  series("cairn_requests_rejected_total", "counter", "Requests over the limit, answered 503.",
         [](const CoreReading& core) { return core.http.requests_rejected; });
  series("cairn_bad_requests_total", "counter", "Requests that are no HTTP.",
         [](const CoreReading& core) { return core.http.bad_requests; });
  series("cairn_buffers_used_bytes", "gauge", "I/O memory in use.",
         [](const CoreReading& core) { return core.buffers_used_bytes; });
  series("cairn_buffers_cap_bytes", "gauge", "I/O memory there is.",
         [](const CoreReading& core) { return core.buffers_cap_bytes; });
}

void render_catalog(MetricsOut out, const catalog::CatalogMetrics& of) {
  const auto load = [](const std::atomic<uint64_t>& counter) {
    return counter.load(std::memory_order_relaxed);
  };
  metrics_single(out, "cairn_catalog_gets_total", "counter", "Point reads.", load(of.gets_count));
  metrics_single(out, "cairn_catalog_scans_total", "counter", "Range reads.", load(of.scans_count));
  metrics_single(out, "cairn_catalog_scanned_entries_total", "counter",
                 "Entries that scans returned.", load(of.scanned_entries_count));
  metrics_single(out, "cairn_catalog_blocking_reads_total", "counter",
                 "Reads that missed the block cache.", load(of.blocking_reads_count));
  metrics_single(out, "cairn_catalog_commits_total", "counter", "Acknowledged commits.",
                 load(of.commits_count));
  metrics_single(out, "cairn_catalog_failed_preconditions_total", "counter",
                 "Commits that lost a race.", load(of.failed_preconditions_count));
  metrics_single(out, "cairn_catalog_rejected_commits_total", "counter",
                 "Commits that were refused.", load(of.rejected_commits_count));
  metrics_single(out, "cairn_catalog_flush_groups_total", "counter", "Synced writes of the log.",
                 load(of.groups_count));
  metrics_single(out, "cairn_catalog_flush_nanoseconds_total", "counter",
                 "Time spent in synced writes.", load(of.group_write_ns));
  metrics_single(out, "cairn_catalog_queue_depth", "gauge", "Commits that wait.",
                 load(of.queue_depth));
  metrics_single(out, "cairn_catalog_no_space", "gauge",
                 "1 while writes are refused for lack of space.", load(of.no_space));
  metrics_single(out, "cairn_catalog_failed", "gauge", "1 once an I/O error stopped all commits.",
                 load(of.failed));
}

void render_store(MetricsOut out, const storage::StoreMetrics& of,
                  const storage::StoreUsage& usage) {
  metrics_single(out, "cairn_chunks", "gauge", "Chunks stored.", usage.chunks_count);
  metrics_single(out, "cairn_chunk_live_bytes", "gauge", "Bytes of live chunks.", usage.live_bytes);
  metrics_single(out, "cairn_chunk_allocated_bytes", "gauge", "Disk in use by data.",
                 usage.allocated_bytes);
  metrics_single(out, "cairn_disk_capacity_bytes", "gauge", "Size of the disks.",
                 usage.capacity_bytes);
  metrics_single(out, "cairn_disk_available_bytes", "gauge", "Free space.", usage.available_bytes);
  metrics_single(out, "cairn_chunk_puts_total", "counter", "New chunks.", of.puts_count);
  metrics_single(out, "cairn_chunk_puts_deduplicated_total", "counter",
                 "Puts of chunks that were there.", of.puts_deduplicated);
  metrics_single(out, "cairn_chunk_puts_failed_total", "counter", "Puts that failed.",
                 of.puts_failed);
  metrics_single(out, "cairn_chunk_links_total", "counter", "Chunks found instead of written.",
                 of.links_count);
  metrics_single(out, "cairn_chunk_reads_total", "counter", "Reads.", of.reads_count);
  metrics_single(out, "cairn_chunk_written_bytes_total", "counter", "Bytes written.",
                 of.written_bytes);
  metrics_single(out, "cairn_chunk_read_bytes_total", "counter", "Bytes read from disk.",
                 of.read_bytes);
  metrics_single(out, "cairn_chunk_flush_groups_total", "counter", "Flushes for chunks.",
                 of.flush_groups);
  metrics_single(out, "cairn_chunk_dropped_total", "counter", "Chunks dropped.", of.dropped_chunks);
  metrics_single(out, "cairn_chunk_punched_bytes_total", "counter", "Space given back.",
                 of.punched_bytes);
  metrics_single(out, "cairn_chunk_files_condemned_total", "counter",
                 "Log files given up after an error.", of.log_files_condemned);
  metrics_single(out, "cairn_chunk_files_quarantined_total", "counter",
                 "Log files set aside at start.", of.quarantined_files);
  metrics_single(out, "cairn_chunk_checksum_failures_total", "counter",
                 "Records that did not verify.", of.checksum_failures);
  metrics_single(out, "cairn_home_requests_total", "counter",
                 "Requests to the bucket that chunks are kept in.", of.upstream_requests);
  metrics_single(out, "cairn_home_failures_total", "counter",
                 "Those that failed because of that server.", of.upstream_failures);
  metrics_single(out, "cairn_home_merged_reads_total", "counter",
                 "Ranges that went with the request for a neighbour.", of.upstream_reads_merged);
  metrics_single(out, "cairn_home_refused_reads_total", "counter",
                 "Ranges for which too many others were waiting.", of.upstream_reads_refused);
  metrics_single(out, "cairn_home_hedges_total", "counter",
                 "Second requests for answers that were late.", of.hedges_sent);
  metrics_single(out, "cairn_home_hedges_won_total", "counter",
                 "Second requests that were answered first.", of.hedges_won);
  metrics_single(out, "cairn_home_hedges_refused_total", "counter",
                 "Late answers that were waited for: second requests had their share of all.",
                 of.hedges_refused);
  metrics_single(out, "cairn_home_packs_lost_total", "counter",
                 "Reads of a pack that is gone or was replaced.", of.packs_lost);
  metrics_single(out, "cairn_home_down", "gauge", "1 while that server is left alone.",
                 of.upstream_down ? 1 : 0);
}

}  // namespace

std::string render_metrics(const MetricsReading& reading) {
  std::string text;
  const MetricsOut out(text);
  const auto routes = by_name(reading.routes);
  metrics_single(out, "cairn_ready", "gauge", "1 while requests are served.",
                 reading.ready ? 1 : 0);
  render_requests(out, routes);
  render_instant_uploads(out, routes);
  render_latency(out, routes);
  render_cores(out, reading.cores);
  if (reading.catalog != nullptr) render_catalog(out, *reading.catalog);
  render_etcd(out, reading.etcd);
  if (reading.root_credentials_differ) {
    metrics_single(out, "cairn_root_credentials_differ", "gauge",
                   "1 after other nodes took other root credentials than this one has.",
                   *reading.root_credentials_differ ? 1 : 0);
  }
  render_store(out, reading.store, reading.usage);
  append_tier_metrics(text, reading.tiers);
  append_gateway_metrics(text, reading.gateway);
  if (reading.cluster) append_cluster_metrics(text, *reading.cluster);
  append_home_metrics(text, reading.homes);
  metrics_single(out, "cairn_gc_passes_total", "counter", "Passes of the collector.",
                 reading.gc_passes);
  metrics_single(out, "cairn_gc_failures_total", "counter", "Passes that failed.",
                 reading.gc_failures);
  metrics_single(out, "cairn_access_log_dropped_total", "counter",
                 "Lines the access log had to drop.", reading.access_log_dropped);
  append_background_metrics(text, reading.background);
  return text;
}

}  // namespace cairn::server
