#include "server/core_server.h"

#include <time.h>

#include "iam/values.h"
#include "io/tls_listener.h"
#include "s3/bucket_rules.h"
#include "s3/routes.h"

namespace cairn::server {

Result<std::unique_ptr<CoreServer>> CoreServer::create(const Shared& shared, size_t index,
                                                       uint64_t pool_bytes) {
  io::ReactorOptions options;
  options.core = shared.config->pin_cores ? static_cast<int>(index) : -1;
  options.pool_bytes = pool_bytes;
  Result<std::unique_ptr<io::Reactor>> reactor = io::Reactor::create(options);
  if (!reactor) return std::unexpected(reactor.error().with_context("start a reactor"));
  return std::unique_ptr<CoreServer>(new CoreServer(shared, index, std::move(*reactor)));
}

CoreServer::CoreServer(const Shared& shared, size_t index, std::unique_ptr<io::Reactor> reactor)
    : shared_(shared),
      index_(index),
      metrics_(s3::routes().size() + native::routes().size()),
      reactor_(std::move(reactor)) {}

CoreServer::~CoreServer() = default;

io::Task<void> CoreServer::wait_for_exit(io::Event& exit) {
  co_await exit.wait();
}

void CoreServer::start_thread() {
  thread_ = std::thread([this] { reactor_->run(wait_for_exit(exit_)); });
}

void CoreServer::stop_thread() {
  if (!thread_.joinable()) return;
  reactor_->post([this] { exit_.set(); });
  thread_.join();
}

io::Task<Result<io::Endpoint>> CoreServer::listen(io::Endpoint at, Served served) {
  Background& beside = served.beside;
  audit_ = beside.audit();
  bucket_logs_ = &beside.bucket_logs();
  credentials_ = std::make_unique<AccountCredentials>(served.stores.accounts(), served.root);
  std::unique_ptr<io::Listener> listener =
      co_await io::or_return(io::system_network().listen(at, io::ListenOptions()));
  if (shared_.tls) listener = io::make_tls_listener(std::move(listener), shared_.tls);
  const Config& config = *shared_.config;
  s3::DoorOptions door;
  door.objects = &served.stores.objects();
  door.credentials = credentials_.get();
  door.clock = &system_clock();
  door.observer = this;
  door.rates = &beside.rates();
  door.events = &beside.events();
  door.webhooks = &beside.webhook_names();
  if (config.lifecycle_day_seconds != 0) {
    door.lifecycle_day_ms = static_cast<int64_t>(config.lifecycle_day_seconds) * 1000;
  }
  door.auth.region = config.region;
  door.auth.strict_region = config.strict_region;
  door.allow_ssec_over_http = config.allow_ssec_over_http;
  door.base_domains = config.base_domains;
  door.website_domains = config.website_domains;
  // Both were checked when they were set.
  for (const std::string& proxy : config.trusted_proxies) {
    door.trusted_proxies.push_back(iam::parse_ip_network(proxy).value());
  }
  directory_ = std::make_unique<AccountDirectory>(served.stores.accounts());
  door.accounts = directory_.get();
  native_ = std::make_unique<native::Guest>(shared_.native);
  door.guest = native_.get();
  door.elsewhere = &served.stores.gateway();
  door.object_ownership = s3::parse_ownership(config.object_ownership).value();
  if (served.freshness != nullptr) {
    door.catch_up = [freshness = served.freshness] { return freshness->catch_up(); };
    door.refresh = [freshness = served.freshness] { return freshness->refresh(); };
  }
  door_ = std::make_unique<s3::Door>(std::move(door));
  co_await io::or_return(open_accounts_door(served.stores, served.freshness));
  front_ = std::make_unique<FrontDoor>(*door_, *accounts_door_);
  http::ServerOptions options;
  options.connections_max =
      static_cast<size_t>(std::max<uint64_t>(1, config.connections_max / config.cores_count));
  options.header_timeout = milliseconds(static_cast<int64_t>(config.header_timeout_ms));
  options.idle_timeout = milliseconds(static_cast<int64_t>(config.idle_timeout_ms));
  server_ = std::make_unique<http::Server>(std::move(listener), *front_, options);
  running_.spawn(server_->run());
  co_return server_->local();
}

Status CoreServer::open_accounts_door(Stores& stores, Freshness* freshness) {
  const Config& config = *shared_.config;
  query::IssuerOptions issuers;
  issuers.ca_path = config.oidc_ca;
  issuers.private_hosts = config.oidc_private_issuers;
  Result<std::unique_ptr<query::IssuerKeys>> made = query::IssuerKeys::create(std::move(issuers));
  if (!made) return std::unexpected(made.error());
  issuers_ = std::move(*made);
  query::DoorOptions door;
  door.store = &stores.accounts();
  door.credentials = credentials_.get();
  door.accounts = &credentials_->accounts();
  door.clock = &system_clock();
  door.issuers = issuers_.get();
  door.observer = this;
  door.allow_http_issuers = !config.oidc_private_issuers.empty();
  if (freshness != nullptr) door.catch_up = [freshness] { return freshness->catch_up(); };
  accounts_door_ = std::make_unique<query::Door>(door);
  return {};
}

void CoreServer::set_ready(bool ready) {
  if (door_) door_->set_ready(ready);
}

io::Task<void> CoreServer::drain(Duration grace) {
  if (server_) server_->drain(grace);
  co_await running_.join();
  server_.reset();
  front_.reset();
  accounts_door_.reset();
  issuers_.reset();
  door_.reset();
  credentials_.reset();
}

void CoreServer::stop_now() {
  if (server_) server_->stop();
}

io::Task<CoreReading> CoreServer::read() {
  CoreReading reading;
  if (server_) reading.http = server_->counters();
  reading.buffers_used_bytes = reactor_->buffers().used_bytes();
  reading.buffers_cap_bytes = reactor_->buffers().cap_bytes();
  timespec cpu{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
  reading.cpu_ns = cpu.tv_sec * 1'000'000'000 + cpu.tv_nsec;
  co_return reading;
}

bool CoreServer::wants_text(const s3::RequestRecord& record) const {
  return shared_.log != nullptr || (audit_ != nullptr && Audit::wants(record)) ||
         BucketLogs::wants(record);
}

void CoreServer::on_finished(const s3::RequestRecord& record) {
  metrics_.record(record);
  const bool is_audited = audit_ != nullptr && Audit::wants(record);
  const bool is_bucket_logged = BucketLogs::wants(record);
  if (shared_.log == nullptr && !is_audited && !is_bucket_logged) return;
  const WallTime now = system_clock().wall_now();
  if (shared_.log != nullptr) shared_.log->append(index_, record, now);
  if (is_audited) audit_->record(index_, record, now);
  if (is_bucket_logged) bucket_logs_->record(index_, record, now);
}

}  // namespace cairn::server
