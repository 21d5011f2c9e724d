// Keeps commits of this node that touch the same keys in the order in which they were given.
//
// Transactions that are under way together reach the cluster in any order. Two that conflict (one
// changes what the other changes or rests on) would then fail or pass by luck, so the later one is
// sent only when the earlier one is through. Those that do not conflict go side by side. This is
// about this node's commits only; between nodes the transactions' own conditions decide.
// Thread rule: any reactor.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "catalog/catalog.h"
#include "io/sync.h"
#include "io/task.h"

namespace cairn::catalog::etcd {

class CommitOrder {
 public:
  class Ticket;

  explicit CommitOrder(size_t tickets_max) : tickets_max_(tickets_max) {}

  // Completes when no earlier conflicting commit is under way. kUnavailable when too many wait, or
  // `deadline` passed. The keys of `batch` stay where they are until leave().
  io::Task<Result<std::shared_ptr<Ticket>>> enter(const Batch& batch, Instant deadline);
  void leave(const std::shared_ptr<Ticket>& ticket);

 private:
  using Use = std::pair<std::string_view, Ticket*>;

  // REQUIRES: the mutex is held.
  void add(const std::shared_ptr<Ticket>& ticket, const Batch& batch);
  static void wait_for_users(const std::set<Use>& of, std::string_view key,
                             const std::shared_ptr<Ticket>& ticket);

  const size_t tickets_max_;
  std::mutex mutex_;  // Guards the rest, tickets included.
  std::set<Use> readers_;
  std::set<Use> writers_;
  std::vector<Ticket*> rangers_;  // Those whose conditions speak of ranges.
  size_t tickets_count_ = 0;
};

}  // namespace cairn::catalog::etcd
