// Property: whatever the interleaving of uploads (by chunk, by whole body, by session), deletions,
// readers, rewriters, collector, sweep and crashes, no object and no reader loses a chunk, no edge
// is without an owner, and in the end nothing stays that nobody refers to. Method: breadth-first
// search of every reachable state of the model. Each safeguard is taken away once, and the search
// must find what then goes wrong.
#include "tests/property/object/reference_model.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <deque>
#include <set>

namespace cairn::object::model {
namespace {

struct Scenario {
  const char* name;
  std::vector<Role> roles;
  uint8_t crashes = 0;
};

std::vector<Scenario> scenarios() {
  const Role overwrite{Kind::kWriter, 0, 2};
  const Role other{Kind::kWriter, 1, 3};
  const Role instant{Kind::kInstant, 1, 0};
  const Role session{Kind::kSession, 1, 3};
  const Role remove{Kind::kDeleter, 0, 0};
  const Role remove_other{Kind::kDeleter, 1, 0};
  const Role reader{Kind::kReader, 0, 0};
  const Role reader_other{Kind::kReader, 1, 0};
  const Role rewriter{Kind::kRewriter, 0, 1};
  const Role again{Kind::kRewriter, 0, 4};
  return {
      {"instant upload, overwriting, deletions, crash",
       {instant, overwrite, remove, remove_other},
       1},
      {"two instant uploads and a writer of the same chunks", {instant, instant, other, remove}, 0},
      {"writers that hit and miss, deletions, two crashes", {overwrite, other, remove}, 2},
      {"instant upload with readers", {instant, remove, reader, reader_other, remove_other}, 1},
      {"session, deletion, overwriting, crash", {session, remove, overwrite, reader_other}, 1},
      {"session beside an instant upload, two crashes", {session, instant, remove}, 2},
      {"five at once, crash", {session, instant, overwrite, remove, reader_other}, 1},
      {"five at once with both objects removed", {instant, other, remove, remove_other, reader}, 2},
      {"two instant uploads, session, removal, overwriting",
       {instant, instant, session, remove, overwrite},
       1},
      {"rewriter, overwriting, deletion, reader, crash", {rewriter, overwrite, remove, reader}, 1},
      {"rewriter beside an instant upload, two crashes", {rewriter, instant, remove, reader}, 2},
      {"two rewriters, reader, instant upload", {rewriter, again, reader, instant}, 1},
  };
}

struct Found {
  size_t states = 0;
  std::optional<std::string> violation;
};

Found search(const Scenario& scenario, const Flaws& flaws) {
  const Model model(scenario.roles, flaws);
  std::set<State> seen;
  std::deque<const State*> waiting;
  waiting.push_back(&*seen.insert(model.initial(scenario.crashes)).first);
  while (!waiting.empty()) {
    const State& state = *waiting.front();
    waiting.pop_front();
    const std::vector<State> next = model.successors(state);
    bool only_crashes = true;
    for (const State& each : next) {
      only_crashes = only_crashes && each.crashes_left < state.crashes_left;
      const auto [at, fresh] = seen.insert(each);
      if (fresh) waiting.push_back(&*at);
    }
    std::optional<std::string> wrong = model.violation(state, only_crashes);
    if (wrong) return {seen.size(), std::move(wrong)};
  }
  return {seen.size(), std::nullopt};
}

TEST(ReferenceModel, HoldsInEveryReachableState) {
  size_t states = 0;
  for (const Scenario& scenario : scenarios()) {
    const Found found = search(scenario, {});
    EXPECT_EQ(found.violation, std::nullopt) << scenario.name;
    std::printf("%s: %zu states\n", scenario.name, found.states);
    states += found.states;
  }
  EXPECT_GT(states, 100'000U);
}

TEST(ReferenceModel, FindsEveryMissingSafeguard) {
  const std::pair<const char*, bool Flaws::*> flaws[] = {
      {"commits before the flush", &Flaws::commits_before_flush},
      {"instant upload without holds", &Flaws::instant_takes_no_hold},
      {"holds end before the commit", &Flaws::holds_end_before_commit},
      {"unlink ignores holders", &Flaws::unlink_ignores_holders},
      {"unlink ignores edges", &Flaws::unlink_ignores_edges},
      {"link takes a condemned chunk", &Flaws::link_takes_condemned},
      {"collector ignores readers", &Flaws::collector_ignores_readers},
      {"session without edges", &Flaws::session_keeps_no_edges},
      {"no sweep after a crash", &Flaws::sweep_is_left_out},
      {"move that ignores races", &Flaws::move_ignores_races},
      {"move before the flush", &Flaws::move_before_flush},
      {"moved edges that go at once", &Flaws::moved_edges_go_at_once},
      {"copies in a chunk of before", &Flaws::copy_takes_an_old_id},
  };
  for (const auto& [name, member] : flaws) {
    Flaws one;
    one.*member = true;
    std::optional<std::string> violation;
    for (const Scenario& scenario : scenarios()) {
      violation = search(scenario, one).violation;
      if (violation) break;
    }
    EXPECT_TRUE(violation) << name;
    std::printf("%s: %s\n", name, violation.value_or("not found").c_str());
  }
}

}  // namespace
}  // namespace cairn::object::model
