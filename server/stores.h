// Everything below the doors, opened and closed in the right order: keys, catalog, chunks, objects,
// accounts.
//
// Thread rule: open() and close() on one reactor; the accessors may be used on any.
#pragma once

#include <memory>
#include <string>

#include "base/random.h"
#include "base/result.h"
#include "cache/ram_tier.h"
#include "catalog/catalog.h"
#include "catalog/etcd/metrics.h"
#include "catalog/gated_catalog.h"
#include "catalog/metrics.h"
#include "crypto/key_ring.h"
#include "gateway/gateway.h"
#include "iam/store.h"
#include "io/task.h"
#include "object/objects.h"
#include "peer/peer_tier.h"
#include "server/config.h"
#include "server/data_directory.h"
#include "server/disk_tiers.h"
#include "server/home.h"

namespace cairn::object {
class ReadAhead;
}

namespace cairn::server {

class Stores {
 public:
  // `directory` is locked by the caller and stays so until close().
  // kPermissionDenied when the root key is not the one of this directory.
  static io::Task<Result<std::unique_ptr<Stores>>> open(const Config& config,
                                                        const DataDirectory& directory);
  ~Stores();
  Stores(const Stores&) = delete;
  Stores& operator=(const Stores&) = delete;

  // Awaited exactly once; no request may be under way.
  io::Task<Status> close();

  object::Objects& objects() { return *objects_; }
  gateway::Gateway& gateway() { return *gateway_; }
  storage::ChunkStore& chunks() { return home_->store(); }
  Home& home() { return *home_; }
  catalog::Catalog& catalog() { return fenced_ != nullptr ? *fenced_ : *catalog_; }
  // Null where others commit to the catalog too.
  catalog::GatedCatalog* gate() const { return gate_; }
  iam::Store& accounts() { return *accounts_; }
  const catalog::CatalogMetrics& catalog_metrics() const { return catalog_metrics_; }
  const catalog::EtcdMetrics& etcd_metrics() const { return etcd_metrics_; }
  crypto::KeyRing& keys() { return *keys_; }
  const DiskTiers& disk_tiers() const { return disk_tiers_; }
  DiskTiers& disk_tiers() { return disk_tiers_; }
  // Null without peers.
  peer::PeerTier* peer_tier() { return peer_tier_.get(); }
  // What other nodes' requests are read from.
  storage::ChunkStore& front() { return disk_tiers_.front(gateway_->chunks()); }
  // Null without one.
  cache::RamTier* ram_tier() const { return ram_tier_.get(); }
  const object::ReadAhead& read_ahead() const { return *read_ahead_; }

 private:
  Stores() = default;
  io::Task<Status> open_all(const Config& config, const DataDirectory& directory);
  io::Task<Status> open_objects(const Config& config, const DataDirectory& directory);

  // In the order in which they depend on each other.
  catalog::CatalogMetrics catalog_metrics_;
  catalog::EtcdMetrics etcd_metrics_;
  std::unique_ptr<crypto::KeyRing> keys_;
  std::unique_ptr<Home> home_;
  std::unique_ptr<catalog::Catalog> catalog_;
  catalog::GatedCatalog* gate_ = nullptr;     // The same.
  std::unique_ptr<catalog::Catalog> fenced_;  // As the home has it used (Home::attach()); or null.
  std::unique_ptr<storage::ReferenceSource> references_;
  std::unique_ptr<peer::PeerTier> peer_tier_;
  std::unique_ptr<gateway::Gateway> gateway_;
  DiskTiers disk_tiers_;
  std::unique_ptr<cache::RamTier> ram_tier_;
  std::shared_ptr<object::ReadAhead> read_ahead_;
  std::unique_ptr<object::Objects> objects_;
  std::unique_ptr<iam::Store> accounts_;
};

}  // namespace cairn::server
