// Threads that run intrusive work items from one bounded queue; no allocation per item.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "io/mailbox.h"

namespace cairn::io {

// Thread rule: any thread. Items run on the worker threads in order of submission.
class Workers {
 public:
  // Threads are named `name` and start with the first item.
  Workers(std::string name, size_t threads_count, size_t queue_depth_max);
  ~Workers();  // Runs what is queued, then joins.
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // False when the queue is full.
  bool submit(Message& item);
  size_t queue_depth() const;

 private:
  void work();

  const std::string name_;
  const size_t threads_count_;
  const size_t queue_depth_max_;

  mutable std::mutex mutex_;  // Guards all below.
  std::condition_variable available_;
  Message* oldest_ = nullptr;
  Message* newest_ = nullptr;
  size_t depth_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace cairn::io
