#include "s3/storage_classes.h"

#include <algorithm>
#include <array>

namespace cairn::s3 {
namespace {

constexpr std::string_view kStandard = "STANDARD";

constexpr std::array<std::string_view, 12> kClasses = {
    kStandard,         "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING",
    "GLACIER",         "DEEP_ARCHIVE",       "OUTPOSTS",    "GLACIER_IR", "SNOW",
    "EXPRESS_ONEZONE", "FSX_OPENZFS"};

// Stands for all classes of the operator's own: no name of a class.
constexpr std::string_view kOwnClasses = "*";

// From the top down; the ranks of these are 1, 2, ...
constexpr std::array<std::string_view, 7> kWaterfall = {
    "STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", kOwnClasses,
    "GLACIER",     "DEEP_ARCHIVE"};

// As storage::is_storage_class_name(): capital letters, digits and '_'.
bool is_own_class(std::string_view name) {
  constexpr size_t kNameBytesMax = 32;
  const auto is_letter = [](char c) { return c >= 'A' && c <= 'Z'; };
  return !name.empty() && name.size() <= kNameBytesMax && is_letter(name.front()) &&
         std::ranges::all_of(
             name, [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_'; }) &&
         !is_storage_class(name);
}

std::string_view place_in_waterfall(std::string_view name) {
  return is_own_class(name) ? kOwnClasses : name;
}

}  // namespace

bool is_storage_class(std::string_view name) {
  return std::ranges::find(kClasses, name) != kClasses.end();
}

std::string_view shown_storage_class(std::string_view stored) {
  return stored.empty() ? kStandard : stored;
}

bool is_transition_class(std::string_view name) {
  return std::ranges::find(kWaterfall, place_in_waterfall(name)) != kWaterfall.end();
}

int waterfall_rank(std::string_view storage_class) {
  if (storage_class.empty() || storage_class == kStandard ||
      storage_class == "REDUCED_REDUNDANCY") {
    return 0;
  }
  const auto found = std::ranges::find(kWaterfall, place_in_waterfall(storage_class));
  if (found == kWaterfall.end()) return -1;
  return static_cast<int>(found - kWaterfall.begin()) + 1;
}

bool is_archive_class(std::string_view name) {
  return name == "GLACIER" || name == "DEEP_ARCHIVE";
}

bool is_infrequent_class(std::string_view name) {
  return name == "STANDARD_IA" || name == "ONEZONE_IA";
}

}  // namespace cairn::s3
