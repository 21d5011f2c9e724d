#include "server/home.h"

#include <algorithm>

#include "base/encoding.h"
#include "catalog/catalog.h"
#include "server/credentials.h"
#include "server/named_homes.h"
#include "server/rados_home.h"
#include "server/shared_bucket_home.h"
#include "storage/s3_store.h"
#include "storage/volume_store.h"

namespace cairn::server {
namespace {

constexpr std::string_view kPlacePrefix = "s3:";
constexpr std::string_view kHomeFilePrefix = "s3 ";
constexpr size_t kHomeFileBytesMax = 256;
constexpr size_t kHomePrefixBytesMax = 512;  // Leaves room for the names of packs.

// A store of either kind.
template <typename Store>
class HomeOf final : public Home {
 public:
  explicit HomeOf(std::unique_ptr<Store> store) : store_(std::move(store)) {}
  storage::ChunkStore& store() override { return *store_; }
  storage::StoreMetrics metrics() const override { return store_->metrics(); }
  void set_references(storage::ReferenceSource* references) override {
    store_->set_references(references);
  }

 private:
  std::unique_ptr<Store> store_;
};

template <typename Store>
io::Task<Result<std::unique_ptr<Home>>> open_store(
    io::Task<Result<std::unique_ptr<Store>>> opening) {
  std::unique_ptr<Store> store = co_await io::or_return(std::move(opening));
  co_return std::make_unique<HomeOf<Store>>(std::move(store));
}

Result<storage::RandomId> settle_store_id(const DataDirectory& directory, Random& random) {
  const Result<std::optional<storage::RandomId>> known = read_home_file(directory.home_path());
  if (!known) return std::unexpected(known.error());
  if (*known) return **known;
  if (directory.has_data()) {
    return fail(Code::kFailedPrecondition,
                directory.path() +
                    " keeps its chunks in its own volume: start it without --home, "
                    "or copy its buckets into a server with a new data directory");
  }
  storage::RandomId id{};
  random.fill(id);
  const Status written =
      write_private_file(directory.home_path(), std::string(kHomeFilePrefix) + to_hex(id) + "\n");
  if (!written) return std::unexpected(written.error());
  return id;
}

Result<RootCredentials> home_keys(const Config& config) {
  // The configuration has read the variable; nobody else may.
  static_cast<void>(take_environment_secret("CAIRN_HOME_SECRET_KEY"));
  if (!config.home_credentials.empty()) return read_credentials(config.home_credentials);
  if (config.home_access_key.empty() || config.home_secret_key.empty()) {
    return fail(Code::kInvalidArgument,
                "an S3 home needs keys of its own: set CAIRN_HOME_ACCESS_KEY and "
                "CAIRN_HOME_SECRET_KEY, or name a file with --home-credentials");
  }
  RootCredentials keys;
  keys.access_key = config.home_access_key;
  keys.secret_key = config.home_secret_key;
  return keys;
}

Result<storage::UpstreamPlace> upstream_place(const Config& config) {
  Result<HomePlace> place = parse_home(config.home);
  if (!place) return std::unexpected(place.error());
  Result<RootCredentials> keys = home_keys(config);
  if (!keys) return std::unexpected(keys.error());
  storage::UpstreamPlace out;
  out.bucket = std::move(place->bucket);
  out.prefix = std::move(place->prefix);
  out.client.endpoint = config.home_endpoint;
  out.client.identity.access_key = std::move(keys->access_key);
  out.client.identity.secret = std::move(keys->secret_key);
  out.client.identity.region = config.home_region;
  out.client.ca_path = config.home_ca;
  out.client.http = storage::upstream_http_options();
  return out;
}

Result<storage::S3StoreOptions> s3_options(const Config& config, const DataDirectory& directory,
                                           Random& random) {
  Result<storage::UpstreamPlace> place = upstream_place(config);
  if (!place) return std::unexpected(place.error());
  storage::S3StoreOptions options;
  options.create = !directory.has_data();
  const Result<storage::RandomId> id = settle_store_id(directory, random);
  if (!id) return std::unexpected(id.error());
  options.store_id = *id;
  options.place = std::move(*place);
  options.snapshot_path = directory.home_snapshot_path();
  options.upkeep_interval = milliseconds(static_cast<int64_t>(config.home_upkeep_ms));
  return options;
}

}  // namespace

Result<std::optional<storage::RandomId>> read_home_file(const std::string& path) {
  const Result<std::string> text = read_small_file(path, kHomeFileBytesMax);
  if (!text && text.error().code == Code::kNotFound) return std::nullopt;
  if (!text) return std::unexpected(text.error());
  if (parse_rados_home_file(*text).value_or(std::nullopt)) {
    return fail(Code::kFailedPrecondition,
                path +
                    " says that this data directory keeps its chunks in a Ceph pool: start it with "
                    "the --home rados:POOL/NAMESPACE that it was made with");
  }
  if (parse_shared_bucket_file(*text).value_or(std::nullopt)) {
    return fail(Code::kFailedPrecondition,
                path +
                    " says that this data directory keeps its chunks in the bucket of a cluster: "
                    "start it with the --home and the --catalog or --join that it was made with");
  }
  storage::RandomId id{};
  std::optional<Bytes> bytes;
  if (text->starts_with(kHomeFilePrefix) && text->ends_with('\n')) {
    bytes =
        from_hex(text->substr(kHomeFilePrefix.size(), text->size() - kHomeFilePrefix.size() - 1));
  }
  if (!bytes || bytes->size() != id.size()) {
    return fail(Code::kCorruption, path + " is damaged: it must read 's3 ' and 32 hex digits");
  }
  std::ranges::copy(*bytes, id.begin());
  return id;
}

Result<HomePlace> parse_home(std::string_view text) {
  if (!text.starts_with(kPlacePrefix)) {
    return fail(Code::kInvalidArgument,
                "expected s3:BUCKET, s3:BUCKET/PREFIX, rados:POOL or rados:POOL/NAMESPACE");
  }
  text.remove_prefix(kPlacePrefix.size());
  const size_t slash = std::min(text.find('/'), text.size());
  HomePlace place{std::string(text.substr(0, slash)),
                  std::string(text.substr(std::min(slash + 1, text.size())))};
  while (place.prefix.ends_with('/')) place.prefix.pop_back();
  if (place.bucket.empty() || place.prefix.starts_with('/') ||
      place.prefix.size() > kHomePrefixBytesMax) {
    return fail(Code::kInvalidArgument,
                "expected s3:BUCKET or s3:BUCKET/PREFIX with a prefix of at most 512 bytes");
  }
  if (!place.prefix.empty()) place.prefix += '/';
  return place;
}

io::Task<Result<HomeSweep>> Home::sweep(double /*share_max*/, bool /*dry_run*/) {
  co_return fail(
      Code::kFailedPrecondition,
      "this home is the server's alone: `cairn admin gc` and a restart find what nothing "
      "needs there");
}

io::Task<Result<std::unique_ptr<catalog::Catalog>>> Home::attach(catalog::Catalog& /*catalog*/) {
  co_return std::unique_ptr<catalog::Catalog>();
}

io::Task<Result<std::unique_ptr<Home>>> open_home(const Config& config,
                                                  const DataDirectory& directory, Random& random) {
  if (config.named_homes.is_set()) {
    co_return co_await NamedHomes::open(config, directory, random);
  }
  if (directory.has_placements()) {
    co_return fail(Code::kFailedPrecondition,
                   directory.path() +
                       " keeps its chunks in several homes: start it with the [[home]] and "
                       "[[placement]] tables of the configuration that it was made with");
  }
  if (is_rados_home(config.home)) {
    Result<std::unique_ptr<Home>> home = co_await open_rados_home(config, directory, random);
    co_return home;
  }
  if (!config.home.empty() && !config.catalog.empty()) {
    storage::UpstreamPlace place = co_await io::or_return(upstream_place(config));
    Result<std::unique_ptr<Home>> home =
        co_await open_shared_bucket_home(std::move(place), config, directory, random);
    co_return home;
  }
  if (!config.home.empty()) {
    storage::S3StoreOptions options = co_await io::or_return(s3_options(config, directory, random));
    Result<std::unique_ptr<Home>> home =
        co_await open_store(storage::S3Store::open(std::move(options)));
    co_return home;
  }
  const std::optional<storage::RandomId> elsewhere =
      co_await io::or_return(read_home_file(directory.home_path()));
  if (elsewhere) {
    co_return fail(Code::kFailedPrecondition,
                   directory.path() +
                       " keeps its chunks in an S3 bucket: start it with the --home "
                       "that it was made with");
  }
  storage::VolumeStoreOptions options;
  options.directories = {directory.volume_path()};
  Result<std::unique_ptr<Home>> home =
      co_await open_store(storage::VolumeStore::open(std::move(options)));
  co_return home;
}

}  // namespace cairn::server
