#include "server/access_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "base/log.h"
#include "server/log_text.h"

namespace cairn::server {
Result<std::unique_ptr<AccessLog>> AccessLog::open(const std::string& path, size_t shards_count) {
  if (path == "-") {
    return std::unique_ptr<AccessLog>(new AccessLog(STDOUT_FILENO, false, shards_count));
  }
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return std::unexpected(errno_error(errno, "open the access log " + path));
  return std::unique_ptr<AccessLog>(new AccessLog(fd, true, shards_count));
}

AccessLog::AccessLog(int fd, bool owns_fd, size_t shards_count) : fd_(fd), owns_fd_(owns_fd) {
  for (size_t i = 0; i < shards_count; ++i) shards_.push_back(std::make_unique<Shard>());
  thread_ = std::thread([this] { run(); });
}

AccessLog::~AccessLog() {
  {
    const std::lock_guard lock(stop_mutex_);
    stopping_ = true;
  }
  stop_wake_.notify_one();
  thread_.join();
  if (owns_fd_) ::close(fd_);
}

void AccessLog::append(size_t shard, const s3::RequestRecord& record, WallTime at) {
  Shard& own = *shards_[shard];
  const std::lock_guard lock(own.mutex);
  if (own.lines.size() >= kShardBytesMax) {
    dropped_count_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  format(own.lines, record, at);
}

void AccessLog::format(std::string& out, const s3::RequestRecord& record, WallTime at) {
  out += "{\"time\":\"";
  append_iso_time(out, at);
  out += '"';
  append_text_field(out, "remote", record.remote);
  append_text_field(out, "method", record.method);
  append_text_field(out, "target", record.target);
  append_text_field(out, "route", record.route);
  append_count_field(out, "status", record.status);
  append_count_field(out, "bytes_in", record.bytes_in);
  append_count_field(out, "bytes_out", record.bytes_out);
  if (record.instant_bytes > 0) append_count_field(out, "instant_bytes", record.instant_bytes);
  append_count_field(out, "duration_us", static_cast<uint64_t>(record.duration.nanoseconds / 1000));
  append_text_field(out, "request_id", record.request_id);
  append_text_field(out, "access_key", record.access_key);
  out += "}\n";
}

void AccessLog::run() {
  std::unique_lock lock(stop_mutex_);
  while (!stopping_) {
    stop_wake_.wait_for(lock, std::chrono::nanoseconds(kCollectInterval.nanoseconds));
    lock.unlock();
    collect();
    lock.lock();
  }
  collect();
}

void AccessLog::collect() {
  for (const std::unique_ptr<Shard>& shard : shards_) {
    collected_.clear();
    {
      const std::lock_guard lock(shard->mutex);
      collected_.swap(shard->lines);
    }
    std::string_view rest = collected_;
    while (!rest.empty()) {
      const ssize_t written = ::write(fd_, rest.data(), rest.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) {
        dropped_count_.fetch_add(1, std::memory_order_relaxed);
        log::error("access-log-write-failed", {{"errno", static_cast<int64_t>(errno)}});
        break;
      }
      rest.remove_prefix(static_cast<size_t>(written));
    }
  }
}

}  // namespace cairn::server
