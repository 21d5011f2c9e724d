// S3's storage classes: their names, and which one a lifecycle rule may move an object to (AWS
// "Transitioning objects using Amazon S3 Lifecycle": the waterfall of classes). Pure functions.
//
// Where a class is kept is the operator's (storage/placement.h). Every class here is read at once,
// the archive classes as well: nothing has to be restored (docs/storage-classes.md).
#pragma once

#include <cstdint>
#include <string_view>

namespace cairn::s3 {

// Whether S3 has a class of that name.
bool is_storage_class(std::string_view name);
// The class as replies name it: an empty one is STANDARD.
std::string_view shown_storage_class(std::string_view stored);

// Whether a lifecycle rule may name it as a target.
bool is_transition_class(std::string_view name);
// Where a class stands in the waterfall, from 0; objects move to higher numbers only. Empty means
// STANDARD. -1 for a class that lifecycle rules do not move objects out of.
int waterfall_rank(std::string_view storage_class);

// GLACIER and DEEP_ARCHIVE, which S3's clients do not read before they were restored.
bool is_archive_class(std::string_view name);
// x-amz-restore of an object in one of them, which tells those clients that it can be read.
inline constexpr std::string_view kRestoredHeader =
    "ongoing-request=\"false\", expiry-date=\"Thu, 31 Dec 2099 00:00:00 GMT\"";

// STANDARD_IA and ONEZONE_IA, which objects enter after 30 days and leave after 30 more.
inline constexpr int64_t kInfrequentDaysMin = 30;
bool is_infrequent_class(std::string_view name);

// Smaller objects are left where they are, unless the rule's filter speaks of sizes (AWS, since
// September 2024).
inline constexpr uint64_t kTransitionBytesMin = 128 * 1024;
// What x-amz-transition-default-minimum-object-size says of a bucket.
enum class TransitionMinimum : uint8_t {
  kAllClasses,     // all_storage_classes_128K
  kVariesByClass,  // varies_by_storage_class: GLACIER and DEEP_ARCHIVE take objects of any size.
  kNone,           // Any size: where days are made short and nobody asked for a minimum.
};
inline constexpr std::string_view kMinimumAllClasses = "all_storage_classes_128K";
inline constexpr std::string_view kMinimumVaries = "varies_by_storage_class";

}  // namespace cairn::s3
