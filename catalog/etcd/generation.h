// One local copy of the catalog: a RocksDB of its own in a directory of its own.
//
// A copy is filled once from a snapshot and then follows the changes; when the history that it
// needs is gone it cannot be mended, and a new generation takes its place. Entries have the
// embedded catalog's format (record.h), so its reader serves both. The revision that a copy has
// reached is written in the very batch that brings the changes, so a crash leaves both or neither.
// Nothing is synced: a power cut takes the copy back to an earlier revision, and the watch goes on
// from there. Thread rule: one thread writes; any thread reads. Included by .cc files only.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "catalog/catalog.h"
#include "catalog/etcd/client.h"
#include "catalog/rocksdb_reader.h"

namespace cairn::catalog::etcd {

// How far a copy is. `seen`: all changes up to it are in. `commit`: the last of them that was a
// commit of the catalog.
struct Position {
  Revision seen = 0;
  Revision commit = 0;
};

class Generation {
 public:
  // Creates the directory when it is missing.
  static Result<std::shared_ptr<Generation>> open(const std::string& path,
                                                  std::shared_ptr<rocksdb::Cache> cache);
  ~Generation();  // Removes the directory when the copy was condemned.
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  // nullopt: the copy was never finished.
  Result<std::optional<Position>> position(const rocksdb::Snapshot* at = nullptr) const;
  // Which cluster and prefix it is a copy of; empty when it was never finished.
  Result<std::string> origin() const;

  static void add_put(rocksdb::WriteBatch& batch, std::string_view key, std::string_view value,
                      Revision revision);
  void add_position(rocksdb::WriteBatch& batch, Position position) const;
  void add_origin(rocksdb::WriteBatch& batch, std::string_view origin) const;
  Status write(rocksdb::WriteBatch& batch);

  // What happens to the directory when the last user is gone.
  void condemn() { is_condemned_ = true; }
  void keep() { is_condemned_ = false; }
  const std::shared_ptr<rocksdb::DB>& database() const { return database_; }

 private:
  explicit Generation(std::string path) : path_(std::move(path)) {}
  const std::string path_;
  std::shared_ptr<rocksdb::DB> database_;
  rocksdb::ColumnFamilyHandle* state_ = nullptr;  // Owned by database_'s deleter.
  std::atomic<bool> is_condemned_{false};
};

}  // namespace cairn::catalog::etcd
