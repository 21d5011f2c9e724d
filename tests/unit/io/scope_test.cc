// Properties: join() waits for every child, those spawned meanwhile included, and a child's locals
// are gone by then; a stop reaches every child once.
// Method: children that wait on events and sleeps, with counters in their locals.
#include "io/scope.h"

#include <vector>

#include "io/sync.h"
#include "tests/unit/io/io_fixture.h"

namespace cairn::io {
namespace {

class ScopeTest : public IoTest {};
INSTANTIATE_ON_BOTH_BACKENDS(ScopeTest);

struct Counted {
  explicit Counted(int& count) : alive(count) { ++alive; }
  Counted(const Counted&) = delete;
  ~Counted() { --alive; }
  int& alive;
};

Task<void> wait_on(Event& event, int& alive) {
  const Counted local(alive);
  co_await event.wait();
}

Task<void> join_children() {
  int alive = 0;
  Event event;
  Scope scope;
  for (int i = 0; i < 5; ++i) scope.spawn(wait_on(event, alive));
  EXPECT_EQ(alive, 5);  // Started at once.
  EXPECT_EQ(scope.running_count(), 5u);
  event.set();
  co_await scope.join();
  EXPECT_EQ(alive, 0);
  EXPECT_EQ(scope.running_count(), 0u);
  // A second round on the same scope.
  scope.spawn(wait_on(event, alive));
  co_await scope.join();
}

TEST_P(ScopeTest, JoinWaitsForEveryChild) {
  run(join_children());
}

Task<void> spawn_chain(Scope& scope, int left, int& ran) {
  co_await yield();
  ++ran;
  if (left != 0) scope.spawn(spawn_chain(scope, left - 1, ran));
}

Task<int> join_a_chain() {
  Scope scope;
  int ran = 0;
  scope.spawn(spawn_chain(scope, 20, ran));
  co_await scope.join();
  co_return ran;
}

TEST_P(ScopeTest, ChildrenMaySpawnWhileTheScopeIsJoined) {
  EXPECT_EQ(run(join_a_chain()), 21);
}

Task<void> sleep_long(StopToken stop, std::vector<Code>& codes) {
  const Status slept = co_await sleep_for(seconds(3600), stop);
  EXPECT_FALSE(slept);
  if (!slept) codes.push_back(slept.error().code);
}

Task<std::vector<Code>> cancel_children() {
  Scope scope;
  std::vector<Code> codes;
  for (int i = 0; i < 10; ++i) scope.spawn(sleep_long(scope.stop_token(), codes));
  scope.request_stop();
  co_await scope.join();
  co_return codes;
}

TEST_P(ScopeTest, AStopEndsEveryChild) {
  EXPECT_EQ(run(cancel_children()), std::vector<Code>(10, Code::kCancelled));
}

struct Noted final : StopCallback {
  void on_stop() noexcept override {
    ++count;
    if (victim != nullptr) victim->unlink();
  }
  int count = 0;
  StopCallback* victim = nullptr;
};

TEST(Stop, RunsEachCallbackOnceAndNoneThatWasUnlinked) {
  StopSource source;
  Noted first;
  Noted second;
  Noted third;
  Noted late;
  {
    Noted gone;
    source.token().add(gone);
  }
  first.victim = &second;
  source.token().add(first);
  source.token().add(second);
  source.token().add(third);
  EXPECT_FALSE(source.token().stop_requested());
  source.request();
  source.request();
  EXPECT_TRUE(source.token().stop_requested());
  source.token().add(late);
  EXPECT_EQ(first.count, 1);
  EXPECT_EQ(second.count, 0);
  EXPECT_EQ(third.count, 1);
  EXPECT_EQ(late.count, 1);
  EXPECT_FALSE(late.linked());
}

TEST(Stop, ATokenWithoutSourceNeverStops) {
  Noted callback;
  StopToken().add(callback);
  EXPECT_FALSE(StopToken().stop_requested());
  EXPECT_FALSE(callback.linked());
}

}  // namespace
}  // namespace cairn::io
