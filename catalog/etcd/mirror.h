// The node's own copy of the catalog in etcd, kept up to date by a watch.
//
// States of the mirror's thread:
//   start     -> following: a copy on disk is of this cluster and prefix, and not ahead of it
//             -> filling:   otherwise
//   filling   -> following: every key was read, in pages, at one revision R; the watch begins at
//   R+1 following -> following: the stream broke, or brought nothing while somebody waited: another
//                           stream, to the next member, from the revision behind the last applied
//             -> filling:   the history behind that revision was compacted away, or the cluster is
//                           behind the copy (it was restored from a backup)
// Readers keep the old copy while a new one fills; then the new one takes its place in one step.
//
// Invariants: changes are applied whole and in the order of their revisions; `seen` never says more
// than what is in the copy.
// Thread rule: any thread, unless said otherwise.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "catalog/before_observer.h"
#include "catalog/etcd/client.h"
#include "catalog/etcd/generation.h"
#include "catalog/etcd/layout.h"
#include "catalog/etcd/metrics.h"
#include "io/sync.h"
#include "io/task.h"

namespace cairn::proto::etcd {
class WatchResponse;
class Event;
}  // namespace cairn::proto::etcd

namespace cairn::catalog::etcd {

class Mirror {
 public:
  struct Options {
    std::string directory;
    uint64_t block_cache_bytes = 0;
  };

  // `client` and `metrics` outlive the mirror.
  Mirror(Options options, Layout layout, Client& client, EtcdMetrics& metrics);
  ~Mirror();
  Mirror(const Mirror&) = delete;
  Mirror& operator=(const Mirror&) = delete;

  // [blocking] Follows the cluster from here on; returns once there is a whole copy.
  Status start(Instant deadline);
  // [blocking] Idempotent. Whoever waits gets kUnavailable.
  void stop();

  // [on a reactor] Waits until every change up to `revision` is in the copy. kUnavailable when that
  // is not so at `deadline`.
  io::Task<Status> reach(Revision revision, Instant deadline);
  Revision seen() const { return seen_.load(std::memory_order_acquire); }
  // The copy to read from. REQUIRES: start() succeeded.
  std::shared_ptr<Generation> copy() const;

  // As catalog.h says.
  void add_observer(ChangeObserver& observer);
  void remove_observer(ChangeObserver& observer);

 private:
  struct Waiter {
    io::Completion<Status> completion;
    Instant since;
  };

  void run();
  // Each runs one state of the thread and returns when it is left; a false one: the copy is
  // useless.
  Status fill();
  Result<bool> follow();
  Result<bool> reopen_copy();
  Result<bool> copy_fits_cluster();
  void forget_copy();
  Result<bool> read_stream(WatchStream& stream);
  Result<bool> take_in(const proto::etcd::WatchResponse& message);
  Status apply_events_before(Revision bound);
  Status advance(Revision seen);
  Status write(rocksdb::WriteBatch& batch, Position position,
               std::span<const RowChange> changes = {});
  using RowValues = std::vector<std::optional<std::string>>;
  // Tells who wants to know what the rows were; they refer to the values that come back. REQUIRES:
  // observers_mutex_ is held.
  Result<std::vector<RowValues>> tell_before(const Generation& copy,
                                             std::span<const RowChange> changes);
  // Whether the stream brings nothing although somebody waits.
  bool is_stalled();
  // REQUIRE: the mutex is held and there is a stream.
  void ask_progress();
  void ask_progress_again();
  void send_pulse();
  std::string copy_path(uint64_t number) const;
  void publish(std::shared_ptr<Generation> copy, Position position);
  void wake_waiters();

  const Options options_;
  const Layout layout_;
  Client& client_;
  EtcdMetrics& metrics_;

  std::atomic<Revision> seen_{0};

  // The thread's own.
  std::shared_ptr<rocksdb::Cache> cache_;
  std::string origin_;
  Position position_;
  std::vector<proto::etcd::Event> incomplete_;  // Events of a message that came in pieces.
  uint64_t next_number_ = 1;
  size_t watched_member_ = 0;
  bool progress_is_ordered_ = false;
  Instant advanced_at_{};
  Instant pulsed_at_{};
  unsigned pulses_in_vain_ = 0;  // Since the mirror advanced.

  mutable std::mutex mutex_;  // Guards the rest.
  std::shared_ptr<Generation> copy_;
  std::multimap<Revision, Waiter> waiters_;
  WatchStream* stream_ = nullptr;
  bool progress_is_asked_ = false;
  Instant progress_asked_at_{};
  bool stopping_ = false;
  Status last_failure_;

  // Held while changes become visible, so that nobody is told who has been removed. Taken before
  // mutex_.
  std::mutex observers_mutex_;
  std::vector<ChangeObserver*> observers_;
  std::vector<BeforeObserver*> before_observers_;  // Those of them that are such.

  std::thread thread_;
};

}  // namespace cairn::catalog::etcd
