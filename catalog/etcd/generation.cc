#include "catalog/etcd/generation.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>

#include <array>
#include <filesystem>
#include <utility>
#include <vector>

#include "base/units.h"
#include "catalog/record.h"
#include "catalog/rocksdb_status.h"

namespace cairn::catalog::etcd {
namespace {

inline constexpr std::string_view kStateColumn = "state";
inline constexpr std::string_view kPositionRow = "position";
inline constexpr std::string_view kOriginRow = "origin";
inline constexpr size_t kPositionBytes = 16;
inline constexpr double kFilterBitsPerKey = 10;
inline constexpr size_t kBlockBytes = 8 * KiB;
inline constexpr uint64_t kWriteBufferBytes = 32 * MiB;

rocksdb::Options make_options(std::shared_ptr<rocksdb::Cache> cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = std::move(cache);
  table.block_size = kBlockBytes;
  table.filter_policy.reset(rocksdb::NewRibbonFilterPolicy(kFilterBitsPerKey, 1));
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.format_version = 5;
  table.checksum = rocksdb::kXXH3;
  rocksdb::Options options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.paranoid_checks = true;
  // A copy may go back in time; it may not skip.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.write_buffer_size = kWriteBufferBytes;
  options.memtable_whole_key_filtering = true;
  options.memtable_prefix_bloom_size_ratio = 0.02;
  options.max_background_jobs = 2;
  options.compression = rocksdb::kNoCompression;
  options.stats_dump_period_sec = 0;
  options.keep_log_file_num = 2;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

}  // namespace

Result<std::shared_ptr<Generation>> Generation::open(const std::string& path,
                                                     std::shared_ptr<rocksdb::Cache> cache) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return std::unexpected(errno_error(error.value(), "create the mirror in " + path));
  const rocksdb::Options options = make_options(std::move(cache));
  const std::vector<rocksdb::ColumnFamilyDescriptor> columns{
      {rocksdb::kDefaultColumnFamilyName, options}, {std::string(kStateColumn), options}};
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* database = nullptr;
  const rocksdb::Status opened =
      rocksdb::DB::Open(rocksdb::DBOptions(options), path, columns, &handles, &database);
  if (!opened.ok()) return to_error(opened, "open the mirror " + path);
  std::shared_ptr<Generation> generation(new Generation(path));
  generation->state_ = handles[1];
  generation->database_.reset(database, [handles](rocksdb::DB* dead) {
    for (rocksdb::ColumnFamilyHandle* handle : handles) {
      dead->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
    }
    delete dead;
  });
  return generation;
}

Generation::~Generation() {
  database_.reset();
  if (!is_condemned_) return;
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Result<std::optional<Position>> Generation::position(const rocksdb::Snapshot* at) const {
  rocksdb::ReadOptions options;
  options.snapshot = at;
  std::string value;
  const rocksdb::Status status =
      database_->Get(options, state_, rocksdb::Slice(kPositionRow), &value);
  if (status.IsNotFound()) return std::optional<Position>();
  if (!status.ok()) return to_error(status, "read the mirror's position");
  if (value.size() != kPositionBytes) {
    return fail(Code::kCorruption, "the mirror's position is damaged");
  }
  const auto* bytes = reinterpret_cast<const uint8_t*>(value.data());
  return std::optional(
      Position{.seen = static_cast<Revision>(load_be<uint64_t>(bytes)),
               .commit = static_cast<Revision>(load_be<uint64_t>(bytes + kVersionBytes))});
}

Result<std::string> Generation::origin() const {
  std::string value;
  const rocksdb::Status status =
      database_->Get(rocksdb::ReadOptions(), state_, rocksdb::Slice(kOriginRow), &value);
  if (status.IsNotFound()) return std::string();
  if (!status.ok()) return to_error(status, "read the mirror's origin");
  return value;
}

void Generation::add_put(rocksdb::WriteBatch& batch, std::string_view key, std::string_view value,
                         Revision revision) {
  const VersionBytes head = encode_version(static_cast<Version>(revision));
  const std::array<rocksdb::Slice, 2> parts{rocksdb::Slice(head.data(), head.size()),
                                            rocksdb::Slice(value)};
  const rocksdb::Slice row(key);
  batch.Put(rocksdb::SliceParts(&row, 1), rocksdb::SliceParts(parts.data(), parts.size()))
      .PermitUncheckedError();
}

void Generation::add_position(rocksdb::WriteBatch& batch, Position position) const {
  std::array<uint8_t, kPositionBytes> bytes;
  store_be(bytes.data(), static_cast<uint64_t>(position.seen));
  store_be(bytes.data() + kVersionBytes, static_cast<uint64_t>(position.commit));
  batch
      .Put(state_, rocksdb::Slice(kPositionRow),
           rocksdb::Slice(reinterpret_cast<const char*>(bytes.data()), bytes.size()))
      .PermitUncheckedError();
}

void Generation::add_origin(rocksdb::WriteBatch& batch, std::string_view origin) const {
  batch.Put(state_, rocksdb::Slice(kOriginRow), rocksdb::Slice(origin)).PermitUncheckedError();
}

Status Generation::write(rocksdb::WriteBatch& batch) {
  const rocksdb::Status status = database_->Write(rocksdb::WriteOptions(), &batch);
  if (!status.ok()) return to_error(status, "write the mirror");
  return {};
}

}  // namespace cairn::catalog::etcd
