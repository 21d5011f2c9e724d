#include "object/catalog_watch.h"

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "object/keys.h"
#include "object/limits.h"

namespace cairn::object {
namespace {

// Rows of which a record is cached under their key (keys.h): names of buckets, buckets, current
// objects, versions.
constexpr std::string_view kCachedKinds = "beov";
constexpr std::string_view kBucket = "b/";
constexpr std::string_view kBucketAlive = "n/";
constexpr size_t kBucketNameAt = 11;  // b/<tenant 8>/<name>

bool is_cached(std::string_view row) {
  return row.size() > 2 && row[1] == '/' && kCachedKinds.find(row[0]) != std::string_view::npos;
}

// A bucket is cached under its name, too.
std::string name_row_of(std::string_view row) {
  if (!row.starts_with(kBucket) || row.size() <= kBucketNameAt) return {};
  return keys::bucket_name(row.substr(kBucketNameAt));
}

// The row by id is part of a bucket's record, and does not say of which. A commit that changes it
// changes the bucket's row as well, but for one that makes a sync rule.
bool changes_any_bucket(std::span<const catalog::RowChange> changes) {
  return std::ranges::any_of(changes, [&](const catalog::RowChange& alive) {
    if (!alive.key.starts_with(kBucketAlive)) return false;
    return std::ranges::none_of(changes, [&](const catalog::RowChange& other) {
      return other.version == alive.version && other.key.starts_with(kBucket);
    });
  });
}

}  // namespace

CatalogWatch::CatalogWatch(catalog::Catalog& catalog, Generations& generations)
    : catalog_(catalog), generations_(generations) {
  catalog_.add_observer(*this);
}

CatalogWatch::~CatalogWatch() {
  catalog_.remove_observer(*this);
}

// The span speaks of rows, so that slots are Generations' own business: rows are drawn until each
// slot has one.
void CatalogWatch::add_everything() {
  if (every_slot_.empty()) {
    std::vector<char> is_met(kGenerationsCount);
    for (uint64_t number = 0; every_slot_.size() < kGenerationsCount; ++number) {
      std::string row = std::to_string(number);
      const size_t slot = std::hash<std::string_view>{}(row) % kGenerationsCount;
      if (std::exchange(is_met[slot], 1) == 0) every_slot_.push_back(std::move(row));
    }
  }
  for (const std::string& row : every_slot_) span_->add(row);
}

void CatalogWatch::before_apply(std::span<const catalog::RowChange> changes) {
  span_.emplace(generations_);
  if (changes_any_bucket(changes)) add_everything();
  for (const catalog::RowChange& change : changes) {
    if (!is_cached(change.key)) continue;
    span_->add(change.key);
    const std::string name_row = name_row_of(change.key);
    if (!name_row.empty()) span_->add(name_row);
  }
}

void CatalogWatch::after_apply(std::span<const catalog::RowChange> /*changes*/) {
  span_.reset();
}

void CatalogWatch::before_replace() {
  span_.emplace(generations_);
  add_everything();
}

}  // namespace cairn::object
