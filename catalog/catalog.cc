#include "catalog/catalog.h"

#include <utility>

namespace cairn::catalog {

Precondition Precondition::absent(std::string key) {
  return {.kind = Kind::kAbsent, .key = std::move(key)};
}

Precondition Precondition::present(std::string key) {
  return {.kind = Kind::kPresent, .key = std::move(key)};
}

Precondition Precondition::version_is(std::string key, Version version) {
  return {.kind = Kind::kVersionIs, .key = std::move(key), .version = version};
}

Precondition Precondition::unchanged(std::string key, const std::optional<Entry>& entry) {
  return entry ? version_is(std::move(key), entry->version) : absent(std::move(key));
}

Precondition Precondition::range_empty(std::string begin, std::string end) {
  return {.kind = Kind::kRangeEmpty, .key = std::move(begin), .end = std::move(end)};
}

io::Task<Status> Catalog::catch_up() {
  co_return Status();
}

io::Task<Result<std::optional<Entry>>> Catalog::get_recent(std::string key) {
  return get(std::move(key), nullptr);
}

void Catalog::add_observer(ChangeObserver& /*observer*/) {}

void Catalog::remove_observer(ChangeObserver& /*observer*/) {}

std::string prefix_end(std::string prefix) {
  while (!prefix.empty()) {
    auto& last = reinterpret_cast<unsigned char&>(prefix.back());
    if (last != 0xFF) {
      ++last;
      return prefix;
    }
    prefix.pop_back();
  }
  return prefix;
}

}  // namespace cairn::catalog
