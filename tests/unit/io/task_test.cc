// Properties: or_return hands a failure to the nearest awaiting Result task and lets nothing after
// it run; chains of any depth use constant stack; owners destroy suspended bodies and their locals.
// Method: tasks on a reactor of each backend, with counters in their locals.
#include "io/task.h"

#include <thread>

#include "io/scope.h"
#include "io/sync.h"
#include "tests/unit/io/io_fixture.h"

namespace cairn::io {
namespace {

class TaskTest : public IoTest {};
INSTANTIATE_ON_BOTH_BACKENDS(TaskTest);

struct Counted {
  explicit Counted(int& count) : alive(count) { ++alive; }
  Counted(const Counted&) = delete;
  ~Counted() { --alive; }
  int& alive;
};

Task<Result<int>> succeed_later(int value) {
  co_await yield();
  co_return value;
}
Task<Result<int>> fail_later(Code code) {
  co_await yield();
  co_return fail(code, "as asked");
}

Task<Result<std::string>> propagate(int& alive, bool& reached) {
  const Counted local(alive);
  const int good = co_await or_return(succeed_later(7));
  EXPECT_EQ(good, 7);
  const int bad = co_await or_return(fail_later(Code::kNotFound));
  reached = true;
  co_return std::to_string(bad);
}

Task<Result<std::string>> propagate_twice(int& alive, bool& reached) {
  std::string text = co_await or_return(propagate(alive, reached));
  reached = true;
  co_return text;
}

TEST_P(TaskTest, OrReturnEndsEveryAwaitingResultTask) {
  int alive = 0;
  bool reached = false;
  const Result<std::string> result = run(propagate_twice(alive, reached));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kNotFound);
  EXPECT_FALSE(reached);
  EXPECT_EQ(alive, 0);
}

Task<Result<int>> unwrap_values() {
  const int value = co_await or_return(Result<int>(3));
  co_await or_return(Status());
  const int never = co_await or_return(Result<int>(fail(Code::kNoSpace, "full")));
  co_return value + never;
}

TEST_P(TaskTest, OrReturnUnwrapsPlainResults) {
  const Result<int> result = run(unwrap_values());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kNoSpace);
}

Task<int> count_down(int depth) {
  if (depth == 0) {
    co_await yield();
    co_return 0;
  }
  const int below = co_await count_down(depth - 1);
  co_return below + 1;
}

TEST_P(TaskTest, DeepChainsUseConstantStack) {
  EXPECT_EQ(run(count_down(100000)), 100000);
}

Task<void> hold_for_ever(int& alive, Event& never) {
  const Counted local(alive);
  co_await never.wait();
}

TEST_P(TaskTest, AnUnstartedTaskIsDestroyedWithoutRunning) {
  int alive = 0;
  Event never;
  {
    const Task<void> task = hold_for_ever(alive, never);
    EXPECT_EQ(alive, 0);
  }
  EXPECT_EQ(alive, 0);
}

Task<void> do_nothing() {
  co_return;
}

TEST(TaskFrames, MayBeFreedByAnotherThread) {
  for (int round = 0; round < 100; ++round) {
    std::vector<Task<void>> made;
    std::thread maker([&] {
      for (int i = 0; i < 10; ++i) made.push_back(do_nothing());
    });
    maker.join();
    made.clear();
  }
}

// Frees its task when the thread's locals are destroyed, after or before the free lists are.
struct LateOwner {
  Task<void> task;
};

TEST(TaskFrames, MayBeFreedWhileTheThreadEnds) {
  std::thread thread([] {
    static thread_local LateOwner before;
    before.task = do_nothing();
    static_cast<void>(do_nothing());
    static thread_local LateOwner after;
    after.task = do_nothing();
  });
  thread.join();
}

}  // namespace
}  // namespace cairn::io
