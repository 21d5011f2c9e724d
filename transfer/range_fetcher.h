// Brings the open ranges of a plan into a partial file: workers on every member of the crew,
// repeats within a budget, and a second request for what is late at the end.
//
// On each reactor: workers take ranges while the pace allows, receive piece by piece, sum the bytes
// while they are hot and write them while the next piece comes in. When nothing is left to take, a
// worker looks for a range of its reactor that takes three times as long as usual and asks for it
// too; whoever is first stops the other.
// Thread rule: run() at home; everything in a Lane on its reactor.
#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <vector>

#include "transfer/partial_file.h"
#include "transfer/retry_budget.h"

namespace cairn::transfer {

class RangeFetcher {
 public:
  // All of it outlives the fetcher.
  struct Parts {
    Crew& crew;
    const DownloadJob& job;
    const ObjectInfo& info;
    PartialFile& partial;
    RangePlan& plan;
    Meter& meter;
  };
  RangeFetcher(Parts parts, PaceLimits limits);
  ~RangeFetcher();

  // Until the plan is done, has failed, or the crew was stopped.
  io::Task<void> run();
  unsigned hedges_count() const { return hedges_count_; }

 private:
  struct Flight;
  struct Lane;
  struct Cursor;
  struct Pieces;

  io::Task<void> run_lane(size_t member);
  io::Task<void> work(Lane& lane, size_t number);
  // Waits when this worker is one too many or nothing is late yet. False when it is not needed.
  io::Task<bool> idle(Lane& lane, Duration patience);
  std::shared_ptr<Flight> late_flight(Lane& lane);
  io::Task<void> fly(Lane& lane, std::shared_ptr<Flight> flight);
  io::Task<S3Status> fetch(Lane& lane, Cursor& cursor, io::StopToken stop);
  io::Task<S3Status> fetch_once(Lane& lane, Cursor& cursor, io::StopToken stop);
  io::Task<S3Status> receive(ObjectBody& body, Cursor& cursor, Pieces& pieces);
  io::Task<void> write(Pieces& pieces, Buffer piece, uint64_t offset_bytes);
  uint64_t range_bytes() const;
  void adapt_range(Duration took, uint64_t bytes);

  const Parts parts_;
  const size_t workers_max_;
  Pace pace_;
  RetryBudget budget_;
  std::atomic<uint64_t> range_bytes_{kRangeBytesStart};
  std::atomic<unsigned> hedges_count_{0};
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace cairn::transfer
