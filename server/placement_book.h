// DIR/PLACEMENTS: which homes and placements a data directory has, durably, and which home is the
// primary of each placement. What has chunks may not vanish from the configuration unseen.
//
//   cairn placements 1
//   home NAME s3|volume ID STATE       ID: 32 hex digits, of the store there
//   placement NUMBER NAME PRIMARY DRAINED     DRAINED: names with commas, or -
//   check DIGEST                       SHA-256 of the lines before, hex
//
// A home is `new` until its store was made, then `made`, and `empty` once an administrator made
// sure that it may go. Thread rule: plain values; saved on one thread.
#pragma once

#include <string>
#include <vector>

#include "base/random.h"
#include "server/home_config.h"
#include "storage/log_format.h"

namespace cairn::server {

inline constexpr size_t kPlacementBookBytesMax = 64 * KiB;

class PlacementBook {
 public:
  enum class State : uint8_t { kNew, kMade, kEmpty };
  struct Home {
    std::string name;
    HomeConfig::Kind kind = HomeConfig::Kind::kVolume;
    storage::RandomId id{};  // All zeros: not known yet.
    State state = State::kNew;
    friend bool operator==(const Home&, const Home&) = default;
  };
  struct Placement {
    storage::PlacementId id = 0;
    std::string name;
    std::string primary;
    std::vector<std::string> drained;
    friend bool operator==(const Placement&, const Placement&) = default;
  };

  // kCorruption, kUnsupported; input of any size is safe.
  static Result<PlacementBook> parse(std::string_view text);
  std::string text() const;

  // Takes in what `config` has and the book has not. kFailedPrecondition when a home or a placement
  // of the book is not configured any more, or changed its kind.
  Status settle(const NamedHomesConfig& config, Random& random);

  Home* find_home(std::string_view name);
  Placement* find_placement(std::string_view name);
  // How a route begins: what the book says, as far as `homes` have it.
  storage::PlacementRoute::Choice choice_for(std::string_view placement,
                                             const std::vector<std::string>& homes) const;
  const std::vector<Home>& homes() const { return homes_; }
  const std::vector<Placement>& placements() const { return placements_; }
  friend bool operator==(const PlacementBook&, const PlacementBook&) = default;

 private:
  Status settle_homes(const NamedHomesConfig& config, Random& random);
  Status settle_placements(const NamedHomesConfig& config);
  Status take_line(std::string_view line);

  std::vector<Home> homes_;
  std::vector<Placement> placements_;
};

}  // namespace cairn::server
