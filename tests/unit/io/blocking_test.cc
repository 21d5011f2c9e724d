// Properties: work runs on other threads, at most threads_count at a time and in order of arrival;
// a full queue refuses; the destructor finishes what was queued.
// Method: work that blocks on latches which the test opens.
#include "io/blocking.h"

#include <atomic>
#include <latch>
#include <semaphore>
#include <thread>

#include "io/scope.h"
#include "tests/unit/io/io_fixture.h"

namespace cairn::io {
namespace {

class BlockingTest : public IoTest {};
INSTANTIATE_ON_BOTH_BACKENDS(BlockingTest);

Task<Result<std::thread::id>> where() {
  const std::thread::id there =
      co_await or_return(blocking_pool().run([] { return std::this_thread::get_id(); }));
  co_return there;
}

TEST_P(BlockingTest, RunsWorkOnAnotherThread) {
  const auto there = run(where());
  ASSERT_TRUE(there);
  EXPECT_NE(*there, std::this_thread::get_id());
}

Task<Result<int>> nested_result(bool good) {
  const auto work = [good]() -> Result<int> {
    if (good) return 5;
    return fail(Code::kNotFound, "as asked");
  };
  Result<int> value = co_await or_return(blocking_pool().run(work));
  co_return value;
}

TEST_P(BlockingTest, KeepsTheResultOfTheWorkApartFromItsOwn) {
  EXPECT_EQ(run(nested_result(true)).value(), 5);
  EXPECT_EQ(run(nested_result(false)).error().code, Code::kNotFound);
}

Task<Status> nothing_returned(std::atomic<int>& count) {
  co_return co_await blocking_pool().run([&count] { ++count; });
}

TEST_P(BlockingTest, RunsWorkWithoutAResult) {
  std::atomic<int> count = 0;
  EXPECT_TRUE(run(nothing_returned(count)));
  EXPECT_EQ(count, 1);
}

struct Gate {
  std::counting_semaphore<> open{0};
  std::atomic<int> inside{0};
  std::atomic<int> inside_max{0};
};

void pass(Gate& gate) {
  const int inside = ++gate.inside;
  int seen = gate.inside_max;
  while (seen < inside && !gate.inside_max.compare_exchange_weak(seen, inside)) {
  }
  gate.open.acquire();
  --gate.inside;
}

Task<void> pass_in_pool(BlockingPool& pool, Gate& gate, int& passed, int& refused) {
  const Status done = co_await pool.run([&gate] { pass(gate); });
  if (done) {
    ++passed;
  } else {
    EXPECT_EQ(done.error().code, Code::kResourceExhausted);
    ++refused;
  }
}

Task<void> overfill(int& passed, int& refused, int& inside_max) {
  BlockingPool pool(2, 3);
  Gate gate;
  Scope scope;
  for (int i = 0; i < 2; ++i) scope.spawn(pass_in_pool(pool, gate, passed, refused));
  // Both threads are taken, so that what follows stays in the queue.
  while (gate.inside != 2) std::this_thread::yield();
  for (int i = 0; i < 6; ++i) scope.spawn(pass_in_pool(pool, gate, passed, refused));
  EXPECT_EQ(pool.queue_depth(), 3u);
  gate.open.release(5);
  co_await scope.join();
  inside_max = gate.inside_max;
}

TEST_P(BlockingTest, BoundsThreadsAndQueue) {
  int passed = 0;
  int refused = 0;
  int inside_max = 0;
  run(overfill(passed, refused, inside_max));
  EXPECT_EQ(passed, 5);
  EXPECT_EQ(refused, 3);
  EXPECT_EQ(inside_max, 2);
}

Task<void> count_in_pool(BlockingPool& pool, std::atomic<int>& count) {
  const Status done = co_await pool.run([&count] { ++count; });
  EXPECT_TRUE(done);
}

Task<int> destroy_with_work_queued() {
  std::atomic<int> count = 0;
  Scope scope;
  {
    BlockingPool pool(1, 100);
    for (int i = 0; i < 50; ++i) scope.spawn(count_in_pool(pool, count));
  }
  EXPECT_EQ(count, 50);
  co_await scope.join();
  co_return count;
}

TEST_P(BlockingTest, TheDestructorFinishesQueuedWork) {
  EXPECT_EQ(run(destroy_with_work_queued()), 50);
}

Task<Code> give_up_on(Gate& gate) {
  const Until until{.deadline = Reactor::current().clock().now() + milliseconds(10)};
  const Status done = co_await blocking_pool().run_until([&gate] { pass(gate); }, until);
  co_return done ? Code::kInternal : done.error().code;
}

TEST_P(BlockingTest, WaitingEndsAtTheDeadlineAndTheWorkGoesOn) {
  Gate gate;
  EXPECT_EQ(run(give_up_on(gate)), Code::kDeadlineExceeded);
  while (gate.inside_max == 0) std::this_thread::yield();
  gate.open.release();
  while (gate.inside != 0) std::this_thread::yield();
}

}  // namespace
}  // namespace cairn::io
