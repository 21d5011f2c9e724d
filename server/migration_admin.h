// The admin commands that move a server's data into a cluster (migration.h).
//
//   POST /admin/v1/migrate-start?to=FILE   a node's configuration file; begins, or goes on
//   GET  /admin/v1/migrate-status
//   POST /admin/v1/migrate-switch          writes end here, as soon as all is there and was checked
//   POST /admin/v1/migrate-stop            what was copied stays; migrate-start goes on
//
// Replies are JSON, all of them the status after the command. DIR/migration holds the mirror of the
// target meanwhile; DIR/MOVED tells, for ever, that this directory takes no writes: it is made by
// the switch, and by nothing else removed than by hand. Thread rule: the main reactor.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "io/scope.h"
#include "io/stop.h"
#include "server/data_directory.h"
#include "server/migration.h"
#include "server/migration_target.h"
#include "server/stores.h"

namespace cairn::server {

inline constexpr std::string_view kMigrationPrefix = "migrate-";
inline constexpr std::string_view kMigrationStatusCommand = "migrate-status";

class MigrationAdmin {
 public:
  // Both outlive it.
  MigrationAdmin(Stores& stores, const DataDirectory& directory)
      : stores_(stores), directory_(directory) {}

  // A directory whose data has moved takes no writes. Awaited once, before anything is served.
  io::Task<void> keep_moved_shut();
  // `name` begins with "migrate-". kNotFound for no such command, kFailedPrecondition where there
  // is nothing to move or it is under way, and what opening the target fails with.
  io::Task<Result<std::string>> run(std::string name, std::string query);
  // Ends what runs. Awaited once, before the stores are closed.
  io::Task<void> close();

 private:
  io::Task<Status> start(std::string settings);
  io::Task<void> work();
  io::Task<void> stop();
  std::string status() const;
  std::string moved_path() const { return directory_.path() + "/MOVED"; }

  Stores& stores_;
  const DataDirectory& directory_;
  std::unique_ptr<MigrationTarget> target_;
  std::unique_ptr<Migration> migration_;
  std::unique_ptr<io::Scope> scope_;
  io::Mutex commands_;
  bool is_running_ = false;
  Status outcome_;  // Of the last run.
};

}  // namespace cairn::server
