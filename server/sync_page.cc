#include "server/sync_page.h"

#include "server/metrics_text.h"

namespace cairn::server {
namespace {

struct Series {
  std::string_view name;
  std::string_view type;
  std::string_view help;
  double (*value)(const SyncReading& reading);
  bool is_sender_only = false;  // Known to the server that sends.
};

constexpr Series kSeries[] = {
    {"cairn_sync_lag_seconds", "gauge", "Age of the oldest change the other site has not taken.",
     [](const SyncReading& of) { return of.lag_seconds; }, true},
    {"cairn_sync_pending_changes", "gauge", "Changes the other site has not taken.",
     [](const SyncReading& of) { return static_cast<double>(of.pending_changes); }},
    {"cairn_sync_pending_bytes", "gauge", "Bytes of the objects of those changes.",
     [](const SyncReading& of) { return static_cast<double>(of.pending_bytes); }},
    {"cairn_sync_failed_changes", "gauge", "Changes put aside because they were refused.",
     [](const SyncReading& of) { return static_cast<double>(of.failed_changes); }},
    {"cairn_sync_applied_total", "counter", "Changes the other site took, or had.",
     [](const SyncReading& of) { return static_cast<double>(of.counters.applied); }},
    {"cairn_sync_sent_bytes_total", "counter", "Bytes of bodies sent.",
     [](const SyncReading& of) { return static_cast<double>(of.counters.bytes.sent_bytes); }},
    {"cairn_sync_saved_bytes_total", "counter", "Bytes of bodies the other site had already.",
     [](const SyncReading& of) { return static_cast<double>(of.counters.bytes.saved_bytes); }},
    {"cairn_sync_failures_total", "counter", "Attempts that failed.",
     [](const SyncReading& of) { return static_cast<double>(of.counters.failures); }},
    {"cairn_sync_skipped_total", "counter", "Objects under customers' keys, which are not sent.",
     [](const SyncReading& of) { return static_cast<double>(of.counters.skipped); }},
    {"cairn_sync_removals_dropped_total", "counter", "Removals of versions nobody was told of.",
     [](const SyncReading& of) { return static_cast<double>(of.removals_dropped); }},
    {"cairn_sync_comparing", "gauge", "1 while the two sites are compared as a whole.",
     [](const SyncReading& of) { return of.is_comparing ? 1.0 : 0.0; }},
    {"cairn_sync_up", "gauge", "1 when the other site answered last.",
     [](const SyncReading& of) { return of.is_up ? 1.0 : 0.0; }, true},
    {"cairn_sync_runs_here", "gauge", "1 on the server of a cluster that sends.",
     [](const SyncReading& of) { return of.is_run_here ? 1.0 : 0.0; }},
};

}  // namespace

void append_sync_metrics(std::string& page, const std::vector<SyncReading>& readings) {
  if (readings.empty()) return;
  const MetricsOut out(page);
  for (const Series& series : kSeries) {
    metrics_head(out, series.name, series.type, series.help);
    for (const SyncReading& reading : readings) {
      if (series.is_sender_only && !reading.is_run_here) continue;
      // Names of buckets need no escapes.
      fmt::format_to(out, "{}{{rule=\"{:016x}\",bucket=\"{}\"}} {:.3f}\n", series.name,
                     reading.rule.id, reading.rule.bucket, series.value(reading));
    }
  }
}

}  // namespace cairn::server
