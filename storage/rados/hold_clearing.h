// HoldClearing: takes holds away that nobody needs any more, in the background. A hold that stays a
// while longer keeps a chunk a while longer and does no other harm, so nobody waits for this.
//
// Thread rule: add() any thread; retry() and drain() on one reactor.
#pragma once

#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "storage/rados/format.h"
#include "storage/rados/pool.h"

namespace cairn::storage {

class HoldClearing {
 public:
  static constexpr size_t kInFlightMax = 64;
  // While the cluster does not answer. What is more is left to the end of the session.
  static constexpr size_t kFailedMax = 1'000'000;

  explicit HoldClearing(RadosPool& pool) : pool_(pool) {}

  void add(const ChunkId& id, const HoldName& hold);
  // Those whose removal was not acknowledged, once more.
  void retry();
  // Waits until none is in flight: answers come for all of them, since each has a deadline.
  io::Task<void> drain();
  size_t waiting_count() const;

 private:
  struct Item {
    ChunkId chunk;
    std::string attribute;
  };
  void pump();
  void send(Item item);
  void on_answer(Item item, RadosAnswer answer);

  RadosPool& pool_;
  mutable std::mutex mutex_;  // Guards all below; not held while librados is called.
  std::deque<Item> waiting_;
  std::vector<Item> failed_;
  size_t in_flight_count_ = 0;
  bool stopped_ = false;
};

}  // namespace cairn::storage
