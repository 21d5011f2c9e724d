// The embedded catalog: RocksDB below, one committer thread above it.
//
// commit() hands its batch to the committer and suspends. The committer takes all that waits (a
// group), checks each commit against the database and the earlier commits of the group, writes one
// WriteBatch with a synced WAL and wakes the waiters, one message per reactor. Reads run on the
// reactor from memory and go to the blocking pool only when a block is not cached.
//
// Invariants:
// - A completed commit() is in a synced WAL. After a failed WAL write or sync no commit succeeds
//   until the catalog is opened again, because what reached the disk is unknown.
// - The version of a commit is the RocksDB sequence number of its last operation, so the version of
//   a snapshot equals the version of the last commit it shows.
// - Value on disk: 8 bytes big-endian version, then the payload.
// - The committer is the only writer of the database.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/units.h"
#include "catalog/catalog.h"
#include "catalog/metrics.h"
#include "io/task.h"

namespace rocksdb {
class FileSystem;
}  // namespace rocksdb

namespace cairn::catalog {

struct RocksdbOptions {
  uint64_t block_cache_bytes = 256 * MiB;
  uint64_t write_buffer_bytes = 64 * MiB;
  // Bounds of the committer: waiting commits, and commits and bytes of one group. A full queue is
  // kUnavailable.
  size_t queue_depth_max = 8192;
  size_t group_commits_max = 512;
  uint64_t group_bytes_max = 8 * MiB;
  // How long and how much history tail() can reach back at least while it was written lately.
  uint64_t history_seconds = 3600;
  uint64_t history_bytes = 256 * MiB;
  // A file that is given back to the disk when it is full, so that deletes still work. 0 = none.
  uint64_t ballast_bytes = 256 * MiB;
  // Below this much free space puts are refused with kNoSpace; deletes go on.
  uint64_t free_bytes_min = 64 * MiB;
  // Null = no one reads them. Outlives the catalog.
  CatalogMetrics* metrics = nullptr;
  // Null = the operating system's. Tests inject faults here.
  std::shared_ptr<rocksdb::FileSystem> file_system = nullptr;
  // Write-ahead log through pre-written files (wal_file_system.h). Off: it writes every log byte
  // twice and was no faster where it was measured (bench/README.md).
  bool prewritten_wal = false;
  // False loses acknowledged commits in a power cut. Only for the negative controls of tests.
  bool sync_writes = true;
};

// Opens or creates the database in the directory `path`. kUnavailable when another process holds
// it, kCorruption when it is damaged (nothing is dropped silently), kIo otherwise.
// REQUIRES: close() is awaited before destruction, and every snapshot is released before close().
io::Task<Result<std::unique_ptr<Catalog>>> open_rocksdb_catalog(std::string path,
                                                                RocksdbOptions options);

}  // namespace cairn::catalog
