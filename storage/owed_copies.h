// OwedCopies: a bounded queue of copies that are to be made, each chunk once, in the order in which
// they were noted.
//
// It is a cache of what the homes' indexes say: which home lacks a chunk follows from what each
// home durably has, so nothing is lost with this queue. What does not fit is found by the next
// survey (home_survey.h). Thread rule: any thread.
#pragma once

#include <atomic>
#include <deque>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "storage/chunk_store.h"

namespace cairn::storage {

struct OwedCopy {
  ChunkId id;
  uint64_t size_bytes = 0;  // About; 0 where it is not known.
  bool replaces = false;    // The copy that is there is damaged.
};

class OwedCopies {
 public:
  explicit OwedCopies(size_t copies_max) : copies_max_(copies_max) {}

  // False when the queue is full and the chunk was not in it.
  bool note(const OwedCopy& copy);
  // The oldest ones, at most so many and about so many bytes, but at least one if there are any.
  std::vector<OwedCopy> take(size_t count_max, uint64_t bytes_max);
  size_t count() const;
  uint64_t bytes() const;
  bool contains(const ChunkId& id) const;
  bool is_damaged(const ChunkId& id) const;  // Noted with `replaces`.

 private:
  struct Hash {
    // Ids are outputs of an HMAC: any eight bytes are a hash.
    size_t operator()(const ChunkId& id) const { return load_le<uint64_t>(id.bytes.data()); }
  };
  struct Debt {
    uint64_t size_bytes = 0;
    bool replaces = false;
  };
  const size_t copies_max_;
  mutable std::mutex mutex_;  // Guards what follows.
  std::deque<ChunkId> order_;
  std::unordered_map<ChunkId, Debt, Hash> debts_;
  uint64_t bytes_ = 0;
  std::atomic<uint64_t> damaged_count_{0};  // So that a reader need not lock when there are none.
};

}  // namespace cairn::storage
