#include "server/server.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <vector>

#include "base/encoding.h"
#include "base/log.h"
#include "base/random.h"
#include "crypto/key_ring.h"
#include "native/guest.h"
#include "s3/routes.h"
#include "server/access_log.h"
#include "server/account_commands.h"
#include "server/admin_door.h"
#include "server/background.h"
#include "server/cache_admin.h"
#include "server/cluster_admin.h"
#include "server/core_server.h"
#include "server/credentials.h"
#include "server/data_directory.h"
#include "server/freshness.h"
#include "server/gateway_admin.h"
#include "server/home_admin.h"
#include "server/key_rotation.h"
#include "server/kms_admin.h"
#include "server/metrics_page.h"
#include "server/migration_admin.h"
#include "server/orphan_admin.h"
#include "server/placement_admin.h"
#include "server/process_limits.h"
#include "server/quota_admin.h"
#include "server/reads_admin.h"
#include "server/root_agreement.h"
#include "server/schema_watch.h"
#include "server/scrub_text.h"
#include "server/signals.h"
#include "server/stores.h"
#include "server/sync_admin.h"
#include "server/version.h"

namespace cairn::server {
namespace {

constexpr uint64_t kPoolBytesMin = 64 * MiB;  // Per core.
constexpr Duration kAdminGrace = seconds(1);
constexpr Duration kHomeWatchEvery = seconds(1);

const char* backend_name(io::BackendKind kind) {
  switch (kind) {
    case io::BackendKind::kIoUring: return "io_uring";
    case io::BackendKind::kEpoll: return "epoll";
    case io::BackendKind::kSimulated: break;
  }
  return "simulated";
}

// The running server. Lives on the main thread, which is the first core's reactor.
class Node final : private AdminActions {
 public:
  Node(const Config& config, DataDirectory directory, RootCredentials root, std::string admin_token)
      : config_(config),
        directory_(std::move(directory)),
        root_(std::move(root)),
        admin_token_(std::move(admin_token)),
        admin_door_(*this, admin_token_) {}

  Status start_cores();
  Status run();
  // On the main reactor: the first call drains, a later one cuts.
  void on_signal();
  io::Reactor& main_reactor() { return cores_.front()->reactor(); }
  void stop_threads();

 private:
  io::Task<Status> main();
  io::Task<Status> agree_on_root();
  io::Task<Status> open_beside();
  io::Task<Status> serve_until_signal();
  io::Task<Status> listen_admin();
  Status announce(const io::Endpoint& at);
  io::Task<void> collect_until_stopped(io::StopToken stop);
  io::Task<void> watch_home(io::StopToken stop);
  io::Task<void> drain_all();
  io::Task<Status> join_cluster();
  void set_ready(bool ready);
  // Drains, as a signal does, and fails.
  void end_with(Error error);

  bool is_ready() const override {
    return ready_ && (cluster_ == nullptr || !cluster_->is_draining());
  }
  io::Task<std::string> metrics() override;
  io::Task<Result<std::string>> status() override;
  io::Task<Result<std::string>> scrub() override;
  io::Task<Result<std::string>> collect_garbage() override;
  io::Task<Result<std::string>> rotate_keys() override;
  io::Task<Result<std::string>> verify_audit() override;
  io::Task<Result<std::string>> manage_kms(std::string name, std::string query) override {
    return run_kms_command(kms_admin(), std::move(name), std::move(query));
  }
  io::Task<Result<std::string>> manage_gateways(std::string name, std::string form) override {
    GatewayAdmin admin{stores_->objects(), stores_->keys(), stores_->accounts(),
                       stores_->gateway()};
    return run_gateway_command(admin, std::move(name), std::move(form));
  }
  io::Task<Result<std::string>> manage_bucket(std::string name, std::string query) override;
  io::Task<Result<std::string>> manage_homes(std::string name, std::string query) override {
    return run_home_command(stores_->home(), std::move(name), std::move(query));
  }
  io::Task<Result<std::string>> manage_orphans(std::string name, std::string query) override {
    return run_orphan_command(stores_->home(), std::move(name), std::move(query));
  }
  io::Task<Result<std::string>> manage_cluster(std::string name, std::string query) override {
    return run_cluster_command(cluster_.get(), stores_->objects(), std::move(name),
                               std::move(query));
  }
  io::Task<Result<std::string>> manage_migration(std::string name, std::string query) override {
    return migration_->run(std::move(name), std::move(query));
  }
  io::Task<Result<std::string>> show_quota(std::string query) override;
  io::Task<Result<std::string>> set_quota(std::string query) override;
  io::Task<Result<std::string>> sync_command(std::string name, std::string form) override;
  io::Task<Result<std::string>> account_command(std::string name, std::string form) override;
  io::Task<Result<std::string>> manage_cache(std::string name, std::string query) override {
    return run_cache_command(*cache_admin_, std::move(name), std::move(query));
  }
  io::Task<Result<std::string>> warm_cache(std::string query,
                                           CacheAdmin::Progress progress) override {
    return cache_admin_->warm(std::move(query), std::move(progress));
  }
  io::Task<Status> catch_up() override;
  void on_command(std::string_view name, const io::Endpoint& from, int status) override;
  KmsAdmin kms_admin() { return {stores_->objects(), stores_->keys(), config_.region}; }

  const Config& config_;
  DataDirectory directory_;
  const RootCredentials root_;
  const std::string admin_token_;
  AdminDoor admin_door_;
  native::Pool dedup_pool_;
  native::Challenges challenges_{system_random()};
  std::unique_ptr<AccessLog> access_log_;
  std::vector<std::unique_ptr<CoreServer>> cores_;  // Destroyed after the stores: see main().
  std::unique_ptr<Stores> stores_;
  std::unique_ptr<RootAgreement> agreement_;  // Null outside a cluster.
  std::unique_ptr<Background> beside_;
  std::unique_ptr<Freshness> freshness_;
  std::optional<PinList> pins_;
  std::unique_ptr<CacheAdmin> cache_admin_;
  std::unique_ptr<MigrationAdmin> migration_;
  std::unique_ptr<http::Server> admin_server_;
  std::unique_ptr<Cluster> cluster_;  // Null without one.

  // Background work and the admin server, on the main reactor.
  io::Scope background_;
  io::Event stop_asked_;
  std::optional<Error> ended_by_;
  unsigned signals_count_ = 0;
  bool ready_ = false;
  io::Endpoint address_;
  io::Endpoint admin_address_;
  const Instant started_ = system_clock().now();
  uint64_t gc_passes_ = 0;
  uint64_t gc_failures_ = 0;
};

Status Node::start_cores() {
  if (!config_.access_log.empty()) {
    Result<std::unique_ptr<AccessLog>> log =
        AccessLog::open(config_.access_log, config_.cores_count);
    if (!log) return std::unexpected(log.error());
    access_log_ = std::move(*log);
  }
  Result<native::Pool> pool = native::Pool::parse(config_.dedup_pool);
  if (!pool) return std::unexpected(pool.error());
  dedup_pool_ = std::move(*pool);
  CoreServer::Shared shared{&config_, access_log_.get(), nullptr, {&dedup_pool_, &challenges_}};
  if (!config_.tls_cert.empty()) {
    Result<std::shared_ptr<const io::TlsContext>> tls =
        io::TlsContext::server({config_.tls_cert, config_.tls_key});
    if (!tls) return std::unexpected(tls.error());
    shared.tls = std::move(*tls);
  }
  const uint64_t memory = config_.memory_bytes != 0 ? config_.memory_bytes : quarter_of_memory();
  const uint64_t pool_bytes = std::max(kPoolBytesMin, memory / config_.cores_count);
  for (size_t i = 0; i < config_.cores_count; ++i) {
    Result<std::unique_ptr<CoreServer>> core = CoreServer::create(shared, i, pool_bytes);
    if (!core) return std::unexpected(core.error());
    cores_.push_back(std::move(*core));
  }
  for (size_t i = 1; i < cores_.size(); ++i) cores_[i]->start_thread();
  return {};
}

void Node::stop_threads() {
  for (size_t i = 1; i < cores_.size(); ++i) cores_[i]->stop_thread();
}

Status Node::run() {
  return main_reactor().run(main());
}

void Node::on_signal() {
  ++signals_count_;
  stop_asked_.set();
  if (signals_count_ < 2) return;
  for (const std::unique_ptr<CoreServer>& core : cores_) {
    CoreServer* const each = core.get();
    each->reactor().post([each] { each->stop_now(); });
  }
}

io::Task<Status> Node::main() {
  pins_ = co_await io::or_return(PinList::open(directory_.path() + "/PINS"));
  stores_ = co_await io::or_return(Stores::open(config_, directory_));
  cache_admin_ =
      std::make_unique<CacheAdmin>(stores_->objects(), stores_->ram_tier(), stores_->disk_tiers(),
                                   stores_->chunks(), *pins_, stores_->peer_tier());
  migration_ = std::make_unique<MigrationAdmin>(*stores_, directory_);
  Status served = co_await open_beside();
  if (served) {
    freshness_ = Freshness::make(*stores_, beside_->quotas());
    co_await migration_->keep_moved_shut();
    served = co_await serve_until_signal();
  }
  ready_ = false;
  // Other nodes stop asking before this one stops answering.
  if (cluster_) co_await cluster_->stop();
  co_await drain_all();
  cluster_.reset();
  if (beside_) {
    const Status ended = co_await beside_->close();
    if (served && !ended) served = ended;
  }
  freshness_.reset();
  beside_.reset();
  agreement_.reset();
  cache_admin_.reset();
  co_await migration_->close();
  migration_.reset();
  const Status closed = co_await stores_->close();
  stores_.reset();
  if (!served) co_return served;
  co_return closed;
}

io::Task<Status> Node::agree_on_root() {
  const bool is_cluster =
      stores_->catalog().is_shared() && !stores_->home().sharing().store.empty();
  if (!is_cluster) co_return Status();
  Result<std::unique_ptr<RootAgreement>> agreed =
      co_await RootAgreement::settle({.catalog = stores_->catalog(),
                                      .keys = stores_->keys(),
                                      .ours = root_,
                                      .replace = config_.replace_root_credentials});
  if (!agreed) {
    // A pair that was made for nothing must not be taken for the cluster's later.
    if (root_.created) static_cast<void>(::unlink(directory_.credentials_path().c_str()));
    co_return std::unexpected(agreed.error());
  }
  agreement_ = std::move(*agreed);
  co_return Status();
}

io::Task<Status> Node::open_beside() {
  co_await io::or_return(agree_on_root());
  beside_ = co_await io::or_return(Background::open(config_, directory_, *stores_));
  co_return Status();
}

io::Task<Status> Node::serve_until_signal() {
  co_await io::or_return(ensure_kms_keys(kms_admin(), config_.kms_keys));
  address_ = co_await io::or_return(io::Endpoint::parse(config_.listen));
  for (const std::unique_ptr<CoreServer>& core : cores_) {
    // The first core gets the port when any was asked for; the others share it.
    address_ = co_await io::or_return(io::run_on(
        core->reactor(), core->listen(address_, {*stores_, root_, *beside_, freshness_.get()})));
  }
  co_await io::or_return(listen_admin());
  const auto requests_count = [this] {
    uint64_t count = 0;
    for (const std::unique_ptr<CoreServer>& core : cores_) {
      count += core->metrics().requests_count();
    }
    return count;
  };
  beside_->start(
      background_, requests_count,
      [this](io::StopToken stop) { return collect_until_stopped(stop); },
      [this] { return catch_up(); });
  background_.spawn(cache_admin_->restore_pins(background_.stop_token()));
  background_.spawn(watch_home(background_.stop_token()));
  if (agreement_) background_.spawn(agreement_->watch(background_.stop_token()));
  if (stores_->catalog().is_shared()) {
    background_.spawn(watch_schema(
        stores_->catalog(), [this](Error error) { end_with(std::move(error)); },
        background_.stop_token()));
  }
  if (freshness_) background_.spawn(freshness_->keep_confirming(background_.stop_token()));
  co_await io::or_return(join_cluster());
  ready_ = true;
  set_ready(is_ready());
  co_await io::or_return(announce(address_));
  co_await stop_asked_.wait();
  log::info("draining", {{"grace_seconds", config_.drain_seconds}});
  if (ended_by_) co_return std::unexpected(*ended_by_);
  co_return Status();
}

void Node::end_with(Error error) {
  log::error("serving_ends", {{"message", std::string_view(error.message)}});
  ended_by_ = std::move(error);
  stop_asked_.set();
}

// What load balancers see; the requests of those who do not ask are served all the same.
void Node::set_ready(bool ready) {
  for (const std::unique_ptr<CoreServer>& core : cores_) {
    CoreServer* const each = core.get();
    each->reactor().post([each, ready] { each->set_ready(ready); });
  }
}

io::Task<Status> Node::join_cluster() {
  if (!config_.cluster.is_set()) co_return Status();
  Cluster::Parts parts{.config = config_,
                       .directory = directory_,
                       .tier = stores_->peer_tier(),
                       .ram = stores_->ram_tier(),
                       .disks = stores_->disk_tiers(),
                       .front = stores_->front(),
                       .reactors = {},
                       .on_draining = [this](bool /*is_draining*/) { set_ready(is_ready()); }};
  for (const std::unique_ptr<CoreServer>& core : cores_) parts.reactors.push_back(&core->reactor());
  cluster_ = co_await io::or_return(Cluster::start(std::move(parts)));
  co_return Status();
}

io::Task<Status> Node::listen_admin() {
  io::Endpoint at = co_await io::or_return(io::Endpoint::parse(config_.admin_listen));
  io::ListenOptions options;
  options.reuse_port = false;
  std::unique_ptr<io::Listener> listener =
      co_await io::or_return(io::system_network().listen(at, options));
  admin_server_ =
      std::make_unique<http::Server>(std::move(listener), admin_door_, http::ServerOptions());
  admin_address_ = admin_server_->local();
  background_.spawn(admin_server_->run());
  co_return write_private_file(
      directory_.admin_token_path(),
      fmt::format("address={}\ntoken={}\n", admin_address_.to_string(), admin_token_));
}

Status Node::announce(const io::Endpoint& at) {
  const char* scheme = config_.tls_cert.empty() ? "http" : "https";
  std::printf("ready %s://%s\n", scheme, at.to_string().c_str());
  std::fflush(stdout);
  log::info("serving", {{"address", std::string_view(at.to_string())},
                        {"admin", std::string_view(admin_address_.to_string())},
                        {"cores", uint64_t{config_.cores_count}},
                        {"io", backend_name(main_reactor().kind())},
                        {"version", version()}});
  return {};
}

io::Task<void> Node::collect_until_stopped(io::StopToken stop) {
  const Duration pause = milliseconds(static_cast<int64_t>(config_.gc_interval_ms));
  bool failing = false;
  while (!stop.stop_requested()) {
    const Result<bool> found = co_await stores_->objects().collect_garbage();
    ++gc_passes_;
    if (!found) {
      ++gc_failures_;
      if (!failing) log::error("gc-failed", {{"message", std::string_view(found.error().message)}});
    }
    failing = !found;
    if (found && *found) {
      co_await io::yield();
      continue;
    }
    // A stop ends the pause early; the loop's condition sees it.
    static_cast<void>(co_await io::sleep_for(pause, stop));
  }
}

// A server that the others have given up serves again under a new session only, which begins with
// the process: it ends, and its supervisor starts it.
io::Task<void> Node::watch_home(io::StopToken stop) {
  while (!stop.stop_requested()) {
    static_cast<void>(co_await io::sleep_for(kHomeWatchEvery, stop));
    if (!stores_->home().is_given_up()) continue;
    log::error("given-up-by-others");
    end_with({Code::kUnavailable,
              "the other servers have given this one up, since they heard nothing of it for too "
              "long (home-silence-seconds): it ends, to be started again"});
    co_return;
  }
}

io::Task<void> Node::drain_all() {
  const Duration grace = seconds(static_cast<int64_t>(config_.drain_seconds));
  set_ready(false);
  // All cores drain side by side.
  io::Scope draining;
  for (const std::unique_ptr<CoreServer>& core : cores_) {
    draining.spawn(io::run_on(core->reactor(), core->drain(grace)));
  }
  co_await draining.join();
  background_.request_stop();
  if (admin_server_) admin_server_->drain(kAdminGrace);
  co_await background_.join();
  admin_server_.reset();
}

io::Task<std::string> Node::metrics() {
  MetricsReading reading;
  reading.routes.resize(s3::routes().size() + native::routes().size() + 1);
  for (const std::unique_ptr<CoreServer>& core : cores_) {
    core->metrics().read(reading.routes);
    reading.cores.push_back(co_await io::run_on(core->reactor(), core->read()));
  }
  reading.catalog = &stores_->catalog_metrics();
  if (!config_.catalog.empty()) reading.etcd = &stores_->etcd_metrics();
  reading.store = stores_->home().metrics();
  const Result<storage::StoreUsage> usage = co_await stores_->chunks().usage();
  if (usage) reading.usage = *usage;
  reading.tiers.ahead = stores_->read_ahead().counters();
  if (stores_->ram_tier() != nullptr) reading.tiers.ram = stores_->ram_tier()->counters();
  reading.tiers.disks = stores_->disk_tiers().read();
  reading.gateway = stores_->gateway().read();
  if (agreement_) reading.root_credentials_differ = agreement_->differs();
  if (cluster_) reading.cluster = cluster_->reading();
  if (NamedHomes* const homes = stores_->home().named(); homes != nullptr) {
    reading.homes = co_await read_homes(*homes);
  }
  reading.access_log_dropped = access_log_ ? access_log_->dropped_count() : 0;
  reading.gc_passes = gc_passes_;
  reading.gc_failures = gc_failures_;
  reading.background = beside_->read();
  reading.ready = ready_;
  co_return render_metrics(reading);
}

io::Task<Result<std::string>> Node::status() {
  const storage::StoreUsage usage = co_await io::or_return(stores_->chunks().usage());
  const int64_t uptime = (system_clock().now() - started_).nanoseconds / 1'000'000'000;
  std::string data;
  log::append_json_escaped(data, config_.data);
  co_return fmt::format(
      "{{\"version\":\"{}\",\"ready\":{},\"process\":{},\"address\":\"{}\",\"data\":\"{}\","
      "\"cores\":{},\"io\":\"{}\",\"uptime_seconds\":{},\"chunks\":{},\"live_bytes\":{},"
      "\"allocated_bytes\":{},\"capacity_bytes\":{},\"available_bytes\":{},\"elected\":{}}}\n",
      version(), ready_, ::getpid(), address_.to_string(), data, config_.cores_count,
      backend_name(cores_.front()->reactor().kind()), uptime, usage.chunks_count, usage.live_bytes,
      usage.allocated_bytes, usage.capacity_bytes, usage.available_bytes, beside_->is_elected());
}

io::Task<Result<std::string>> Node::scrub() {
  const object::ScrubReport report = co_await io::or_return(stores_->objects().scrub());
  co_return scrub_text(report);
}

io::Task<Result<std::string>> Node::collect_garbage() {
  uint64_t passes = 0;
  for (bool more = true; more; ++passes) {
    more = co_await io::or_return(stores_->objects().collect_garbage());
  }
  co_return fmt::format("{{\"passes\":{}}}\n", passes);
}

io::Task<Status> Node::catch_up() {
  if (freshness_ == nullptr) co_return Status();
  co_return co_await freshness_->catch_up();
}

io::Task<Result<std::string>> Node::rotate_keys() {
  if (stores_->catalog().is_shared()) {
    co_return fail(Code::kFailedPrecondition,
                   "the other servers on this catalog hold the root key as well: a rotation would "
                   "lock them out. Nothing was changed");
  }
  const size_t count = co_await io::or_return(rotate_root_key(config_, directory_, *stores_));
  log::info("root-key-rotated", {{"keys", uint64_t{count}}});
  co_return fmt::format("{{\"rewrapped\":{}}}\n", count);
}

io::Task<Result<std::string>> Node::verify_audit() {
  if (beside_->audit() == nullptr) {
    co_return fail(Code::kNotFound, "the audit log is off (audit-off)");
  }
  Result<std::string> report = co_await beside_->audit()->verify();
  co_return report;
}

io::Task<Result<std::string>> Node::manage_bucket(std::string name, std::string query) {
  if (name.starts_with(kReadsPrefix)) {
    const bool is_shared = stores_->catalog().is_shared();
    co_return co_await run_reads_command(stores_->objects(), is_shared, std::move(name),
                                         std::move(query));
  }
  Result<std::string> outcome =
      co_await run_placement_command(stores_->objects(), std::move(name), std::move(query));
  co_return outcome;
}

io::Task<Result<std::string>> Node::show_quota(std::string query) {
  QuotaAdmin admin(stores_->objects(), beside_->quotas(), stores_->accounts());
  Result<std::string> shown = co_await admin.show(std::move(query));
  co_return shown;
}

io::Task<Result<std::string>> Node::set_quota(std::string query) {
  QuotaAdmin admin(stores_->objects(), beside_->quotas(), stores_->accounts());
  Result<std::string> set = co_await admin.set(std::move(query));
  co_return set;
}

io::Task<Result<std::string>> Node::sync_command(std::string name, std::string form) {
  // Rules that other nodes made.
  if (freshness_) co_await io::or_return(freshness_->catch_up());
  SyncAdmin admin(stores_->objects(), beside_->sync());
  Result<std::string> done = co_await admin.run(std::move(name), std::move(form));
  co_return done;
}

void Node::on_command(std::string_view name, const io::Endpoint& from, int status) {
  Audit* const audit = beside_->audit();
  if (audit == nullptr) return;
  audit->record_command(name, from.to_string(), status, system_clock().wall_now());
}

io::Task<Result<std::string>> Node::account_command(std::string name, std::string form) {
  return run_account_command(*stores_, std::move(name), std::move(form));
}

}  // namespace

Status serve(Config config) {
  log::set_level(config.log_level);
  if (!config.core_dumps) forbid_core_dumps();
  keep_freed_memory();
  if (config.cores_count == 0) config.cores_count = usable_cpus();
  Result<DataDirectory> directory = DataDirectory::open(config.data);
  if (!directory) return std::unexpected(directory.error());
  Result<RootCredentials> root =
      load_root_credentials(directory->credentials_path(), system_random());
  if (!root) return std::unexpected(root.error());
  if (root->created) {
    std::fprintf(stderr, "The access key and secret were created in %s.\n",
                 directory->credentials_path().c_str());
  }
  uint8_t token[32];
  system_random().fill(token);
  Node node(config, std::move(*directory), std::move(*root), to_hex(token));
  SignalWatch::block();
  const Status started = node.start_cores();
  if (!started) {
    node.stop_threads();
    return started;
  }
  Status served;
  {
    const SignalWatch signals(
        [&node](int) { node.main_reactor().post([&node] { node.on_signal(); }); });
    served = node.run();
  }
  node.stop_threads();
  return served;
}

}  // namespace cairn::server
