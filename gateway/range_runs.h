// RangeRuns: the ranges that readers want of the upstream's objects, in few requests.
//
// A run is one request for a range that is longer than what is wanted so far: readers who go on
// behind it are served out of the same answer, piece by piece, as they come. The answer is received
// no faster than it is wanted, so a run takes no memory of its own. A run ends where a reader said
// that he stops (RemoteObject::wanted_end), at kRunBytesMax, or when nobody goes on for a while.
// The first run of a reader is as long as what he asks for at once; each that goes on where one
// ended is twice as long, so that what is asked for and not used stays less than what was used.
//
// A run that fails takes those with it who wait for it; each may ask again. Which run an object's
// readers share is one reactor's business: the one that read it first (RemoteObject::runs).
// Thread rule: one reactor; others come by io::run_on. REQUIRES: close() before destruction, when
// no read is in progress.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "gateway/remote_object.h"
#include "io/reactor.h"
#include "io/scope.h"
#include "io/task.h"

namespace cairn::gateway {

class RangeRuns {
 public:
  RangeRuns() : reactor_(io::Reactor::current()) {}
  ~RangeRuns();
  RangeRuns(const RangeRuns&) = delete;
  RangeRuns& operator=(const RangeRuns&) = delete;

  io::Reactor& reactor() const { return reactor_; }
  // Fills `into` with the object's bytes from `offset_bytes` on, checked (fetch.h). One attempt:
  // the failure tells whether another one may help.
  io::Task<transfer::S3Status> read(RemoteObjectPointer object, uint64_t offset_bytes,
                                    MutableBytes into);
  // Ends runs that nobody waits for.
  io::Task<void> close();

 private:
  struct Wish;
  struct Run;
  using RunPointer = std::shared_ptr<Run>;

  RunPointer find_run(const RemoteObject& object, uint64_t offset_bytes, uint64_t end_bytes);
  io::Task<void> start_soon();
  void start(std::vector<Wish*> group);
  io::Task<void> drive(RunPointer run);
  io::Task<void> watch(RunPointer run);
  io::Task<transfer::S3Status> receive(RunPointer run);
  io::Task<bool> wait_for_wish(RunPointer run);
  io::Task<transfer::S3Status> serve_front(RunPointer run);
  void end(const RunPointer& run, const transfer::S3Status& status);
  void end_longest_idle();

  io::Reactor& reactor_;
  std::list<RunPointer> runs_;   // Those under way.
  std::vector<Wish*> starting_;  // What no run covers, until the end of this turn of the reactor.
  bool start_is_due_ = false;
  io::Scope tasks_;
};

}  // namespace cairn::gateway
