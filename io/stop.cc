#include "io/stop.h"

#include "base/assert.h"

namespace cairn::io {

void StopCallback::unlink() noexcept {
  if (next_ == nullptr) return;
  next_->previous_ = previous_;
  previous_->next_ = next_;
  next_ = previous_ = nullptr;
}

bool StopToken::stop_requested() const noexcept {
  return source_ != nullptr && source_->requested_;
}

void StopToken::add(StopCallback& callback) const noexcept {
  if (source_ == nullptr) return;
  if (source_->requested_) {
    callback.on_stop();
    return;
  }
  ASSERT(!callback.linked());
  StopCallback& anchor = source_->anchor_;
  callback.next_ = &anchor;
  callback.previous_ = anchor.previous_;
  anchor.previous_->next_ = &callback;
  anchor.previous_ = &callback;
}

StopSource::StopSource() {
  anchor_.next_ = anchor_.previous_ = &anchor_;
}

StopSource::~StopSource() {
  ASSERT(anchor_.next_ == &anchor_);
}

void StopSource::request() noexcept {
  requested_ = true;
  // One at a time from the front: a callback may unlink others.
  while (anchor_.next_ != &anchor_) {
    StopCallback* const callback = anchor_.next_;
    callback->unlink();
    callback->on_stop();
  }
}

}  // namespace cairn::io
