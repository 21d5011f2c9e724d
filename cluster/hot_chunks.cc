#include "cluster/hot_chunks.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace cairn::cluster {
namespace {

constexpr double to_seconds(Duration length) {
  return static_cast<double>(length.nanoseconds) * 1e-9;
}

}  // namespace

HotChunks::HotChunks(double node_bytes_per_second)
    : node_bytes_per_second_(node_bytes_per_second) {}

double HotChunks::rate_at(const Heat& heat, Instant now) {
  const auto fallen = [&](double rate, Instant since) {
    return rate * std::exp2(-to_seconds(now - since) / to_seconds(kHotHalfLife));
  };
  // The window that runs counts as a whole one, so that a burst is not taken for a rate.
  return std::max(fallen(heat.rate, heat.rated),
                  fallen(heat.window_bytes / to_seconds(kHotWindow), heat.window_began));
}

size_t HotChunks::owners_of(const Heat& heat, size_t most, Instant now) const {
  const double by_rate = rate_at(heat, now) / (kHotRateShare * node_bytes_per_second_);
  const double by_queue = heat.in_flight_bytes / (to_seconds(kHotQueue) * node_bytes_per_second_);
  const double wanted = std::ceil(std::max(by_rate, by_queue));
  return static_cast<size_t>(
      std::clamp(wanted, 1.0, static_cast<double>(std::max<size_t>(most, 1))));
}

size_t HotChunks::ask(ChunkKey key, uint64_t size_bytes, size_t most, Instant now) {
  if (chunks_.size() >= kHotChunksMax && !chunks_.contains(key)) {
    // Where all of them are being sent, the next pass is not made before many more have asked.
    if (refused_ % (kHotChunksMax / 8) == 0) forget_coldest(now);
    if (chunks_.size() >= kHotChunksMax) {
      ++refused_;
      return 1;
    }
    refused_ = 0;
  }
  const auto [at, is_new] = chunks_.try_emplace(key);
  Heat& heat = at->second;
  if (is_new) heat.window_began = heat.rated = now;
  if (now - heat.window_began >= kHotWindow) {
    heat.rate = rate_at(heat, now);
    heat.rated = heat.window_began = now;
    heat.window_bytes = 0;
  }
  heat.window_bytes += static_cast<double>(size_bytes);
  heat.in_flight_bytes += static_cast<double>(size_bytes);
  return owners_of(heat, most, now);
}

void HotChunks::done(ChunkKey key, uint64_t size_bytes) {
  const auto at = chunks_.find(key);
  if (at == chunks_.end()) return;
  at->second.in_flight_bytes =
      std::max(0.0, at->second.in_flight_bytes - static_cast<double>(size_bytes));
}

size_t HotChunks::owners(ChunkKey key, size_t most, Instant now) const {
  const auto at = chunks_.find(key);
  return at == chunks_.end() ? 1 : owners_of(at->second, most, now);
}

// An eighth at a time: a pass over all of them is paid by many that follow.
void HotChunks::forget_coldest(Instant now) {
  std::vector<std::pair<double, ChunkKey>> rates;
  rates.reserve(chunks_.size());
  for (const auto& [key, heat] : chunks_) {
    if (heat.in_flight_bytes == 0) rates.emplace_back(rate_at(heat, now), key);
  }
  const size_t count = std::min(rates.size(), kHotChunksMax / 8);
  std::ranges::nth_element(rates, rates.begin() + static_cast<ptrdiff_t>(count));
  for (size_t i = 0; i < count; ++i) chunks_.erase(rates[i].second);
}

}  // namespace cairn::cluster
