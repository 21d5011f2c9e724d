// The admin listener: health, readiness, metrics for everyone on it; commands for who can read
// DIR/admin.token.
//
//   GET  /healthz  /readyz  /metrics
//   GET  /admin/v1/status         POST /admin/v1/scrub /admin/v1/gc /admin/v1/keys-rotate
//   GET  /admin/v1/audit-verify
//   POST /admin/v1/cache-warm?... (lines of JSON, the last one when it is done) cache-drop?...
//        cache-unpin?...          GET /admin/v1/cache-status?...  (cache_admin.h)
//   GET, POST /admin/v1/kms-...: kms_admin.h    /admin/v1/gateway-...: gateway_admin.h
//   GET  /admin/v1/quota-show?... POST /admin/v1/quota-set?...  (quota_admin.h)
//   GET, POST /admin/v1/placement-...: home_admin.h
//   GET, POST /admin/v1/orphans-...: orphan_admin.h
//   GET, POST /admin/v1/migrate-...: migration_admin.h
//   GET  /admin/v1/sync-list      POST /admin/v1/sync-... with a form (sync_admin.h)
//   GET, POST /admin/v1/cluster-...: cluster_admin.h
//   POST /admin/v1/accounts/COMMAND with a form of parameters (account_commands.h)
//        with `Authorization: Bearer <token>`
//
// Thread rule: used on one reactor.
#pragma once

#include <functional>
#include <string>

#include "http/server.h"
#include "io/task.h"

namespace cairn::server {

// What the listener shows and does; all called on the admin reactor.
class AdminActions {
 public:
  virtual ~AdminActions() = default;
  virtual bool is_ready() const = 0;
  virtual io::Task<std::string> metrics() = 0;
  // JSON texts.
  virtual io::Task<Result<std::string>> status() = 0;
  virtual io::Task<Result<std::string>> scrub() = 0;
  virtual io::Task<Result<std::string>> collect_garbage() = 0;
  virtual io::Task<Result<std::string>> rotate_keys() = 0;
  virtual io::Task<Result<std::string>> verify_audit() = 0;
  // A command of kms_admin.h.
  virtual io::Task<Result<std::string>> manage_kms(std::string name, std::string query) = 0;
  // A command of gateway_admin.h.
  virtual io::Task<Result<std::string>> manage_gateways(std::string name, std::string form) = 0;
  // A command of placement_admin.h or reads_admin.h.
  virtual io::Task<Result<std::string>> manage_bucket(std::string name, std::string query) = 0;
  // A command of home_admin.h.
  virtual io::Task<Result<std::string>> manage_homes(std::string name, std::string query) = 0;
  // A command of orphan_admin.h.
  virtual io::Task<Result<std::string>> manage_orphans(std::string name, std::string query) = 0;
  // A command of cluster_admin.h.
  virtual io::Task<Result<std::string>> manage_cluster(std::string name, std::string query) = 0;
  // A command of migration_admin.h.
  virtual io::Task<Result<std::string>> manage_migration(std::string name, std::string query) = 0;
  virtual io::Task<Result<std::string>> show_quota(std::string query) = 0;
  virtual io::Task<Result<std::string>> set_quota(std::string query) = 0;
  // A command of sync_admin.h.
  virtual io::Task<Result<std::string>> sync_command(std::string name, std::string form) = 0;
  virtual io::Task<Result<std::string>> account_command(std::string name, std::string form) = 0;
  // Commands of cache_admin.h: status, drop, unpin; and warming, which tells how far it is.
  virtual io::Task<Result<std::string>> manage_cache(std::string name, std::string query) = 0;
  virtual io::Task<Result<std::string>> warm_cache(
      std::string query, std::function<io::Task<Status>(std::string line)> progress) = 0;
  // Awaited before a command: what other servers on the same catalog did is known then.
  virtual io::Task<Status> catch_up() = 0;
  // A command that may change something was run, or refused.
  virtual void on_command(std::string_view name, const io::Endpoint& from, int status) = 0;
};

class AdminDoor final : public http::Handler {
 public:
  // `actions` outlives the door.
  AdminDoor(AdminActions& actions, std::string token)
      : actions_(actions), token_(std::move(token)) {}

  io::Task<void> handle(http::Exchange& exchange) override;

 private:
  bool is_authorised(const http::RequestHead& head) const;
  io::Task<Result<std::string>> outcome_of(http::Exchange& exchange, std::string_view name);
  io::Task<int> run_warming(http::Exchange& exchange);
  io::Task<int> run_command(http::Exchange& exchange, std::string_view name);

  AdminActions& actions_;
  const std::string token_;
};

}  // namespace cairn::server
