// SingleFlight: one fetch per key at a time, whoever asks for it on whichever reactor.
//
// The first to join() a key leads: it fetches and then lands or fails. Those who join meanwhile
// follow: they await the landing. When a leader fails, exactly one follower becomes the leader, up
// to `attempts_max` fetches in all; the last error goes to everybody who still waits, and to nobody
// who comes later. A lead that is dropped (its task was destroyed, or it has nothing to share) goes
// to the next follower and does not count as an attempt.
//
// Waiting for several keys: join them in ascending order, land or fail every lead one has before
// waiting, and wait in ascending order; a lead that is handed over meanwhile is then never held
// while waiting for a smaller key, so that nobody waits in a circle.
//
// Thread rule: any reactor; sharded, each shard under a lock that is held for a few map operations.
// Outlives its leads and its followers.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/result.h"
#include "io/sync.h"

namespace cairn::cache {

template <typename Key, typename Value, typename Hash>
class SingleFlight {
 public:
  using ValuePointer = std::shared_ptr<const Value>;

  explicit SingleFlight(int attempts_max) : attempts_max_(attempts_max) {}
  SingleFlight(const SingleFlight&) = delete;
  SingleFlight& operator=(const SingleFlight&) = delete;

  // The duty to fetch a key. Move-only.
  class [[nodiscard]] Lead {
   public:
    Lead(Lead&& other) noexcept
        : flights_(std::exchange(other.flights_, nullptr)), key_(other.key_) {}
    Lead& operator=(Lead&&) = delete;
    ~Lead() {
      if (flights_ != nullptr) flights_->pass_on(key_);
    }
    const Key& key() const { return key_; }

    // Ends the flight. `make_value` is called only when somebody follows.
    template <typename MakeValue>
    void land(MakeValue make_value) {
      std::deque<Follower> followers = std::exchange(flights_, nullptr)->end(key_);
      if (followers.empty()) return;
      const ValuePointer value = make_value();
      for (Follower& follower : followers) {
        follower.complete(Landing{.value = value, .error = {}, .lead = {}});
      }
    }
    // Hands the key to the next follower, or ends the flight with `error` when the attempts are
    // used up or another fetch cannot help (`is_final`).
    void fail(const Error& error, bool is_final) {
      std::exchange(flights_, nullptr)->fail(key_, error, is_final);
    }

   private:
    friend class SingleFlight;
    Lead(SingleFlight& flights, Key key) : flights_(&flights), key_(std::move(key)) {}
    SingleFlight* flights_;
    Key key_;
  };

  // How a flight ended for a follower: exactly one of the three.
  struct Landing {
    ValuePointer value;
    std::optional<Error> error;
    std::optional<Lead> lead;  // It is the follower's turn to fetch.
  };
  using Follower = io::Completion<Landing>;

  // What a caller has to do: fetch, or wait.
  struct Turn {
    std::optional<Lead> lead;
    std::optional<Follower> follower;
  };
  Turn join(const Key& key) {
    Shard& shard = shard_of(key);
    const std::lock_guard guard(shard.mutex);
    const auto [at, is_first] = shard.flights.try_emplace(key);
    if (is_first) return Turn{.lead = Lead(*this, key), .follower = {}};
    Follower follower = Follower::make();
    at->second.followers.push_back(follower);
    return Turn{.lead = {}, .follower = std::move(follower)};
  }

 private:
  struct Flight {
    int failures_count = 0;
    std::deque<Follower> followers;
  };
  struct Shard {
    std::mutex mutex;
    std::unordered_map<Key, Flight, Hash> flights;
  };
  static constexpr size_t kShards = 16;

  Shard& shard_of(const Key& key) {
    // The map uses the low bits.
    return shards_[(Hash()(key) >> 56) % kShards];
  }

  std::deque<Follower> end(const Key& key) {
    Shard& shard = shard_of(key);
    const std::lock_guard guard(shard.mutex);
    const auto at = shard.flights.find(key);
    std::deque<Follower> followers = std::move(at->second.followers);
    shard.flights.erase(at);
    return followers;
  }

  void fail(const Key& key, const Error& error, bool is_final) {
    {
      Shard& shard = shard_of(key);
      const std::lock_guard guard(shard.mutex);
      is_final = ++shard.flights.find(key)->second.failures_count >= attempts_max_ || is_final;
    }
    if (!is_final) {
      pass_on(key);
      return;
    }
    for (Follower& follower : end(key)) {
      follower.complete(Landing{.value = {}, .error = error, .lead = {}});
    }
  }

  void pass_on(const Key& key) {
    std::optional<Follower> next;
    {
      Shard& shard = shard_of(key);
      const std::lock_guard guard(shard.mutex);
      const auto at = shard.flights.find(key);
      if (at->second.followers.empty()) {
        shard.flights.erase(at);
        return;
      }
      next = std::move(at->second.followers.front());
      at->second.followers.pop_front();
    }
    // When the follower is gone as well, its landing and with it the lead is destroyed: the next
    // one's turn.
    next->complete(Landing{.value = {}, .error = {}, .lead = Lead(*this, key)});
  }

  const int attempts_max_;
  std::array<Shard, kShards> shards_;
};

}  // namespace cairn::cache
