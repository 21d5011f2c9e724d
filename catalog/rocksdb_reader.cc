#include "catalog/rocksdb_reader.h"

#include <rocksdb/iterator.h>
#include <rocksdb/snapshot.h>

#include <utility>

#include "catalog/record.h"

namespace cairn::catalog {
namespace {

rocksdb::ReadOptions read_options(const rocksdb::Snapshot* snapshot, ReadTier tier) {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot;
  options.read_tier = tier == ReadTier::kCached ? rocksdb::kBlockCacheTier : rocksdb::kReadAllTier;
  return options;
}

rocksdb::Status too_short() {
  return rocksdb::Status::Corruption("a catalog value is too short");
}

// Fills `page` from where `at` stands.
rocksdb::Status collect(rocksdb::Iterator& at, const ScanRequest& request, ScanPage& page) {
  uint64_t bytes = 0;
  while (at.Valid() && page.entries.size() < request.limit_entries && bytes < request.limit_bytes) {
    rocksdb::Slice value = at.value();
    if (value.size() < kVersionBytes) return too_short();
    Entry& entry = page.entries.emplace_back();
    entry.version = version_of(value);
    entry.key.assign(at.key().data(), at.key().size());
    value.remove_prefix(kVersionBytes);
    if (!request.keys_only) entry.value.assign(value.data(), value.size());
    bytes += entry.key.size() + entry.value.size();
    if (request.reverse) {
      at.Prev();
    } else {
      at.Next();
    }
  }
  page.more = at.Valid();
  return at.status();
}

}  // namespace

BoundedIterator::BoundedIterator(rocksdb::DB& database, const rocksdb::Snapshot* snapshot,
                                 ReadTier tier, const ScanRequest& request)
    : lower_(request.begin),
      upper_(request.end),
      lower_slice_(lower_),
      upper_slice_(upper_),
      options_(read_options(snapshot, tier)) {
  options_.iterate_lower_bound = &lower_slice_;
  if (!upper_.empty()) options_.iterate_upper_bound = &upper_slice_;
  iterator_.reset(database.NewIterator(options_));
}

void BoundedIterator::move_to(const ScanRequest& request) {
  lower_ = request.begin;
  upper_ = request.end;
  lower_slice_ = lower_;
  upper_slice_ = upper_;
}

RocksdbSnapshot::RocksdbSnapshot(std::shared_ptr<rocksdb::DB> database)
    : database_(std::move(database)), snapshot_(database_->GetSnapshot()) {}

RocksdbSnapshot::~RocksdbSnapshot() {
  delete kept_.load();
  database_->ReleaseSnapshot(snapshot_);
}

std::unique_ptr<BoundedIterator> RocksdbSnapshot::take_iterator() const {
  return std::unique_ptr<BoundedIterator>(kept_.exchange(nullptr));
}

void RocksdbSnapshot::keep_iterator(std::unique_ptr<BoundedIterator> iterator) const {
  delete kept_.exchange(iterator.release());
}

rocksdb::Status read_entry(rocksdb::DB& database, const std::string& key,
                           const RocksdbSnapshot* snapshot, ReadTier tier,
                           std::optional<Entry>& out) {
  rocksdb::PinnableSlice pinned;
  const rocksdb::ReadOptions options =
      read_options(snapshot != nullptr ? snapshot->get() : nullptr, tier);
  const rocksdb::Status status =
      database.Get(options, database.DefaultColumnFamily(), key, &pinned);
  if (status.IsNotFound()) return rocksdb::Status::OK();
  if (!status.ok()) return status;
  if (pinned.size() < kVersionBytes) return too_short();
  Entry& entry = out.emplace();
  entry.version = version_of(pinned);
  entry.key = key;
  entry.value.assign(pinned.data() + kVersionBytes, pinned.size() - kVersionBytes);
  return rocksdb::Status::OK();
}

rocksdb::Status read_range(rocksdb::DB& database, const ScanRequest& request,
                           const RocksdbSnapshot* snapshot, ReadTier tier, ScanPage& out) {
  // Where the bounds leave nothing: an iterator with such bounds is not defined.
  if (!request.end.empty() && request.begin >= request.end) return rocksdb::Status::OK();
  const bool reusable = snapshot != nullptr && tier == ReadTier::kCached && !request.end.empty();
  std::unique_ptr<BoundedIterator> iterator;
  if (reusable) iterator = snapshot->take_iterator();
  if (iterator) {
    iterator->move_to(request);
  } else {
    iterator = std::make_unique<BoundedIterator>(
        database, snapshot != nullptr ? snapshot->get() : nullptr, tier, request);
  }
  rocksdb::Iterator& at = iterator->get();
  if (!request.reverse) {
    at.Seek(request.begin);
  } else if (request.end.empty()) {
    at.SeekToLast();
  } else {
    at.SeekForPrev(request.end);
  }
  ScanPage page;
  const rocksdb::Status status = collect(at, request, page);
  if (!status.ok()) return status;
  if (reusable) snapshot->keep_iterator(std::move(iterator));
  out = std::move(page);
  return status;
}

}  // namespace cairn::catalog
