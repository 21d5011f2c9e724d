#include "server/disk_tiers.h"

#include "cache/limits.h"

namespace cairn::server {
namespace {

void set_shares(cache::DiskTier& store, const TierConfig& tier) {
  const std::optional<uint64_t> share_bytes = tenant_share_bytes(tier);
  for (uint16_t slot = 1; share_bytes && slot < cache::kTenantSlotsMax; ++slot) {
    store.set_share(slot, *share_bytes);
  }
}

}  // namespace

io::Task<Status> DiskTiers::open(const std::vector<TierConfig>& tiers, storage::ChunkStore& home) {
  for (auto tier = tiers.rbegin(); tier != tiers.rend(); ++tier) {
    if (tier->kind != TierConfig::Kind::kDisk) continue;
    cache::DiskTierOptions options;
    options.directory = tier->path;
    options.size_bytes = tier->size_bytes;
    options.write_bytes_per_second = tier->write_bytes_per_second;
    options.first_miss_chance = tier->first_miss_percent / 100.0;
    options.home = &front(home);
    std::unique_ptr<cache::DiskTier> opened =
        co_await io::or_return(cache::DiskTier::open(std::move(options)));
    set_shares(*opened, *tier);
    all_.insert(all_.begin(), opened.get());
    tiers_.insert(tiers_.begin(), Tier{tier->path, std::move(opened)});
  }
  co_return Status();
}

io::Task<Status> DiskTiers::close() {
  Status first;
  for (const Tier& tier : tiers_) {
    const Status closed = co_await tier.store->close();
    if (first && !closed) first = closed;
  }
  all_.clear();
  tiers_.clear();
  co_return first;
}

storage::ChunkStore& DiskTiers::front(storage::ChunkStore& home) const {
  if (tiers_.empty()) return home;
  return *tiers_.front().store;
}

std::vector<DiskTiers::Reading> DiskTiers::read() const {
  std::vector<Reading> readings;
  readings.reserve(tiers_.size());
  for (const Tier& tier : tiers_) readings.push_back({tier.directory, tier.store->metrics()});
  return readings;
}

}  // namespace cairn::server
