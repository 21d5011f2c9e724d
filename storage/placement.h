// Placements: where chunks may be kept, and which one a chunk belongs to.
//
// A chunk belongs to exactly one placement, which its id tells: the last byte is the placement's.
// The same content in two placements is two chunks, so that each placement is a dedup domain of its
// own and a read needs no look-up to know where to go. 0 is the default placement.
// Thread rule: plain values; a Placements is made before the reactors start and does not change.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crypto/sealing.h"

namespace cairn::storage {

using crypto::ChunkId;

using PlacementId = uint8_t;
inline constexpr PlacementId kDefaultPlacement = 0;
inline constexpr std::string_view kDefaultPlacementName = "standard";
// The S3 storage class of an object that was given none.
inline constexpr std::string_view kDefaultStorageClass = "STANDARD";

inline constexpr size_t kPlacementsMax = 32;
inline constexpr size_t kPlacementNameBytesMax = 32;
inline constexpr size_t kStorageClassBytesMax = 32;

constexpr PlacementId placement_of(const ChunkId& id) {
  return id.bytes.back();
}
constexpr ChunkId with_placement(ChunkId id, PlacementId placement) {
  id.bytes.back() = placement;
  return id;
}

struct Placement {
  std::string name;  // Lower case letters, digits and '-'; begins with a letter.
  PlacementId id = kDefaultPlacement;
  std::vector<std::string> storage_classes;  // S3's names, as in "STANDARD_IA".
  friend bool operator==(const Placement&, const Placement&) = default;
};

// The placements of a data directory.
class Placements {
 public:
  // The default placement alone, which takes STANDARD.
  Placements();
  // kInvalidArgument names what is wrong: a malformed or repeated name, id or storage class, no
  // placement with id 0, or STANDARD steered to another one than that.
  static Result<Placements> create(std::vector<Placement> placements);

  std::span<const Placement> all() const { return placements_; }
  // Null when there is none.
  const Placement* find(PlacementId id) const;
  const Placement* find(std::string_view name) const;
  // Which placement takes objects of a storage class; nullopt when none does. STANDARD (and an
  // empty class, which means it) is always the default placement's.
  std::optional<PlacementId> for_class(std::string_view storage_class) const;

 private:
  std::vector<Placement> placements_;
};

bool is_placement_name(std::string_view name);
// The form of S3's names: capital letters, digits and '_'.
bool is_storage_class_name(std::string_view name);

}  // namespace cairn::storage
