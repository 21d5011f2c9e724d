#include "server/background_page.h"

#include "server/metrics_text.h"
#include "server/sync_page.h"

namespace cairn::server {
namespace {

void append_audit(MetricsOut out, const AuditLog::Counters& of) {
  metrics_single(out, "cairn_audit_lines_total", "counter", "Lines of the audit log.", of.lines);
  metrics_single(out, "cairn_audit_waiting_bytes", "gauge", "Lines that are not written yet.",
                 of.bytes_waiting);
  metrics_single(out, "cairn_audit_write_failures_total", "counter",
                 "Writes of the audit log that the disk refused.", of.write_failures);
  metrics_single(out, "cairn_audit_failed", "gauge",
                 "1 once the audit log failed and requests are refused.", of.failed ? 1 : 0);
  metrics_single(out, "cairn_audit_gap", "gauge", "1 when lines were missing at the start.",
                 of.gap ? 1 : 0);
}

void append_events(MetricsOut out, const EventsReading& of, const DeliveryCounters& delivery) {
  metrics_single(out, "cairn_events_queued", "gauge", "Events that no webhook has taken yet.",
                 of.depth);
  metrics_single(out, "cairn_events_added_total", "counter", "Events recorded.", of.added);
  metrics_single(out, "cairn_events_dropped_total", "counter",
                 "Events not recorded because the queue was full.", of.dropped);
  metrics_single(out, "cairn_events_delivered_total", "counter", "Events that a webhook took.",
                 delivery.delivered);
  metrics_single(out, "cairn_events_delivery_failures_total", "counter",
                 "Attempts that no webhook took.", delivery.failures);
  metrics_single(out, "cairn_events_expired_total", "counter",
                 "Events dropped because no webhook took them in time.", delivery.expired);
  metrics_single(out, "cairn_events_damaged_total", "counter",
                 "Events dropped because their row was damaged.", delivery.damaged);
}

void append_lifecycle(MetricsOut out, const LifecycleCounters& of) {
  metrics_single(out, "cairn_lifecycle_passes_total", "counter", "Passes over all buckets.",
                 of.passes);
  metrics_single(out, "cairn_lifecycle_examined_total", "counter", "Versions looked at.",
                 of.versions_examined);
  metrics_single(out, "cairn_lifecycle_removed_total", "counter", "Versions expired.",
                 of.versions_removed);
  metrics_single(out, "cairn_lifecycle_uploads_aborted_total", "counter", "Uploads aborted.",
                 of.uploads_aborted);
  metrics_single(out, "cairn_lifecycle_locked_total", "counter",
                 "Versions that were due but locked.", of.locked);
  metrics_single(out, "cairn_lifecycle_changed_total", "counter",
                 "Versions that were due but changed meanwhile.", of.changed);
  metrics_single(out, "cairn_lifecycle_transitions_total", "counter",
                 "Versions moved to another storage class.", of.transitions);
  metrics_single(out, "cairn_lifecycle_transition_bytes_total", "counter",
                 "Bytes moved to where their storage class is kept.", of.transition_bytes);
  metrics_single(out, "cairn_lifecycle_transitions_skipped_total", "counter",
                 "Versions that were due but whose key is the customer's or disabled.",
                 of.transitions_skipped);
  metrics_single(out, "cairn_lifecycle_failures_total", "counter",
                 "Buckets whose pass and moves that failed.", of.failures);
}

void append_bucket_logs(MetricsOut out, const BucketLogs::Counters& of) {
  metrics_single(out, "cairn_bucket_log_lines_total", "counter", "Lines of server access logs.",
                 of.lines);
  metrics_single(out, "cairn_bucket_log_dropped_total", "counter",
                 "Lines dropped because too many waited.", of.dropped);
  metrics_single(out, "cairn_bucket_log_objects_total", "counter", "Log objects delivered.",
                 of.objects);
  metrics_single(out, "cairn_bucket_log_failures_total", "counter",
                 "Log objects that could not be delivered.", of.failures);
}

void append_clock(MetricsOut out, const ClockReading& of) {
  metrics_single(out, "cairn_clock_differs", "gauge",
                 "1 while this server's clock is not that of most others.", of.differs ? 1 : 0);
  if (!of.offset_seconds) return;
  metrics_head(out, "cairn_clock_offset_seconds", "gauge",
               "How far this server's clock is ahead of the others', give or take a beat of 5 s.");
  fmt::format_to(out, "cairn_clock_offset_seconds {:.3f}\n", *of.offset_seconds);
}

}  // namespace

void append_background_metrics(std::string& page, const BackgroundReading& reading) {
  append_audit(MetricsOut(page), reading.audit);
  append_events(MetricsOut(page), reading.events, reading.delivery);
  append_lifecycle(MetricsOut(page), reading.lifecycle);
  append_bucket_logs(MetricsOut(page), reading.bucket_logs);
  append_sync_metrics(page, reading.sync);
  if (reading.clock) append_clock(MetricsOut(page), *reading.clock);
  metrics_single(MetricsOut(page), "cairn_usage_counted", "gauge",
                 "1 once it is known what buckets hold, so that size quotas can be kept.",
                 reading.usage_counted ? 1 : 0);
}

}  // namespace cairn::server
