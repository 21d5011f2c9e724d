#include "catalog/rocksdb_catalog.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/table.h>

#include <functional>
#include <mutex>
#include <utility>

#include "base/log.h"
#include "catalog/committer.h"
#include "catalog/rocksdb_reader.h"
#include "catalog/rocksdb_status.h"
#include "catalog/wal_file_system.h"
#include "io/blocking.h"

namespace cairn::catalog {
namespace {

inline constexpr double kFilterBitsPerKey = 10;
inline constexpr size_t kBlockBytes = 8 * KiB;

// Hears of errors in the database's own work. The target comes after open and goes before close.
class ErrorListener final : public rocksdb::EventListener {
 public:
  void set_target(std::function<void()> condemn) {
    const std::lock_guard lock(mutex_);
    condemn_ = std::move(condemn);
  }
  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* error) override {
    log::error("catalog_background_error",
               {{"reason", static_cast<int64_t>(reason)}, {"error", error->ToString()}});
    // A full disk is the committer's to handle: its next write gets the same error.
    if (error->IsNoSpace()) return;
    const std::lock_guard lock(mutex_);
    if (condemn_) condemn_();
  }
  // Only the committer decides when writing goes on.
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }

 private:
  std::mutex mutex_;
  std::function<void()> condemn_;
};

rocksdb::BlockBasedTableOptions table_options(const RocksdbOptions& options) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(options.block_cache_bytes);
  table.block_size = kBlockBytes;
  table.filter_policy.reset(rocksdb::NewRibbonFilterPolicy(kFilterBitsPerKey, 1));
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.format_version = 5;
  table.checksum = rocksdb::kXXH3;
  return table;
}

// RELIABILITY.md section 5.1.
rocksdb::Options database_options(const RocksdbOptions& options, rocksdb::Env* env,
                                  std::shared_ptr<ErrorListener> listener) {
  rocksdb::Options database;
  database.env = env;
  database.create_if_missing = true;
  database.paranoid_checks = true;
  database.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  database.recycle_log_file_num = 0;
  database.track_and_verify_wals_in_manifest = true;
  database.verify_sst_unique_id_in_manifest = true;
  database.unordered_write = false;
  database.manual_wal_flush = false;
  database.max_bgerror_resume_count = 0;
  database.WAL_ttl_seconds = options.history_seconds;
  database.WAL_size_limit_MB = options.history_bytes / MiB;
  database.write_buffer_size = options.write_buffer_bytes;
  database.max_write_buffer_number = 4;
  database.memtable_prefix_bloom_size_ratio = 0.02;
  database.memtable_whole_key_filtering = true;
  database.max_background_jobs = 2;
  database.max_open_files = -1;
  // Values are sealed or small: compressing the lower levels finds little.
  database.compression = rocksdb::kNoCompression;
  database.stats_dump_period_sec = 0;
  database.keep_log_file_num = 4;
  database.max_log_file_size = 8 * MiB;
  database.listeners.push_back(std::move(listener));
  database.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table_options(options)));
  return database;
}

// By this name tests/tsan.supp knows it.
void destroy_rocksdb(std::shared_ptr<rocksdb::DB>& database) {
  database.reset();
}

class RocksdbCatalog final : public Catalog {
 public:
  static Result<std::unique_ptr<Catalog>> open(const std::string& path, RocksdbOptions options);

  io::Task<Result<std::optional<Entry>>> get(std::string key, const Snapshot* snapshot) override;
  io::Task<Result<ScanPage>> scan(ScanRequest request, const Snapshot* snapshot) override;
  io::Task<Result<std::shared_ptr<const Snapshot>>> snapshot() override;
  io::Task<Result<Version>> commit(Batch batch) override;
  io::Task<Result<std::vector<Change>>> tail(Version after, size_t limit) override;
  io::Task<Status> close() override;

 private:
  explicit RocksdbCatalog(RocksdbOptions options) : options_(std::move(options)) {}
  CatalogMetrics& metrics() { return options_.metrics != nullptr ? *options_.metrics : metrics_; }
  SpaceGuard make_space_guard(const std::string& path);
  Status close_database();

  const RocksdbOptions options_;
  CatalogMetrics metrics_;  // Used when the owner gave none.
  // In the order of construction: each uses those before it.
  std::shared_ptr<rocksdb::FileSystem> base_file_system_;
  std::shared_ptr<rocksdb::FileLock> owner_lock_;
  std::shared_ptr<rocksdb::Env> env_;
  std::shared_ptr<ErrorListener> listener_ = std::make_shared<ErrorListener>();
  std::shared_ptr<rocksdb::DB> database_;
  std::unique_ptr<Committer> committer_;
};

Result<std::unique_ptr<Catalog>> RocksdbCatalog::open(const std::string& path,
                                                      RocksdbOptions options) {
  std::unique_ptr<RocksdbCatalog> catalog(new RocksdbCatalog(std::move(options)));
  const RocksdbOptions& given = catalog->options_;
  catalog->base_file_system_ =
      given.file_system ? given.file_system : rocksdb::FileSystem::Default();
  rocksdb::FileSystem& base = *catalog->base_file_system_;
  const rocksdb::IOStatus made = base.CreateDirIfMissing(path, rocksdb::IOOptions(), nullptr);
  if (!made.ok()) return to_error(made, "create catalog directory");
  // Repair must not touch the logs of a running process.
  rocksdb::FileLock* lock = nullptr;
  const rocksdb::IOStatus locked =
      base.LockFile(path + "/OWNER", rocksdb::IOOptions(), &lock, nullptr);
  if (!locked.ok()) return fail(Code::kUnavailable, "the catalog is in use: " + path);
  catalog->owner_lock_.reset(lock, [held = catalog->base_file_system_](rocksdb::FileLock* dead) {
    held->UnlockFile(dead, rocksdb::IOOptions(), nullptr).PermitUncheckedError();
  });
  Status repaired = repair_logs(base, path);
  if (!repaired) return std::unexpected(std::move(repaired.error()));

  std::shared_ptr<rocksdb::FileSystem> file_system = catalog->base_file_system_;
  if (given.prewritten_wal) {
    const uint64_t log_bytes = given.write_buffer_bytes + given.write_buffer_bytes / 8;
    file_system = make_wal_file_system(file_system, path, round_up(log_bytes, MiB));
  }
  catalog->env_ = rocksdb::NewCompositeEnv(file_system);
  rocksdb::DB* database = nullptr;
  const rocksdb::Status opened = rocksdb::DB::Open(
      database_options(given, catalog->env_.get(), catalog->listener_), path, &database);
  if (!opened.ok()) return to_error(opened, "open catalog " + path);
  catalog->database_.reset(database, [env = catalog->env_](rocksdb::DB* dead) { delete dead; });

  SpaceGuard space = catalog->make_space_guard(path);
  space.open();
  catalog->committer_ =
      std::make_unique<Committer>(*database,
                                  Committer::Options{.queue_depth_max = given.queue_depth_max,
                                                     .group_commits_max = given.group_commits_max,
                                                     .group_bytes_max = given.group_bytes_max,
                                                     .sync_writes = given.sync_writes},
                                  std::move(space), catalog->metrics());
  catalog->listener_->set_target([committer = catalog->committer_.get()] { committer->condemn(); });
  return catalog;
}

SpaceGuard RocksdbCatalog::make_space_guard(const std::string& path) {
  auto free_bytes = [base = base_file_system_, path]() -> Result<uint64_t> {
    uint64_t bytes = 0;
    const rocksdb::IOStatus status =
        base->GetFreeSpace(path, rocksdb::IOOptions(), &bytes, nullptr);
    if (!status.ok()) return to_error(status, "free space");
    return bytes;
  };
  return SpaceGuard({.directory = path,
                     .ballast_bytes = options_.ballast_bytes,
                     .free_bytes_min = options_.free_bytes_min,
                     .free_bytes = std::move(free_bytes)});
}

io::Task<Result<std::optional<Entry>>> RocksdbCatalog::get(std::string key,
                                                           const Snapshot* snapshot) {
  const auto* at = static_cast<const RocksdbSnapshot*>(snapshot);
  metrics().gets_count.fetch_add(1, std::memory_order_relaxed);
  std::optional<Entry> entry;
  rocksdb::Status status = read_entry(*database_, key, at, ReadTier::kCached, entry);
  if (status.IsIncomplete()) {
    metrics().blocking_reads_count.fetch_add(1, std::memory_order_relaxed);
    status = co_await io::or_return(io::blocking_pool().run(
        [&] { return read_entry(*database_, key, at, ReadTier::kDisk, entry); }));
  }
  if (!status.ok()) co_return to_error(status, "catalog get");
  co_return std::move(entry);
}

io::Task<Result<ScanPage>> RocksdbCatalog::scan(ScanRequest request, const Snapshot* snapshot) {
  const auto* at = static_cast<const RocksdbSnapshot*>(snapshot);
  metrics().scans_count.fetch_add(1, std::memory_order_relaxed);
  ScanPage page;
  rocksdb::Status status = read_range(*database_, request, at, ReadTier::kCached, page);
  if (status.IsIncomplete()) {
    metrics().blocking_reads_count.fetch_add(1, std::memory_order_relaxed);
    status = co_await io::or_return(io::blocking_pool().run(
        [&] { return read_range(*database_, request, at, ReadTier::kDisk, page); }));
  }
  if (!status.ok()) co_return to_error(status, "catalog scan");
  metrics().scanned_entries_count.fetch_add(page.entries.size(), std::memory_order_relaxed);
  co_return std::move(page);
}

io::Task<Result<std::shared_ptr<const Snapshot>>> RocksdbCatalog::snapshot() {
  co_return std::make_shared<const RocksdbSnapshot>(database_);
}

io::Task<Result<Version>> RocksdbCatalog::commit(Batch batch) {
  return committer_->commit(std::move(batch));
}

io::Task<Result<std::vector<Change>>> RocksdbCatalog::tail(Version after, size_t limit) {
  co_return co_await io::or_return(
      io::blocking_pool().run([&] { return read_tail(*database_, after, limit); }));
}

io::Task<Status> RocksdbCatalog::close() {
  co_return co_await io::or_return(io::blocking_pool().run([&] { return close_database(); }));
}

Status RocksdbCatalog::close_database() {
  committer_->stop();
  listener_->set_target(nullptr);
  destroy_rocksdb(database_);
  owner_lock_.reset();
  return {};
}

}  // namespace

io::Task<Result<std::unique_ptr<Catalog>>> open_rocksdb_catalog(std::string path,
                                                                RocksdbOptions options) {
  co_return co_await io::or_return(
      io::blocking_pool().run([&] { return RocksdbCatalog::open(path, std::move(options)); }));
}

}  // namespace cairn::catalog
