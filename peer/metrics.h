// What a node asked of others and others of it. Counters are raised on any reactor.
#pragma once

#include <atomic>
#include <cstdint>

namespace cairn::peer {

struct Counters {
  using Count = std::atomic<uint64_t>;
  static void add(Count& count, uint64_t by = 1) { count.fetch_add(by, std::memory_order_relaxed); }

  // Reads that reached the tier.
  Count own_reads{0};  // Of chunks that this node owns, or while it is alone.
  Count asked{0};      // Of another node.
  Count answered{0};   // By it, and used.
  Count answered_bytes{0};
  Count answered_ns{0};   // Their latency, summed.
  Count unanswered{0};    // An error, a refusal, a connection that broke.
  Count wrong{0};         // Its checksum or its sizes do not hold.
  Count absent{0};        // The owner does not find the chunk.
  Count hedged{0};        // It was late: the home was asked beside it,
  Count hedged_won{0};    // and was quicker.
  Count hedged_early{0};  // Of those, before the patience was over, by what was learned;
  Count hedged_slow{0};   // and because the owner read its home for too long.
  Count passed_by{0};     // Not asked: it failed before, or has too much to do.
  Count home_reads{0};    // Of other nodes' chunks, by this node.
  Count home_bytes{0};
  Count distrusted{0};   // Chunks that did not verify above.
  Count damage_told{0};  // To their owners.

  // What other nodes ask of this one.
  Count served{0};
  Count served_bytes{0};
  Count refused{0};  // Malformed.
  Count kept_hits{0};
  Count kept_misses{0};  // Reads of the home, or of the first owner.
  Count kept_shared{0};  // Waited for somebody else's.
  Count not_kept{0};     // There was no room.
  Count copies_told{0};  // Answers that asked for more than one owner.
};

struct KeptReading {
  uint64_t capacity_bytes = 0;
  uint64_t used_bytes = 0;
  uint64_t pinned_bytes = 0;
  uint64_t runs_count = 0;
};

}  // namespace cairn::peer
