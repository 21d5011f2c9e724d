#include "object/key_locks.h"

#include <algorithm>
#include <functional>
#include <optional>

namespace cairn::object {

KeyLocks::Shard& KeyLocks::shard_of(const std::string& key) {
  return shards_[std::hash<std::string>{}(key) % kShardsCount];
}

io::Task<KeyLocks::Guard> KeyLocks::lock(std::string key) {
  std::optional<io::Completion<bool>> turn;
  {
    Shard& shard = shard_of(key);
    const std::lock_guard guard(shard.mutex);
    const auto [at, is_free] = shard.held.try_emplace(key);
    if (!is_free) turn = at->second.emplace_back(io::Completion<bool>::make());
  }
  if (turn) co_await turn->wait();
  co_return Guard(this, std::move(key));
}

io::Task<std::vector<KeyLocks::Guard>> KeyLocks::lock_all(std::vector<std::string> keys) {
  std::ranges::sort(keys);
  const auto repeated = std::ranges::unique(keys);
  keys.erase(repeated.begin(), repeated.end());
  std::vector<Guard> guards;
  guards.reserve(keys.size());
  for (std::string& key : keys) {
    Guard guard = co_await lock(std::move(key));
    guards.push_back(std::move(guard));
  }
  co_return guards;
}

void KeyLocks::unlock(const std::string& key) {
  Shard& shard = shard_of(key);
  std::optional<io::Completion<bool>> next;
  {
    const std::lock_guard guard(shard.mutex);
    const auto at = shard.held.find(key);
    if (at->second.empty()) {
      shard.held.erase(at);
    } else {
      next = std::move(at->second.front());
      at->second.pop_front();
    }
  }
  if (next) next->complete(true);
}

}  // namespace cairn::object
