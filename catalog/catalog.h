// Catalog: an ordered key-value space with snapshots, preconditions and a change tail.
//
// Embedded: RocksDB (rocksdb_catalog.h). Of several nodes: etcd as the log, with a mirror on each
// node (etcd/).
// Nothing above may assume that a read or a commit is local or synchronous.
//
// Contract (tests/contract/catalog_suite.h runs it on every implementation):
// - Keys order by unsigned bytes. Every entry carries the version of the commit that wrote it.
// - commit() is atomic and durable when it completes; versions increase with every commit.
// - Reads without a snapshot see every commit that completed before they began; of a shared
// catalog,
//   whichever process made it. get_recent() is the exception.
// - Thread rule: any reactor.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/task.h"

namespace cairn::catalog {

using Version = uint64_t;

struct Entry {
  std::string key;
  std::string value;
  Version version = 0;
};

// A consistent view; releases it when destroyed. Short-lived: seconds.
class Snapshot {
 public:
  virtual ~Snapshot() = default;
  virtual Version version() const = 0;
};

struct ScanRequest {
  std::string begin = {};  // Inclusive.
  std::string end = {};    // Exclusive; empty = no bound.
  size_t limit_entries = 1000;
  size_t limit_bytes = 4 << 20;  // Stops after the entry that reaches it.
  bool reverse = false;          // From the end downwards.
  bool keys_only = false;
};

struct ScanPage {
  std::vector<Entry> entries;
  bool more = false;  // The range may hold further entries.
};

struct Precondition {
  enum class Kind : unsigned char {
    kAbsent,      // The key does not exist.
    kPresent,     // The key exists.
    kVersionIs,   // The entry's version equals `version`.
    kRangeEmpty,  // No key in [key, end) exists.
  };
  Kind kind = Kind::kAbsent;
  std::string key = {};
  std::string end = {};
  Version version = 0;

  static Precondition absent(std::string key);
  static Precondition present(std::string key);
  static Precondition version_is(std::string key, Version version);
  // The entry is as it was read; absent when there was none.
  static Precondition unchanged(std::string key, const std::optional<Entry>& entry);
  static Precondition range_empty(std::string begin, std::string end);
};

struct Put {
  std::string key;
  std::string value;
};

// A batch without puts and deletes only checks; it completes with the current version. A key that
// is both put and deleted is deleted.
struct Batch {
  std::vector<Precondition> preconditions = {};
  std::vector<Put> puts = {};
  std::vector<std::string> deletes = {};
};

// One commit as the tail tells it.
struct Change {
  Version version = 0;
  std::vector<Put> puts = {};
  std::vector<std::string> deletes = {};
};

// What a row becomes, as an observer is told.
struct RowChange {
  std::string_view key;
  std::optional<std::string_view> value;  // nullopt: it is deleted.
  Version version = 0;
};

// What a shared catalog tells of commits, its own process's and others', as they become visible
// here: in the order of their versions, each batch between before_apply() and after_apply(). A read
// that begins before the first call returned may still see the old rows, one that begins after the
// second began sees the new ones; and catch_up() completes after the after_apply() of all that it
// waits for. So a cache that no longer trusts what it has of a row from before_apply() on, and
// takes in nothing that was read between the two, is as fresh as catch_up() makes it. Thread rule:
// one thread at a time, which is no reactor's; calls do not block and call nothing of the catalog.
class ChangeObserver {
 public:
  virtual ~ChangeObserver() = default;
  virtual void before_apply(std::span<const RowChange> changes) = 0;
  virtual void after_apply(std::span<const RowChange> changes) = 0;
  // Around a moment in which any row may change: what follows was read anew as a whole.
  virtual void before_replace() = 0;
  virtual void after_replace() = 0;
};

class Catalog {
 public:
  virtual ~Catalog() = default;

  // nullopt when the key does not exist.
  virtual io::Task<Result<std::optional<Entry>>> get(std::string key,
                                                     const Snapshot* snapshot = nullptr) = 0;
  virtual io::Task<Result<ScanPage>> scan(ScanRequest request,
                                          const Snapshot* snapshot = nullptr) = 0;
  virtual io::Task<Result<std::shared_ptr<const Snapshot>>> snapshot() = 0;
  // Checks all preconditions and applies the batch atomically. kFailedPrecondition when one does
  // not hold (nothing is applied); kNoSpace, kIo, kUnavailable otherwise. On kIo and kUnavailable
  // the outcome is unknown to the caller until it reads.
  virtual io::Task<Result<Version>> commit(Batch batch) = 0;
  // Changes with version > `after`, oldest first, at most `limit` commits. kOutOfRange when the
  // history no longer reaches back that far.
  virtual io::Task<Result<std::vector<Change>>> tail(Version after, size_t limit) = 0;
  virtual io::Task<Status> close() = 0;  // While every reactor that used it runs.

  // True when other processes commit to it too.
  virtual bool is_shared() const { return false; }
  // Completes when every read that begins afterwards, get_recent() too, sees all commits that
  // completed anywhere before the call; calls that wait together share what it costs. kUnavailable
  // when the catalog cannot tell. A catalog that is not shared answers at once.
  virtual io::Task<Status> catch_up();
  // May miss what other processes committed since the last read, catch_up() or own commit that
  // completed here; never older than those. A commit that failed its preconditions counts as well:
  // what made it fail is seen.
  virtual io::Task<Result<std::optional<Entry>>> get_recent(std::string key);
  // Tells `observer` of all that becomes visible from now on, until it is removed; when
  // remove_observer() has returned, no call is running. No effect on a catalog that is not shared.
  virtual void add_observer(ChangeObserver& observer);
  virtual void remove_observer(ChangeObserver& observer);
};

// The smallest key greater than every key that starts with `prefix`; empty when there is none.
std::string prefix_end(std::string prefix);

}  // namespace cairn::catalog
