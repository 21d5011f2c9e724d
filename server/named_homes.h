// The home of a data directory that is several homes (home_config.h, docs/homes.md).
//
// DIR/PLACEMENTS (placement_book.h) is durable before anything is stored, and changed before a
// switch takes effect. A directory that kept its chunks in DIR/volume or in the bucket of DIR/HOME
// goes on with that as one of its homes: the first volume at DIR/volume, or the first S3 home of
// the default placement. Thread rule: open() and close() on one reactor, where the commands run;
// the rest on any.
#pragma once

#include "server/home.h"
#include "server/placement_book.h"
#include "storage/placed_store.h"

namespace cairn::server {

class NamedHomes final : public Home {
 public:
  // What makes one home's store, now and when it was away.
  struct Opening {
    const Config& config;  // Outlives the homes, as does all else that is referred to.
    const DataDirectory& directory;
    const HomeConfig& home;
    PlacementBook& book;
  };

  // kFailedPrecondition: something that may have chunks is not configured; kUnavailable: a
  // placement has no home that is there; and as the homes' stores.
  static io::Task<Result<std::unique_ptr<Home>>> open(const Config& config,
                                                      const DataDirectory& directory,
                                                      Random& random);

  storage::ChunkStore& store() override { return *store_; }
  // Of all homes together.
  storage::StoreMetrics metrics() const override;
  void set_references(storage::ReferenceSource* references) override {
    store_->set_references(references);
  }
  storage::Placements placements() const override;
  NamedHomes* named() override { return this; }

  storage::PlacedStore& placed() { return *store_; }
  const storage::PlacedStore& placed() const { return *store_; }
  const NamedHomesConfig& config() const { return config_; }
  static storage::StoreMetrics metrics_of(const storage::ChunkStore& store);

  // Makes `choice` durable and then lets the route follow it.
  io::Task<Status> choose(storage::PlacementRoute& route, storage::PlacementRoute::Choice choice);
  // The home may vanish from the configuration. kFailedPrecondition: a placement names it, it is
  // away, or it has chunks.
  io::Task<Status> forget(std::string name);

 private:
  NamedHomes(NamedHomesConfig config, std::string book_path, PlacementBook book)
      : config_(std::move(config)), book_path_(std::move(book_path)), book_(std::move(book)) {}
  io::Task<Status> open_stores(const Config& config, const DataDirectory& directory);
  io::Task<Result<std::unique_ptr<storage::ChunkStore>>> open_late(Opening opening);
  io::Task<Status> save_book() const;

  const NamedHomesConfig config_;
  const std::string book_path_;
  PlacementBook book_;
  std::unique_ptr<storage::PlacedStore> store_;
};

}  // namespace cairn::server
