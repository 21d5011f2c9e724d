// The present revision of the cluster, asked once for all reads that wait together.
//
// A read must see whatever was committed before it began, so only a question that is sent after the
// read began can answer it. One question is under way at a time; reads that come meanwhile share
// the next one, which the first of them asks. Questions keep a distance, so that their rate has a
// bound whatever the rate of reads is; a read that comes alone never waits for it. Thread rule: any
// reactor.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "catalog/etcd/client.h"
#include "catalog/etcd/layout.h"
#include "catalog/etcd/metrics.h"
#include "io/sync.h"
#include "io/task.h"

namespace cairn::catalog::etcd {

class RevisionGate {
 public:
  // `client` and `metrics` outlive the gate. `distance`: from one question to the next, at least.
  RevisionGate(Layout layout, Client& client, Duration distance, EtcdMetrics& metrics)
      : layout_(std::move(layout)), client_(client), distance_(distance), metrics_(metrics) {}

  // A revision that is not older than any commit completed before the call. kUnavailable when the
  // cluster cannot tell within `timeout`.
  io::Task<Result<Revision>> present(Duration timeout);

 private:
  // What a waiting read is told: the answer, or that it has to ask.
  struct Word {
    bool has_to_ask = false;
    Result<Revision> answer = Revision{0};
  };
  io::Task<Result<Revision>> lead(Duration timeout);

  const Layout layout_;
  Client& client_;
  const Duration distance_;
  EtcdMetrics& metrics_;

  std::mutex mutex_;  // Guards the rest.
  std::vector<io::Completion<Word>> waiting_;
  bool is_led_ = false;  // Somebody asks, or is about to.
  Instant asked_at_{};
};

}  // namespace cairn::catalog::etcd
