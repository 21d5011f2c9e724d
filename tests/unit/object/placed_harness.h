// A harness with three placements, and what tests ask of where chunks are.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "object/placing.h"
#include "tests/unit/object/harness.h"

namespace cairn::object {

inline constexpr PlacementId kCold = 1;
inline constexpr PlacementId kArchive = 2;

inline storage::Placements three_placements() {
  auto made = storage::Placements::create({{"standard", storage::kDefaultPlacement, {}},
                                           {"cold", kCold, {"STANDARD_IA", "GLACIER_IR"}},
                                           {"archive", kArchive, {"DEEP_ARCHIVE"}}});
  EXPECT_TRUE(made.has_value());
  return std::move(*made);
}

class PlacedHarness : public Harness {
 public:
  explicit PlacedHarness(Backends backends = Backends::kMemory, uint64_t seed = 1)
      : Harness(backends, seed, three_placements()) {}

  // Bytes stored in each placement that has any.
  std::map<PlacementId, uint64_t> stored_bytes() {
    std::map<PlacementId, uint64_t> out;
    const auto listed = run(store->list(std::nullopt, 100000));
    EXPECT_TRUE(listed.has_value());
    for (const storage::ChunkStat& chunk : *listed) {
      out[storage::placement_of(chunk.id)] += chunk.payload_bytes;
    }
    return out;
  }
  std::set<PlacementId> placements_used() {
    std::set<PlacementId> out;
    for (const auto& [placement, bytes] : stored_bytes()) out.insert(placement);
    return out;
  }
  Result<ObjectInfo> put_class(const std::string& key, BytesView bytes,
                               const std::string& storage_class) {
    PutOptions options;
    options.metadata.storage_class = storage_class;
    return put(key, bytes, std::move(options));
  }
  Result<TransitionedInfo> transition(const ObjectInfo& version, const std::string& storage_class) {
    TransitionOptions options;
    options.storage_class = storage_class;
    return run(objects->transition(bucket, version, std::move(options)));
  }
  void set_mode(Versioning mode) {
    const auto changed =
        run(objects->change_bucket(crypto::kRootTenant, bucket.name, [mode](BucketConfig& config) {
          config.versioning = mode;
          return Status();
        }));
    ASSERT_TRUE(changed.has_value());
    bucket = *changed;
  }
  void set_placement(const std::string& name) {
    const auto changed =
        run(objects->change_bucket(crypto::kRootTenant, bucket.name, [&name](BucketConfig& config) {
          config.documents[std::string(kPlacementDocument)] = name;
          return Status();
        }));
    ASSERT_TRUE(changed.has_value());
    bucket = *changed;
  }
  std::vector<ObjectInfo> versions() {
    auto page = run(objects->list_versions(bucket, {}));
    EXPECT_TRUE(page.has_value() && !page->truncated);
    return page->versions;
  }
  void expect_sound() {
    const auto report = run(objects->scrub());
    ASSERT_TRUE(report.has_value());
    EXPECT_TRUE(report->damaged.empty());
  }
  void remove_all() {
    for (const ObjectInfo& version : versions()) {
      RemoveRequest request;
      request.key = version.key;
      request.version_id = version.version_id;
      EXPECT_TRUE(run(objects->remove_one(bucket, request)).has_value());
    }
    collect();
    collect();
  }
};

}  // namespace cairn::object
