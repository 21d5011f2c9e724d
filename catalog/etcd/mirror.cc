#include "catalog/etcd/mirror.h"

#include <rocksdb/cache.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <limits>
#include <utility>

#include "base/log.h"
#include "catalog/rocksdb_status.h"
#include "io/reactor.h"
#include "proto/etcd.pb.h"

namespace cairn::catalog::etcd {
namespace {

// How long the thread sleeps on its stream while nobody waits, and while somebody does.
inline constexpr Duration kIdleWait = milliseconds(200);
inline constexpr Duration kBusyWait = milliseconds(10);
// A request for progress is asked again after so long, while somebody waits.
inline constexpr Duration kAskAgainAfter = milliseconds(10);
// A revision that does not come by was made outside our prefix, perhaps: after this long the mirror
// makes one of its own that has to come behind it.
inline constexpr Duration kPulseAfter = milliseconds(100);
// A stream that brings nothing for so long while somebody waits is left for another member's.
inline constexpr Duration kStalledAfter = milliseconds(500);
// Nobody waits longer than that; callers give up earlier.
inline constexpr Duration kWaitMax = seconds(5);
inline constexpr Duration kRetryPause = milliseconds(50);
inline constexpr Duration kAskTimeout = seconds(2);
inline constexpr Duration kPageTimeout = seconds(20);
// Pages of a bootstrap: etcd limits them by entries only, so their size is steered by the last
// one's.
inline constexpr uint64_t kPageBytes = 4 << 20;
inline constexpr int64_t kPageEntriesMin = 16;
inline constexpr int64_t kPageEntriesFirst = 256;
inline constexpr int64_t kPageEntriesMax = 8192;
inline constexpr size_t kWaitersMax = 1 << 16;
// In the watch id of an answer to a progress request.
inline constexpr int64_t kEveryWatch = -1;

std::string origin_of(const proto::etcd::ResponseHeader& header, const Layout& layout) {
  return std::to_string(header.cluster_id()) + " " + layout.root();
}

std::string progress_request() {
  proto::etcd::WatchRequest request;
  request.mutable_progress_request();
  return request.SerializeAsString();
}

Status stopped() {
  return fail(Code::kUnavailable, "the catalog is closing");
}

}  // namespace

Mirror::Mirror(Options options, Layout layout, Client& client, EtcdMetrics& metrics)
    : options_(std::move(options)),
      layout_(std::move(layout)),
      client_(client),
      metrics_(metrics),
      cache_(rocksdb::NewLRUCache(options_.block_cache_bytes)) {}

Mirror::~Mirror() {
  stop();
}

Status Mirror::start(Instant deadline) {
  const Result<bool> reopened = reopen_copy();
  if (!reopened) return std::unexpected(reopened.error());
  if (*reopened) {
    // Before anybody reads it: revisions of another cluster or prefix mean nothing here.
    const Result<bool> fits = copy_fits_cluster();
    if (!fits) return std::unexpected(fits.error());
    if (!*fits) forget_copy();
  }
  thread_ = std::thread([this] { run(); });
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      if (copy_) return {};
      if (!last_failure_ && system_clock().now() > deadline) return last_failure_;
    }
    std::this_thread::sleep_for(std::chrono::nanoseconds(kBusyWait.nanoseconds));
  }
}

void Mirror::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    if (stream_ != nullptr) stream_->cancel();
  }
  if (thread_.joinable()) thread_.join();
  const std::lock_guard lock(mutex_);
  for (auto& [revision, waiter] : waiters_) waiter.completion.complete(stopped());
  waiters_.clear();
}

io::Task<Status> Mirror::reach(Revision revision, Instant deadline) {
  if (seen() >= revision) co_return Status();
  const auto completion = io::Completion<Status>::make();
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) co_return stopped();
    if (waiters_.size() >= kWaitersMax) {
      co_return fail(Code::kUnavailable, "too many reads wait for the mirror of etcd");
    }
    if (seen() >= revision) co_return Status();
    waiters_.emplace(revision, Waiter{completion, system_clock().now()});
    if (stream_ != nullptr && !progress_is_asked_) ask_progress();
  }
  Result<Status> reached = co_await completion.wait(io::Until{.deadline = deadline});
  if (!reached) co_return fail(Code::kUnavailable, "the mirror of etcd does not catch up");
  co_return std::move(*reached);
}

std::shared_ptr<Generation> Mirror::copy() const {
  const std::lock_guard lock(mutex_);
  return copy_;
}

std::string Mirror::copy_path(uint64_t number) const {
  return options_.directory + "/" + std::to_string(number);
}

// Takes the newest copy on disk when it fits the cluster, and removes all others.
Result<bool> Mirror::reopen_copy() {
  std::error_code error;
  std::filesystem::create_directories(options_.directory, error);
  if (error) return std::unexpected(errno_error(error.value(), "create " + options_.directory));
  std::vector<uint64_t> numbers;
  for (const auto& found : std::filesystem::directory_iterator(options_.directory, error)) {
    const std::string name = found.path().filename();
    uint64_t number = 0;
    const auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (failed == std::errc() && end == name.data() + name.size()) numbers.push_back(number);
  }
  std::ranges::sort(numbers, std::greater());
  if (!numbers.empty()) next_number_ = numbers.front() + 1;
  for (const uint64_t number : numbers) {
    Result<std::shared_ptr<Generation>> opened = Generation::open(copy_path(number), cache_);
    const bool usable = opened && !copy_;
    const Result<std::optional<Position>> position =
        usable ? (*opened)->position() : std::optional<Position>();
    const Result<std::string> origin = usable ? (*opened)->origin() : std::string();
    if (position && *position && origin && !origin->empty()) {
      origin_ = *origin;
      publish(*opened, **position);
      continue;
    }
    opened = std::unexpected(Error{});
    std::filesystem::remove_all(copy_path(number), error);
  }
  return copy_ != nullptr;
}

void Mirror::forget_copy() {
  const std::lock_guard lock(mutex_);
  copy_->condemn();
  copy_.reset();
  position_ = {};
  seen_.store(0, std::memory_order_release);
}

void Mirror::add_observer(ChangeObserver& observer) {
  const std::lock_guard lock(observers_mutex_);
  observers_.push_back(&observer);
  auto* const before = dynamic_cast<BeforeObserver*>(&observer);
  if (before != nullptr) before_observers_.push_back(before);
}

void Mirror::remove_observer(ChangeObserver& observer) {
  const std::lock_guard lock(observers_mutex_);
  std::erase(observers_, &observer);
  std::erase_if(before_observers_,
                [&](const BeforeObserver* before) { return before == &observer; });
}

void Mirror::publish(std::shared_ptr<Generation> copy, Position position) {
  const std::lock_guard observers_lock(observers_mutex_);
  for (ChangeObserver* observer : observers_) observer->before_replace();
  position_ = position;
  {
    const std::lock_guard lock(mutex_);
    copy_.swap(copy);
  }
  for (ChangeObserver* observer : observers_) observer->after_replace();
  seen_.store(position.seen, std::memory_order_release);
  if (copy) copy->condemn();
  metrics_.applied_revision.store(static_cast<uint64_t>(position.seen));
  wake_waiters();
}

void Mirror::run() {
  bool has_copy = copy() != nullptr;
  while (true) {
    Status failed;
    if (!has_copy) failed = fill();
    if (failed) {
      has_copy = true;
      const Result<bool> followed = follow();
      if (followed) {
        has_copy = *followed;
      } else {
        failed = std::unexpected(followed.error());
      }
    }
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      last_failure_ = failed;
    }
    if (!failed) {
      log::warning("etcd_mirror_interrupted", {{"error", failed.error().message}});
      std::this_thread::sleep_for(std::chrono::nanoseconds(kRetryPause.nanoseconds));
    }
  }
}

// Reads every key at one revision into a new copy.
Status Mirror::fill() {
  const std::string path = copy_path(next_number_++);
  std::error_code error;
  std::filesystem::remove_all(path, error);
  Result<std::shared_ptr<Generation>> copy = Generation::open(path, cache_);
  if (!copy) return std::unexpected(copy.error());
  // Until it is whole it is nobody's.
  (*copy)->condemn();
  proto::etcd::RangeRequest request;
  request.set_key(layout_.root());
  request.set_range_end(layout_.root_end());
  request.set_limit(kPageEntriesFirst);
  uint64_t all_bytes = 0;
  while (true) {
    proto::etcd::RangeResponse page;
    const Instant deadline = system_clock().now() + kPageTimeout;
    Status asked = client_.ask_blocking(kRange, request, page, deadline);
    if (!asked) return asked;
    if (request.revision() == 0) {
      request.set_revision(page.header().revision());
      origin_ = origin_of(page.header(), layout_);
    }
    rocksdb::WriteBatch batch;
    uint64_t bytes = 0;
    for (const proto::etcd::KeyValue& row : page.kvs()) {
      bytes += row.key().size() + row.value().size();
      if (!layout_.is_entry(row.key())) continue;
      Generation::add_put(batch, layout_.key_of(row.key()), row.value(), row.mod_revision());
    }
    all_bytes += bytes;
    if (!page.more()) {
      const Position position{.seen = request.revision(), .commit = request.revision()};
      (*copy)->add_position(batch, position);
      (*copy)->add_origin(batch, origin_);
    }
    if (Status written = (*copy)->write(batch); !written) return written;
    if (!page.more()) break;
    request.set_key(page.kvs(page.kvs_size() - 1).key() + '\0');
    const uint64_t entry_bytes = 1 + bytes / static_cast<uint64_t>(page.kvs_size());
    request.set_limit(std::clamp(static_cast<int64_t>(kPageBytes / entry_bytes), kPageEntriesMin,
                                 kPageEntriesMax));
    const std::lock_guard lock(mutex_);
    if (stopping_) return stopped();
  }
  (*copy)->keep();
  metrics_.bootstraps_count.fetch_add(1);
  metrics_.mirror_bytes.store(all_bytes);
  log::info("etcd_mirror_filled", {{"revision", request.revision()}, {"bytes", all_bytes}});
  publish(std::move(*copy), {.seen = request.revision(), .commit = request.revision()});
  return {};
}

// Opens one stream and reads it to its end.
Result<bool> Mirror::follow() {
  const Result<bool> fits = copy_fits_cluster();
  if (!fits) return std::unexpected(fits.error());
  if (!*fits) return false;
  watched_member_ = client_.member();
  const Result<ClusterVersion> version = client_.version_of(watched_member_, kStalledAfter);
  if (!version) {
    client_.suspect(watched_member_);
    return std::unexpected(version.error());
  }
  progress_is_ordered_ = orders_progress(*version);
  proto::etcd::WatchRequest request;
  proto::etcd::WatchCreateRequest& create = *request.mutable_create_request();
  create.set_key(layout_.root());
  create.set_range_end(layout_.root_end());
  create.set_start_revision(position_.seen + 1);
  create.set_progress_notify(true);
  create.set_fragment(true);
  const std::unique_ptr<WatchStream> stream = client_.watch(request, watched_member_);
  incomplete_.clear();
  advanced_at_ = system_clock().now();
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return true;
    stream_ = stream.get();
    progress_is_asked_ = false;
    if (!waiters_.empty()) ask_progress();
  }
  const Result<bool> read = read_stream(*stream);
  const std::lock_guard lock(mutex_);
  stream_ = nullptr;
  if (stopping_) return true;
  return read;
}

// False when the cluster is another one, or older than the copy: then it was restored.
Result<bool> Mirror::copy_fits_cluster() {
  proto::etcd::RangeRequest request;
  request.set_key(layout_.pulse());
  request.set_keys_only(true);
  proto::etcd::RangeResponse answer;
  Status asked = client_.ask_blocking(kRange, request, answer, system_clock().now() + kAskTimeout);
  if (!asked) return std::unexpected(asked.error());
  const bool fits = origin_ == origin_of(answer.header(), layout_) &&
                    answer.header().revision() >= position_.seen;
  if (!fits) {
    log::error(
        "etcd_mirror_of_another_history",
        {{"mirror_revision", position_.seen}, {"cluster_revision", answer.header().revision()}});
  }
  return fits;
}

Result<bool> Mirror::read_stream(WatchStream& stream) {
  while (true) {
    bool has_waiters = false;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return true;
      has_waiters = !waiters_.empty();
      if (has_waiters && progress_is_ordered_) ask_progress_again();
    }
    const Result<std::optional<std::string>> next =
        stream.next(has_waiters ? kBusyWait : kIdleWait);
    if (!next) {
      client_.suspect(watched_member_);
      return std::unexpected(next.error());
    }
    if (*next) {
      proto::etcd::WatchResponse message;
      if (!message.ParseFromString(**next)) {
        return fail(Code::kCorruption, "etcd: a message of the watch does not parse");
      }
      const Result<bool> taken = take_in(message);
      if (!taken || !*taken) return taken;
    }
    if (is_stalled()) {
      client_.suspect(watched_member_);
      return fail(Code::kUnavailable,
                  "the watch of etcd brings nothing from " + client_.endpoint(watched_member_));
    }
  }
}

void Mirror::ask_progress() {
  progress_is_asked_ = true;
  progress_asked_at_ = system_clock().now();
  stream_->send(progress_request());
}

// An answer may be older than what is waited for by now; and a member whose watch has not caught up
// yet, as that of a new stream, does not answer at all (progressIfSync() of its
// server/mvcc/watchable_store.go).
void Mirror::ask_progress_again() {
  if (system_clock().now() - progress_asked_at_ >= kAskAgainAfter) ask_progress();
}

// A cluster over its quota takes no put; there the key goes, which the watch tells as well.
void Mirror::send_pulse() {
  metrics_.pulses_count.fetch_add(1);
  if (pulses_in_vain_ % 2 == 0) {
    proto::etcd::PutRequest pulse;
    pulse.set_key(layout_.pulse());
    client_.send_blindly(kPut, pulse, kStalledAfter);
  } else {
    proto::etcd::DeleteRangeRequest pulse;
    pulse.set_key(layout_.pulse());
    client_.send_blindly(kDeleteRange, pulse, kStalledAfter);
  }
}

bool Mirror::is_stalled() {
  const Instant now = system_clock().now();
  if (now - advanced_at_ <= kPulseAfter) return false;
  Instant since = now;
  std::vector<io::Completion<Status>> given_up;
  {
    const std::lock_guard lock(mutex_);
    for (auto at = waiters_.begin(); at != waiters_.end();) {
      if (now - at->second.since > kWaitMax) {
        given_up.push_back(at->second.completion);
        at = waiters_.erase(at);
      } else {
        since = std::min(since, at->second.since);
        ++at;
      }
    }
  }
  for (const io::Completion<Status>& completion : given_up) {
    completion.complete(fail(Code::kUnavailable, "the mirror of etcd does not catch up"));
  }
  const Duration quiet = now - std::max(since, advanced_at_);
  if (quiet > kPulseAfter && !progress_is_ordered_ && now - pulsed_at_ > kPulseAfter) {
    pulses_in_vain_ = pulsed_at_ > advanced_at_ ? pulses_in_vain_ + 1 : 0;
    pulsed_at_ = now;
    send_pulse();
  }
  return quiet > kStalledAfter;
}

Result<bool> Mirror::take_in(const proto::etcd::WatchResponse& message) {
  if (message.canceled()) {
    if (message.compact_revision() > 0) {
      log::warning("etcd_history_compacted", {{"mirror_revision", position_.seen},
                                              {"compacted", message.compact_revision()}});
      return false;
    }
    client_.suspect(watched_member_);
    return fail(Code::kUnavailable, "etcd ended the watch: " + message.cancel_reason());
  }
  if (message.created()) return true;
  if (message.events().empty() && !message.fragment() && incomplete_.empty()) {
    if (message.watch_id() == kEveryWatch) {
      const std::lock_guard lock(mutex_);
      progress_is_asked_ = false;
      if (!progress_is_ordered_) return true;
    }
    if (Status done = advance(message.header().revision()); !done) {
      return std::unexpected(done.error());
    }
    return true;
  }
  incomplete_.insert(incomplete_.end(), message.events().begin(), message.events().end());
  // A piece may end in the middle of a revision; what it says of earlier ones is whole.
  Revision bound = std::numeric_limits<Revision>::max();
  if (message.fragment() && !incomplete_.empty()) bound = incomplete_.back().kv().mod_revision();
  if (Status done = apply_events_before(bound); !done) return std::unexpected(done.error());
  return true;
}

Status Mirror::apply_events_before(Revision bound) {
  rocksdb::WriteBatch batch;
  std::vector<RowChange> changes;
  Position position = position_;
  auto at = incomplete_.begin();
  for (; at != incomplete_.end() && at->kv().mod_revision() < bound; ++at) {
    const proto::etcd::KeyValue& row = at->kv();
    // What the copy has already, from a member that begins too early.
    if (row.mod_revision() <= position_.seen) continue;
    position.seen = row.mod_revision();
    const bool is_entry = layout_.is_entry(row.key());
    if (is_entry || layout_.is_mark(row.key())) position.commit = row.mod_revision();
    if (!is_entry) continue;
    const std::string_view key = layout_.key_of(row.key());
    RowChange& change = changes.emplace_back();
    change = {
        .key = key, .value = row.value(), .version = static_cast<Version>(row.mod_revision())};
    if (at->type() == proto::etcd::Event::DELETE) {
      change.value.reset();
      batch.Delete(rocksdb::Slice(key)).PermitUncheckedError();
    } else {
      Generation::add_put(batch, key, row.value(), row.mod_revision());
    }
  }
  Status written;
  if (position.seen != position_.seen) written = write(batch, position, changes);
  incomplete_.erase(incomplete_.begin(), at);
  return written;
}

Status Mirror::advance(Revision seen) {
  if (seen <= position_.seen) return {};
  rocksdb::WriteBatch batch;
  return write(batch, {.seen = seen, .commit = position_.commit});
}

Result<std::vector<Mirror::RowValues>> Mirror::tell_before(const Generation& copy,
                                                           std::span<const RowChange> changes) {
  std::vector<RowValues> all;
  all.reserve(before_observers_.size());
  for (BeforeObserver* observer : before_observers_) {
    RowValues& values = all.emplace_back(changes.size());
    std::map<std::string_view, size_t> earlier;  // The last change of a row among these.
    for (size_t i = 0; i < changes.size(); ++i) {
      const std::string_view key = changes[i].key;
      if (!observer->wants_before(key)) continue;
      const auto [at, is_first] = earlier.try_emplace(key, i);
      if (!is_first) {
        values[i] = changes[std::exchange(at->second, i)].value;
        continue;
      }
      std::optional<Entry> entry;
      const rocksdb::Status read =
          read_entry(*copy.database(), std::string(key), nullptr, ReadTier::kDisk, entry);
      if (!read.ok()) return to_error(read, "read what the mirror had");
      if (entry) values[i] = std::move(entry->value);
    }
    observer->take_before(values);
  }
  return all;
}

Status Mirror::write(rocksdb::WriteBatch& batch, Position position,
                     std::span<const RowChange> changes) {
  const std::shared_ptr<Generation> into = copy();
  into->add_position(batch, position);
  {
    const std::lock_guard observers_lock(observers_mutex_);
    const bool is_told = !changes.empty();
    // Observers look at them until they have been told of the end.
    const Result<std::vector<RowValues>> before = tell_before(*into, changes);
    if (!before) return std::unexpected(before.error());
    for (ChangeObserver* observer : observers_) {
      if (is_told) observer->before_apply(changes);
    }
    const Status written = into->write(batch);
    // After a failure as well: whatever of it is there, the next try tells of it again.
    for (ChangeObserver* observer : observers_) {
      if (is_told) observer->after_apply(changes);
    }
    if (!written) return written;
  }
  position_ = position;
  advanced_at_ = system_clock().now();
  seen_.store(position.seen, std::memory_order_release);
  metrics_.applied_revision.store(static_cast<uint64_t>(position.seen), std::memory_order_relaxed);
  wake_waiters();
  return {};
}

void Mirror::wake_waiters() {
  std::vector<io::Completion<Status>> reached;
  {
    const std::lock_guard lock(mutex_);
    const auto end = waiters_.upper_bound(position_.seen);
    for (auto at = waiters_.begin(); at != end; ++at) reached.push_back(at->second.completion);
    waiters_.erase(waiters_.begin(), end);
  }
  for (const io::Completion<Status>& completion : reached) completion.complete(Status());
}

}  // namespace cairn::catalog::etcd
