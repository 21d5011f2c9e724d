// A RocksDB file system that fails, fills up and forgets like a disk.
//
// Fault model, for the write-ahead logs (they are written through NewRandomRWFile): a sync may fail
// with EIO, a write with ENOSPC, and a power cut forgets every write since the last successful
// sync. Other files count as durable at once. Thread rule: any thread.
#pragma once

#include <rocksdb/file_system.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace cairn::testing_support {

class FaultyRocksdbFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  FaultyRocksdbFileSystem() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "FaultyRocksdbFileSystem"; }

  std::atomic<int64_t> fail_sync_after{-1};      // Syncs that still succeed; -1 = all do.
  std::atomic<int64_t> fail_writes_count{0};     // Log writes that will get ENOSPC.
  std::atomic<uint64_t> free_bytes{1ULL << 40};  // What the disk says.

  // Copies `from` to `to` as a power cut now would leave it.
  void cut_power(const std::string& from, const std::string& to) {
    const std::lock_guard lock(mutex_);
    std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
    for (const auto& [path, writes] : unsynced_) {
      if (!path.starts_with(from + "/")) continue;
      const std::string name = path.substr(path.rfind('/') + 1);
      std::fstream file(to + "/" + name, std::ios::in | std::ios::out | std::ios::binary);
      for (auto write = writes.rbegin(); write != writes.rend(); ++write) {
        file.seekp(static_cast<std::streamoff>(write->first));
        file.write(write->second.data(), static_cast<std::streamsize>(write->second.size()));
      }
    }
  }

  rocksdb::IOStatus NewRandomRWFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSRandomRWFile>* result,
                                    rocksdb::IODebugContext* debug) override {
    const rocksdb::IOStatus status = target()->NewRandomRWFile(path, options, result, debug);
    if (status.ok()) *result = std::make_unique<Log>(*this, path, std::move(*result));
    return status;
  }
  rocksdb::IOStatus GetFreeSpace(const std::string&, const rocksdb::IOOptions&, uint64_t* bytes,
                                 rocksdb::IODebugContext*) override {
    *bytes = free_bytes.load();
    return rocksdb::IOStatus::OK();
  }

 private:
  class Log final : public rocksdb::FSRandomRWFileOwnerWrapper {
   public:
    Log(FaultyRocksdbFileSystem& owner, std::string path,
        std::unique_ptr<rocksdb::FSRandomRWFile> file)
        : FSRandomRWFileOwnerWrapper(std::move(file)), owner_(owner), path_(std::move(path)) {}

    rocksdb::IOStatus Write(uint64_t offset, const rocksdb::Slice& data,
                            const rocksdb::IOOptions& options,
                            rocksdb::IODebugContext* debug) override {
      if (owner_.fail_writes_count.load() > 0) {
        owner_.fail_writes_count.fetch_sub(1);
        return rocksdb::IOStatus::NoSpace("injected");
      }
      const std::lock_guard lock(owner_.mutex_);
      std::string old(data.size(), '\0');
      rocksdb::Slice found;
      const rocksdb::IOStatus read =
          target()->Read(offset, old.size(), options, &found, old.data(), debug);
      if (!read.ok()) return read;
      if (found.data() != old.data()) old.replace(0, found.size(), found.data(), found.size());
      owner_.unsynced_[path_].emplace_back(offset, std::move(old));
      return target()->Write(offset, data, options, debug);
    }
    rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
      const int64_t left = owner_.fail_sync_after.load();
      if (left == 0) return rocksdb::IOStatus::IOError("injected");
      if (left > 0) owner_.fail_sync_after.store(left - 1);
      const rocksdb::IOStatus status = target()->Sync(options, debug);
      const std::lock_guard lock(owner_.mutex_);
      if (status.ok()) owner_.unsynced_.erase(path_);
      return status;
    }

   private:
    FaultyRocksdbFileSystem& owner_;
    const std::string path_;
  };

  std::mutex mutex_;
  // Old contents of what was written since the last sync, oldest first.
  std::map<std::string, std::vector<std::pair<uint64_t, std::string>>> unsynced_;
};

}  // namespace cairn::testing_support
