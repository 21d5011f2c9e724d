// The audit of one server: which requests become lines, the log, and its anchor in the catalog.
//
// Thread rule: opened and closed on the main reactor; record() on any core, with its own number.
#pragma once

#include <memory>
#include <string>

#include "catalog/catalog.h"
#include "io/stop.h"
#include "io/task.h"
#include "s3/observer.h"
#include "server/audit_log.h"
#include "server/data_directory.h"

namespace cairn::server {

class Audit {
 public:
  // `catalog` and `keys` are open and outlive it; `keys` is only read here.
  static io::Task<Result<std::unique_ptr<Audit>>> open(AuditOptions options,
                                                       catalog::Catalog& catalog,
                                                       const crypto::KeyRing& keys);
  // Flushes the log and stores the anchor; awaited once, after the last request.
  io::Task<Status> close();

  // A request that may change something, or that was denied.
  static bool wants(const s3::RequestRecord& record);
  void record(size_t core, const s3::RequestRecord& record, WallTime at);
  // A command of the admin listener.
  void record_command(std::string_view name, std::string_view remote, int status, WallTime at);
  // Something that the server did by itself, such as the expiration of an object.
  void record_own(std::string_view action, std::string_view bucket, std::string_view key,
                  std::string_view version_id, std::string_view result, WallTime at);
  bool has_room() const { return log_->has_room(); }
  AuditLog::Counters counters() const { return log_->counters(); }

  // Stores the anchor once a second until `stop`.
  io::Task<void> keep_anchor(io::StopToken stop);
  // The whole log so far, checked; JSON. kCorruption never: what is wrong is in the text.
  io::Task<Result<std::string>> verify();

  // The line's fields, as AuditChain::append() takes them.
  static void format(std::string& out, const s3::RequestRecord& record, WallTime at);

 private:
  Audit(catalog::Catalog& catalog, crypto::SecretKey key, std::string directory)
      : catalog_(catalog), key_(std::move(key)), directory_(std::move(directory)) {}
  io::Task<Status> store_anchor();

  catalog::Catalog& catalog_;
  const crypto::SecretKey key_;
  const std::string directory_;
  std::string anchor_row_;
  std::unique_ptr<AuditLog> log_;
  AuditAnchor stored_;
};

// Where the catalog has the anchor of this directory's log: each server on a shared catalog has
// one.
Result<std::string> audit_anchor_row(const catalog::Catalog& catalog,
                                     const DataDirectory& directory);
// The anchor that the catalog holds; the one of an empty log when there is none.
io::Task<Result<AuditAnchor>> load_anchor(catalog::Catalog& catalog, std::string row,
                                          const crypto::SecretKey& key);

}  // namespace cairn::server
