// One writer at a time per catalog row inside this process, so that writers of a hot key queue
// instead of losing optimistic commits to each other. Correctness never rests on it: the commit's
// preconditions decide, here and across processes.
//
// Thread rule: any reactor; a waiter is resumed on its own. First come, first served.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "io/sync.h"
#include "io/task.h"

namespace cairn::object {

class KeyLocks {
 public:
  // Held while it lives.
  class [[nodiscard]] Guard {
   public:
    Guard() = default;
    Guard(KeyLocks* locks, std::string key) : locks_(locks), key_(std::move(key)) {}
    Guard(Guard&& other) noexcept
        : locks_(std::exchange(other.locks_, nullptr)), key_(std::move(other.key_)) {}
    Guard& operator=(Guard&&) = delete;
    ~Guard() {
      if (locks_ != nullptr) locks_->unlock(key_);
    }

   private:
    KeyLocks* locks_ = nullptr;
    std::string key_;
  };

  io::Task<Guard> lock(std::string key);
  // Several at once, taken in key order; `keys` may repeat.
  io::Task<std::vector<Guard>> lock_all(std::vector<std::string> keys);

 private:
  static constexpr size_t kShardsCount = 64;
  struct Shard {
    std::mutex mutex;  // Held for one map operation.
    std::map<std::string, std::deque<io::Completion<bool>>, std::less<>> held;
  };
  Shard& shard_of(const std::string& key);
  void unlock(const std::string& key);

  std::array<Shard, kShardsCount> shards_;
};

}  // namespace cairn::object
