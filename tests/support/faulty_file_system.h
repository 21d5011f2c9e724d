// FaultyFileSystem: a decorator of io::FileSystem that records every call in order and lets a test
// answer any of them with an error or cut reads and writes short.
//
// Used on any reactor; the record is behind a lock. The decorated file system outlives it.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "io/file.h"
#include "io/sync.h"

namespace cairn::testing_support {

enum class FileCall : uint8_t {
  kOpen,
  kRead,
  kWrite,
  kSync,
  kAllocate,
  kPunch,
  kTruncate,
  kSize,
  kNextData,
  kAllocatedBytes,
  kCreateDirectories,
  kList,
  kRename,
  kUnlink,
  kSyncDirectory,
  kSpace,
  kLock,
};

// One call, as it was asked. `number` counts from 1 over all kinds.
struct CallRecord {
  FileCall call;
  std::string path;
  uint64_t offset_bytes = 0;
  uint64_t size_bytes = 0;
  uint64_t number = 0;
  bool done = false;     // The call has completed...
  bool failed = false;   // ... with an error.
  uint64_t done_at = 0;  // Position in the order of beginnings and ends.
  uint64_t begun_at = 0;
};

// What to do instead of the call.
struct Fault {
  std::optional<Error> error = {};               // Fails without effect.
  std::optional<size_t> bytes_max = {};          // Reads and writes: at most so many bytes.
  std::optional<uint64_t> available_bytes = {};  // space(): this answer.
  // Of calls on an open file but reads: what is to be set before anything happens. Outlives the
  // call.
  io::Event* begins = nullptr;
};

class FaultyFileSystem final : public io::FileSystem {
 public:
  using Rule = std::function<Fault(const CallRecord&)>;

  explicit FaultyFileSystem(io::FileSystem& inner) : log_(std::make_shared<Log>()), inner_(inner) {}

  // Asked before every call; none: all calls pass.
  void set_rule(Rule rule) {
    const std::lock_guard guard(log_->mutex);
    log_->rule = std::move(rule);
  }
  // The n-th call from now on that `matches` fails with `error`; with `onwards` every later one
  // too.
  void fail_nth(uint64_t nth, Error error, std::function<bool(const CallRecord&)> matches = {},
                bool onwards = false) {
    auto seen = std::make_shared<uint64_t>(0);
    set_rule([=](const CallRecord& record) {
      if (matches && !matches(record)) return Fault{};
      ++*seen;
      return *seen == nth || (onwards && *seen > nth) ? Fault{.error = error} : Fault{};
    });
  }
  // Holes become zeros, as in a file system whose blocks are larger than what is punched.
  void set_punches_zeros(bool zeros) {
    const std::lock_guard guard(log_->mutex);
    log_->punches_zeros = zeros;
  }
  std::vector<CallRecord> calls() const {
    const std::lock_guard guard(log_->mutex);
    return log_->records;
  }
  uint64_t count(FileCall call) const {
    const std::lock_guard guard(log_->mutex);
    return static_cast<uint64_t>(std::ranges::count(log_->records, call, &CallRecord::call));
  }
  // A place in the order of beginnings and ends of calls, for comparing with CallRecord::done_at.
  uint64_t mark() {
    const std::lock_guard guard(log_->mutex);
    return ++log_->order;
  }

  io::Task<Result<std::unique_ptr<io::File>>> open(std::string path,
                                                   io::OpenOptions options) override {
    const Begun begun = log_->begin(FileCall::kOpen, path);
    if (begun.fault.error) co_return log_->refuse(begun);
    Result<std::unique_ptr<io::File>> file = co_await inner_.open(path, options);
    log_->end(begun, file.has_value());
    if (!file) co_return file;
    co_return std::make_unique<FaultyFile>(log_, std::move(*file), path);
  }
  io::Task<Status> create_directories(std::string path) override {
    return pass(FileCall::kCreateDirectories, path, inner_.create_directories(path));
  }
  io::Task<Result<std::vector<std::string>>> list(std::string directory) override {
    return pass(FileCall::kList, directory, inner_.list(directory));
  }
  io::Task<Status> rename(std::string from, std::string to) override {
    return pass(FileCall::kRename, from, inner_.rename(from, to));
  }
  io::Task<Status> unlink(std::string path) override {
    return pass(FileCall::kUnlink, path, inner_.unlink(path));
  }
  io::Task<Status> sync_directory(std::string directory) override {
    return pass(FileCall::kSyncDirectory, directory, inner_.sync_directory(directory));
  }
  io::Task<Result<io::SpaceInfo>> space(std::string path) override {
    const Begun begun = log_->begin(FileCall::kSpace, path);
    if (begun.fault.error) co_return log_->refuse(begun);
    Result<io::SpaceInfo> space = co_await inner_.space(path);
    if (space && begun.fault.available_bytes) space->available_bytes = *begun.fault.available_bytes;
    log_->end(begun, space.has_value());
    co_return space;
  }
  io::Task<Result<std::unique_ptr<io::FileLock>>> lock(std::string path) override {
    return pass(FileCall::kLock, path, inner_.lock(path));
  }

 private:
  struct Begun {
    size_t index = 0;
    Fault fault;
  };
  struct Log {
    Begun begin(FileCall call, const std::string& path, uint64_t offset = 0, uint64_t size = 0) {
      const std::lock_guard guard(mutex);
      const CallRecord record{.call = call,
                              .path = path,
                              .offset_bytes = offset,
                              .size_bytes = size,
                              .number = records.size() + 1,
                              .begun_at = ++order};
      records.push_back(record);
      return {records.size() - 1, rule ? rule(record) : Fault{}};
    }
    void end(const Begun& begun, bool good) {
      const std::lock_guard guard(mutex);
      CallRecord& record = records[begun.index];
      record.done = true;
      record.failed = !good;
      record.done_at = ++order;
    }
    std::unexpected<Error> refuse(const Begun& begun) {
      end(begun, false);
      return std::unexpected<Error>(*begun.fault.error);
    }

    std::mutex mutex;
    Rule rule;
    bool punches_zeros = false;
    std::vector<CallRecord> records;
    uint64_t order = 0;
  };

  template <typename T>
  io::Task<T> pass(FileCall call, std::string path, io::Task<T> work) {
    return passed(log_, call, std::move(path), 0, 0, std::move(work));
  }
  template <typename T>
  static io::Task<T> passed(std::shared_ptr<Log> log, FileCall call, std::string path,
                            uint64_t offset, uint64_t size, io::Task<T> work) {
    const Begun begun = log->begin(call, path, offset, size);
    if (begun.fault.begins != nullptr) co_await begun.fault.begins->wait();
    if (begun.fault.error) co_return log->refuse(begun);
    T result = co_await work;
    log->end(begun, result.has_value());
    co_return result;
  }

  class FaultyFile final : public io::File {
   public:
    FaultyFile(std::shared_ptr<Log> log, std::unique_ptr<io::File> inner, std::string path)
        : log_(std::move(log)), inner_(std::move(inner)), path_(std::move(path)) {}

    io::Task<Result<size_t>> read_some(MutableBytes into, uint64_t offset_bytes) override {
      const Begun begun = log_->begin(FileCall::kRead, path_, offset_bytes, into.size());
      if (begun.fault.error) co_return log_->refuse(begun);
      if (begun.fault.bytes_max) into = into.first(std::min(into.size(), *begun.fault.bytes_max));
      Result<size_t> done = co_await inner_->read_some(into, offset_bytes);
      log_->end(begun, done.has_value());
      co_return done;
    }
    io::Task<Result<size_t>> write_some(std::span<const BytesView> pieces,
                                        uint64_t offset_bytes) override {
      uint64_t size = 0;
      for (const BytesView& piece : pieces) size += piece.size();
      const Begun begun = log_->begin(FileCall::kWrite, path_, offset_bytes, size);
      if (begun.fault.begins != nullptr) co_await begun.fault.begins->wait();
      if (begun.fault.error) co_return log_->refuse(begun);
      std::vector<BytesView> kept(pieces.begin(), pieces.end());
      if (begun.fault.bytes_max) {
        size_t left = *begun.fault.bytes_max;
        for (BytesView& piece : kept) {
          piece = piece.first(std::min(left, piece.size()));
          left -= piece.size();
        }
        std::erase_if(kept, [](const BytesView& piece) { return piece.empty(); });
      }
      Result<size_t> done = co_await inner_->write_some(kept, offset_bytes);
      log_->end(begun, done.has_value());
      co_return done;
    }
    io::Task<Status> sync_data() override {
      return passed(log_, FileCall::kSync, path_, 0, 0, inner_->sync_data());
    }
    io::Task<Status> allocate(uint64_t offset, uint64_t size) override {
      return passed(log_, FileCall::kAllocate, path_, offset, size, inner_->allocate(offset, size));
    }
    io::Task<Status> punch_hole(uint64_t offset, uint64_t size) override {
      if (log_->punches_zeros) {
        return passed(log_, FileCall::kPunch, path_, offset, size, write_zeros(offset, size));
      }
      return passed(log_, FileCall::kPunch, path_, offset, size, inner_->punch_hole(offset, size));
    }
    io::Task<Status> truncate(uint64_t size) override {
      return passed(log_, FileCall::kTruncate, path_, 0, size, inner_->truncate(size));
    }
    io::Task<Result<uint64_t>> size() override {
      return passed(log_, FileCall::kSize, path_, 0, 0, inner_->size());
    }
    io::Task<Result<uint64_t>> next_data(uint64_t offset) override {
      return passed(log_, FileCall::kNextData, path_, offset, 0, inner_->next_data(offset));
    }
    io::Task<Result<uint64_t>> allocated_bytes() override {
      return passed(log_, FileCall::kAllocatedBytes, path_, 0, 0, inner_->allocated_bytes());
    }
    io::Task<void> close() override { co_await inner_->close(); }

   private:
    io::Task<Status> write_zeros(uint64_t offset, uint64_t size) {
      Buffer zeros = Buffer::allocate(size);
      zeros.resize(size);
      std::ranges::fill(zeros.span(), uint8_t{0});
      Status written = co_await inner_->write_all(zeros.view(), offset);
      co_return written;
    }

    std::shared_ptr<Log> log_;
    std::unique_ptr<io::File> inner_;
    const std::string path_;
  };

  std::shared_ptr<Log> log_;
  io::FileSystem& inner_;
};

}  // namespace cairn::testing_support
