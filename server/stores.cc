#include "server/stores.h"

#include <cstdio>
#include <filesystem>

#include "base/log.h"
#include "cache/limits.h"
#include "object/read_ahead.h"
#include "object/references.h"
#include "object/shared_store.h"
#include "object/tenant_keys.h"
#include "server/catalog_place.h"
#include "server/cluster.h"
#include "server/key_rotation.h"
#include "server/migration.h"

namespace cairn::server {
namespace {

Result<std::unique_ptr<crypto::KeyRing>> make_key_ring(const std::string& spec, bool create_file) {
  Result<crypto::RootKey> root =
      crypto::load_root_key(crypto::RootKeySource{spec, create_file}, system_random());
  if (!root) return std::unexpected(root.error());
  if (root->created) {
    std::fprintf(stderr,
                 "A new root key was created in %s: back this file up now, because without it "
                 "nothing stored here can ever be read again.\n",
                 spec.substr(spec.find(':') + 1).c_str());
  }
  return std::make_unique<crypto::KeyRing>(std::move(root->key));
}

}  // namespace

Stores::~Stores() = default;

io::Task<Result<std::unique_ptr<Stores>>> Stores::open(const Config& config,
                                                       const DataDirectory& directory) {
  std::unique_ptr<Stores> stores(new Stores());
  const Status opened = co_await stores->open_all(config, directory);
  if (!opened) {
    // What was opened is closed; the first error is the one to tell.
    static_cast<void>(co_await stores->close());
    co_return std::unexpected(opened.error());
  }
  co_return stores;
}

io::Task<Status> Stores::open_all(const Config& config, const DataDirectory& directory) {
  // A key is made only for a directory that holds no data yet: a lost key must not be replaced.
  keys_ = co_await io::or_return(
      make_key_ring(root_key_spec(config, directory), !directory.has_data()));
  // Before the catalog: what a home needs to know is whether there was one.
  home_ = co_await io::or_return(open_home(config, directory, system_random()));
  catalog_ = co_await io::or_return(
      open_catalog(config, directory, *home_, CatalogCounters{catalog_metrics_, etcd_metrics_}));
  if (catalog_->is_shared()) {
    co_await io::or_return(refuse_while_migrating(*catalog_));
  } else {
    auto gated = std::make_unique<catalog::GatedCatalog>(std::move(catalog_), stays_behind);
    gate_ = gated.get();
    catalog_ = std::move(gated);
  }
  fenced_ = co_await io::or_return(home_->attach(*catalog_));
  references_ = std::make_unique<object::CatalogReferences>(catalog());
  home_->set_references(references_.get());
  peer_tier_ = co_await io::or_return(make_peer_tier(config, home_->store()));
  storage::ChunkStore& behind = peer_tier_ ? *peer_tier_ : home_->store();
  gateway_ = std::make_unique<gateway::Gateway>(behind, io::system_network(), system_random());
  co_await io::or_return(disk_tiers_.open(config.tiers, gateway_->chunks()));
  for (const TierConfig& tier : config.tiers) {
    if (tier.kind != TierConfig::Kind::kRam) continue;
    cache::RamTierOptions ram;
    ram.capacity_bytes = tier.size_bytes;
    ram_tier_ = std::make_unique<cache::RamTier>(ram);
    const std::optional<uint64_t> share_bytes = tenant_share_bytes(tier);
    for (uint16_t slot = 1; share_bytes && slot < cache::kTenantSlotsMax; ++slot) {
      ram_tier_->set_share(slot, *share_bytes);
    }
  }
  co_await io::or_return(open_objects(config, directory));
  gateway_->attach(*objects_, *keys_);
  // The root tenant's keys, which seal the accounts, are made with the object layer.
  iam::StoreOptions accounts;
  accounts.catalog = &catalog();
  accounts.keys = keys_.get();
  accounts_ = co_await io::or_return(iam::Store::open(accounts));
  co_return Status();
}

io::Task<Status> Stores::open_objects(const Config& config, const DataDirectory& directory) {
  object::ObjectsOptions options;
  options.catalog = &catalog();
  options.placements = home_->placements();
  options.store = &disk_tiers_.front(gateway_->chunks());
  options.keys = keys_.get();
  options.ram_tier = ram_tier_.get();
  read_ahead_ = std::make_shared<object::ReadAhead>(ram_tier_.get());
  options.read_ahead = read_ahead_;
  const std::optional<std::string> file = root_key_file(config, directory);
  std::error_code error;
  const bool rotation_was_cut = file && std::filesystem::exists(new_root_key_file(*file), error);
  const object::SharedOptions shared{
      .garbage_grace = seconds(static_cast<int64_t>(config.garbage_grace_seconds))};
  Result<std::unique_ptr<object::Objects>> opened = co_await object::open_objects(options, shared);
  if (!opened && opened.error().message == object::kTenantKeyRace) {
    // Several servers begin a store at once: the first one's keys count.
    keys_ = co_await io::or_return(make_key_ring(root_key_spec(config, directory), false));
    options.keys = keys_.get();
    opened = co_await object::open_objects(options, shared);
  }
  if (opened) {
    objects_ = std::move(*opened);
    if (rotation_was_cut) co_return forget_new_root_key(*file);
    co_return Status();
  }
  if (!rotation_was_cut || opened.error().code != Code::kPermissionDenied) {
    co_return std::unexpected(opened.error());
  }
  log::info("root-key-rotation-resumed");
  keys_ = co_await io::or_return(make_key_ring("file:" + new_root_key_file(*file), false));
  options.keys = keys_.get();
  objects_ = co_await io::or_return(object::open_objects(options, shared));
  co_return adopt_new_root_key(*file);
}

io::Task<Status> Stores::close() {
  Status first;
  const auto keep = [&](const Status& status) {
    if (first && !status) first = status;
  };
  if (objects_) {
    const Status closed = co_await objects_->close();
    keep(closed);
  }
  const Status tiers_closed = co_await disk_tiers_.close();
  keep(tiers_closed);
  if (gateway_) co_await gateway_->close();
  if (peer_tier_) {
    const Status closed = co_await peer_tier_->close();
    keep(closed);
  }
  if (home_) {
    const Status closed = co_await home_->close();
    keep(closed);
  }
  accounts_.reset();
  objects_.reset();
  ram_tier_.reset();
  gateway_.reset();
  peer_tier_.reset();
  fenced_.reset();
  home_.reset();
  if (catalog_) {
    const Status closed = co_await catalog_->close();
    keep(closed);
  }
  references_.reset();
  catalog_.reset();
  co_return first;
}

}  // namespace cairn::server
