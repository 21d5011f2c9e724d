#include "server/background_page.h"

#include "server/metrics_text.h"

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

}  // namespace

void append_background_metrics(std::string& page, const BackgroundReading& reading) {
  append_audit(MetricsOut(page), reading.audit);
}

}  // namespace cairn::server
