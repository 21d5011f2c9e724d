#include "catalog/committer.h"

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <memory>
#include <unordered_map>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "catalog/record.h"
#include "catalog/rocksdb_status.h"

namespace cairn::catalog {
namespace {

// What a batch may put while the disk is full, provided that it deletes something: enough for the
// notes that a deletion leaves (collector queue entries), far below the size of an object.
inline constexpr uint64_t kPutBytesMaxWhenFull = 16 * 1024;
// A larger value gives its memory back after its group.
inline constexpr size_t kValueBytesKeptMax = 1 << 20;
inline constexpr size_t kProtectionBytesPerKey = 8;
inline constexpr size_t kMarkerBytesPerCommit = 64;

uint64_t put_bytes(const Batch& batch) {
  uint64_t bytes = 0;
  for (const Put& put : batch.puts) bytes += put.key.size() + put.value.size();
  return bytes;
}

uint64_t size_of(const Batch& batch) {
  uint64_t bytes = kMarkerBytesPerCommit + put_bytes(batch);
  for (const std::string& key : batch.deletes) bytes += key.size();
  return bytes;
}

std::string describe(const Precondition& precondition) {
  switch (precondition.kind) {
    case Precondition::Kind::kAbsent: return "precondition: the key exists";
    case Precondition::Kind::kPresent: return "precondition: the key does not exist";
    case Precondition::Kind::kVersionIs: return "precondition: the key has another version";
    case Precondition::Kind::kRangeEmpty: return "precondition: the range is not empty";
  }
  return "precondition";
}

}  // namespace

struct Committer::Enqueue {
  Enqueue(Committer& to, Pending& what) : committer(to), pending(what) {}
  bool await_ready() const noexcept { return false; }
  // False (go on at once) when the queue refused; the result is set then.
  bool await_suspend(std::coroutine_handle<> waiter) const {
    pending.waiter = waiter;
    pending.reactor = &io::Reactor::current();
    return committer.enqueue(pending);
  }
  void await_resume() const noexcept {}

  Committer& committer;
  Pending& pending;
};

Committer::Committer(rocksdb::DB& database, Options options, SpaceGuard space,
                     CatalogMetrics& metrics)
    : database_(database),
      options_(options),
      metrics_(metrics),
      space_(std::move(space)),
      thread_([this] { run(); }) {}

Committer::~Committer() {
  stop();
}

void Committer::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  not_empty_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Committer::condemn() {
  failed_.store(true);
  metrics_.failed.store(1);
}

io::Task<Result<Version>> Committer::commit(Batch batch) {
  Pending pending;
  pending.bytes = size_of(batch);
  pending.batch = std::move(batch);
  co_await Enqueue(*this, pending);
  co_return std::move(*pending.result);
}

bool Committer::enqueue(Pending& pending) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || queue_.size() >= options_.queue_depth_max) {
      metrics_.rejected_commits_count.fetch_add(1);
      pending.result = fail(Code::kUnavailable,
                            stopping_ ? "the catalog is closing" : "too many commits are waiting");
      return false;
    }
    queue_.push_back(&pending);
    metrics_.queue_depth.store(queue_.size(), std::memory_order_relaxed);
  }
  not_empty_.notify_one();
  return true;
}

void Committer::run() {
  std::vector<Pending*> group;
  while (take(group)) {
    process(group);
    wake(group);
    group.clear();
  }
}

// False once there is nothing left to do and the owner asked to stop.
bool Committer::take(std::vector<Pending*>& group) {
  std::unique_lock lock(mutex_);
  not_empty_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
  uint64_t bytes = 0;
  while (!queue_.empty() && group.size() < options_.group_commits_max &&
         (group.empty() || bytes + queue_.front()->bytes <= options_.group_bytes_max)) {
    bytes += queue_.front()->bytes;
    group.push_back(queue_.front());
    queue_.pop_front();
  }
  metrics_.queue_depth.store(queue_.size(), std::memory_order_relaxed);
  return !group.empty();
}

void Committer::process(std::vector<Pending*>& group) {
  overlay_.clear();
  if (value_.capacity() > kValueBytesKeptMax) value_ = std::string();
  uint64_t bytes = 0;
  for (const Pending* pending : group) bytes += pending->bytes;
  rocksdb::WriteBatch write_batch(bytes + 4096, 0, kProtectionBytesPerKey, 0);
  Version version = database_.GetLatestSequenceNumber();
  for (Pending* pending : group) {
    Status status = admit(pending->batch);
    if (status) status = check(pending->batch);
    if (!status) {
      pending->result = std::unexpected(std::move(status.error()));
      continue;
    }
    version = apply(*pending, version, write_batch);
  }
  Status written;
  if (write_batch.Count() > 0) {
    written = write(write_batch);
    metrics_.groups_count.fetch_add(1, std::memory_order_relaxed);
    metrics_.group_bytes_count.fetch_add(bytes, std::memory_order_relaxed);
  }
  for (Pending* pending : group) {
    // A verdict may rest on a commit of this group, so it falls with the group.
    if (!written) {
      pending->result = std::unexpected(written.error());
    } else if (!pending->result) {
      pending->result = pending->version;
      metrics_.commits_count.fetch_add(1, std::memory_order_relaxed);
    }
  }
}

Status Committer::admit(const Batch& batch) {
  if (failed_.load()) {
    metrics_.rejected_commits_count.fetch_add(1);
    return fail(Code::kUnavailable, "the catalog stopped after an I/O error; see the log");
  }
  const bool full = space_.is_full();
  metrics_.no_space.store(full ? 1 : 0, std::memory_order_relaxed);
  if (full && !batch.puts.empty()) {
    const bool frees = !batch.deletes.empty() && put_bytes(batch) <= kPutBytesMaxWhenFull;
    if (!frees) {
      metrics_.rejected_commits_count.fetch_add(1);
      return fail(Code::kNoSpace, "the disk of the catalog is full");
    }
  }
  return {};
}

Status Committer::check(const Batch& batch) {
  for (const Precondition& precondition : batch.preconditions) {
    const Result<bool> holds_now = holds(precondition);
    if (!holds_now) return std::unexpected(holds_now.error());
    if (!*holds_now) {
      metrics_.failed_preconditions_count.fetch_add(1, std::memory_order_relaxed);
      return fail(Code::kFailedPrecondition, describe(precondition));
    }
  }
  return {};
}

Result<bool> Committer::holds(const Precondition& precondition) {
  if (precondition.kind == Precondition::Kind::kRangeEmpty) {
    return range_is_empty(precondition.key, precondition.end);
  }
  const Result<std::optional<Version>> now = current_version(precondition.key);
  if (!now) return std::unexpected(now.error());
  switch (precondition.kind) {
    case Precondition::Kind::kAbsent: return !now->has_value();
    case Precondition::Kind::kPresent: return now->has_value();
    default: return now->has_value() && **now == precondition.version;
  }
}

Result<std::optional<Version>> Committer::current_version(const std::string& key) {
  const auto effect = overlay_.find(key);
  if (effect != overlay_.end()) {
    return effect->second.present ? std::optional(effect->second.version) : std::nullopt;
  }
  rocksdb::PinnableSlice value;
  const rocksdb::Status status = database_.Get(
      rocksdb::ReadOptions(), database_.DefaultColumnFamily(), rocksdb::Slice(key), &value);
  if (status.IsNotFound()) return std::optional<Version>();
  if (!status.ok()) return to_error(status, "check precondition");
  if (value.size() < kVersionBytes) return fail(Code::kCorruption, "a catalog value is too short");
  return std::optional(version_of(value));
}

Result<bool> Committer::range_is_empty(const std::string& begin, const std::string& end) {
  const auto in_range = [&end](std::string_view key) { return end.empty() || key < end; };
  for (auto at = overlay_.lower_bound(begin); at != overlay_.end() && in_range(at->first); ++at) {
    if (at->second.present) return false;
  }
  const rocksdb::Slice bound(end);
  rocksdb::ReadOptions options;
  if (!end.empty()) options.iterate_upper_bound = &bound;
  const std::unique_ptr<rocksdb::Iterator> at(database_.NewIterator(options));
  for (at->Seek(begin); at->Valid(); at->Next()) {
    // A key that the group deletes is gone already; a key that it puts was found above.
    if (!overlay_.contains(at->key().ToStringView())) return false;
  }
  if (!at->status().ok()) return to_error(at->status(), "check precondition");
  return true;
}

// Adds the commit to the group's write and to the overlay; the version of the commit is the
// sequence number of its last operation, or that of the commit before when it has none.
Version Committer::apply(Pending& pending, Version before, rocksdb::WriteBatch& into) {
  const Batch& batch = pending.batch;
  const Version version = before + batch.puts.size() + batch.deletes.size();
  pending.version = version;
  if (version == before) return version;
  const VersionBytes version_bytes = encode_version(version);
  const rocksdb::Slice head(version_bytes.data(), version_bytes.size());
  // The operations cannot fail: the batch has no size limit and one column family.
  into.PutLogData(head).PermitUncheckedError();
  for (const Put& put : batch.puts) {
    // In one piece: RocksDB would put pieces together in fresh memory, twice, to protect the entry.
    value_.assign(head.data(), head.size());
    value_.append(put.value);
    into.Put(rocksdb::Slice(put.key), rocksdb::Slice(value_)).PermitUncheckedError();
    overlay_[put.key] = Effect{.present = true, .version = version};
  }
  for (const std::string& key : batch.deletes) {
    into.Delete(key).PermitUncheckedError();
    overlay_[key] = Effect{.present = false, .version = version};
  }
  return version;
}

Status Committer::write(rocksdb::WriteBatch& group) {
  const uint64_t sequence = database_.GetLatestSequenceNumber();
  rocksdb::Status status = write_once(group);
  if (status.IsNoSpace()) {
    space_.on_no_space();
    metrics_.no_space.store(1);
    // The ballast may have made room. A second try is sound only while nothing was applied.
    const rocksdb::Status resumed = database_.Resume();
    if (resumed.ok() && database_.GetLatestSequenceNumber() == sequence) status = write_once(group);
  }
  if (status.ok()) return {};
  metrics_.rejected_commits_count.fetch_add(1);
  if (status.IsIncomplete()) return fail(Code::kUnavailable, "the catalog is catching up");
  if (status.IsNoSpace()) return fail(Code::kNoSpace, "the disk of the catalog is full");
  // A failed sync leaves unknown what reached the disk, so nothing may be acknowledged after it.
  condemn();
  log::error("catalog_write_failed", {{"error", status.ToString()}});
  return to_error(status, "catalog write");
}

rocksdb::Status Committer::write_once(rocksdb::WriteBatch& group) {
  rocksdb::WriteOptions options;
  options.sync = options_.sync_writes;
  options.no_slowdown = true;
  options.protection_bytes_per_key = kProtectionBytesPerKey;
  const Instant start = system_clock().now();
  const rocksdb::Status status = database_.Write(options, &group);
  const Duration took = system_clock().now() - start;
  metrics_.group_write_ns.fetch_add(static_cast<uint64_t>(took.nanoseconds),
                                    std::memory_order_relaxed);
  return status;
}

// One message per reactor. A waiter's frame may die as soon as its message is posted.
void Committer::wake(const std::vector<Pending*>& group) {
  std::unordered_map<io::Reactor*, std::vector<std::coroutine_handle<>>> waiters;
  for (const Pending* pending : group) waiters[pending->reactor].push_back(pending->waiter);
  for (auto& [reactor, handles] : waiters) {
    reactor->post([target = reactor, woken = std::move(handles)] {
      for (const std::coroutine_handle<> waiter : woken) target->resume_later(waiter);
    });
  }
}

}  // namespace cairn::catalog
