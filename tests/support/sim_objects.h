// An object layer in virtual time: volumes on a simulated disk, a catalog of the test's choosing.
// It is opened, closed and opened again over the same data, as a process that starts and ends.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "catalog/catalog.h"
#include "crypto/key_ring.h"
#include "io/sim_file_system.h"
#include "io/sim_time.h"
#include "object/objects.h"
#include "object/references.h"
#include "storage/volume_store.h"
#include "tests/unit/object/harness.h"

namespace cairn::testing_support {

class SimObjects {
 public:
  explicit SimObjects(uint64_t seed) : random_(seed) {
    auto made = io::create_simulated_reactor(clock_);
    EXPECT_TRUE(made.has_value());
    reactor_ = std::move(*made);
  }
  ~SimObjects() { close(); }
  SimObjects(const SimObjects&) = delete;
  SimObjects& operator=(const SimObjects&) = delete;

  template <typename T>
  T wait(io::Task<T> task) {
    return reactor_->run(std::move(task));
  }

  // Both outlive what is opened.
  Status open(io::SimFileSystem& disk, catalog::Catalog& catalog) {
    references_ = std::make_unique<object::CatalogReferences>(catalog);
    storage::VolumeStoreOptions options;
    options.directories = {"/volume"};
    options.references = references_.get();
    options.files = &disk;
    options.random = &random_;
    options.log_file_bytes = 16 * MiB;
    options.reserve_bytes = 0;
    Result<std::unique_ptr<storage::VolumeStore>> store =
        wait(storage::VolumeStore::open(std::move(options)));
    if (!store) return std::unexpected(store.error());
    store_ = std::move(*store);
    keys_ = std::make_unique<crypto::KeyRing>(crypto::SecretKey(object::random_bytes(1, 32)));
    Result<std::unique_ptr<object::Objects>> objects =
        wait(object::open_objects({.placements = placements(),
                                   .catalog = &catalog,
                                   .store = store_.get(),
                                   .keys = keys_.get(),
                                   .random = &random_,
                                   .ram_tier = nullptr,
                                   .read_ahead = nullptr}));
    if (!objects) {
      close();
      return std::unexpected(objects.error());
    }
    objects_ = std::move(*objects);
    return {};
  }

  // STANDARD_IA is kept apart from the rest.
  static storage::Placements placements() {
    auto made = storage::Placements::create({{"standard", 0, {}}, {"cold", 1, {"STANDARD_IA"}}});
    EXPECT_TRUE(made.has_value());
    return std::move(*made);
  }

  // On a dead disk nothing ends well, and nothing has to.
  void close() {
    if (objects_ != nullptr) (void)wait(objects_->close());
    objects_.reset();
    if (store_ != nullptr) (void)wait(store_->close());
    store_.reset();
    keys_.reset();
    references_.reset();
  }

  object::Objects& objects() { return *objects_; }
  storage::VolumeStore& store() { return *store_; }
  SeededRandom& random() { return random_; }
  io::SimClock& clock() { return clock_; }

  Result<object::BucketInfo> bucket() {
    return wait(objects_->bucket(crypto::kRootTenant, "bucket"));
  }
  Result<object::BucketInfo> create_bucket() {
    return wait(objects_->create_bucket(crypto::kRootTenant, "bucket", {}));
  }
  Result<Bytes> get(const object::BucketInfo& bucket, const std::string& key) {
    return wait(object::get_object(*objects_, bucket, key, std::nullopt));
  }
  // The keys that a scrub finds damaged; chunks that it cannot give a name are "".
  Result<std::set<std::string>> damaged() {
    const Result<object::ScrubReport> report = wait(objects_->scrub());
    if (!report) return std::unexpected(report.error());
    std::set<std::string> keys;
    for (const object::ScrubReport::Damage& damage : report->damaged) keys.insert(damage.key);
    return keys;
  }

 private:
  io::SimClock clock_;
  std::unique_ptr<io::Reactor> reactor_;
  SeededRandom random_;
  std::unique_ptr<object::CatalogReferences> references_;
  std::unique_ptr<storage::VolumeStore> store_;
  std::unique_ptr<crypto::KeyRing> keys_;
  std::unique_ptr<object::Objects> objects_;
};

}  // namespace cairn::testing_support
