// A commit as one transaction of etcd, and the answer to "was it applied?" when no answer came.
//
// Every commit uses a slot, a key of this node's own, that it compares and puts in its transaction:
//
//   if    mod(slot) = what it was when we last used it, and the batch's preconditions
//   then  the batch's puts and deletes; put slot := the commit's mark
//   else  read slot
//
// So no transaction can be applied twice, and a lost answer can be asked for:
//
//   if    mod(slot) = what it was    then put slot := anything else: not applied, and never will be
//   else  read slot: applied at its mod revision, if it holds the mark
//
// Whatever writes a slot compares it, so that nothing that arrives late, the question included,
// writes over the mark of a later commit.
// A commit whose second question finds no answer either ends as unknown (kUnavailable).
// Batches are not put together: their version is the revision of their transaction, so two in one
// would share a version, and a precondition that fails would fail its neighbours.
// Thread rule: any reactor.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "catalog/catalog.h"
#include "catalog/etcd/client.h"
#include "catalog/etcd/layout.h"
#include "catalog/etcd/metrics.h"
#include "io/sync.h"
#include "io/task.h"

namespace cairn::proto::etcd {
class TxnRequest;
}

namespace cairn::catalog::etcd {

// What one transaction may hold; the cluster's own flags say so.
struct TransactionLimits {
  size_t operations_max = 0;  // etcd's --max-txn-ops: of compares, and of puts and deletes.
  size_t bytes_max = 0;       // etcd's --max-request-bytes, of the whole request.
};

// The batch as compares and operations, without the slot's. kInvalidArgument when it is too large;
// kFailedPrecondition when a precondition cannot hold.
Result<proto::etcd::TxnRequest> encode_batch(const Batch& batch, const Layout& layout,
                                             TransactionLimits limits);

class EtcdCommitter {
 public:
  struct Options {
    std::string node;  // Names the slots; nobody else uses it at the same time.
    TransactionLimits limits;
    size_t slots_max = 0;
    // Key of etcd; empty = none. From when it exists on no commit is applied, however long it was
    // on its way: others write it when they give this process up.
    std::string fence = {};
    Duration timeout;
  };

  EtcdCommitter(Options options, Layout layout, Client& client, EtcdMetrics& metrics);
  // [blocking] Learns what the slots hold.
  Status start(Instant deadline);
  // `request`: what encode_batch() made. kUnavailable at `deadline`; one that has come too near to
  // it to find out how it would end is not begun.
  io::Task<Result<Version>> apply(proto::etcd::TxnRequest request, Instant deadline);
  // Within the committer's own timeout.
  io::Task<Result<Version>> apply(proto::etcd::TxnRequest request);
  // The newest revision at which a precondition failed; the whole of what it failed on is in it.
  Revision refused_at() const { return refused_at_.load(std::memory_order_acquire); }

 private:
  struct Slot {
    std::string key;
    Revision revision = 0;  // Of its last change that we know of; 0 = none.
  };
  // How an attempt ended; with none of both, another attempt is sound.
  struct Attempt {
    std::optional<Result<Version>> result;
    bool is_unknown = false;
  };

  io::Task<Slot*> take_slot();
  void give_slot(Slot* slot);
  std::string next_mark();
  io::Task<Result<Version>> check_only(proto::etcd::TxnRequest request, Instant deadline);
  io::Task<Result<Version>> run(Slot& slot, const proto::etcd::TxnRequest& request,
                                Instant deadline);
  io::Task<Attempt> attempt(Slot& slot, const proto::etcd::TxnRequest& request, std::string mark,
                            Instant deadline);
  io::Task<Attempt> resolve(Slot& slot, std::string mark, Instant deadline);
  Attempt unknown(const Error& error);
  // After an answer that says that the cluster is full. etcd applies the very request that makes it
  // so, and answers with that error all the same (quotaApplierV3 of its server/etcdserver/apply).
  io::Task<Attempt> find_mark(Slot& slot, std::string mark, Error full, Instant deadline);
  // For deletes alone on a cluster that is full: it takes no put, so no mark either.
  io::Task<Result<Version>> delete_unmarked(const proto::etcd::TxnRequest& request,
                                            Instant deadline);

  std::unexpected<Error> refused_precondition(Revision at);
  void add_fence(proto::etcd::TxnRequest& request) const;
  static void expect_slot(proto::etcd::TxnRequest& request, const Slot& slot);

  const Options options_;
  const Layout layout_;
  Client& client_;
  EtcdMetrics& metrics_;
  std::atomic<Revision> refused_at_{0};

  std::mutex mutex_;  // Guards the rest.
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<Slot*> free_slots_;
  std::deque<io::Completion<Slot*>> slot_waiters_;
  std::string session_;
  uint64_t marks_count_ = 0;
};

}  // namespace cairn::catalog::etcd
