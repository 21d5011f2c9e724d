#include "storage/rados/hold_clearing.h"

#include <cerrno>

#include "io/reactor.h"

namespace cairn::storage {
namespace {

constexpr Duration kDrainStep = milliseconds(5);

}  // namespace

void HoldClearing::add(const ChunkId& id, const HoldName& hold) {
  {
    const std::lock_guard guard(mutex_);
    if (stopped_) return;
    waiting_.push_back({id, attribute_of(hold)});
  }
  pump();
}

void HoldClearing::retry() {
  {
    const std::lock_guard guard(mutex_);
    for (Item& item : failed_) waiting_.push_back(std::move(item));
    failed_.clear();
  }
  pump();
}

void HoldClearing::pump() {
  while (true) {
    Item item;
    {
      const std::lock_guard guard(mutex_);
      if (waiting_.empty() || in_flight_count_ >= kInFlightMax) return;
      item = std::move(waiting_.front());
      waiting_.pop_front();
      ++in_flight_count_;
    }
    send(std::move(item));
  }
}

void HoldClearing::send(Item item) {
  RadosWrite operation = pool_.begin_write();
  // Without the condition the operation would make an object of a chunk that was dropped.
  operation.must_exist().remove_attribute(item.attribute);
  const ChunkId chunk = item.chunk;
  pool_.write_later(pool_.space_of(chunk), object_name_of(chunk), std::move(operation), true,
                    [this, item = std::move(item)](RadosAnswer answer) mutable {
                      on_answer(std::move(item), answer);
                    });
}

void HoldClearing::on_answer(Item item, RadosAnswer answer) {
  std::unique_lock guard(mutex_);
  const bool done = answer.code >= 0 || answer.code == -ENOENT || answer.code == -ENODATA;
  if (!done && !stopped_ && failed_.size() < kFailedMax) failed_.push_back(std::move(item));
  // What could not be sent is answered at once, inside send(): the next pass goes on then.
  const bool more = !waiting_.empty() && !stopped_ && answer.code != -EIO;
  if (!more) {
    // Under the lock: drain() may end, and this object with it, as soon as it is free.
    --in_flight_count_;
    return;
  }
  item = std::move(waiting_.front());
  waiting_.pop_front();
  guard.unlock();
  send(std::move(item));
}

io::Task<void> HoldClearing::drain() {
  while (true) {
    {
      const std::lock_guard guard(mutex_);
      if (in_flight_count_ == 0) {
        stopped_ = true;
        break;
      }
      // What fails now is left to the end of the session.
      if (!failed_.empty()) {
        stopped_ = true;
        waiting_.clear();
      }
    }
    (void)co_await io::sleep_for(kDrainStep);
  }
}

size_t HoldClearing::waiting_count() const {
  const std::lock_guard guard(mutex_);
  return waiting_.size() + failed_.size() + in_flight_count_;
}

}  // namespace cairn::storage
