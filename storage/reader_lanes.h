// ReaderLanes: on each reactor, the reads that nobody waits for any more, because another home was
// faster.
//
// Thread rule: current() on any reactor; close() on one, once no read is under way.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "io/reactor.h"
#include "io/scope.h"

namespace cairn::storage {

class ReaderLanes {
 public:
  io::Scope& current() {
    io::Reactor& reactor = io::Reactor::current();
    const std::lock_guard guard(mutex_);
    std::unique_ptr<Lane>& lane = lanes_[reactor.index()];
    if (lane == nullptr) lane = std::make_unique<Lane>(reactor);
    return lane->reads;
  }
  io::Task<void> close() {
    for (auto& [number, lane] : lanes_) co_await io::run_on(lane->reactor, lane->reads.join());
  }

 private:
  struct Lane {
    explicit Lane(io::Reactor& on) : reactor(on) {}
    io::Reactor& reactor;
    io::Scope reads;
  };
  std::mutex mutex_;  // Guards the map; never held across a wait.
  std::map<int, std::unique_ptr<Lane>> lanes_;
};

}  // namespace cairn::storage
