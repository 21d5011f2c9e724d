// Events that webhooks are to be told, as rows of the catalog: an event is written by the very
// commit that makes its cause visible, and removed once its target has answered.
//
// So an acknowledged write never loses its event, and an event may be told twice (the server ended
// between the answer and the removal). Rows of a target are in the order of their sequencers, which
// grow with every event of this process: events of one key are in the order of its commits.
// Thread rule: any thread; read() and remove() on any reactor.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "catalog/catalog.h"
#include "crypto/key_ring.h"
#include "io/task.h"
#include "object/types.h"

namespace cairn::object {

// Beyond this no event is taken any more: they are counted as dropped instead.
inline constexpr uint64_t kEventRowsMax = 1'000'000;
inline constexpr size_t kEventPageRows = 256;
inline constexpr size_t kWebhookNameBytesMax = 64;

struct Event {
  std::string name;  // "ObjectCreated:Put", without "s3:".
  WallTime at;
  TenantId tenant;  // Owner of the bucket.
  std::string bucket;
  std::string key;
  uint64_t size_bytes = 0;
  std::string etag;
  std::string version_id;
  std::string principal;
  std::string source_address;
  std::string request_id;
  std::string configuration_id;
};

struct QueuedEvent {
  std::string row;  // Its key in the catalog.
  uint64_t sequencer = 0;
  uint64_t bucket_id = 0;
  std::optional<Event> event;  // Unset when the row is damaged.
};

class EventQueue {
 public:
  // Both outlive it.
  EventQueue(catalog::Catalog& catalog, const crypto::KeyRing& keys)
      : catalog_(catalog), keys_(keys) {}

  // Counts the rows that are there; awaited once, before anything else. Events for targets beside
  // `targets` are dropped: nobody would ever take them. Rows of such targets stay.
  io::Task<Status> load(std::vector<std::string> targets);

  // Adds the row for `target` to a batch that is about to be committed. May run more than once for
  // one commit. False, and nothing is added, when the queue is full or the target unknown.
  bool add(std::string_view target, uint64_t bucket_id, const Event& event, catalog::Batch& batch);
  // The same as a commit of its own, for several targets.
  io::Task<Status> add_now(std::vector<std::string> targets, uint64_t bucket_id, Event event);
  // The oldest rows of a target behind `after` (a row's key; empty = from the first).
  io::Task<Result<std::vector<QueuedEvent>>> read(std::string target, std::string after,
                                                  size_t limit);
  io::Task<Status> remove(std::vector<std::string> rows);

  // About the number of rows: commits that fail leave it too high until the next recount.
  uint64_t depth() const { return depth_.load(std::memory_order_relaxed); }
  uint64_t dropped_count() const { return dropped_count_.load(std::memory_order_relaxed); }
  uint64_t added_count() const { return added_count_.load(std::memory_order_relaxed); }
  // When an event was added last; for who waits for its commit.
  Instant last_added_at() const { return {last_added_ns_.load(std::memory_order_relaxed)}; }
  // The exact number, by a scan.
  io::Task<Result<uint64_t>> recount();

 private:
  uint64_t next_sequencer(WallTime at);

  catalog::Catalog& catalog_;
  const crypto::KeyRing& keys_;
  std::vector<std::string> targets_;
  std::atomic<uint64_t> depth_{0};
  std::atomic<uint64_t> dropped_count_{0};
  std::atomic<uint64_t> added_count_{0};
  std::atomic<uint64_t> last_sequencer_{0};
  std::atomic<int64_t> last_added_ns_{std::numeric_limits<int64_t>::min() / 2};
};

}  // namespace cairn::object
