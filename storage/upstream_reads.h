// UpstreamReads: the ranges that readers want of an upstream, in requests.
//
// Ranges of one object that lie side by side and wait at the same time go in one request, and each
// is done as soon as its own bytes are there. So many requests run at a time; what a client waits
// for goes before what is read ahead, and that before work in the background. The queue is bounded:
// behind it a read fails at once.
//
// Thread rule: one reactor. REQUIRES: no read is in progress at destruction.
#pragma once

#include <array>
#include <compare>
#include <map>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "io/scope.h"
#include "io/sync.h"
#include "storage/limits.h"
#include "storage/metrics.h"
#include "storage/read_options.h"

namespace cairn::storage {

class Upstream;
struct UpstreamObject;

class UpstreamReads {
 public:
  // Both outlive it.
  UpstreamReads(Upstream& upstream, StoreCounters& counters)
      : upstream_(upstream), counters_(counters) {}
  UpstreamReads(const UpstreamReads&) = delete;
  UpstreamReads& operator=(const UpstreamReads&) = delete;

  // Fills `into` with the object's bytes from `offset_bytes` on. Errors as Upstream::read(), and
  // kUnavailable when too many reads wait.
  io::Task<Status> read(UpstreamObject object, uint64_t offset_bytes, MutableBytes into,
                        Urgency urgency);
  // Waits for requests that still run.
  io::Task<void> close() { return requests_.join(); }

 private:
  // A range that somebody waits for; lies in the reader's frame.
  struct Wish {
    const UpstreamObject& object;
    uint64_t offset_bytes;
    MutableBytes into;
    Urgency urgency;
    uint64_t number;  // In order of arrival.
    io::Event done = {};
    Status status = {};
    uint64_t end_bytes() const { return offset_bytes + into.size(); }
  };
  struct Place {
    std::string object;
    uint64_t offset_bytes = 0;
    uint64_t number = 0;
    friend auto operator<=>(const Place&, const Place&) = default;
  };
  struct Rank {
    Urgency urgency;
    uint64_t number;
    friend auto operator<=>(const Rank&, const Rank&) = default;
  };
  using Batch = std::vector<Wish*>;

  static Place place_of(const Wish& wish);
  static constexpr size_t slot(Urgency urgency) { return static_cast<size_t>(urgency); }
  io::Task<void> pump_soon();
  void pump();
  Wish* next_wish() const;
  Batch take_batch(Wish& first);
  void take(Wish& wish);
  io::Task<void> run(Batch batch, Urgency urgency);
  bool may_hedge(const Wish& wish) const;
  io::Task<void> fetch(Batch batch);

  Upstream& upstream_;
  StoreCounters& counters_;
  std::map<Place, Wish*> by_place_;  // What waits, twice ordered.
  std::map<Rank, Wish*> by_rank_;
  std::array<size_t, 3> running_{};  // Requests, by urgency.
  uint64_t next_number_ = 0;
  bool pump_is_due_ = false;
  io::Scope requests_;
};

}  // namespace cairn::storage
