#include "catalog/wal_file_system.h"

#include <rocksdb/file_system.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/units.h"
#include "catalog/rocksdb_status.h"
#include "catalog/wal_tail.h"

namespace cairn::catalog {
namespace {

using rocksdb::FileOptions;
using rocksdb::FSRandomRWFile;
using rocksdb::FSSequentialFile;
using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

inline constexpr uint64_t kExtendBytes = 4 * MiB;
inline constexpr uint64_t kZeroPieceBytes = 1 * MiB;
inline constexpr uint64_t kPace = 2;
inline constexpr uint64_t kLogBytesMax = 4 * GiB;  // Of a log that repair_logs() will read.

// "/dir/000123.log"
bool is_log_name(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  const size_t dot = name.find('.');
  return dot != std::string::npos && dot > 0 && name.substr(dot) == ".log" &&
         name.find_first_not_of("0123456789") == dot;
}

const std::vector<char>& zeros() {
  static const std::vector<char> piece(kZeroPieceBytes, '\0');
  return piece;
}

// Shortens a file durably. The file system's own Truncate is not implemented on POSIX.
IOStatus cut_file(rocksdb::FileSystem& base, const std::string& path, uint64_t size_bytes) {
  std::unique_ptr<FSWritableFile> file;
  IOStatus status = base.ReopenWritableFile(path, FileOptions(), &file, nullptr);
  if (!status.ok()) return status;
  status = file->Truncate(size_bytes, IOOptions(), nullptr);
  if (status.ok()) status = file->Fsync(IOOptions(), nullptr);
  const IOStatus closed = file->Close(IOOptions(), nullptr);
  return status.ok() ? closed : status;
}

// Bytes that were appended to an open log; shared with its readers.
using LogSize = std::shared_ptr<std::atomic<uint64_t>>;

// The sizes of the logs that are open for writing.
class OpenLogs {
 public:
  LogSize add(const std::string& path) {
    const std::lock_guard lock(mutex_);
    return sizes_[path] = std::make_shared<std::atomic<uint64_t>>(0);
  }
  LogSize find(const std::string& path) {
    const std::lock_guard lock(mutex_);
    const auto found = sizes_.find(path);
    return found == sizes_.end() ? nullptr : found->second;
  }
  void remove(const std::string& path) {
    const std::lock_guard lock(mutex_);
    sizes_.erase(path);
  }

 private:
  std::mutex mutex_;
  std::map<std::string, LogSize> sizes_;
};

// Reads an open log up to the end of its last append.
class LogReader final : public rocksdb::FSSequentialFileOwnerWrapper {
 public:
  LogReader(std::unique_ptr<FSSequentialFile> file, LogSize size)
      : FSSequentialFileOwnerWrapper(std::move(file)), size_(std::move(size)) {}

  IOStatus Read(size_t bytes, const IOOptions& options, Slice* result, char* scratch,
                IODebugContext* debug) override {
    const uint64_t end = size_->load(std::memory_order_acquire);
    const size_t allowed = static_cast<size_t>(std::min<uint64_t>(bytes, end - std::min(end, at_)));
    const IOStatus status =
        FSSequentialFileOwnerWrapper::Read(allowed, options, result, scratch, debug);
    if (status.ok()) at_ += result->size();
    return status;
  }
  IOStatus Skip(uint64_t bytes) override {
    at_ += bytes;
    return FSSequentialFileOwnerWrapper::Skip(bytes);
  }

 private:
  LogSize size_;
  uint64_t at_ = 0;
};

// Prepares one spare log at a time on its own thread. A failure only means that there is none.
class SpareMaker {
 public:
  SpareMaker(std::shared_ptr<rocksdb::FileSystem> base, const std::string& directory,
             uint64_t spare_bytes)
      : base_(std::move(base)),
        path_(directory + "/SPARE_LOG"),
        temporary_path_(path_ + ".tmp"),
        spare_bytes_(spare_bytes) {
    uint64_t size = 0;
    ready_ = base_->GetFileSize(path_, IOOptions(), &size, nullptr).ok() && size == spare_bytes_;
    credit_bytes_ = spare_bytes_;
    if (!ready_) ready_ = make();
    credit_bytes_ = 0;
    thread_ = std::thread([this] { run(); });
  }
  ~SpareMaker() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wanted_.notify_all();
    thread_.join();
  }
  SpareMaker(const SpareMaker&) = delete;
  SpareMaker& operator=(const SpareMaker&) = delete;

  // Moves the spare to `path` and tells its size; 0 when there is none. Asks for the next one.
  uint64_t take(const std::string& path) {
    std::unique_lock lock(mutex_);
    const bool had_one = std::exchange(ready_, false);
    want_ = true;
    uint64_t bytes = 0;
    if (had_one && base_->RenameFile(path_, path, IOOptions(), nullptr).ok()) bytes = spare_bytes_;
    lock.unlock();
    wanted_.notify_all();
    return bytes;
  }

  // `bytes` went into a log. The next spare grows kPace times as fast as the log does, so that its
  // zeros never queue before the log's own writes for long.
  void pace(uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    const uint64_t before = credit_bytes_ / kZeroPieceBytes;
    credit_bytes_ = std::min(credit_bytes_ + kPace * bytes, spare_bytes_);
    if (credit_bytes_ / kZeroPieceBytes != before) wanted_.notify_all();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wanted_.wait(lock, [this] { return stopping_ || (want_ && !ready_); });
      if (stopping_) return;
      want_ = false;
      lock.unlock();
      const bool made = make();
      lock.lock();
      ready_ = made;
    }
  }

  bool make() {
    std::unique_ptr<FSWritableFile> file;
    FileOptions file_options;
    file_options.writable_file_max_buffer_size = 0;
    IOStatus status = base_->NewWritableFile(temporary_path_, file_options, &file, nullptr);
    for (uint64_t done = 0; status.ok() && done < spare_bytes_; done += kZeroPieceBytes) {
      const uint64_t piece = std::min<uint64_t>(kZeroPieceBytes, spare_bytes_ - done);
      {
        std::unique_lock lock(mutex_);
        wanted_.wait(lock, [this, piece] { return stopping_ || credit_bytes_ >= piece; });
        credit_bytes_ -= std::min(piece, credit_bytes_);
        if (stopping_) status = IOStatus::Aborted();
      }
      if (status.ok()) status = file->Append(Slice(zeros().data(), piece), IOOptions(), nullptr);
      if (status.ok()) status = file->RangeSync(done, piece, IOOptions(), nullptr);
    }
    if (status.ok()) status = file->Fsync(IOOptions(), nullptr);
    if (file) {
      const IOStatus closed = file->Close(IOOptions(), nullptr);
      if (status.ok()) status = closed;
    }
    if (status.ok()) status = base_->RenameFile(temporary_path_, path_, IOOptions(), nullptr);
    if (!status.ok())
      base_->DeleteFile(temporary_path_, IOOptions(), nullptr).PermitUncheckedError();
    return status.ok();
  }

  const std::shared_ptr<rocksdb::FileSystem> base_;
  const std::string path_;
  const std::string temporary_path_;
  const uint64_t spare_bytes_;

  std::mutex mutex_;  // Guards the flags and the credit.
  std::condition_variable wanted_;
  bool ready_ = false;
  bool want_ = true;
  bool stopping_ = false;
  uint64_t credit_bytes_ = 0;  // What the spare may grow by now.
  std::thread thread_;
};

// A log being written. RocksDB calls it from one thread at a time.
class LogFile final : public FSWritableFile {
 public:
  LogFile(rocksdb::FileSystem& base, std::string path, std::unique_ptr<FSRandomRWFile> file,
          uint64_t prewritten_bytes, std::shared_ptr<OpenLogs> open_logs, SpareMaker& spares)
      : base_(base),
        spares_(spares),
        path_(std::move(path)),
        file_(std::move(file)),
        prewritten_bytes_(prewritten_bytes),
        open_logs_(std::move(open_logs)),
        size_(open_logs_->add(path_)) {}
  ~LogFile() override {
    if (file_) open_logs_->remove(path_);
  }

  using FSWritableFile::Append;
  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    const uint64_t offset = size_->load(std::memory_order_relaxed);
    IOStatus status = reserve(offset + data.size(), options, debug);
    if (status.ok()) status = file_->Write(offset, data, options, debug);
    if (!status.ok()) return status;
    size_->store(offset + data.size(), std::memory_order_release);
    spares_.pace(data.size());
    return status;
  }
  IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    return file_->Sync(options, debug);
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return file_->Fsync(options, debug);
  }
  bool IsSyncThreadSafe() const override { return true; }
  uint64_t GetFileSize(const IOOptions&, IODebugContext*) override {
    return size_->load(std::memory_order_relaxed);
  }
  IOStatus Close(const IOOptions& options, IODebugContext* debug) override {
    IOStatus status = file_->Close(options, debug);
    file_.reset();
    open_logs_->remove(path_);
    const IOStatus cut = cut_file(base_, path_, size_->load(std::memory_order_relaxed));
    return status.ok() ? cut : status;
  }
  // Space comes from reserve().
  void PrepareWrite(size_t, size_t, const IOOptions&, IODebugContext*) override {}

 private:
  // Zeros ahead of the data, so that the next appends find written extents.
  IOStatus reserve(uint64_t end, const IOOptions& options, IODebugContext* debug) {
    if (end <= prewritten_bytes_) return IOStatus::OK();
    const uint64_t target = round_up(end, kExtendBytes) + kExtendBytes;
    while (prewritten_bytes_ < target) {
      const uint64_t piece = std::min<uint64_t>(kZeroPieceBytes, target - prewritten_bytes_);
      const IOStatus status =
          file_->Write(prewritten_bytes_, Slice(zeros().data(), piece), options, debug);
      if (!status.ok()) return status;
      prewritten_bytes_ += piece;
    }
    return IOStatus::OK();
  }

  rocksdb::FileSystem& base_;  // Both outlive this file: RocksDB closes its files first.
  SpareMaker& spares_;
  const std::string path_;
  std::unique_ptr<FSRandomRWFile> file_;  // Null once closed.
  uint64_t prewritten_bytes_;
  std::shared_ptr<OpenLogs> open_logs_;
  LogSize size_;
};

class WalFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  WalFileSystem(std::shared_ptr<rocksdb::FileSystem> base, const std::string& directory,
                uint64_t spare_bytes)
      : FileSystemWrapper(base),
        open_logs_(std::make_shared<OpenLogs>()),
        spares_(std::move(base), directory, spare_bytes) {}

  const char* Name() const override { return "CairnWalFileSystem"; }

  IOStatus NewWritableFile(const std::string& path, const FileOptions& options,
                           std::unique_ptr<FSWritableFile>* result,
                           IODebugContext* debug) override {
    if (!is_log_name(path)) return target()->NewWritableFile(path, options, result, debug);
    const uint64_t prewritten_bytes = spares_.take(path);
    if (prewritten_bytes == 0) {
      std::unique_ptr<FSWritableFile> empty;
      IOStatus status = target()->NewWritableFile(path, options, &empty, debug);
      if (status.ok()) status = empty->Close(IOOptions(), debug);
      if (!status.ok()) return status;
    }
    std::unique_ptr<FSRandomRWFile> file;
    const IOStatus status = target()->NewRandomRWFile(path, options, &file, debug);
    if (!status.ok()) return status;
    *result = std::make_unique<LogFile>(*target(), path, std::move(file), prewritten_bytes,
                                        open_logs_, spares_);
    return status;
  }

  IOStatus NewSequentialFile(const std::string& path, const FileOptions& options,
                             std::unique_ptr<FSSequentialFile>* result,
                             IODebugContext* debug) override {
    const IOStatus status = target()->NewSequentialFile(path, options, result, debug);
    if (!status.ok() || !is_log_name(path)) return status;
    if (LogSize size = open_logs_->find(path)) {
      *result = std::make_unique<LogReader>(std::move(*result), std::move(size));
    }
    return status;
  }

  IOStatus GetFileSize(const std::string& path, const IOOptions& options, uint64_t* bytes,
                       IODebugContext* debug) override {
    const IOStatus status = target()->GetFileSize(path, options, bytes, debug);
    if (!status.ok() || !is_log_name(path)) return status;
    if (const LogSize size = open_logs_->find(path)) *bytes = size->load();
    return status;
  }

 private:
  std::shared_ptr<OpenLogs> open_logs_;
  SpareMaker spares_;
};

Result<Bytes> read_log(rocksdb::FileSystem& base, const std::string& path) {
  uint64_t size = 0;
  IOStatus status = base.GetFileSize(path, IOOptions(), &size, nullptr);
  if (!status.ok()) return to_error(status, "log size");
  if (size > kLogBytesMax) return fail(Code::kCorruption, path + " is too large to be a log");
  std::unique_ptr<FSSequentialFile> file;
  status = base.NewSequentialFile(path, FileOptions(), &file, nullptr);
  if (!status.ok()) return to_error(status, "open log");
  Bytes bytes(size);
  for (uint64_t at = 0; at < size;) {
    Slice piece;
    auto* into = reinterpret_cast<char*>(bytes.data() + at);
    status = file->Read(static_cast<size_t>(std::min<uint64_t>(size - at, kZeroPieceBytes)),
                        IOOptions(), &piece, into, nullptr);
    if (!status.ok()) return to_error(status, "read log");
    if (piece.empty()) return fail(Code::kIo, path + " ended early");
    if (piece.data() != into) std::memcpy(into, piece.data(), piece.size());
    at += piece.size();
  }
  return bytes;
}

}  // namespace

std::shared_ptr<rocksdb::FileSystem> make_wal_file_system(std::shared_ptr<rocksdb::FileSystem> base,
                                                          std::string directory,
                                                          uint64_t spare_bytes) {
  return std::make_shared<WalFileSystem>(std::move(base), directory, spare_bytes);
}

Status repair_logs(rocksdb::FileSystem& base, const std::string& directory) {
  std::vector<std::string> names;
  const IOStatus status = base.GetChildren(directory, IOOptions(), &names, nullptr);
  if (status.IsNotFound()) return {};
  if (!status.ok()) return to_error(status, "list catalog");
  for (const std::string& name : names) {
    const std::string path = directory + "/" + name;
    if (!is_log_name(path)) continue;
    const Result<Bytes> log = read_log(base, path);
    if (!log) return std::unexpected(log.error());
    const Result<uint64_t> end = find_log_end(*log);
    if (!end) return std::unexpected(end.error().with_context(path));
    if (*end == log->size()) continue;
    log::info("catalog_log_cut", {{"log", name}, {"bytes", *end}});
    const IOStatus cut = cut_file(base, path, *end);
    if (!cut.ok()) return to_error(cut, "cut log");
  }
  return {};
}

}  // namespace cairn::catalog
