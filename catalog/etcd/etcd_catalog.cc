#include "catalog/etcd/etcd_catalog.h"

#include <rocksdb/db.h>

#include <atomic>
#include <utility>

#include "base/log.h"
#include "catalog/etcd/client.h"
#include "catalog/etcd/commit_order.h"
#include "catalog/etcd/committer.h"
#include "catalog/etcd/generation.h"
#include "catalog/etcd/history.h"
#include "catalog/etcd/large_commit.h"
#include "catalog/etcd/layout.h"
#include "catalog/etcd/mirror.h"
#include "catalog/etcd/node_directory.h"
#include "catalog/etcd/revision_gate.h"
#include "catalog/recent_view.h"
#include "catalog/rocksdb_reader.h"
#include "catalog/rocksdb_status.h"
#include "io/blocking.h"
#include "proto/etcd.pb.h"

namespace cairn::catalog {
namespace {

using etcd::Generation;
using etcd::Revision;

// How finely the age of the mirror is told; the word is shared by all reactors.
inline constexpr Duration kConfirmedStep = milliseconds(100);

// A view of one copy; it keeps the copy, even when the mirror has moved on to another.
class EtcdSnapshot final : public Snapshot {
 public:
  explicit EtcdSnapshot(std::shared_ptr<Generation> copy)
      : copy_(std::move(copy)), view_(copy_->database()) {}
  Status load_version() {
    const Result<std::optional<etcd::Position>> position = copy_->position(view_.get());
    if (!position) return std::unexpected(position.error());
    version_ = static_cast<Version>(position->value_or(etcd::Position{}).commit);
    return {};
  }
  Version version() const override { return version_; }
  rocksdb::DB& database() const { return *copy_->database(); }
  const RocksdbSnapshot& view() const { return view_; }

 private:
  std::shared_ptr<Generation> copy_;
  RocksdbSnapshot view_;
  Version version_ = 0;
};

class EtcdCatalog final : public Catalog, public RecentViews {
 public:
  explicit EtcdCatalog(EtcdOptions options)
      : options_(std::move(options)), layout_(options_.prefix), order_(options_.queue_depth_max) {}

  Status open();
  // What a crash left of large commits.
  io::Task<Status> settle();
  io::Task<Result<std::optional<Entry>>> get(std::string key, const Snapshot* snapshot) override;
  io::Task<Result<ScanPage>> scan(ScanRequest request, const Snapshot* snapshot) override;
  io::Task<Result<std::shared_ptr<const Snapshot>>> snapshot() override;
  io::Task<Result<Version>> commit(Batch batch) override;
  io::Task<Result<std::vector<Change>>> tail(Version after, size_t limit) override;
  io::Task<Status> close() override;
  bool is_shared() const override { return true; }
  io::Task<Status> catch_up() override;
  io::Task<Result<std::optional<Entry>>> get_recent(std::string key) override;
  io::Task<Result<std::shared_ptr<const Snapshot>>> recent_snapshot() override;
  void add_observer(ChangeObserver& observer) override { mirror_->add_observer(observer); }
  void remove_observer(ChangeObserver& observer) override {
    if (mirror_) mirror_->remove_observer(observer);
  }

 private:
  io::Task<Result<Version>> commit_in_turn(const Batch& batch);
  // Whoever reads from now on sees that revision.
  void note_own(Revision revision);
  io::Task<Status> reach_own();
  Result<std::shared_ptr<const Snapshot>> present_copy() const;
  // The mirror has everything that was committed before `moment`.
  void note_confirmed(Instant moment);
  Instant deadline() const { return system_clock().now() + options_.timeout; }
  void warn_of_versions(Instant deadline);
  CatalogMetrics& metrics() { return options_.metrics != nullptr ? *options_.metrics : metrics_; }
  EtcdMetrics& counts() {
    return options_.etcd_metrics != nullptr ? *options_.etcd_metrics : etcd_metrics_;
  }
  // Reads from memory first, then in the pool. `read` takes a tier and returns RocksDB's status.
  template <typename Read>
  io::Task<Status> read(std::string_view what, Read read);

  const EtcdOptions options_;
  const etcd::Layout layout_;
  etcd::CommitOrder order_;
  CatalogMetrics metrics_;  // Used when the owner gave none.
  EtcdMetrics etcd_metrics_;
  // The newest commit of this node, or the newest state that one of them failed on.
  std::atomic<Revision> committed_{0};
  // In the order of construction: each uses those before it.
  std::unique_ptr<etcd::NodeDirectory> directory_;
  std::unique_ptr<etcd::Client> client_;
  std::unique_ptr<etcd::EtcdCommitter> committer_;
  std::unique_ptr<etcd::LargeCommits> large_;  // Null: larger batches are refused.
  std::unique_ptr<etcd::RevisionGate> gate_;
  std::unique_ptr<etcd::Mirror> mirror_;
};

Status EtcdCatalog::open() {
  const Instant deadline = system_clock().now() + options_.open_timeout;
  Result<std::unique_ptr<etcd::NodeDirectory>> directory =
      etcd::NodeDirectory::open(options_.directory);
  if (!directory) return std::unexpected(directory.error());
  directory_ = std::move(*directory);
  Result<std::unique_ptr<etcd::Client>> client =
      etcd::Client::create({.endpoints = options_.endpoints,
                            .use_tls = options_.use_tls,
                            .ca_file = options_.ca_file,
                            .certificate_file = options_.certificate_file,
                            .key_file = options_.key_file,
                            .user = options_.user,
                            .password = options_.password},
                           counts());
  if (!client) return std::unexpected(client.error());
  client_ = std::move(*client);
  if (Status done = client_->log_in_blocking(deadline); !done) return done;
  const etcd::EtcdCommitter::Options committer{
      .node = directory_->node(),
      .limits = {.operations_max = options_.transaction_operations_max,
                 .bytes_max = options_.transaction_bytes_max},
      .slots_max = options_.commits_in_flight_max,
      .fence = options_.fence_row.empty() ? std::string() : layout_.entry(options_.fence_row),
      .timeout = options_.timeout};
  committer_ = std::make_unique<etcd::EtcdCommitter>(committer, layout_, *client_, counts());
  if (Status done = committer_->start(deadline); !done) {
    return std::unexpected(done.error().with_context("cannot use the etcd cluster"));
  }
  if (options_.timing.may_precede && options_.timing.may_follow) {
    large_ = std::make_unique<etcd::LargeCommits>(
        etcd::LargeCommits::Options{.node = directory_->node(),
                                    .limits = committer.limits,
                                    .timing = options_.timing,
                                    .step_timeout = options_.timeout},
        layout_, *client_, *committer_);
  }
  warn_of_versions(deadline);
  client_->open_lines();
  const etcd::RevisionGate::Pace pace{.distance = options_.question_distance,
                                      .gather = options_.question_gather};
  gate_ = std::make_unique<etcd::RevisionGate>(layout_, *client_, pace, counts());
  mirror_ = std::make_unique<etcd::Mirror>(
      etcd::Mirror::Options{.directory = options_.directory + "/mirror",
                            .block_cache_bytes = options_.block_cache_bytes},
      layout_, *client_, counts());
  return mirror_->start(deadline);
}

// A member that does not answer now is warned of by its failures.
void EtcdCatalog::warn_of_versions(Instant deadline) {
  for (size_t member = 0; member < client_->members_count(); ++member) {
    if (system_clock().now() >= deadline) return;
    const Result<etcd::ClusterVersion> version = client_->version_of(member, milliseconds(500));
    if (!version) continue;
    const std::string_view defects = etcd::known_defects(*version);
    if (defects.empty()) continue;
    const std::string number = std::to_string(version->major) + "." +
                               std::to_string(version->minor) + "." +
                               std::to_string(version->patch);
    log::warning("etcd_version_has_defects",
                 {{"endpoint", client_->endpoint(member)}, {"version", number}, {"why", defects}});
  }
}

io::Task<Status> EtcdCatalog::reach_own() {
  const Revision own = committed_.load(std::memory_order_acquire);
  if (mirror_->seen() >= own) co_return Status();
  co_return co_await mirror_->reach(own, deadline());
}

void EtcdCatalog::note_confirmed(Instant moment) {
  std::atomic<int64_t>& confirmed = counts().confirmed_at_ns;
  if (confirmed.load(std::memory_order_relaxed) + kConfirmedStep.nanoseconds < moment.nanoseconds) {
    confirmed.store(moment.nanoseconds, std::memory_order_relaxed);
  }
}

io::Task<Status> EtcdCatalog::catch_up() {
  if (options_.stale_reads) co_return co_await reach_own();
  const Instant begin = system_clock().now();
  counts().strong_reads_count.fetch_add(1, std::memory_order_relaxed);
  const Duration half{options_.timeout.nanoseconds / 2};
  const Revision present = co_await io::or_return(gate_->present(half));
  if (mirror_->seen() < present) {
    co_await io::or_return(mirror_->reach(present, begin + options_.timeout));
  }
  note_confirmed(begin);
  co_return Status();
}

template <typename Read>
io::Task<Status> EtcdCatalog::read(std::string_view what, Read read) {
  rocksdb::Status status = read(ReadTier::kCached);
  if (status.IsIncomplete()) {
    metrics().blocking_reads_count.fetch_add(1, std::memory_order_relaxed);
    status =
        co_await io::or_return(io::blocking_pool().run([&read] { return read(ReadTier::kDisk); }));
  }
  if (!status.ok()) co_return to_error(status, what);
  co_return Status();
}

io::Task<Result<std::optional<Entry>>> EtcdCatalog::get(std::string key, const Snapshot* snapshot) {
  metrics().gets_count.fetch_add(1, std::memory_order_relaxed);
  std::optional<Entry> entry;
  if (const auto* at = static_cast<const EtcdSnapshot*>(snapshot)) {
    co_await io::or_return(read("catalog get", [&](ReadTier tier) {
      return read_entry(at->database(), key, &at->view(), tier, entry);
    }));
    co_return std::move(entry);
  }
  co_await io::or_return(catch_up());
  const std::shared_ptr<Generation> copy = mirror_->copy();
  co_await io::or_return(read("catalog get", [&](ReadTier tier) {
    return read_entry(*copy->database(), key, nullptr, tier, entry);
  }));
  co_return std::move(entry);
}

io::Task<Result<std::optional<Entry>>> EtcdCatalog::get_recent(std::string key) {
  metrics().gets_count.fetch_add(1, std::memory_order_relaxed);
  co_await io::or_return(reach_own());
  std::optional<Entry> entry;
  const std::shared_ptr<Generation> copy = mirror_->copy();
  co_await io::or_return(read("catalog get", [&](ReadTier tier) {
    return read_entry(*copy->database(), key, nullptr, tier, entry);
  }));
  co_return std::move(entry);
}

io::Task<Result<ScanPage>> EtcdCatalog::scan(ScanRequest request, const Snapshot* snapshot) {
  metrics().scans_count.fetch_add(1, std::memory_order_relaxed);
  ScanPage page;
  if (const auto* at = static_cast<const EtcdSnapshot*>(snapshot)) {
    co_await io::or_return(read("catalog scan", [&](ReadTier tier) {
      return read_range(at->database(), request, &at->view(), tier, page);
    }));
  } else {
    co_await io::or_return(catch_up());
    const std::shared_ptr<Generation> copy = mirror_->copy();
    co_await io::or_return(read("catalog scan", [&](ReadTier tier) {
      return read_range(*copy->database(), request, nullptr, tier, page);
    }));
  }
  metrics().scanned_entries_count.fetch_add(page.entries.size(), std::memory_order_relaxed);
  co_return std::move(page);
}

Result<std::shared_ptr<const Snapshot>> EtcdCatalog::present_copy() const {
  auto snapshot = std::make_shared<EtcdSnapshot>(mirror_->copy());
  if (Status loaded = snapshot->load_version(); !loaded) return std::unexpected(loaded.error());
  return std::shared_ptr<const Snapshot>(std::move(snapshot));
}

io::Task<Result<std::shared_ptr<const Snapshot>>> EtcdCatalog::snapshot() {
  co_await io::or_return(catch_up());
  co_return present_copy();
}

io::Task<Result<std::shared_ptr<const Snapshot>>> EtcdCatalog::recent_snapshot() {
  co_await io::or_return(reach_own());
  co_return present_copy();
}

io::Task<Status> EtcdCatalog::settle() {
  if (!large_) co_return Status();
  co_return co_await large_->settle_all();
}

io::Task<Result<Version>> EtcdCatalog::commit_in_turn(const Batch& batch) {
  Result<proto::etcd::TxnRequest> request =
      etcd::encode_batch(batch, layout_,
                         {.operations_max = options_.transaction_operations_max,
                          .bytes_max = options_.transaction_bytes_max});
  const bool is_too_large = !request && request.error().code == Code::kInvalidArgument;
  if (!request && !(is_too_large && large_)) co_return std::unexpected(request.error());
  const Instant until = deadline();
  const auto ticket = co_await io::or_return(order_.enter(batch, until));
  Result<Version> version = Version{0};
  if (is_too_large) {
    version = co_await large_->commit(batch);
  } else {
    version = co_await committer_->apply(std::move(*request), until);
  }
  order_.leave(ticket);
  co_return version;
}

io::Task<Result<Version>> EtcdCatalog::commit(Batch batch) {
  const Result<Version> version = co_await commit_in_turn(batch);
  if (!version) {
    if (version.error().code == Code::kFailedPrecondition) {
      metrics().failed_preconditions_count.fetch_add(1, std::memory_order_relaxed);
      // Whoever tries again, from a cache perhaps, must not meet what it has just failed on.
      const Revision refused_at = committer_->refused_at();
      note_own(refused_at);
      static_cast<void>(co_await mirror_->reach(refused_at, deadline()));
    } else {
      metrics().rejected_commits_count.fetch_add(1, std::memory_order_relaxed);
    }
    co_return version;
  }
  metrics().commits_count.fetch_add(1, std::memory_order_relaxed);
  note_own(static_cast<Revision>(*version));
  co_return version;
}

void EtcdCatalog::note_own(Revision revision) {
  Revision before = committed_.load(std::memory_order_relaxed);
  while (before < revision && !committed_.compare_exchange_weak(before, revision)) {
  }
}

io::Task<Result<std::vector<Change>>> EtcdCatalog::tail(Version after, size_t limit) {
  co_return co_await io::or_return(io::blocking_pool().run([&] {
    return etcd::read_history(*client_, layout_, static_cast<Revision>(after), limit,
                              system_clock().now() + options_.timeout);
  }));
}

io::Task<Status> EtcdCatalog::close() {
  co_await client_->close_lines();
  co_return co_await io::or_return(io::blocking_pool().run([&] {
    mirror_->stop();
    mirror_.reset();
    return Status();
  }));
}

}  // namespace

io::Task<Result<std::unique_ptr<Catalog>>> open_etcd_catalog(EtcdOptions options) {
  auto catalog = std::make_unique<EtcdCatalog>(std::move(options));
  const Status opened =
      co_await io::or_return(io::blocking_pool().run([&] { return catalog->open(); }));
  if (!opened) co_return std::unexpected(opened.error());
  const Status settled = co_await catalog->settle();
  if (settled) co_return std::unique_ptr<Catalog>(std::move(catalog));
  static_cast<void>(co_await catalog->close());
  co_return std::unexpected(settled.error());
}

}  // namespace cairn::catalog
