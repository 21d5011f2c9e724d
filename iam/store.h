// The accounts of a store: loaded into memory once, changed by atomic commits.
//
// Invariants: the directory that readers see holds committed changes only; a change is durable
// before anybody sees it; changes run one after the other, and each depends on the rows it replaces
// being as it read them. After a commit whose outcome is unknown everything is read again before
// the next change.
// Thread rule: open() and close() on one reactor, its home; the rest on any reactor. Changes travel
// to the home reactor.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "catalog/catalog.h"
#include "catalog/row_watch.h"
#include "crypto/key_ring.h"
#include "iam/directory.h"
#include "iam/draft.h"
#include "io/reactor.h"
#include "io/sync.h"
#include "io/task.h"

namespace cairn::iam {

inline constexpr size_t kLastUsedMax = 100'000;
inline constexpr int kChangeAttemptsMax = 16;  // Lost races against other processes.

struct StoreOptions {
  catalog::Catalog* catalog = nullptr;    // Outlives the store, as do the others.
  const crypto::KeyRing* keys = nullptr;  // Holds the root tenant's keys.
  const Clock* clock = nullptr;           // Null = system_clock().
  Random* random = nullptr;               // Null = system_random().
};

class Store {
 public:
  // Reads every row. Makes the root tenant's account when there is none.
  static io::Task<Result<std::unique_ptr<Store>>> open(StoreOptions options);
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // The accounts as they are now.
  std::shared_ptr<const Directory> directory() const;
  // Grows with every change: a reader that keeps things made of a directory asks this first, which
  // is one load of an atomic.
  uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

  // Runs `change` with a draft and commits what it wrote; nothing happens when it fails, and then
  // the error is its own. The change is durable and visible on all cores when the task completes.
  // Rows that somebody else changed meanwhile are read again, and `change` runs again: kUnavailable
  // when that happens too often. It runs on the home reactor, must not wait, and what it refers to
  // outlives the task.
  io::Task<Status> change(std::function<Status(Draft&)> change);
  // Reads what other processes changed in a shared catalog; nothing to do where nothing is new.
  io::Task<Status> catch_up();
  bool is_behind() const { return rows_.is_behind(); }

  // When a key was last looked up for a request, since the process began; best effort.
  std::optional<WallTime> last_used(std::string_view access_key) const;
  // The place to note it: milliseconds since 1970. Kept as long as somebody holds it, and
  // kLastUsedMax of them beyond that.
  std::shared_ptr<std::atomic<int64_t>> last_used_slot(std::string_view access_key) const;

  const crypto::KeyRing& keys() const { return *options_.keys; }
  const Clock& clock() const { return *options_.clock; }
  Random& random() const { return *options_.random; }

 private:
  explicit Store(StoreOptions options);
  io::Task<Status> load();
  io::Task<Status> change_here(std::function<Status(Draft&)> change);
  // One attempt; true when the rows were not as the directory has them.
  io::Task<Result<bool>> try_change(const std::function<Status(Draft&)>& change);
  io::Task<Status> catch_up_here();
  Result<catalog::Batch> batch_of(Draft& draft) const;
  void publish(std::shared_ptr<const Directory> next);

  const StoreOptions options_;
  catalog::RowWatch rows_;
  io::Reactor& home_;
  io::Mutex changing_;     // Home reactor only.
  bool is_stale_ = false;  // Home reactor only: the catalog may hold more than the directory.

  std::atomic<uint64_t> generation_{0};
  mutable std::mutex mutex_;  // Held to copy the pointer only.
  std::shared_ptr<const Directory> directory_;

  mutable std::mutex uses_mutex_;
  mutable std::map<std::string, std::shared_ptr<std::atomic<int64_t>>, std::less<>> uses_;
};

}  // namespace cairn::iam
