#include "server/audit_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>

#include "base/log.h"
#include "server/data_directory.h"

namespace cairn::server {
namespace {

// Writes all of `text`; errno when it could not.
int write_whole(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return 0;
}

}  // namespace

Result<std::unique_ptr<AuditLog>> AuditLog::open(AuditOptions options, const crypto::SecretKey& key,
                                                 AuditAnchor anchor) {
  if (::mkdir(options.directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return std::unexpected(errno_error(errno, "make " + options.directory));
  }
  std::unique_ptr<AuditLog> log(new AuditLog(std::move(options), key));
  const Status recovered = log->recover(anchor);
  if (!recovered) return std::unexpected(recovered.error().with_context("open the audit log"));
  log->thread_ = std::thread([raw = log.get()] { raw->run(); });
  return log;
}

AuditLog::AuditLog(AuditOptions options, const crypto::SecretKey& key)
    : options_(std::move(options)), chain_(key, {}) {
  for (size_t i = 0; i < options_.shards_count; ++i) shards_.push_back(std::make_unique<Shard>());
}

AuditLog::~AuditLog() {
  if (thread_.joinable()) {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  if (fd_ >= 0) ::close(fd_);
}

Status AuditLog::recover(const AuditAnchor& anchor) {
  Result<std::vector<std::string>> names = list_audit_files(options_.directory);
  if (!names) return std::unexpected(names.error());
  for (const std::string& name : *names) file_firsts_.push_back(*parse_audit_file_name(name));
  anchor_ = anchor;
  Adoption last = Adoption::kRemoved;
  while (last == Adoption::kRemoved && !file_firsts_.empty()) {
    const Result<Adoption> taken = adopt_last_file(anchor);
    if (!taken) return std::unexpected(taken.error());
    last = *taken;
  }
  if (last != Adoption::kContinued) {
    gap_ = anchor.end.sequence > 0 || !file_firsts_.empty();
    if (gap_) {
      log::error("audit-gap", {{"known_sequence", anchor.end.sequence},
                               {"advice", "run `cairn admin audit verify`"}});
    }
    // The chain goes on from what the catalog knows, or from what the files have when that is more.
    if (chain_.end().sequence < anchor.end.sequence) chain_.restart(anchor.end);
    const Status started = start_file(gap_ ? "audit-gap" : "audit-file");
    if (!started) return started;
  }
  if (!sync()) return cairn::fail(Code::kIo, "the first flush failed");
  return {};
}

Result<AuditLog::Adoption> AuditLog::adopt_last_file(const AuditAnchor& anchor) {
  const uint64_t first = file_firsts_.back();
  const std::string path = options_.directory + "/" + audit_file_name(first);
  const Result<std::string> text = read_audit_file(path);
  if (!text) return std::unexpected(text.error());
  size_t good = 0;
  for (size_t end; (end = text->find('\n', good)) != std::string::npos; good = end + 1) {
    const std::string_view line = std::string_view(*text).substr(good, end - good);
    if (good == 0) {
      const std::optional<AuditMac> previous = previous_of(line);
      if (!previous) break;
      chain_.restart({first - 1, *previous});
    }
    if (!chain_.accept(line)) break;
  }
  if (good == 0 && first > anchor.end.sequence) {
    // The crash came while the file was begun: nothing in it was ever known.
    if (::unlink(path.c_str()) != 0) return std::unexpected(errno_error(errno, "remove " + path));
    file_firsts_.pop_back();
    return Adoption::kRemoved;
  }
  if (good == 0 || chain_.end().sequence < anchor.end.sequence) return Adoption::kBroken;
  fd_ = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd_ < 0) return std::unexpected(errno_error(errno, "open " + path));
  if (good < text->size()) {
    log::warning("audit-tail-cut",
                 {{"file", std::string_view(path)}, {"bytes", uint64_t{text->size() - good}}});
    if (::ftruncate(fd_, static_cast<off_t>(good)) != 0) {
      return std::unexpected(errno_error(errno, "cut " + path));
    }
  }
  file_bytes_ = good;
  written_ = chain_.end();
  return Adoption::kContinued;
}

Status AuditLog::start_file(std::string_view event) {
  const uint64_t first = chain_.end().sequence + 1;
  const std::string path = options_.directory + "/" + audit_file_name(first);
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return std::unexpected(errno_error(errno, "make " + path));
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
  file_bytes_ = 0;
  file_firsts_.push_back(first);
  chain_.append(audit_header_fields(chain_.end(), event, system_clock().wall_now()), pending_);
  if (!write_pending()) return cairn::fail(Code::kIo, "cannot write " + path);
  return sync_parent_directory(path);
}

void AuditLog::append(size_t shard, std::string_view fields) {
  Shard& own = *shards_[shard];
  const std::lock_guard lock(own.mutex);
  own.lines.append(fields).append("\n");
  if (own.lines.size() >= kShardBytesMax && !own.is_full) {
    own.is_full = true;
    full_count_.fetch_add(1, std::memory_order_relaxed);
  }
}

Status AuditLog::flush() {
  std::unique_lock lock(mutex_);
  const uint64_t mine = ++flushes_asked_;
  wake_.notify_one();
  flushed_.wait_for(lock, std::chrono::nanoseconds(kFlushWaitMax.nanoseconds),
                    [&] { return flushes_done_ >= mine || failed_ || stopping_; });
  if (failed_ || flushes_done_ < mine) {
    return cairn::fail(Code::kIo, "the audit log cannot be written");
  }
  return {};
}

AuditAnchor AuditLog::anchor() const {
  const std::lock_guard lock(mutex_);
  return anchor_;
}

AuditLog::Counters AuditLog::counters() const {
  Counters counters;
  counters.lines = lines_count_;
  counters.write_failures = write_failures_;
  counters.failed = failed_;
  counters.gap = gap_;
  for (const std::unique_ptr<Shard>& shard : shards_) {
    const std::lock_guard lock(shard->mutex);
    counters.bytes_waiting += shard->lines.size();
  }
  return counters;
}

void AuditLog::remove_before(const AuditAnchor& anchor) const {
  const Result<std::vector<std::string>> names = list_audit_files(options_.directory);
  if (!names) return;
  for (const std::string& name : *names) {
    if (*parse_audit_file_name(name) >= anchor.first_sequence) return;
    std::error_code error;
    std::filesystem::remove(options_.directory + "/" + name, error);
  }
}

void AuditLog::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (flushes_asked_ == flushes_done_) {
      wake_.wait_for(lock, std::chrono::nanoseconds(kCollectInterval.nanoseconds));
    }
    const uint64_t asked = flushes_asked_;
    const bool must_sync = asked > flushes_done_;
    lock.unlock();
    step();
    const bool due = system_clock().now() - synced_at_ >= kSyncInterval;
    const bool good = pending_.empty() && ((must_sync || due) ? sync() : true);
    lock.lock();
    if (good && must_sync) {
      flushes_done_ = asked;
    }
    if (must_sync) {
      flushed_.notify_all();
      // A disk that refuses is asked again after a pause, not in a loop.
      if (!good) wake_.wait_for(lock, std::chrono::nanoseconds(kCollectInterval.nanoseconds));
    }
  }
  lock.unlock();
  step();
  if (pending_.empty()) static_cast<void>(sync());
}

void AuditLog::step() {
  if (failed_) return;
  if (!pending_.empty() && !write_pending()) return;
  collect();
  if (!write_pending()) return;
  if (file_bytes_ < options_.file_bytes) return;
  // The old file is whole on disk before the next one begins.
  if (!sync()) return;
  const Status started = start_file("audit-file");
  if (!started) {
    log::error("audit-rotate-failed", {{"message", std::string_view(started.error().message)}});
    write_failures_.fetch_add(1);
  }
}

void AuditLog::collect() {
  for (const std::unique_ptr<Shard>& shard : shards_) {
    collected_.clear();
    {
      const std::lock_guard lock(shard->mutex);
      collected_.swap(shard->lines);
      if (shard->is_full) full_count_.fetch_sub(1, std::memory_order_relaxed);
      shard->is_full = false;
    }
    std::string_view rest = collected_;
    while (!rest.empty()) {
      const size_t end = rest.find('\n');
      chain_.append(rest.substr(0, end), pending_);
      lines_count_.fetch_add(1, std::memory_order_relaxed);
      rest.remove_prefix(end + 1);
    }
  }
}

// False when the disk did not take the lines: the file is then cut to whole lines again, and they
// stay pending.
bool AuditLog::write_pending() {
  if (pending_.empty()) return true;
  const int failure = write_whole(fd_, pending_);
  if (failure != 0) {
    write_failures_.fetch_add(1);
    log::error("audit-write-failed", {{"errno", static_cast<int64_t>(failure)}});
    if (::ftruncate(fd_, static_cast<off_t>(file_bytes_)) != 0) fail("cut the file", errno);
    return false;
  }
  file_bytes_ += pending_.size();
  pending_.clear();
  written_ = chain_.end();
  return true;
}

bool AuditLog::sync() {
  if (failed_) return false;
  synced_at_ = system_clock().now();
  {
    const std::lock_guard lock(mutex_);
    if (anchor_.end == written_) return true;
  }
  if (::fdatasync(fd_) != 0) {
    fail("flush the file", errno);
    return false;
  }
  const std::lock_guard lock(mutex_);
  anchor_.end = written_;
  anchor_.first_sequence = first_kept();
  return true;
}

uint64_t AuditLog::first_kept() const {
  if (options_.files_kept == 0 || file_firsts_.size() <= options_.files_kept) {
    return anchor_.first_sequence;
  }
  const uint64_t kept = file_firsts_[file_firsts_.size() - options_.files_kept];
  return std::max(anchor_.first_sequence, kept);
}

void AuditLog::fail(std::string_view what, int error_number) {
  if (failed_.exchange(true)) return;
  full_count_.fetch_add(1);
  log::error("audit-failed", {{"what", what},
                              {"errno", static_cast<int64_t>(error_number)},
                              {"advice", "requests are refused until the server is restarted"}});
}

}  // namespace cairn::server
