// Readers of the same long range at the same time, who share what one of them fetches as long as
// they stay together: a RAM tier keeps only a window of it. So the first ones wait for the last,
// but not for one that is slower than the others by itself: whoever holds them up for long is left
// behind, and reads what it misses again.
//
// Thread rule: any reactor; a member is used on one. One lock, held for a pass over the members.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/sealing.h"
#include "io/sync.h"
#include "io/task.h"

namespace cairn::object {

class ReadConvoys {
 public:
  // What is read: readers of different ranges are not compared.
  struct Key {
    crypto::ChunkId first;
    uint64_t offset_bytes = 0;  // In it.
    uint64_t size_bytes = 0;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Counters {
    uint64_t waits = 0;   // Readers that waited for others.
    uint64_t behind = 0;  // Readers that were left behind.
  };

  class Member {
   public:
    ~Member();
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;
    // So many bytes were handed over in all.
    void advance(uint64_t position_bytes, Instant now);
    // Whether reading up to `end_bytes` now keeps the convoy together.
    bool may_read(uint64_t end_bytes, Instant now);
    // Whether somebody wants what lies there who is too far behind to find it in memory.
    bool awaited(uint64_t begin_bytes) const;
    // Until that may be so.
    io::Task<void> wait(uint64_t end_bytes);

   private:
    friend class ReadConvoys;
    Member(ReadConvoys& of, Key key) : convoys_(of), key_(key) {}
    ReadConvoys& convoys_;
    const Key key_;
    uint64_t position_bytes_ = 0;
    Duration held_others_;
    bool is_behind_ = false;
  };

  // `lead_bytes`: how far the first may be ahead of the last.
  explicit ReadConvoys(uint64_t lead_bytes) : lead_bytes_(lead_bytes) {}
  ReadConvoys(const ReadConvoys&) = delete;
  ReadConvoys& operator=(const ReadConvoys&) = delete;

  // Null when there are too many convoys or members: then nobody waits for that reader.
  std::unique_ptr<Member> join(Key key, Instant now);
  uint64_t lead_bytes() const { return lead_bytes_; }
  Counters counters() const;

 private:
  using Woken = io::Completion<bool>;
  struct Waiter {
    const Member* member;
    uint64_t needed_bytes;  // Where the last one has to be.
    Woken woken;
  };
  struct Convoy {
    std::vector<Member*> members;
    std::vector<Waiter> waiters;
    Instant began;
    Instant charged;  // Up to here the last one has answered for those who wait.
  };
  // The last of those that `end_bytes` is compared with; null when there is none.
  Member* last_before(const Convoy& convoy, uint64_t end_bytes) const;
  void charge(Convoy& convoy, Instant now);
  void wake(Convoy& convoy, std::vector<Waiter>& woken) const;
  void leave(Member& member);

  const uint64_t lead_bytes_;
  mutable std::mutex mutex_;  // Guards the rest, and the members; never held across a wait.
  std::map<Key, Convoy> convoys_;
  Counters counters_;
};

}  // namespace cairn::object
