// Properties: tasks, timers, messages and end-of-turn work run when their contracts say; messages
// from other threads arrive in order and wake a sleeping loop.
// Method: real reactors on both backends, real threads.
#include "io/reactor.h"

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

#include "io/mailbox.h"
#include "io/scope.h"
#include "io/sync.h"
#include "tests/unit/io/io_fixture.h"

namespace cairn::io {
namespace {

class ReactorTest : public IoTest {};
INSTANTIATE_ON_BOTH_BACKENDS(ReactorTest);

TEST_P(ReactorTest, UsesTheBackendThatWasAskedFor) {
  EXPECT_EQ(reactor_->kind(), GetParam());
}

TEST_P(ReactorTest, NumbersReactorsFromZeroAndReusesNumbers) {
  EXPECT_EQ(reactor_->index(), 0);
  auto second = Reactor::create(options());
  ASSERT_TRUE(second);
  EXPECT_EQ((*second)->index(), 1);
  reactor_.reset();
  make_reactor(options());
  EXPECT_EQ(reactor_->index(), 0);
}

Task<Reactor*> current_reactor() {
  co_return &Reactor::current();
}

TEST_P(ReactorTest, IsCurrentOnlyWhileItRuns) {
  EXPECT_EQ(Reactor::current_or_null(), nullptr);
  EXPECT_EQ(run(current_reactor()), reactor_.get());
  EXPECT_EQ(Reactor::current_or_null(), nullptr);
}

Task<void> sleep_and_note(Duration delay, int id, std::vector<int>& order) {
  const Status slept = co_await sleep_for(delay);
  EXPECT_TRUE(slept);
  order.push_back(id);
}

Task<Duration> sleep_side_by_side(std::vector<int>& order) {
  const Instant start = Reactor::current().clock().now();
  Scope scope;
  scope.spawn(sleep_and_note(milliseconds(30), 3, order));
  scope.spawn(sleep_and_note(milliseconds(10), 1, order));
  scope.spawn(sleep_and_note(milliseconds(20), 2, order));
  co_await scope.join();
  co_return Reactor::current().clock().now() - start;
}

TEST_P(ReactorTest, SleepsEndInOrderAndNotEarly) {
  std::vector<int> order;
  const Duration taken = run(sleep_side_by_side(order));
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
  EXPECT_GE(taken, milliseconds(30));
}

Task<void> sleep_until_stopped(StopToken stop, Status& outcome) {
  outcome = co_await sleep_for(seconds(3600), stop);
}

Task<void> stop_sleepers(Status& before, Status& after) {
  Scope scope;
  scope.spawn(sleep_until_stopped(scope.stop_token(), before));
  scope.request_stop();
  scope.spawn(sleep_until_stopped(scope.stop_token(), after));
  co_await scope.join();
}

TEST_P(ReactorTest, ASleepEndsWhenStoppedBeforeOrAfterItBegan) {
  Status before;
  Status after;
  run(stop_sleepers(before, after));
  ASSERT_FALSE(before);
  EXPECT_EQ(before.error().code, Code::kCancelled);
  ASSERT_FALSE(after);
  EXPECT_EQ(after.error().code, Code::kCancelled);
}

Task<void> yield_and_note(int id, std::vector<int>& order) {
  for (int i = 0; i < 3; ++i) {
    order.push_back(id);
    co_await yield();
  }
}

Task<void> yield_side_by_side(std::vector<int>& order) {
  Scope scope;
  scope.spawn(yield_and_note(1, order));
  scope.spawn(yield_and_note(2, order));
  co_await scope.join();
}

TEST_P(ReactorTest, YieldLetsOthersRun) {
  std::vector<int> order;
  run(yield_side_by_side(order));
  EXPECT_EQ(order, (std::vector<int>{1, 2, 1, 2, 1, 2}));
}

Task<void> note_after_yield(std::string& order) {
  co_await yield();
  order += "y";
}

Task<void> use_end_of_turn(std::string& order) {
  Scope scope;
  co_await yield();
  Reactor::current().at_end_of_turn([&order] { order += "e"; });
  order += "a";
  scope.spawn(note_after_yield(order));
  co_await scope.join();
}

TEST_P(ReactorTest, EndOfTurnWorkRunsAfterWhatIsReadyAndBeforeWhatComesLater) {
  std::string order;
  run(use_end_of_turn(order));
  EXPECT_EQ(order, "aey");
}

Task<void> wait_for_end_of_turn(Event& event) {
  Reactor::current().at_end_of_turn([&event] { event.set(); });
  co_await event.wait();
}

TEST_P(ReactorTest, EndOfTurnWorkKeepsTheLoopAwake) {
  Event event;
  run(wait_for_end_of_turn(event));
}

Task<void> spin(bool& stop) {
  while (!stop) co_await yield();
}

Task<Status> sleep_beside_a_spinner() {
  bool stop = false;
  Scope scope;
  scope.spawn(spin(stop));
  const Status slept = co_await sleep_for(milliseconds(5));
  stop = true;
  co_await scope.join();
  co_return slept;
}

TEST_P(ReactorTest, AYieldingLoopDoesNotKeepTimersFromFiring) {
  EXPECT_TRUE(run(sleep_beside_a_spinner()));
}

struct Counter {
  size_t expected;
  std::vector<int> seen;
  Event done;
};

Task<void> wait_for(Event& event) {
  co_await event.wait();
}

TEST_P(ReactorTest, MessagesOfEachSenderArriveInOrder) {
  constexpr int kSendersCount = 3;
  constexpr int kMessagesCount = 2000;
  std::vector<std::vector<int>> seen(kSendersCount);
  int total = 0;
  Event done;
  std::vector<std::thread> senders;
  for (int sender = 0; sender < kSendersCount; ++sender) {
    senders.emplace_back([&, sender] {
      for (int i = 0; i < kMessagesCount; ++i) {
        reactor_->post([&, sender, i] {
          seen[static_cast<size_t>(sender)].push_back(i);
          if (++total == kSendersCount * kMessagesCount) done.set();
        });
      }
    });
  }
  run(wait_for(done));
  for (std::thread& sender : senders) sender.join();
  for (const std::vector<int>& numbers : seen) {
    for (int i = 0; i < kMessagesCount; ++i) ASSERT_EQ(numbers[static_cast<size_t>(i)], i);
  }
}

// Each message is sent only after the one before was handled, so the loop is mostly asleep.
TEST_P(ReactorTest, EveryMessageWakesASleepingLoop) {
  constexpr int kRoundsCount = 500;
  std::atomic<int> handled{0};
  Event done;
  std::thread sender([&] {
    for (int i = 0; i < kRoundsCount; ++i) {
      reactor_->post([&] {
        handled.fetch_add(1);
        handled.notify_one();
        if (handled == kRoundsCount) done.set();
      });
      handled.wait(i);
    }
  });
  run(wait_for(done));
  sender.join();
  EXPECT_EQ(handled, kRoundsCount);
}

TEST_P(ReactorTest, MessagesToADeadReactorAreDropped) {
  const auto alive = std::make_shared<int>(1);
  const std::shared_ptr<Mailbox> mailbox = reactor_->mailbox();
  reactor_->post([alive] {});
  EXPECT_EQ(alive.use_count(), 2);
  reactor_.reset();
  EXPECT_EQ(alive.use_count(), 1);
  mailbox->post([alive] {});
  EXPECT_EQ(alive.use_count(), 1);
}

// A second reactor on a thread of its own, which runs until told to end.
class OtherReactor {
 public:
  explicit OtherReactor(ReactorOptions options) {
    std::latch started(1);
    thread_ = std::thread([&, options] {
      auto made = Reactor::create(options);
      reactor_ = made->get();
      started.count_down();
      reactor_->run(wait_for(end_));
    });
    started.wait();
  }
  ~OtherReactor() {
    reactor_->post([this] { end_.set(); });
    thread_.join();
  }
  Reactor& operator*() { return *reactor_; }

 private:
  Event end_;
  Reactor* reactor_ = nullptr;
  std::thread thread_;
};

struct HomeChecked {
  explicit HomeChecked(std::thread::id& destroyed) : destroyed_on(destroyed) {}
  HomeChecked(const HomeChecked&) = delete;
  ~HomeChecked() { destroyed_on = std::this_thread::get_id(); }
  std::thread::id& destroyed_on;
};

Task<Result<std::thread::id>> thread_of_task(bool fails, std::thread::id& destroyed_on) {
  const HomeChecked local(destroyed_on);
  const Status slept = co_await sleep_for(milliseconds(1));
  EXPECT_TRUE(slept);
  if (fails) co_await or_return(Status(fail(Code::kNotFound, "as asked")));
  co_return std::this_thread::get_id();
}

Task<void> hop(Reactor& target) {
  Reactor& home = Reactor::current();
  const auto here = std::this_thread::get_id();
  for (int i = 0; i < 50; ++i) {
    std::thread::id destroyed_on;
    const auto there = co_await run_on(target, thread_of_task(false, destroyed_on));
    EXPECT_TRUE(there);
    EXPECT_NE(*there, here);
    EXPECT_EQ(destroyed_on, *there);
    EXPECT_EQ(std::this_thread::get_id(), here);
    // A failed task is left suspended; its locals belong over there as well.
    std::thread::id failed_on;
    const auto failed = co_await run_on(target, thread_of_task(true, failed_on));
    EXPECT_FALSE(failed);
    EXPECT_EQ(failed_on, *there);
  }
  std::thread::id destroyed_on;
  const auto same = co_await run_on(home, thread_of_task(false, destroyed_on));
  EXPECT_EQ(*same, here);
}

TEST_P(ReactorTest, RunOnRunsOverThereAndComesBack) {
  OtherReactor other(options());
  run(hop(*other));
}

Task<void> bump(int& count) {
  ++count;
  co_return;
}

Task<void> hop_often(Reactor& target, int& count) {
  for (int i = 0; i < 300; ++i) co_await run_on(target, bump(count));
}

Task<void> hop_side_by_side(Reactor& target, int& count) {
  Scope scope;
  for (int i = 0; i < 10; ++i) scope.spawn(hop_often(target, count));
  co_await scope.join();
}

TEST_P(ReactorTest, ManyTasksHopAtOnce) {
  OtherReactor other(options());
  int count = 0;
  run(hop_side_by_side(*other, count));
  EXPECT_EQ(count, 3000);
}

}  // namespace
}  // namespace cairn::io
