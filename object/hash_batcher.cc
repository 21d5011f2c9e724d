#include "object/hash_batcher.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "object/limits.h"

namespace cairn::object {

HashBatcher::~HashBatcher() {
  ASSERT(waiters_.empty() && !scheduled_);
}

void HashBatcher::add(crypto::Md5Stream& md5, crypto::Sha256Stream& sha256, BytesView block) {
  if (block.empty()) return;
  engine_.add(md5, block);
  engine_.add(sha256, block);
  queued_bytes_ += block.size();
  note_body(&md5);
  schedule();
}

void HashBatcher::add_segment(BytesView segment, crypto::Sha256Value* out) {
  engine_.add_message(segment, out);
  schedule();
}

io::Task<void> HashBatcher::drain() {
  co_await Waiter{*this};
}

void HashBatcher::note_body(const void* body) {
  if (queued_bodies_.size() >= kHashLanes) return;
  if (std::ranges::find(queued_bodies_, body) == queued_bodies_.end()) {
    queued_bodies_.push_back(body);
  }
}

void HashBatcher::schedule() {
  if (scheduled_) return;
  scheduled_ = true;
  reactor_.at_end_of_turn([this] { end_of_turn(); });
}

void HashBatcher::end_of_turn() {
  scheduled_ = false;
  const bool lanes_full = queued_bodies_.size() >= std::min(kHashLanes, bodies_count_);
  if (waiters_.empty() && !lanes_full && queued_bytes_ < kHashBacklogBytesMax) return;
  engine_.run();
  queued_bodies_.clear();
  queued_bytes_ = 0;
  for (const std::coroutine_handle<> waiter : std::exchange(waiters_, {})) {
    reactor_.resume_later(waiter);
  }
}

}  // namespace cairn::object
