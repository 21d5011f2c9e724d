#include "storage/pack_set.h"

#include <algorithm>
#include <iterator>

namespace cairn::storage {

void PackSet::add(std::shared_ptr<Pack> pack) {
  pack->add_live(0);
  const std::lock_guard guard(mutex_);
  stored_bytes_ += pack->size_bytes();
  ++changes_count_;
  const Pack* const key = pack.get();
  packs_.emplace(key, std::move(pack));
}

void PackSet::settle(const std::shared_ptr<Pack>& pack) {
  pack->set_settled();
  drop_live(pack, 0);
}

void PackSet::drop_live(const std::shared_ptr<Pack>& pack, uint64_t bytes) {
  const bool ended = pack->remove_live(bytes);
  const std::lock_guard guard(mutex_);
  ++changes_count_;
  if (!ended) return;
  packs_.erase(pack.get());
  ended_.push_back(pack);
  pack->release();
}

void PackSet::doubt(std::string name, Instant now) {
  const std::lock_guard guard(mutex_);
  // Beyond the bound the next start finds the object, and the sweep its chunks.
  if (doubtful_.size() < kDoubtfulPacksMax) doubtful_.push_back({std::move(name), now});
}

std::vector<std::shared_ptr<Pack>> PackSet::packs() const {
  const std::lock_guard guard(mutex_);
  std::vector<std::shared_ptr<Pack>> all;
  all.reserve(packs_.size());
  for (const auto& [key, pack] : packs_) all.push_back(pack);
  return all;
}

uint64_t PackSet::stored_bytes() const {
  const std::lock_guard guard(mutex_);
  return stored_bytes_;
}

uint64_t PackSet::changes_count() const {
  const std::lock_guard guard(mutex_);
  return changes_count_;
}

PackSet::Removable PackSet::take_removable(Instant now) {
  const std::lock_guard guard(mutex_);
  Removable removable;
  const auto unused = std::ranges::partition(ended_, &Pack::in_use,
                                             [](const auto& pack) -> Pack& { return *pack; });
  std::ranges::move(unused, std::back_inserter(removable.packs));
  ended_.erase(unused.begin(), unused.end());
  for (const std::shared_ptr<Pack>& pack : removable.packs) stored_bytes_ -= pack->size_bytes();
  const auto settled = std::ranges::partition(
      doubtful_, [now](const Doubtful& doubtful) { return now < doubtful.since + kDoubtfulPause; });
  for (Doubtful& doubtful : settled) removable.names.push_back(std::move(doubtful.name));
  doubtful_.erase(settled.begin(), settled.end());
  return removable;
}

void PackSet::put_back(std::shared_ptr<Pack> pack) {
  const std::lock_guard guard(mutex_);
  stored_bytes_ += pack->size_bytes();
  ended_.push_back(std::move(pack));
}

}  // namespace cairn::storage
