// Properties: a group has one named thread and reactor per member; tasks run on each; reactors of a
// group reach each other; a group that cannot start says why and leaves no thread behind.
#include "io/reactor_group.h"

#include <pthread.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <set>

#include "io/sync.h"
#include "tests/unit/io/io_fixture.h"

namespace cairn::io {
namespace {

class ReactorGroupTest : public IoTest {};
INSTANTIATE_ON_BOTH_BACKENDS(ReactorGroupTest);

struct Seen {
  std::string name;
  int index = -1;
  int visits = 0;
};

Task<void> look_around(Seen& seen) {
  std::array<char, 32> name{};
  ::pthread_getname_np(::pthread_self(), name.data(), name.size());
  seen.name = name.data();
  seen.index = Reactor::current().index();
  co_return;
}

Task<void> visit(int& visits) {
  ++visits;
  co_return;
}

Task<void> visit_all(ReactorGroup& group, std::array<Seen, 3>& seen) {
  for (int round = 0; round < 100; ++round) {
    for (size_t i = 0; i < group.size(); ++i) {
      co_await run_on(group.reactor(i), visit(seen[i].visits));
    }
  }
}

TEST_P(ReactorGroupTest, RunsATaskOnEachAndLetsThemReachEachOther) {
  reactor_.reset();
  auto group =
      ReactorGroup::start({.reactors_count = 3, .pin_to_cores = true, .reactor = options()});
  ASSERT_TRUE(group) << group.error().message;
  std::array<Seen, 3> seen;
  (*group)->run_on_each([&](size_t i) { return look_around(seen[i]); });
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(seen[i].index, static_cast<int>(i));
    EXPECT_EQ(seen[i].name, "cairn-io-" + std::to_string(i));
  }
  (*group)->run_on_each([&](size_t) { return visit_all(**group, seen); });
  for (const Seen& one : seen) EXPECT_EQ(one.visits, 300);
  (*group)->join();
}

TEST(ReactorGroup, SaysWhyItCannotStart) {
  ::setenv("CAIRN_IO", "carrier-pigeon", 1);
  const auto group = ReactorGroup::start({.reactors_count = 2});
  ::unsetenv("CAIRN_IO");
  ASSERT_FALSE(group);
  EXPECT_EQ(group.error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace cairn::io
