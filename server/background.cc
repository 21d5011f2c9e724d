#include "server/background.h"

#include "base/encoding.h"
#include "base/log.h"
#include "base/random.h"

namespace cairn::server {
namespace {

// The row of who does what is done once. Object keys and accounts never begin so (docs/format.md).
constexpr std::string_view kTenureRow = "etcd/tenure";
constexpr Duration kTenurePoll = milliseconds(200);

}  // namespace

Background::Background(const Config& config, Stores& stores)
    : config_(config),
      stores_(stores),
      events_(stores.catalog(), stores.keys()),
      quotas_(stores.catalog(), stores.keys(), stores.objects().usage(),
              [this](const object::QuotaOwner& owner, const object::Quota& quota) {
                rates_.set(s3::rate_key(static_cast<char>(owner.scope), owner.id),
                           {quota.requests_per_second, quota.bytes_in_per_second,
                            quota.bytes_out_per_second});
              }),
      bucket_logs_(stores.objects(), config.cores_count, config.region, system_random()),
      sync_(stores.objects(), SyncOptions()) {
  if (config.sync_tail_rows != 0) {
    stores.objects().site_sync()->tail().set_rows_max(config.sync_tail_rows);
  }
}

Background::~Background() = default;

io::Task<Result<std::unique_ptr<Background>>> Background::open(const Config& config,
                                                               const DataDirectory& directory,
                                                               Stores& stores) {
  std::unique_ptr<Background> background(new Background(config, stores));
  co_await io::or_return(stores.objects().begin_usage_count());
  co_await io::or_return(background->quotas_.load());
  co_await io::or_return(background->open_events());
  co_await io::or_return(background->open_audit(directory));
  co_return background;
}

io::Task<Status> Background::open_audit(const DataDirectory& directory) {
  if (config_.audit_off) co_return Status();
  AuditOptions options;
  options.directory = directory.audit_path();
  options.anchor_row = co_await io::or_return(audit_anchor_row(stores_.catalog(), directory));
  options.shards_count = config_.cores_count;
  options.file_bytes = config_.audit_file_bytes;
  options.files_kept = config_.audit_files_kept;
  audit_ =
      co_await io::or_return(Audit::open(std::move(options), stores_.catalog(), stores_.keys()));
  co_return Status();
}

io::Task<Status> Background::open_events() {
  webhooks_ = co_await io::or_return(
      parse_webhooks(config_.notify_webhooks, config_.notify_webhook_tokens));
  for (const WebhookTarget& target : webhooks_) webhook_names_.push_back(target.name);
  co_await io::or_return(events_.load(webhook_names_));
  if (webhooks_.empty()) co_return Status();
  connector_ =
      co_await io::or_return(WebhookConnector::create(io::system_network(), config_.notify_ca));
  DeliveryOptions options;
  options.region = config_.region;
  uint8_t host[24];
  system_random().fill(host);
  options.host_id = to_base64(host);
  delivery_ = std::make_unique<EventDelivery>(events_, webhooks_, *connector_, std::move(options));
  co_return Status();
}

void Background::open_lifecycle(std::function<uint64_t()> requests_count) {
  LifecycleOptions options;
  options.environment.objects = &stores_.objects();
  options.environment.events = &events_;
  if (config_.lifecycle_day_seconds != 0) {
    options.environment.day_ms = static_cast<int64_t>(config_.lifecycle_day_seconds) * 1000;
  }
  if (audit_) {
    options.environment.listener = [this](const object::BucketInfo& bucket, std::string_view event,
                                          std::string_view key, std::string_view version_id) {
      audit_->record_own(std::string("s3:").append(event), bucket.name, key, version_id, "done",
                         system_clock().wall_now());
    };
  }
  options.catalog = &stores_.catalog();
  options.interval = seconds(static_cast<int64_t>(config_.lifecycle_interval_seconds));
  options.requests_count = std::move(requests_count);
  options.is_clock_trusted = [this] { return !clock_ || clock_->is_trusted(); };
  lifecycle_ = std::make_unique<LifecycleWorker>(std::move(options));
}

io::Task<void> Background::count_usage(io::StopToken stop) {
  const Status counted = co_await stores_.objects().count_usage(stop);
  if (counted) co_return;
  // Whoever has a size quota stays without room until the server is started again.
  log::error("usage-count-failed", {{"message", std::string_view(counted.error().message)}});
}

void Background::start(io::Scope& scope, std::function<uint64_t()> requests_count,
                       std::function<io::Task<void>(io::StopToken)> collect,
                       std::function<io::Task<Status>()> catch_up) {
  open_lifecycle(std::move(requests_count));
  collect_ = std::move(collect);
  catch_up_ = std::move(catch_up);
  scope.spawn(count_usage(scope.stop_token()));
  const Duration logging = seconds(static_cast<int64_t>(config_.bucket_log_interval_seconds));
  scope.spawn(bucket_logs_.run(logging, scope.stop_token()));
  if (audit_) scope.spawn(audit_->keep_anchor(scope.stop_token()));
  if (!stores_.catalog().is_shared()) return start_elected(scope);
  clock_.emplace(stores_.catalog(), system_random());
  scope.spawn(clock_->run(scope.stop_token()));
  tenure_.emplace(stores_.catalog(), std::string(kTenureRow), system_random());
  scope.spawn(tenure_->run(scope.stop_token()));
  scope.spawn(run_elected(scope.stop_token()));
}

void Background::start_elected(io::Scope& scope) {
  scope.spawn(collect_(scope.stop_token()));
  scope.spawn(lifecycle_->run(scope.stop_token()));
  if (delivery_) scope.spawn(delivery_->run(scope.stop_token()));
  scope.spawn(sync_.run(scope.stop_token()));
}

io::Task<void> Background::run_elected(io::StopToken stop) {
  while (!stop.stop_requested()) {
    static_cast<void>(co_await io::sleep_for(kTenurePoll, stop));
    if (stop.stop_requested() || !tenure_->holds()) continue;
    // Keys and rules that others made: without them their rows would pass for damaged.
    const Status fresh = co_await catch_up_();
    if (!fresh) continue;
    io::Scope elected;
    start_elected(elected);
    while (!stop.stop_requested() && tenure_->holds()) {
      static_cast<void>(co_await io::sleep_for(kTenurePoll, stop));
      static_cast<void>(co_await catch_up_());
    }
    elected.request_stop();
    co_await elected.join();
  }
}

io::Task<Status> Background::close() {
  if (!audit_) co_return Status();
  const Status closed = co_await audit_->close();
  co_return closed;
}

BackgroundReading Background::read() const {
  BackgroundReading reading;
  if (audit_) reading.audit = audit_->counters();
  reading.events.depth = events_.depth();
  reading.events.added = events_.added_count();
  reading.events.dropped = events_.dropped_count();
  if (delivery_) reading.delivery = delivery_->counters();
  if (lifecycle_) reading.lifecycle = lifecycle_->counters();
  reading.sync = sync_.read();
  reading.bucket_logs = bucket_logs_.counters();
  if (clock_) reading.clock = clock_->read();
  reading.usage_counted = stores_.objects().usage().is_counted();
  return reading;
}

}  // namespace cairn::server
