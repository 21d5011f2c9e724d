#include "server/cluster_page.h"

#include <string_view>

#include "server/metrics_text.h"

namespace cairn::server {
namespace {

using peer::Counters;

struct Family {
  std::string_view name;
  std::string_view help;
  Counters::Count Counters::* value;
};
constexpr Family kFamilies[] = {
    {"cairn_peer_own_reads_total", "Reads of chunks that this node owns.", &Counters::own_reads},
    {"cairn_peer_asked_total", "Questions to other nodes.", &Counters::asked},
    {"cairn_peer_hits_total", "Of those, answered and used.", &Counters::answered},
    {"cairn_peer_hit_bytes_total", "Bytes that other nodes gave.", &Counters::answered_bytes},
    {"cairn_peer_hit_nanoseconds_total", "Time that answers took, summed.", &Counters::answered_ns},
    {"cairn_peer_failures_total", "Questions that failed.", &Counters::unanswered},
    {"cairn_peer_wrong_total", "Answers that did not hold.", &Counters::wrong},
    {"cairn_peer_absent_total", "Chunks that their owner did not find.", &Counters::absent},
    {"cairn_peer_hedges_total", "Reads of the home beside a node that was late.",
     &Counters::hedged},
    {"cairn_peer_hedges_won_total", "Of those, quicker than the node.", &Counters::hedged_won},
    {"cairn_peer_hedges_early_total", "Of those, before the patience with a node was over.",
     &Counters::hedged_early},
    {"cairn_peer_hedges_slow_total", "Of those, since the owner read its home for too long.",
     &Counters::hedged_slow},
    {"cairn_peer_passed_by_total", "Nodes not asked: they failed before, or have too much to do.",
     &Counters::passed_by},
    {"cairn_peer_home_reads_total", "Other nodes' chunks read from the home.",
     &Counters::home_reads},
    {"cairn_peer_home_bytes_total", "Bytes of other nodes' chunks read from the home.",
     &Counters::home_bytes},
    {"cairn_peer_distrusted_total", "Reads past all caches, since a chunk did not verify.",
     &Counters::distrusted},
    {"cairn_peer_damage_told_total", "Of those, told to the chunk's owner, which forgets it.",
     &Counters::damage_told},
    {"cairn_peer_served_total", "Questions of other nodes.", &Counters::served},
    {"cairn_peer_served_bytes_total", "Bytes sent to other nodes.", &Counters::served_bytes},
    {"cairn_peer_refused_total", "Questions that were none.", &Counters::refused},
    {"cairn_peer_kept_hits_total", "Blocks that were kept.", &Counters::kept_hits},
    {"cairn_peer_kept_misses_total", "Blocks that were fetched.", &Counters::kept_misses},
    {"cairn_peer_kept_shared_total", "Waits for a fetch of somebody else.", &Counters::kept_shared},
    {"cairn_peer_kept_refused_total", "Blocks for which there was no room.", &Counters::not_kept},
    {"cairn_peer_copies_told_total", "Answers for hot chunks, which have more owners.",
     &Counters::copies_told}};

}  // namespace

void append_cluster_metrics(std::string& page, const ClusterReading& reading) {
  const MetricsOut out(page);
  uint64_t draining = 0;
  for (const cluster::Member& member : reading.members.members) draining += member.is_draining;
  metrics_single(out, "cairn_cluster_members", "gauge", "Nodes that are registered.",
                 reading.members.members.size());
  metrics_single(out, "cairn_cluster_members_draining", "gauge", "Of those, draining.", draining);
  metrics_single(out, "cairn_cluster_registered", "gauge", "1 while this node is registered.",
                 reading.members.is_registered ? 1 : 0);
  metrics_single(out, "cairn_cluster_registrations_total", "counter",
                 "Registrations; more than one: it was lost.", reading.members.registrations_count);
  metrics_single(out, "cairn_cluster_interruptions_total", "counter",
                 "Times that the watch of members or the lease was interrupted.",
                 reading.members.interruptions_count);
  if (reading.counters == nullptr) return;
  for (const Family& family : kFamilies) {
    metrics_single(out, family.name, "counter", family.help,
                   (reading.counters->*family.value).load(std::memory_order_relaxed));
  }
  metrics_single(out, "cairn_peer_kept_bytes", "gauge", "Memory of blocks kept for other nodes.",
                 reading.kept.used_bytes);
  metrics_single(out, "cairn_peer_kept_capacity_bytes", "gauge", "The most that it takes.",
                 reading.kept.capacity_bytes);
}

}  // namespace cairn::server
