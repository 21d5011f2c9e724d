// The cores of a server: one thread with one reactor each.
#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "io/reactor.h"

namespace cairn::io {

struct ReactorGroupOptions {
  size_t reactors_count = 1;
  bool pin_to_cores = false;    // Reactor i to the i-th CPU that this process may use.
  ReactorOptions reactor = {};  // For each; `core` and `index` are set by the group.
};

// Thread rule: all calls from one thread, which is none of the group's.
class ReactorGroup {
 public:
  // Starts the threads, named "cairn-io-<index>", and waits until each loop runs.
  static Result<std::unique_ptr<ReactorGroup>> start(ReactorGroupOptions options);
  ~ReactorGroup();  // Joins.
  ReactorGroup(const ReactorGroup&) = delete;
  ReactorGroup& operator=(const ReactorGroup&) = delete;

  size_t size() const { return members_.size(); }
  Reactor& reactor(size_t index);

  // Runs one task on every reactor, made there by `make_task(index)`, and waits for all.
  // `make_task` is called on several threads at once.
  void run_on_each(const std::function<Task<void>(size_t index)>& make_task);
  // Ends the loops and joins the threads. REQUIRES: all tasks have completed.
  void join();

 private:
  struct Member;
  ReactorGroup() = default;
  std::vector<std::unique_ptr<Member>> members_;
};

}  // namespace cairn::io
