#include "io/reactor_group.h"

#include <pthread.h>
#include <sched.h>

#include <future>
#include <latch>
#include <string>
#include <utility>

#include "base/assert.h"
#include "io/scope.h"
#include "io/sync.h"

namespace cairn::io {
namespace {

std::vector<int> usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cores;
  if (::sched_getaffinity(0, sizeof(set), &set) != 0) return cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(static_cast<size_t>(core), &set)) cores.push_back(core);
  }
  return cores;
}

detail::Detached run_and_count_down(Task<void> task, std::latch& done) {
  co_await task;
  task = Task<void>();
  done.count_down();
}

}  // namespace

struct ReactorGroup::Member {
  Reactor* reactor = nullptr;  // Owned by the thread, which makes and destroys it.
  Event* stop = nullptr;       // Likewise.
  std::promise<Status> started;
  std::thread thread;

  void run(ReactorOptions options);
  Task<void> wait_for_stop(Event& stopped);
};

Task<void> ReactorGroup::Member::wait_for_stop(Event& stopped) {
  started.set_value(Status());
  co_await stopped.wait();
}

void ReactorGroup::Member::run(ReactorOptions options) {
  const std::string name = "cairn-io-" + std::to_string(options.index);
  ::pthread_setname_np(::pthread_self(), name.c_str());
  Result<std::unique_ptr<Reactor>> made = Reactor::create(std::move(options));
  if (!made) {
    started.set_value(std::unexpected(std::move(made.error())));
    return;
  }
  Event stopped;
  reactor = made->get();
  stop = &stopped;
  reactor->run(wait_for_stop(stopped));
}

Result<std::unique_ptr<ReactorGroup>> ReactorGroup::start(ReactorGroupOptions options) {
  const std::vector<int> cores = usable_cores();
  std::unique_ptr<ReactorGroup> group(new ReactorGroup);
  for (size_t i = 0; i < options.reactors_count; ++i) {
    ReactorOptions one = options.reactor;
    one.index = static_cast<int>(i);
    one.core = options.pin_to_cores && !cores.empty() ? cores[i % cores.size()] : -1;
    group->members_.push_back(std::make_unique<Member>());
    Member& member = *group->members_.back();
    member.thread = std::thread([&member, one] { member.run(one); });
  }
  Status all;
  for (const auto& member : group->members_) {
    Status started = member->started.get_future().get();
    if (!started) all = std::move(started);
  }
  if (!all) {
    group->join();
    return std::unexpected(std::move(all.error()));
  }
  return group;
}

ReactorGroup::~ReactorGroup() {
  join();
}

Reactor& ReactorGroup::reactor(size_t index) {
  return *members_[index]->reactor;
}

void ReactorGroup::run_on_each(const std::function<Task<void>(size_t index)>& make_task) {
  std::latch done(static_cast<std::ptrdiff_t>(members_.size()));
  for (size_t i = 0; i < members_.size(); ++i) {
    members_[i]->reactor->post([&, i] { run_and_count_down(make_task(i), done); });
  }
  done.wait();
}

void ReactorGroup::join() {
  for (const auto& member : members_) {
    if (!member->thread.joinable()) continue;
    if (member->reactor != nullptr) {
      member->reactor->post([stop = member->stop] { stop->set(); });
    }
    member->thread.join();
  }
  members_.clear();
}

}  // namespace cairn::io
