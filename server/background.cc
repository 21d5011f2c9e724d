#include "server/background.h"

#include "base/encoding.h"
#include "base/random.h"

namespace cairn::server {

Background::Background(const Config& config, Stores& stores)
    : config_(config), stores_(stores), events_(stores.catalog(), stores.keys()) {}

Background::~Background() = default;

io::Task<Result<std::unique_ptr<Background>>> Background::open(const Config& config,
                                                               const DataDirectory& directory,
                                                               Stores& stores) {
  std::unique_ptr<Background> background(new Background(config, stores));
  co_await io::or_return(background->open_events());
  co_await io::or_return(background->open_audit(directory));
  co_return background;
}

io::Task<Status> Background::open_audit(const DataDirectory& directory) {
  if (config_.audit_off) co_return Status();
  AuditOptions options;
  options.directory = directory.audit_path();
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
  co_await io::or_return(events_.load());
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

void Background::start(io::Scope& scope) {
  if (audit_) scope.spawn(audit_->keep_anchor(scope.stop_token()));
  if (delivery_) scope.spawn(delivery_->run(scope.stop_token()));
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
  return reading;
}

}  // namespace cairn::server
