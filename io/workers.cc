#include "io/workers.h"

#include <pthread.h>

#include <utility>

namespace cairn::io {

Workers::Workers(std::string name, size_t threads_count, size_t queue_depth_max)
    : name_(std::move(name)), threads_count_(threads_count), queue_depth_max_(queue_depth_max) {}

Workers::~Workers() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  available_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool Workers::submit(Message& item) {
  {
    const std::lock_guard lock(mutex_);
    if (depth_ >= queue_depth_max_) return false;
    item.next = nullptr;
    if (newest_ == nullptr) {
      oldest_ = &item;
    } else {
      newest_->next = &item;
    }
    newest_ = &item;
    ++depth_;
    while (threads_.size() < threads_count_) threads_.emplace_back([this] { work(); });
  }
  available_.notify_one();
  return true;
}

size_t Workers::queue_depth() const {
  const std::lock_guard lock(mutex_);
  return depth_;
}

void Workers::work() {
  ::pthread_setname_np(::pthread_self(), name_.substr(0, 15).c_str());
  std::unique_lock lock(mutex_);
  for (;;) {
    available_.wait(lock, [this] { return oldest_ != nullptr || stopping_; });
    if (oldest_ == nullptr) return;
    Message* const item = std::exchange(oldest_, oldest_->next);
    if (oldest_ == nullptr) newest_ = nullptr;
    --depth_;
    lock.unlock();
    item->run(*item);
    lock.lock();
  }
}

}  // namespace cairn::io
