// The data directory: its layout, its lock and its format version.
//
//   DIR/FORMAT        "cairn <version>\n"; written once, when the directory is made
//   DIR/LOCK          held (flock) while a server runs; holds its process id
//   DIR/catalog/      metadata (catalog/)
//   DIR/etcd/         mirror of metadata that is in etcd instead (catalog/etcd); may be removed
//   DIR/NODE          who this server is among those that share that metadata; random
//   DIR/CATALOG       the id of that metadata (catalog_place.cc), 0600
//   DIR/volume/       sealed chunks (storage/), unless
//   DIR/HOME          names their store in a bucket or a Ceph pool (home.h), 0600
//   DIR/home.packs    what is in that bucket (storage/pack_snapshot.h); may be removed
//   DIR/PLACEMENTS    which homes and placements there are (placement_book.h), 0600, and for each
//   DIR/home.NAME.packs  of them in a bucket what is there
//   DIR/keys/root.key root key (crypto/), 0600
//   DIR/credentials   root access key and secret, 0600 (credentials.h)
//   DIR/audit/        audit log (audit_chain.h), 0700
//   DIR/cluster/      this node's identity in a cluster (cluster.h)
//   DIR/PINS          what stays in the caches (pin_list.h), 0600
//   DIR/MOVED         the data is in a cluster now: no writes are taken (migration_admin.h), 0600
//   DIR/migration/    mirror of that cluster's metadata while the data moves
//   DIR/admin.token   bearer token of the admin commands of the running server, 0600
//
// Thread rule: start-up thread only.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace cairn::server {

inline constexpr uint32_t kFormatVersion = 1;

// An opened and locked data directory. Move-only; unlocks when destroyed.
class DataDirectory {
 public:
  // Creates what is missing. kUnavailable when another process holds the lock; kUnsupported when a
  // newer version wrote it; kFailedPrecondition when the directory holds something else.
  static Result<DataDirectory> open(std::string path);

  DataDirectory(DataDirectory&& other) noexcept;
  DataDirectory& operator=(DataDirectory&&) = delete;
  ~DataDirectory();

  const std::string& path() const { return path_; }
  std::string catalog_path() const { return path_ + "/catalog"; }
  std::string catalog_bond_path() const { return path_ + "/CATALOG"; }
  // Whether this directory belongs to metadata elsewhere.
  bool is_bound() const;
  std::string volume_path() const { return path_ + "/volume"; }
  std::string home_path() const { return path_ + "/HOME"; }
  std::string home_snapshot_path() const { return path_ + "/home.packs"; }
  std::string placements_path() const { return path_ + "/PLACEMENTS"; }
  bool has_placements() const;
  // 32 hex digits, drawn once. Writes DIR/NODE when it is not there.
  Result<std::string> node_id() const;
  std::string audit_path() const { return path_ + "/audit"; }
  std::string root_key_path() const { return path_ + "/keys/root.key"; }
  std::string credentials_path() const { return path_ + "/credentials"; }
  // True once a server has begun to store anything here.
  bool has_data() const;
  std::string admin_token_path() const { return path_ + "/admin.token"; }

 private:
  DataDirectory(std::string path, int lock_fd) : path_(std::move(path)), lock_fd_(lock_fd) {}
  std::string path_;
  int lock_fd_;
};

// Writes `text` to `path` (0600) so that after a crash the file is whole or absent.
Status write_private_file(const std::string& path, std::string_view text);
// Makes created, renamed and removed names beside `path` durable.
Status sync_parent_directory(const std::string& path);
// At most `bytes_max` bytes of the file; kNotFound when it is absent.
Result<std::string> read_small_file(const std::string& path, size_t bytes_max);

}  // namespace cairn::server
