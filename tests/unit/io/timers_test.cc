// Properties: timers fire in order of time and then of arming; deadlines never fire early, fire
// within two granules, and next() is never later than the first of them.
// Method: seeded random schedules against a sorted model, with time as a number.
#include "io/timers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <vector>

#include "base/random.h"

namespace cairn::io {
namespace {

struct Alarm final : TimerHeap::Entry {
  void on_timer() noexcept override { fired->push_back(id); }
  int id = 0;
  std::vector<int>* fired = nullptr;
};

TEST(TimerHeap, FiresInOrderWhateverIsRemoved) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    SeededRandom random(seed);
    TimerHeap heap;
    std::deque<Alarm> alarms(300);
    std::vector<int> fired;
    std::vector<std::pair<int64_t, int>> model;
    for (int id = 0; id < 300; ++id) {
      Alarm& alarm = alarms[static_cast<size_t>(id)];
      alarm.id = id;
      alarm.fired = &fired;
      const auto at = static_cast<int64_t>(random.below(50));
      heap.add(alarm, {at});
      model.emplace_back(at, id);
    }
    for (int id = 0; id < 300; id += 3) alarms[static_cast<size_t>(id)].disarm();
    std::erase_if(model, [](const auto& entry) { return entry.second % 3 == 0; });
    std::sort(model.begin(), model.end());  // By time, then by order of arming.
    for (int64_t now = 0; now < 50; now += 7) {
      heap.advance({now});
      const auto due = std::count_if(model.begin(), model.end(),
                                     [&](const auto& entry) { return entry.first <= now; });
      ASSERT_EQ(fired.size(), static_cast<size_t>(due));
    }
    heap.advance({50});
    ASSERT_EQ(fired.size(), model.size());
    for (size_t i = 0; i < fired.size(); ++i) ASSERT_EQ(fired[i], model[i].second);
    EXPECT_EQ(heap.next(), kNever);
  }
}

struct Deadline final : DeadlineWheel::Entry {
  void on_deadline() noexcept override { fired_at = *clock; }
  const Instant* clock = nullptr;
  Instant due;
  Instant fired_at = kNever;
};

TEST(DeadlineWheel, NeverFiresEarlyAndNeverMuchLate) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    SeededRandom random(seed);
    Instant now{static_cast<int64_t>(random.below(1000000)) * 1000003};
    DeadlineWheel wheel(now);
    std::deque<Deadline> deadlines(500);
    const Instant start = now;
    for (Deadline& deadline : deadlines) {
      // Up to four turns of the wheel ahead.
      deadline.due = start + milliseconds(static_cast<int64_t>(random.below(140000)) + 1);
      deadline.clock = &now;
      wheel.add(deadline, deadline.due);
    }
    for (size_t i = 0; i < deadlines.size(); i += 5) deadlines[i].disarm();
    while (wheel.next() != kNever) {
      Instant first = kNever;
      for (const Deadline& deadline : deadlines) {
        if (deadline.armed()) first = std::min(first, deadline.due);
      }
      ASSERT_LE(wheel.next(), first + kDeadlineGranularity);
      ASSERT_GT(wheel.next(), now);
      now = wheel.next();
      wheel.advance(now);
    }
    for (size_t i = 0; i < deadlines.size(); ++i) {
      if (i % 5 == 0) {
        ASSERT_EQ(deadlines[i].fired_at, kNever);
        continue;
      }
      ASSERT_GE(deadlines[i].fired_at, deadlines[i].due);
      ASSERT_LE(deadlines[i].fired_at, deadlines[i].due + kDeadlineGranularity);
    }
  }
}

struct Disarmer final : DeadlineWheel::Entry {
  void on_deadline() noexcept override {
    ++fired;
    for (Disarmer* victim : victims) victim->disarm();
  }
  int fired = 0;
  std::vector<Disarmer*> victims;
};

TEST(DeadlineWheel, FiringOneMayDisarmOthersOfTheSameTick) {
  DeadlineWheel wheel({0});
  Disarmer a;
  Disarmer b;
  Disarmer c;
  a.victims = {&b, &c};
  for (Disarmer* entry : {&a, &b, &c}) wheel.add(*entry, Instant{} + milliseconds(100));
  wheel.advance(Instant{} + seconds(1));
  EXPECT_EQ(a.fired + b.fired + c.fired, 1);
}

TEST(DeadlineWheel, SurvivesALongJumpOfTime) {
  DeadlineWheel wheel({0});
  Disarmer near;
  Disarmer far;
  wheel.add(near, Instant{} + milliseconds(100));
  wheel.add(far, Instant{} + seconds(7200));
  wheel.advance(Instant{} + seconds(3600));
  EXPECT_EQ(near.fired, 1);
  EXPECT_EQ(far.fired, 0);
  wheel.advance(Instant{} + seconds(7201));
  EXPECT_EQ(far.fired, 1);
}

}  // namespace
}  // namespace cairn::io
