#include "io/reactor.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <thread>
#include <vector>

#include "base/assert.h"
#include "base/log.h"
#include "io/backend.h"
#include "io/handle_queue.h"
#include "io/mailbox.h"
#include "io/probe.h"
#include "io/timers.h"
#include "io/until_watch.h"

namespace cairn::io {
namespace {

thread_local Reactor* t_current = nullptr;

// Operations that may complete at once in a row before others get their turn.
constexpr int kInlineTurnsMax = 64;

// Hands out the lowest free numbers, so that per-core tables stay small.
class Indexes {
 public:
  static Indexes& of_process() {
    static Indexes indexes;
    return indexes;
  }
  int take(int wanted) {
    const std::lock_guard lock(mutex_);
    if (wanted < 0) {
      const auto free = std::find(used_.begin(), used_.end(), 0);
      wanted = static_cast<int>(free - used_.begin());
    }
    if (used_.size() <= static_cast<size_t>(wanted)) used_.resize(static_cast<size_t>(wanted) + 1);
    ++used_[static_cast<size_t>(wanted)];
    return wanted;
  }
  void give_back(int index) {
    const std::lock_guard lock(mutex_);
    --used_[static_cast<size_t>(index)];
  }

 private:
  std::mutex mutex_;
  std::vector<int> used_;
};

void pin_to(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(core), &set);
  const int error = ::pthread_setaffinity_np(::pthread_self(), sizeof(set), &set);
  if (error != 0) {
    log::warning("reactor_not_pinned",
                 {{"core", int64_t{core}}, {"reason", errno_error(error, "affinity").message}});
  }
}

}  // namespace

struct Reactor::State {
  State(ReactorOptions given, std::shared_ptr<Mailbox> box)
      : options(std::move(given)),
        clock(options.clock != nullptr ? *options.clock : system_clock()),
        now(clock.now()),
        index(Indexes::of_process().take(options.index)),
        mailbox(std::move(box)),
        pool(options.pool_bytes),
        deadlines(now) {}
  ~State() { Indexes::of_process().give_back(index); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  ReactorOptions options;
  const Clock& clock;
  Instant now;
  const int index;
  std::shared_ptr<Mailbox> mailbox;
  BufferPool pool;  // Outlives the backend, which holds some of its buffers.
  std::unique_ptr<Backend> backend;
  DeadlineWheel deadlines;
  TimerHeap timers;

  // The turn: what is ready runs, then the end-of-turn work, then the backend.
  HandleQueue ready;
  std::vector<std::move_only_function<void()>> end_of_turn;
  int inline_turns = kInlineTurnsMax;
  std::thread::id thread;  // Set by the first run.

  void run_messages();
  void run_ready();
  void run_end_of_turn();
  Duration wait_limit() const;
  void run_tasks();
  void wait(bool may_sleep);
};

void Reactor::State::run_messages() {
  Message* message = mailbox->take_all();
  while (message != nullptr) {
    Message* const next = message->next;
    message->run(*message);
    message = next;
  }
}

void Reactor::State::run_ready() {
  // Only what is ready now: a task that yields for ever must not keep the loop from its I/O.
  for (size_t count = ready.size(); count != 0; --count) {
    inline_turns = kInlineTurnsMax;
    ready.pop().resume();
  }
}

void Reactor::State::run_end_of_turn() {
  std::vector<std::move_only_function<void()>> work;
  work.swap(end_of_turn);
  for (auto& item : work) item();
}

Duration Reactor::State::wait_limit() const {
  if (!ready.empty() || !end_of_turn.empty()) return {};
  const Instant next = std::min(timers.next(), deadlines.next());
  if (next == kNever) return Backend::kForever;
  return std::max(next - clock.now(), Duration{});
}

// First half of a turn: everything that can run does.
void Reactor::State::run_tasks() {
  now = clock.now();
  run_messages();
  timers.advance(now);
  deadlines.advance(now);
  run_ready();
  if (!end_of_turn.empty()) run_end_of_turn();
}

// Second half: hands over what was started and waits for the kernel.
void Reactor::State::wait(bool may_sleep) {
  const Duration limit = may_sleep ? wait_limit() : Duration{};
  if (limit == Duration{} || !mailbox->begin_sleep()) {
    backend->turn({});
    return;
  }
  backend->turn(limit);
  mailbox->end_sleep();
}

Reactor::Reactor(std::unique_ptr<State> state) : state_(std::move(state)) {}

Reactor::~Reactor() {
  ASSERT(state_->ready.empty());
  state_->mailbox->close();
}

Result<std::unique_ptr<Reactor>> Reactor::create_with(ReactorOptions options,
                                                      BackendFactory make_backend) {
  Result<std::shared_ptr<Mailbox>> mailbox = Mailbox::create();
  if (!mailbox) return std::unexpected(std::move(mailbox.error()));
  auto state = std::make_unique<State>(std::move(options), std::move(*mailbox));
  Result<std::unique_ptr<Backend>> backend = make_backend({state->pool, *state->mailbox});
  if (!backend) return std::unexpected(std::move(backend.error()));
  state->backend = std::move(*backend);
  return std::unique_ptr<Reactor>(new Reactor(std::move(state)));
}

Result<std::unique_ptr<Reactor>> Reactor::create(ReactorOptions options) {
  Result<BackendFactory> factory = choose_backend(options.backend);
  if (!factory) return std::unexpected(std::move(factory.error()));
  return create_with(std::move(options), std::move(*factory));
}

Reactor& Reactor::current() {
  ASSERT(t_current != nullptr);
  return *t_current;
}

Reactor* Reactor::current_or_null() {
  return t_current;
}

void Reactor::run_until_complete(bool (*is_complete)(const void* task), const void* task) {
  ASSERT(t_current == nullptr);
  if (state_->thread == std::thread::id()) {
    state_->thread = std::this_thread::get_id();
    if (state_->options.core >= 0) pin_to(state_->options.core);
    state_->backend->attach_thread();
  }
  ASSERT(state_->thread == std::this_thread::get_id());
  t_current = this;
  for (bool complete = is_complete(task); !complete;) {
    state_->run_tasks();
    complete = is_complete(task);
    state_->wait(!complete);
  }
  t_current = nullptr;
}

void Reactor::post(std::move_only_function<void()> message) {
  state_->mailbox->post(std::move(message));
}

void Reactor::resume_later(std::coroutine_handle<> coroutine) {
  state_->ready.push(coroutine);
}

void Reactor::at_end_of_turn(std::move_only_function<void()> work) {
  state_->end_of_turn.push_back(std::move(work));
}

const Clock& Reactor::clock() const {
  return state_->clock;
}
Instant Reactor::now() const {
  return state_->now;
}
BufferPool& Reactor::buffers() {
  return state_->pool;
}
BackendKind Reactor::kind() const {
  return state_->backend->kind();
}
int Reactor::index() const {
  return state_->index;
}
Backend& Reactor::backend() {
  return *state_->backend;
}
DeadlineWheel& Reactor::deadlines() {
  return state_->deadlines;
}
TimerHeap& Reactor::timers() {
  return state_->timers;
}
std::shared_ptr<Mailbox> Reactor::mailbox() const {
  return state_->mailbox;
}
bool Reactor::take_inline_turn() {
  return --state_->inline_turns > 0;
}

namespace {

class Sleep final : private TimerHeap::Entry, private StopCallback {
 public:
  Sleep(Duration delay, StopToken stop) : delay_(delay), stop_(stop) {}
  ~Sleep() override = default;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    reactor_ = &Reactor::current();
    waiter_ = waiter;
    // From the real time, not from the turn's: a sleep is never shorter than asked.
    reactor_->timers().add(*this, reactor_->clock().now() + delay_);
    stop_.add(*this);
  }
  Status await_resume() const {
    if (stopped_) return fail(Code::kCancelled, "the sleep was asked to stop");
    return {};
  }

 private:
  void on_timer() noexcept override {
    StopCallback::unlink();
    reactor_->resume_later(waiter_);
  }
  void on_stop() noexcept override {
    stopped_ = true;
    TimerHeap::Entry::disarm();
    reactor_->resume_later(waiter_);
  }

  const Duration delay_;
  const StopToken stop_;
  Reactor* reactor_ = nullptr;
  std::coroutine_handle<> waiter_;
  bool stopped_ = false;
};

struct Yield {
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) const {
    Reactor::current().resume_later(waiter);
  }
  void await_resume() const noexcept {}
};

}  // namespace

Task<Status> sleep_for(Duration delay, StopToken stop) {
  Sleep sleep(delay, stop);
  co_return co_await sleep;
}

Task<void> yield() {
  co_await Yield{};
}

}  // namespace cairn::io
