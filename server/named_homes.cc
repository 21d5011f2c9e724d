#include "server/named_homes.h"

#include <algorithm>

#include "base/log.h"
#include "io/blocking.h"
#include "server/credentials.h"
#include "storage/s3_store.h"
#include "storage/volume_store.h"

namespace cairn::server {
namespace {

using State = PlacementBook::State;
using OpenedStore = Result<std::unique_ptr<storage::ChunkStore>>;

void give_references(storage::ChunkStore& store, storage::ReferenceSource* references) {
  if (auto* const volume = dynamic_cast<storage::VolumeStore*>(&store); volume != nullptr) {
    volume->set_references(references);
  } else if (auto* const bucket = dynamic_cast<storage::S3Store*>(&store); bucket != nullptr) {
    bucket->set_references(references);
  }
}

// Which store a volume's directory says that it is; nullopt when it says nothing.
Result<std::optional<storage::RandomId>> volume_id(const std::string& path) {
  const Result<std::string> block = read_small_file(path + "/FORMAT", storage::kBlockBytes);
  if (!block && block.error().code == Code::kNotFound) return std::nullopt;
  if (!block) return std::unexpected(block.error());
  const Result<storage::VolumeFormat> format = storage::decode_volume_format(as_bytes(*block));
  if (!format) return std::unexpected(format.error().with_context(path + "/FORMAT"));
  return format->store_id;
}

using Opening = NamedHomes::Opening;

std::string path_of(const Opening& opening) {
  return opening.home.path.empty() ? opening.directory.volume_path() : opening.home.path;
}

io::Task<OpenedStore> open_volume(Opening opening) {
  PlacementBook::Home& row = *opening.book.find_home(opening.home.name);
  const std::string path = path_of(opening);
  const std::optional<storage::RandomId> before = co_await io::or_return(volume_id(path));
  if (row.state == State::kMade && before != row.id) {
    co_return fail(
        Code::kUnavailable,
        path + (before ? " holds another store than the home \"" : " does not hold the home \"") +
            row.name + "\": is the right disk mounted?");
  }
  storage::VolumeStoreOptions options;
  options.directories = {path};
  std::unique_ptr<storage::VolumeStore> store =
      co_await io::or_return(storage::VolumeStore::open(std::move(options)));
  // A volume with chunks that this directory did not make is somebody else's: what is not needed
  // here would be dropped there.
  const storage::StoreUsage usage = *co_await store->usage();
  if (row.state == State::kNew && usage.chunks_count > 0) {
    (void)co_await store->close();
    co_return fail(Code::kFailedPrecondition,
                   path + " holds chunks of another data directory: give the home \"" + row.name +
                       "\" an empty directory");
  }
  const Result<std::optional<storage::RandomId>> id = volume_id(path);
  if (id && *id) row.id = **id;
  row.state = State::kMade;
  co_return std::move(store);
}

Result<storage::S3StoreOptions> bucket_options(const Opening& opening,
                                               const PlacementBook::Home& row) {
  const HomeConfig& home = opening.home;
  Result<RootCredentials> keys = read_credentials(home.credentials);
  if (!keys) return std::unexpected(keys.error().with_context("home " + home.name));
  storage::S3StoreOptions options;
  options.create = row.state == State::kNew;
  options.store_id = row.id;
  options.place.bucket = home.bucket;
  options.place.prefix = home.prefix;
  options.place.client.endpoint = home.endpoint;
  options.place.client.identity.access_key = std::move(keys->access_key);
  options.place.client.identity.secret = std::move(keys->secret_key);
  options.place.client.identity.region = home.region;
  options.place.client.ca_path = home.ca;
  options.place.client.http = storage::upstream_http_options();
  options.snapshot_path = opening.directory.path() + "/home." + home.name + ".packs";
  options.upkeep_interval = milliseconds(static_cast<int64_t>(opening.config.home_upkeep_ms));
  return options;
}

io::Task<OpenedStore> open_bucket(Opening opening) {
  PlacementBook::Home& row = *opening.book.find_home(opening.home.name);
  storage::S3StoreOptions options = co_await io::or_return(bucket_options(opening, row));
  std::unique_ptr<storage::S3Store> store =
      co_await io::or_return(storage::S3Store::open(std::move(options)));
  row.state = State::kMade;
  co_return std::move(store);
}

io::Task<OpenedStore> open_store(Opening opening) {
  OpenedStore store;
  if (opening.home.kind == HomeConfig::Kind::kS3) {
    store = co_await open_bucket(opening);
  } else {
    store = co_await open_volume(opening);
  }
  if (!store) co_return std::unexpected(store.error().with_context("home " + opening.home.name));
  co_return store;
}

// The home that a directory had before it had names: it must be among them, with its id.
Status adopt_old_home(const NamedHomesConfig& config, const DataDirectory& directory,
                      PlacementBook& book) {
  if (!directory.has_data()) return {};
  const Result<std::optional<storage::RandomId>> bucket = read_home_file(directory.home_path());
  if (!bucket) return std::unexpected(bucket.error());
  for (const std::string& name : default_placement(config).homes) {
    const HomeConfig& home = *std::ranges::find(config.homes, name, &HomeConfig::name);
    PlacementBook::Home& row = *book.find_home(name);
    if (*bucket && home.kind == HomeConfig::Kind::kS3) {
      row.id = **bucket;
      row.state = State::kMade;
      return {};
    }
    const bool is_volume = home.kind == HomeConfig::Kind::kVolume &&
                           (home.path.empty() || home.path == directory.volume_path());
    if (!*bucket && is_volume) {
      const Result<std::optional<storage::RandomId>> id = volume_id(directory.volume_path());
      if (!id) return std::unexpected(id.error());
      if (*id) row.id = **id;
      row.state = *id ? State::kMade : State::kNew;
      return {};
    }
  }
  return fail(Code::kFailedPrecondition,
              directory.path() + " has chunks in " +
                  (*bucket ? "the bucket that it was started with (--home)" : "its own volume") +
                  ": the default placement must name a home " +
                  (*bucket ? "of kind = \"s3\" there"
                           : "of kind = \"volume\" without a path, which is that volume"));
}

Result<PlacementBook> load_book(const Config& config, const DataDirectory& directory,
                                Random& random) {
  const Result<std::string> text =
      read_small_file(directory.placements_path(), kPlacementBookBytesMax + 1);
  if (!text && text.error().code != Code::kNotFound) return std::unexpected(text.error());
  Result<PlacementBook> book = text ? PlacementBook::parse(*text) : Result<PlacementBook>();
  if (!book) return book;
  const Status settled = book->settle(config.named_homes, random);
  if (!settled) return std::unexpected(settled.error());
  if (!text) {
    const Status adopted = adopt_old_home(config.named_homes, directory, *book);
    if (!adopted) return std::unexpected(adopted.error());
  }
  return book;
}

}  // namespace

io::Task<Result<std::unique_ptr<Home>>> NamedHomes::open(const Config& config,
                                                         const DataDirectory& directory,
                                                         Random& random) {
  PlacementBook book = co_await io::or_return(load_book(config, directory, random));
  std::unique_ptr<NamedHomes> homes(
      new NamedHomes(config.named_homes, directory.placements_path(), std::move(book)));
  // The ids are durable before a store has one.
  co_await io::or_return(homes->save_book());
  co_await io::or_return(homes->open_stores(config, directory));
  const Status saved = co_await homes->save_book();
  if (!saved) {
    (void)co_await homes->store_->close();
    co_return std::unexpected(saved.error());
  }
  co_return std::move(homes);
}

io::Task<OpenedStore> NamedHomes::open_late(Opening opening) {
  OpenedStore store = co_await open_store(opening);
  if (!store) co_return store;
  const Status saved = co_await save_book();
  if (saved) co_return store;
  (void)co_await (*store)->close();
  co_return std::unexpected(saved.error());
}

io::Task<Status> NamedHomes::open_stores(const Config& config, const DataDirectory& directory) {
  storage::PlacedStoreOptions options;
  Status failed;
  for (const HomeConfig& home : config_.homes) {
    const Opening opening{config, directory, home, book_};
    storage::HomeParts parts;
    parts.name = home.name;
    parts.is_remote = home.kind == HomeConfig::Kind::kS3;
    parts.set_references = give_references;
    parts.open_later = [this, opening] { return open_late(opening); };
    OpenedStore store = co_await open_store(opening);
    if (store) {
      parts.store = std::move(*store);
    } else if (store.error().code == Code::kUnavailable) {
      log::warning("home-away", {{"home", std::string_view(home.name)},
                                 {"message", std::string_view(store.error().message)}});
    } else {
      failed = std::unexpected(store.error());
    }
    options.homes.push_back(std::move(parts));
    if (!failed) break;
  }
  if (!failed) {
    for (storage::HomeParts& parts : options.homes) {
      if (parts.store != nullptr) (void)co_await parts.store->close();
    }
    co_return failed;
  }
  for (const PlacementConfig& placement : config_.placements) {
    const storage::PlacementId id = book_.find_placement(placement.name)->id;
    options.routes.push_back({{placement.name, id, placement.storage_classes},
                              placement.homes,
                              placement.acknowledge,
                              placement.staging,
                              book_.choice_for(placement.name, placement.homes)});
  }
  options.keeper.copy_bytes_per_second = config.home_repair_bytes_per_second;
  options.keeper.batch_delay = milliseconds(static_cast<int64_t>(config.staging_delay_ms));
  store_ = co_await io::or_return(storage::PlacedStore::open(std::move(options)));
  co_return Status{};
}

io::Task<Status> NamedHomes::save_book() const {
  const auto write = [path = book_path_, text = book_.text()] {
    return write_private_file(path, text);
  };
  const Status written = co_await io::or_return(io::blocking_pool().run(write));
  co_return written;
}

storage::StoreMetrics NamedHomes::metrics_of(const storage::ChunkStore& store) {
  if (const auto* volume = dynamic_cast<const storage::VolumeStore*>(&store); volume != nullptr) {
    return volume->metrics();
  }
  if (const auto* bucket = dynamic_cast<const storage::S3Store*>(&store); bucket != nullptr) {
    return bucket->metrics();
  }
  return {};
}

storage::StoreMetrics NamedHomes::metrics() const {
  storage::StoreMetrics sum;
  for (const storage::NamedHome* home : store_->homes()) {
    const storage::ChunkStore* const store = store_->store_of_home(*home);
    if (store != nullptr) sum.add(metrics_of(*store));
  }
  return sum;
}

storage::Placements NamedHomes::placements() const {
  std::vector<storage::Placement> all;
  for (const storage::PlacementRoute* route : store_->routes()) all.push_back(route->placement());
  // What the configuration was checked for.
  return storage::Placements::create(std::move(all)).value_or(storage::Placements());
}

io::Task<Status> NamedHomes::choose(storage::PlacementRoute& route,
                                    storage::PlacementRoute::Choice choice) {
  PlacementBook::Placement& row = *book_.find_placement(route.placement().name);
  const PlacementBook::Placement before = row;
  row.primary = route.homes()[choice.primary]->name;
  row.drained.clear();
  for (size_t at = 0; at < route.homes().size(); ++at) {
    if ((choice.drained >> at & 1) != 0) row.drained.push_back(route.homes()[at]->name);
  }
  const Status saved = co_await save_book();
  if (!saved) {
    *book_.find_placement(before.name) = before;
    co_return saved;
  }
  route.choose(choice);
  store_->survey_soon();
  co_return Status{};
}

io::Task<Status> NamedHomes::forget(std::string name) {
  storage::NamedHome* const home = store_->find_home(name);
  if (home == nullptr) co_return fail(Code::kNotFound, "there is no home \"" + name + "\"");
  for (const PlacementConfig& placement : config_.placements) {
    if (std::ranges::find(placement.homes, name) != placement.homes.end() ||
        placement.staging == name) {
      co_return fail(Code::kFailedPrecondition,
                     "the placement \"" + placement.name + "\" names it: take it out there first");
    }
  }
  if (!home->is_open.load()) co_return fail(Code::kFailedPrecondition, "it is away");
  const std::vector<storage::ChunkStat> some =
      co_await io::or_return(home->store.list(std::nullopt, 1));
  if (!some.empty()) {
    co_return fail(Code::kFailedPrecondition,
                   "it still has chunks; they are being copied to where they belong");
  }
  book_.find_home(name)->state = State::kEmpty;
  co_return co_await save_book();
}

}  // namespace cairn::server
