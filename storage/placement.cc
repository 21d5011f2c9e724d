#include "storage/placement.h"

#include <algorithm>
#include <set>

namespace cairn::storage {
namespace {

constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kSmallLetters = "abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kCapitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

bool is_made_of(std::string_view text, std::string_view letters, char other) {
  return std::ranges::all_of(
      text, [&](char c) { return letters.contains(c) || kDigits.contains(c) || c == other; });
}

std::unexpected<Error> refuse(const Placement& placement, const std::string& why) {
  return fail(Code::kInvalidArgument, "placement \"" + placement.name + "\": " + why);
}

Status check_classes(const Placement& placement, std::set<std::string_view>& taken) {
  for (const std::string& storage_class : placement.storage_classes) {
    if (!is_storage_class_name(storage_class)) {
      return refuse(placement, "\"" + storage_class + "\" is no storage class of S3");
    }
    if (!taken.insert(storage_class).second) {
      return refuse(placement, storage_class + " belongs to one placement only");
    }
    if (storage_class == kDefaultStorageClass && placement.id != kDefaultPlacement) {
      return refuse(placement, "STANDARD always belongs to the default placement");
    }
  }
  return {};
}

}  // namespace

bool is_placement_name(std::string_view name) {
  return !name.empty() && name.size() <= kPlacementNameBytesMax &&
         kSmallLetters.contains(name.front()) && is_made_of(name, kSmallLetters, '-');
}

bool is_storage_class_name(std::string_view name) {
  return !name.empty() && name.size() <= kStorageClassBytesMax &&
         kCapitals.contains(name.front()) && is_made_of(name, kCapitals, '_');
}

Placements::Placements()
    : placements_{{std::string(kDefaultPlacementName), kDefaultPlacement, {}}} {}

Result<Placements> Placements::create(std::vector<Placement> placements) {
  if (placements.size() > kPlacementsMax) {
    return fail(Code::kInvalidArgument,
                "at most " + std::to_string(kPlacementsMax) + " placements");
  }
  std::set<std::string_view> names;
  std::set<PlacementId> ids;
  std::set<std::string_view> classes;
  for (const Placement& placement : placements) {
    if (!is_placement_name(placement.name)) {
      return refuse(placement, "a name is 1 to 32 of a-z, 0-9 and -, and begins with a letter");
    }
    if (!names.insert(placement.name).second) return refuse(placement, "is there twice");
    if (!ids.insert(placement.id).second) {
      return refuse(placement, "another one has the id " + std::to_string(placement.id));
    }
    const Status checked = check_classes(placement, classes);
    if (!checked) return std::unexpected(checked.error());
  }
  if (!ids.contains(kDefaultPlacement)) {
    return fail(Code::kInvalidArgument, "there is no default placement");
  }
  Placements made;
  made.placements_ = std::move(placements);
  return made;
}

const Placement* Placements::find(PlacementId id) const {
  const auto found = std::ranges::find(placements_, id, &Placement::id);
  return found == placements_.end() ? nullptr : &*found;
}

const Placement* Placements::find(std::string_view name) const {
  const auto found = std::ranges::find(placements_, name, &Placement::name);
  return found == placements_.end() ? nullptr : &*found;
}

std::optional<PlacementId> Placements::for_class(std::string_view storage_class) const {
  if (storage_class.empty() || storage_class == kDefaultStorageClass) return kDefaultPlacement;
  for (const Placement& placement : placements_) {
    const std::vector<std::string>& classes = placement.storage_classes;
    if (std::ranges::find(classes, storage_class) != classes.end()) return placement.id;
  }
  return std::nullopt;
}

}  // namespace cairn::storage
