#include "server/etcd_page.h"

#include "base/clock.h"

namespace cairn::server {

void render_etcd(MetricsOut out, const catalog::EtcdMetrics* of) {
  if (of == nullptr) return;
  const auto load = [](const std::atomic<uint64_t>& counter) {
    return counter.load(std::memory_order_relaxed);
  };
  metrics_single(out, "cairn_etcd_strong_reads_total", "counter",
                 "Reads that needed the present state.", load(of->strong_reads_count));
  metrics_single(out, "cairn_etcd_questions_total", "counter",
                 "Questions for the present revision; one serves many reads.",
                 load(of->questions_count));
  metrics_single(out, "cairn_etcd_question_detours_total", "counter",
                 "Questions that could not go the short way.", load(of->detours_count));
  metrics_single(out, "cairn_etcd_failovers_total", "counter", "Turns to another member.",
                 load(of->failovers_count));
  metrics_single(out, "cairn_etcd_resolved_commits_total", "counter",
                 "Commits whose answer was lost and asked for.", load(of->resolved_count));
  metrics_single(out, "cairn_etcd_unknown_commits_total", "counter",
                 "Commits that ended without a known outcome.", load(of->unknown_count));
  metrics_single(out, "cairn_etcd_mirror_bootstraps_total", "counter",
                 "Times that the mirror was read anew.", load(of->bootstraps_count));
  metrics_single(out, "cairn_etcd_watches_total", "counter", "Watch streams opened.",
                 load(of->watches_count));
  metrics_single(out, "cairn_etcd_pulses_total", "counter",
                 "Writes made to see how far the watch is.", load(of->pulses_count));
  metrics_single(out, "cairn_etcd_mirror_revision", "gauge", "How far the mirror is.",
                 load(of->applied_revision));
  const int64_t confirmed_ns = of->confirmed_at_ns.load(std::memory_order_relaxed);
  const int64_t age_ns = system_clock().now().nanoseconds - confirmed_ns;
  metrics_head(out, "cairn_etcd_mirror_age_seconds", "gauge",
               "How old a stale read may be: since the mirror was last known to be complete.");
  fmt::format_to(out, "cairn_etcd_mirror_age_seconds {:.1f}\n", static_cast<double>(age_ns) / 1e9);
}

}  // namespace cairn::server
