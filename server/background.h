// What runs beside requests: audit, events, and the work that follows bucket configurations. Owns
// all of it, and starts and ends it in order.
//
// Thread rule: opened, started and closed on the main reactor; what it hands out says its own.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/scope.h"
#include "object/event_queue.h"
#include "object/quota_store.h"
#include "s3/rate_limiter.h"
#include "server/audit.h"
#include "server/background_page.h"
#include "server/bucket_logs.h"
#include "server/clock_watch.h"
#include "server/config.h"
#include "server/data_directory.h"
#include "server/event_delivery.h"
#include "server/lifecycle_worker.h"
#include "server/stores.h"
#include "server/sync_worker.h"
#include "server/tenure.h"
#include "server/webhook_connector.h"
#include "server/webhook_targets.h"

namespace cairn::server {

class Background {
 public:
  // `config` and `stores` outlive it.
  static io::Task<Result<std::unique_ptr<Background>>> open(const Config& config,
                                                            const DataDirectory& directory,
                                                            Stores& stores);
  ~Background();

  // Spawns the loops into `scope`; they end when its stop is asked for. `requests_count` tells how
  // many requests were answered so far.
  // `collect` gives garbage back until it is stopped; `catch_up` brings what is kept of a shared
  // catalog up to date, as requests do where there are some.
  void start(io::Scope& scope, std::function<uint64_t()> requests_count,
             std::function<io::Task<void>(io::StopToken)> collect,
             std::function<io::Task<Status>()> catch_up);
  // Awaited once, when the loops and all requests have ended.
  io::Task<Status> close();

  Audit* audit() { return audit_.get(); }  // Null when it is off.
  object::EventQueue& events() { return events_; }
  const std::vector<std::string>& webhook_names() const { return webhook_names_; }
  s3::RateLimiter& rates() { return rates_; }
  BucketLogs& bucket_logs() { return bucket_logs_; }
  object::QuotaStore& quotas() { return quotas_; }
  const SyncWorker& sync() const { return sync_; }
  // Whether this process does the work that is done once for all that share the catalog.
  bool is_elected() const { return !tenure_ || tenure_->holds(); }
  BackgroundReading read() const;

 private:
  Background(const Config& config, Stores& stores);
  io::Task<Status> open_audit(const DataDirectory& directory);
  io::Task<Status> open_events();
  void open_lifecycle(std::function<uint64_t()> requests_count);
  // What one process does for all that share the catalog.
  void start_elected(io::Scope& scope);
  io::Task<void> run_elected(io::StopToken stop);
  io::Task<void> count_usage(io::StopToken stop);

  const Config& config_;
  Stores& stores_;
  std::unique_ptr<Audit> audit_;
  object::EventQueue events_;
  std::vector<WebhookTarget> webhooks_;
  std::vector<std::string> webhook_names_;
  std::unique_ptr<WebhookConnector> connector_;
  std::unique_ptr<EventDelivery> delivery_;

  s3::RateLimiter rates_;
  object::QuotaStore quotas_;
  std::unique_ptr<LifecycleWorker> lifecycle_;
  BucketLogs bucket_logs_;
  SyncWorker sync_;
  std::function<io::Task<void>(io::StopToken)> collect_;
  std::function<io::Task<Status>()> catch_up_;
  std::optional<ClockWatch> clock_;  // Unset where the catalog is this process's alone.
  std::optional<Tenure> tenure_;     // Unset where the catalog is this process's alone.
};

}  // namespace cairn::server
