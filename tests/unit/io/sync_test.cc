// Properties: events release all, semaphores serve in arrival order and cannot be overtaken, a
// mutex excludes, a completion carries a value from any thread and may be given up.
// Method: tasks side by side on one reactor that note their order; real threads for completions.
#include "io/sync.h"

#include <memory>
#include <thread>
#include <vector>

#include "io/scope.h"
#include "tests/unit/io/io_fixture.h"

namespace cairn::io {
namespace {

class SyncTest : public IoTest {};
INSTANTIATE_ON_BOTH_BACKENDS(SyncTest);

Task<void> wait_and_count(Event& event, int& count) {
  co_await event.wait();
  ++count;
}

Task<void> use_event() {
  Event event;
  int count = 0;
  Scope scope;
  for (int i = 0; i < 3; ++i) scope.spawn(wait_and_count(event, count));
  co_await yield();
  EXPECT_EQ(count, 0);
  event.set();
  co_await scope.join();
  EXPECT_EQ(count, 3);
  scope.spawn(wait_and_count(event, count));  // Still set.
  EXPECT_EQ(count, 4);
  event.reset();
  scope.spawn(wait_and_count(event, count));
  EXPECT_EQ(count, 4);
  event.set();
  co_await scope.join();
}

TEST_P(SyncTest, AnEventReleasesAllUntilReset) {
  run(use_event());
}

Task<void> acquire_and_note(Semaphore& semaphore, int id, std::vector<int>& order) {
  co_await semaphore.acquire();
  order.push_back(id);
  co_await yield();
  semaphore.release();
}

Task<std::vector<int>> queue_at_semaphore() {
  Semaphore semaphore(2);
  std::vector<int> order;
  Scope scope;
  for (int id = 0; id < 8; ++id) scope.spawn(acquire_and_note(semaphore, id, order));
  EXPECT_FALSE(semaphore.try_acquire());
  co_await scope.join();
  EXPECT_EQ(semaphore.available(), 2u);
  co_return order;
}

TEST_P(SyncTest, ASemaphoreServesInArrivalOrder) {
  EXPECT_EQ(run(queue_at_semaphore()), (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7}));
}

Task<void> note_acquired(Semaphore& semaphore, std::string& order) {
  co_await semaphore.acquire();
  order += "w";
}

Task<std::string> try_to_overtake() {
  Semaphore semaphore(1);
  std::string order;
  co_await semaphore.acquire();
  Scope scope;
  scope.spawn(note_acquired(semaphore, order));
  semaphore.release();
  // The permit is promised to the waiter, which has not run yet.
  order += semaphore.try_acquire() ? "overtook " : "refused ";
  co_await scope.join();
  co_return order;
}

TEST_P(SyncTest, AWaiterCannotBeOvertaken) {
  EXPECT_EQ(run(try_to_overtake()), "refused w");
}

Task<void> enter(Mutex& mutex, int& inside, int& entered) {
  const MutexGuard guard = co_await mutex.lock();
  EXPECT_EQ(++inside, 1);
  co_await yield();
  --inside;
  ++entered;
}

Task<int> contend() {
  Mutex mutex;
  int inside = 0;
  int entered = 0;
  Scope scope;
  for (int i = 0; i < 10; ++i) scope.spawn(enter(mutex, inside, entered));
  co_await scope.join();
  co_return entered;
}

TEST_P(SyncTest, AMutexExcludes) {
  EXPECT_EQ(run(contend()), 10);
}

using Boxed = std::unique_ptr<int>;

Task<int> await_completion(bool early) {
  const auto completion = Completion<Boxed>::make();
  std::thread setter([completion] { completion.complete(std::make_unique<int>(42)); });
  if (early) {
    setter.join();
    const Boxed value = co_await completion.wait();
    co_return *value;
  }
  const Boxed value = co_await completion.wait();
  setter.join();
  co_return *value;
}

TEST_P(SyncTest, ACompletionCarriesAValueFromAThread) {
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(run(await_completion(true)), 42);
    EXPECT_EQ(run(await_completion(false)), 42);
  }
}

Task<Code> give_up_completion() {
  const auto completion = Completion<int>::make();
  const Instant deadline = Reactor::current().clock().now() + milliseconds(20);
  const Result<int> value = co_await completion.wait({.deadline = deadline});
  EXPECT_GE(Reactor::current().clock().now(), deadline);
  completion.complete(1);  // Comes too late for anybody.
  co_await yield();
  co_return value ? Code::kInternal : value.error().code;
}

TEST_P(SyncTest, WaitingForACompletionEndsAtItsDeadline) {
  EXPECT_EQ(run(give_up_completion()), Code::kDeadlineExceeded);
}

Task<void> complete_from_many_threads() {
  std::vector<Completion<size_t>> completions;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < 64; ++i) completions.push_back(Completion<size_t>::make());
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&completions, t] {
      for (size_t i = t; i < completions.size(); i += 4) completions[i].complete(i);
    });
  }
  for (size_t i = 0; i < completions.size(); ++i) {
    const size_t value = co_await completions[i].wait();
    EXPECT_EQ(value, i);
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_P(SyncTest, ManyThreadsComplete) {
  run(complete_from_many_threads());
}

}  // namespace
}  // namespace cairn::io
