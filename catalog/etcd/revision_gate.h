// The present revision of the cluster, asked once for all reads that wait together.
//
// A read must see whatever was committed before it began, so only a question that is sent after the
// read began can answer it. One question is under way at a time; reads that come meanwhile share
// the next one, which one of them asks.
//
// Questions keep a distance, so that their rate has a bound whatever the rate of reads is. Besides,
// a question waits a moment for reads that are likely to come: those of clients that were answered
// just now and ask again at once. It waits no longer than until as many reads wait as there were
// lately, or for `gather`; so a read that comes alone never waits. Without that, clients that ask
// one thing after the other fall into two halves, which take turns and need two questions.
// Thread rule: any reactor.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "catalog/etcd/client.h"
#include "catalog/etcd/layout.h"
#include "catalog/etcd/metrics.h"
#include "io/reactor.h"
#include "io/stop.h"
#include "io/task.h"
#include "io/until_watch.h"

namespace cairn::catalog::etcd {

class RevisionGate {
 public:
  struct Pace {
    Duration distance;  // From one question to the next, at least.
    Duration gather;    // From an answer to the next question, at most, while reads are few.
  };
  // `client` and `metrics` outlive the gate.
  RevisionGate(const Layout& layout, Client& client, Pace pace, EtcdMetrics& metrics);

  // A revision that is not older than any commit completed before the call. kUnavailable when the
  // cluster cannot tell within `timeout`.
  io::Task<Result<Revision>> present(Duration timeout);

 private:
  // A waiting read, in the frame of its coroutine. Woken with an answer, or to ask itself.
  struct Seat : io::Parked {
    Seat() : Parked(io::Until{}) {}
    Seat* next = nullptr;
    bool has_to_ask = false;
    Result<Revision> answer = Revision{0};
  };
  // The reads that wait on one reactor, in no order.
  struct Row {
    io::Reactor* reactor = nullptr;
    Seat* first = nullptr;
  };

  io::Task<Result<Revision>> lead(Duration timeout);
  io::Task<void> keep_pace();
  io::Task<Result<Revision>> ask(Instant deadline);
  bool is_gathering() const { return waiting_count_ + 1 < expected_count_; }
  // REQUIRES: the mutex is held.
  void sit_down(Seat& seat);
  void pass_lead();
  static void wake(const Row& row, const Result<Revision>& answer);
  static void wake_here(Seat* first, const Result<Revision>& answer);

  const std::string question_;  // A serialized request.
  Client& client_;
  const Pace pace_;
  EtcdMetrics& metrics_;

  std::mutex mutex_;       // Guards the rest.
  std::vector<Row> rows_;  // By the reactor's index.
  size_t waiting_count_ = 0;
  // Reads that waited when the last answer came, whether it was theirs or not.
  size_t expected_count_ = 0;
  bool is_led_ = false;  // Somebody asks, or is about to.
  // Ends the leader's wait for others. Null: it does not wait.
  io::StopSource* gathering_ = nullptr;
  io::Reactor* leader_ = nullptr;
  Instant asked_at_{};
  Instant answered_at_{};
};

}  // namespace cairn::catalog::etcd
