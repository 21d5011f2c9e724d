// Point reads, scans and the tail on an open database, without any waiting policy of their own.
// Included by .cc files only. Thread rule: any thread.
#pragma once

#include <rocksdb/db.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "catalog/catalog.h"

namespace cairn::catalog {

// kCached never touches the disk: the read fails with rocksdb's Incomplete instead.
enum class ReadTier : unsigned char { kCached, kDisk };

// An iterator with bounds that can be moved, for the many short scans of one listing.
class BoundedIterator {
 public:
  BoundedIterator(rocksdb::DB& database, const rocksdb::Snapshot* snapshot, ReadTier tier,
                  const ScanRequest& request);
  // REQUIRES: the iterator was made with an upper bound, and `request` has one.
  void move_to(const ScanRequest& request);
  bool has_upper_bound() const { return options_.iterate_upper_bound != nullptr; }
  rocksdb::Iterator& get() { return *iterator_; }

 private:
  std::string lower_;
  std::string upper_;
  rocksdb::Slice lower_slice_;
  rocksdb::Slice upper_slice_;
  rocksdb::ReadOptions options_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

// Keeps the database open as long as it lives.
class RocksdbSnapshot final : public Snapshot {
 public:
  explicit RocksdbSnapshot(std::shared_ptr<rocksdb::DB> database);
  ~RocksdbSnapshot() override;
  RocksdbSnapshot(const RocksdbSnapshot&) = delete;
  RocksdbSnapshot& operator=(const RocksdbSnapshot&) = delete;

  Version version() const override { return snapshot_->GetSequenceNumber(); }
  const rocksdb::Snapshot* get() const { return snapshot_; }
  // One cached iterator is kept between scans; null when it is in use or there is none.
  std::unique_ptr<BoundedIterator> take_iterator() const;
  void keep_iterator(std::unique_ptr<BoundedIterator> iterator) const;

 private:
  std::shared_ptr<rocksdb::DB> database_;
  const rocksdb::Snapshot* snapshot_;
  mutable std::atomic<BoundedIterator*> kept_{nullptr};
};

// Each returns rocksdb's status; `out` is set only on success. An absent key is a success.
rocksdb::Status read_entry(rocksdb::DB& database, const std::string& key,
                           const RocksdbSnapshot* snapshot, ReadTier tier,
                           std::optional<Entry>& out);
rocksdb::Status read_range(rocksdb::DB& database, const ScanRequest& request,
                           const RocksdbSnapshot* snapshot, ReadTier tier, ScanPage& out);
Result<std::vector<Change>> read_tail(rocksdb::DB& database, Version after, size_t limit);

}  // namespace cairn::catalog
