#include "server/catalog_place.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "base/random.h"
#include "catalog/etcd/etcd_catalog.h"
#include "catalog/rocksdb_catalog.h"
#include "io/reactor.h"
#include "object/commit_timing.h"

namespace cairn::server {
namespace {

constexpr size_t kPasswordBytesMax = 4096;
constexpr std::string_view kOwnCatalog = "own";

Result<std::string> read_password(const std::string& path) {
  Result<std::string> password = read_small_file(path, kPasswordBytesMax);
  if (!password) return std::unexpected(password.error().with_context("catalog-password-file"));
  while (password->ends_with('\n') || password->ends_with('\r')) password->pop_back();
  return password;
}

// Rows of the servers' own. Object keys and accounts never begin so (docs/format.md).
constexpr std::string_view kIdRow = "etcd/id";      // The catalog's id,
constexpr std::string_view kHomeRow = "etcd/home";  // and the store that has its chunks.
constexpr std::string_view kFencePrefix = "etcd/fence/";
constexpr size_t kIdBytesMax = 64;
// How long a server waits for another one that began at the same time, and made the chunk store.
constexpr Duration kFirstWait = seconds(10);
constexpr Duration kFirstPoll = milliseconds(200);

io::Task<Result<std::optional<std::string>>> value_of(catalog::Catalog& catalog,
                                                      std::string_view row) {
  std::optional<catalog::Entry> entry = co_await io::or_return(catalog.get(std::string(row)));
  if (!entry) co_return std::optional<std::string>();
  co_return std::optional(std::move(entry->value));
}

// The row's value once it is there: ours, unless another server was faster.
io::Task<Result<std::string>> settle_row(catalog::Catalog& catalog, std::string_view row,
                                         std::string ours) {
  catalog::Batch batch{.preconditions = {catalog::Precondition::absent(std::string(row))},
                       .puts = {{std::string(row), std::move(ours)}}};
  const Result<catalog::Version> done = co_await catalog.commit(std::move(batch));
  if (!done && done.error().code != Code::kFailedPrecondition) {
    co_return std::unexpected(done.error());
  }
  std::optional<std::string> value = co_await io::or_return(value_of(catalog, row));
  if (!value) co_return fail(Code::kUnavailable, "the catalog loses what is written to it");
  co_return std::move(*value);
}

// The chunks of a shared catalog are in one store: beside another, all would be garbage there.
io::Task<Status> check_home(catalog::Catalog& catalog, Home::Sharing home) {
  std::optional<std::string> known = co_await io::or_return(value_of(catalog, kHomeRow));
  for (Duration waited; !known && !home.is_own && waited < kFirstWait;
       waited = waited + kFirstPoll) {
    static_cast<void>(co_await io::sleep_for(kFirstPoll));
    known = co_await io::or_return(value_of(catalog, kHomeRow));
  }
  if (!known && !home.is_own) {
    co_return fail(Code::kFailedPrecondition,
                   "the store that --home names belongs to another catalog; give --catalog the one "
                   "of that store, or --home a pool, a namespace or a prefix that is free");
  }
  if (!known) known = co_await io::or_return(settle_row(catalog, kHomeRow, home.store));
  if (*known == home.store) co_return Status();
  co_return fail(Code::kFailedPrecondition,
                 "the chunks of this catalog are in another store than --home names: give the "
                 "--home of the other servers");
}

// A directory belongs to one catalog for ever.
io::Task<Status> check_bond(catalog::Catalog& catalog, const DataDirectory& directory,
                            Home::Sharing home) {
  const std::string path = directory.catalog_bond_path();
  const Result<std::string> own = read_small_file(path, kIdBytesMax);
  if (!own && own.error().code != Code::kNotFound) co_return std::unexpected(own.error());
  std::optional<std::string> id = co_await io::or_return(value_of(catalog, kIdRow));
  if (own && !id) {
    co_return fail(Code::kFailedPrecondition,
                   "the metadata in etcd is gone; check --catalog, and restore etcd from its "
                   "backup. To begin with nothing, remove " +
                       path + " and the chunks");
  }
  if (own && *own != *id) {
    co_return fail(Code::kFailedPrecondition,
                   "the metadata in etcd is another one than this data directory belongs to");
  }
  if (!home.store.empty()) {
    co_await io::or_return(check_home(catalog, home));
  } else if (!own && id) {
    co_return fail(Code::kFailedPrecondition,
                   "the metadata in etcd is another data directory's, and its chunks are there: "
                   "several servers on one catalog need a --home that they share. If this "
                   "directory shall take over from a server that is no more, write " +
                       *id + " into " + path);
  }
  if (own) co_return Status();
  if (!id) {
    id = std::to_string(system_random().next_u64());
    // The file first: a directory whose catalog lacks the row can be told what is missing.
    if (home.store.empty()) co_await io::or_return(write_private_file(path, *id));
    id = co_await io::or_return(settle_row(catalog, kIdRow, *id));
  }
  co_return write_private_file(path, *id);
}

io::Task<Status> fence_session(catalog::Catalog& catalog, std::string session) {
  catalog::Batch batch{.puts = {{std::string(kFencePrefix) + session, "given up"}}};
  co_await io::or_return(catalog.commit(std::move(batch)));
  co_return Status();
}

}  // namespace

Status set_catalog(Config& config, std::string_view value) {
  config.has_own_catalog = value == kOwnCatalog;
  if (config.has_own_catalog) {
    config.catalog.clear();
    return {};
  }
  const Result<catalog::EtcdOptions> options = catalog::parse_etcd_url(value);
  if (!options) return std::unexpected(options.error());
  config.catalog = value;
  return {};
}

Status set_catalog_request_bytes(Config& config, std::string_view value) {
  const Result<uint64_t> bytes = parse_size(value);
  if (!bytes) return std::unexpected(bytes.error());
  if (*bytes < 256 * KiB || *bytes > 64 * MiB) {
    return fail(Code::kInvalidArgument, "expected 256KiB to 64MiB");
  }
  config.catalog_request_bytes = *bytes;
  return {};
}

Status complete_catalog(Config& config) {
  // Members of a cluster share its catalog, unless told to share caches only.
  if (config.catalog.empty() && !config.has_own_catalog) config.catalog = config.cluster.join;
  if (config.cluster.is_set() && !config.has_own_catalog && config.catalog != config.cluster.join) {
    return fail(Code::kInvalidArgument,
                "join and catalog name two places: a node of a cluster has its metadata where it "
                "joins; give one of both, or --catalog own to share caches only");
  }
  if (config.catalog_cert.empty() != config.catalog_key.empty()) {
    return fail(Code::kInvalidArgument, "catalog-cert and catalog-key belong together");
  }
  if (config.catalog_user.empty() != config.catalog_password_file.empty()) {
    return fail(Code::kInvalidArgument, "catalog-user and catalog-password-file belong together");
  }
  return {};
}

Result<catalog::EtcdOptions> reach_etcd(const Config& config, std::string_view url) {
  Result<catalog::EtcdOptions> options = catalog::parse_etcd_url(url);
  if (!options) return options;
  options->ca_file = config.catalog_ca;
  options->certificate_file = config.catalog_cert;
  options->key_file = config.catalog_key;
  options->user = config.catalog_user;
  if (config.catalog_user.empty()) return options;
  Result<std::string> password = read_password(config.catalog_password_file);
  if (!password) return std::unexpected(password.error());
  options->password = std::move(*password);
  return options;
}

io::Task<Result<std::unique_ptr<catalog::Catalog>>> open_catalog(const Config& config,
                                                                 const DataDirectory& directory,
                                                                 Home& home,
                                                                 CatalogCounters counters) {
  if (config.catalog.empty()) {
    catalog::RocksdbOptions options;
    options.metrics = &counters.catalog;
    co_return co_await catalog::open_rocksdb_catalog(directory.catalog_path(), std::move(options));
  }
  if (home.named() != nullptr) {
    co_return fail(Code::kInvalidArgument,
                   "--catalog needs a single --home: which of several homes has what is written in "
                   "the data directory, where other servers do not see it");
  }
  std::error_code error;
  if (std::filesystem::exists(directory.catalog_path(), error)) {
    co_return fail(Code::kFailedPrecondition,
                   "this data directory holds metadata of its own in " + directory.catalog_path() +
                       ", which --catalog and --join would leave aside; give a new --data DIR, or "
                       "serve it without them and move it into the cluster with `cairn admin "
                       "migrate`");
  }
  catalog::EtcdOptions options = co_await io::or_return(reach_etcd(config, config.catalog));
  options.directory = directory.path() + "/etcd";
  options.transaction_operations_max = config.catalog_txn_ops;
  options.transaction_bytes_max = config.catalog_request_bytes;
  options.timing = {.may_precede = object::may_precede_commit,
                    .may_follow = object::may_follow_commit};
  options.stale_reads = config.catalog_stale_reads;
  const Home::Sharing sharing = home.sharing();
  if (!sharing.session.empty()) options.fence_row = std::string(kFencePrefix) + sharing.session;
  options.metrics = &counters.catalog;
  options.etcd_metrics = &counters.etcd;
  std::unique_ptr<catalog::Catalog> opened =
      co_await io::or_return(catalog::open_etcd_catalog(std::move(options)));
  const Status bond = co_await check_bond(*opened, directory, sharing);
  if (bond) {
    home.set_fence([catalog = opened.get()](std::string session) {
      return fence_session(*catalog, std::move(session));
    });
    co_return opened;
  }
  static_cast<void>(co_await opened->close());
  co_return std::unexpected(bond.error());
}

}  // namespace cairn::server
