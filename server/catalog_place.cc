#include "server/catalog_place.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "base/random.h"
#include "catalog/etcd/etcd_catalog.h"
#include "catalog/rocksdb_catalog.h"
#include "object/commit_timing.h"

namespace cairn::server {
namespace {

inline constexpr size_t kPasswordBytesMax = 4096;

Result<std::string> read_password(const std::string& path) {
  Result<std::string> password = read_small_file(path, kPasswordBytesMax);
  if (!password) return std::unexpected(password.error().with_context("catalog-password-file"));
  while (password->ends_with('\n') || password->ends_with('\r')) password->pop_back();
  return password;
}

// The catalog's id in the catalog. Object keys and accounts never begin so (docs/format.md).
inline constexpr std::string_view kIdRow = "etcd/id";
inline constexpr size_t kIdBytesMax = 64;

io::Task<Result<std::string>> make_id(catalog::Catalog& catalog, const std::string& path) {
  const std::string row(kIdRow);
  const std::string id = std::to_string(system_random().next_u64());
  // The file first: a directory whose catalog lacks the row can be told what is missing.
  co_await io::or_return(write_private_file(path, id));
  catalog::Batch batch{.preconditions = {catalog::Precondition::absent(row)}, .puts = {{row, id}}};
  co_await io::or_return(catalog.commit(std::move(batch)));
  co_return id;
}

// The chunks of this directory belong to one catalog: beside another one, all would be garbage.
io::Task<Status> check_bond(catalog::Catalog& catalog, std::string path) {
  const std::optional<catalog::Entry> row =
      co_await io::or_return(catalog.get(std::string(kIdRow)));
  std::error_code error;
  if (!row && !std::filesystem::exists(path, error)) {
    co_await io::or_return(make_id(catalog, path));
    co_return Status();
  }
  const Result<std::string> own = read_small_file(path, kIdBytesMax);
  if (row && own && *own == row->value) co_return Status();
  std::string why = "the metadata in etcd is another data directory's, or gone";
  if (row && !own) {
    why += "; if this one shall take over from a server that is no more, write " + row->value +
           " into " + path;
  } else if (!row) {
    why += "; check --catalog, and restore etcd from its backup. To begin with nothing, remove " +
           path + " and the chunks";
  }
  co_return fail(Code::kFailedPrecondition, std::move(why));
}

}  // namespace

io::Task<Result<std::unique_ptr<catalog::Catalog>>> open_catalog(const Config& config,
                                                                 const DataDirectory& directory,
                                                                 CatalogCounters counters) {
  if (config.catalog.empty()) {
    catalog::RocksdbOptions options;
    options.metrics = &counters.catalog;
    co_return co_await catalog::open_rocksdb_catalog(directory.catalog_path(), std::move(options));
  }
  std::error_code error;
  if (std::filesystem::exists(directory.catalog_path(), error)) {
    co_return fail(Code::kFailedPrecondition,
                   "this data directory holds metadata of its own in " + directory.catalog_path() +
                       ", which --catalog would leave aside; give a new --data DIR, or serve it "
                       "without --catalog");
  }
  catalog::EtcdOptions options = co_await io::or_return(catalog::parse_etcd_url(config.catalog));
  options.ca_file = config.catalog_ca;
  options.certificate_file = config.catalog_cert;
  options.key_file = config.catalog_key;
  options.user = config.catalog_user;
  if (!config.catalog_user.empty()) {
    options.password = co_await io::or_return(read_password(config.catalog_password_file));
  }
  options.directory = directory.path() + "/etcd";
  options.transaction_operations_max = config.catalog_txn_ops;
  options.transaction_bytes_max = config.catalog_request_bytes;
  options.timing = {.may_precede = object::may_precede_commit,
                    .may_follow = object::may_follow_commit};
  options.stale_reads = config.catalog_stale_reads;
  options.metrics = &counters.catalog;
  options.etcd_metrics = &counters.etcd;
  std::unique_ptr<catalog::Catalog> opened =
      co_await io::or_return(catalog::open_etcd_catalog(std::move(options)));
  const Status bond = co_await check_bond(*opened, directory.catalog_bond_path());
  if (bond) co_return opened;
  static_cast<void>(co_await opened->close());
  co_return std::unexpected(bond.error());
}

}  // namespace cairn::server
