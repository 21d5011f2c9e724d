// The protocol of a bucket that nodes share (object/shared_directory.h, docs/decisions/0018) on
// paper: every interleaving of two writers and a deleter on two nodes, with a node that dies at any
// step, a session that is ended while its node lives, and a step whose outcome nobody learns: it
// happens at once, later or never.
//
// Checked in every state: a chunk that a committed edge names is in the directory, and its object
// in the bucket. And where nobody needs it, a last look drops it and its object goes. Each rule of
// the protocol is broken once, and the search must find what goes wrong then: a model that cannot
// fail proves nothing.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

namespace cairn {
namespace {

constexpr size_t kActors = 3;
constexpr std::array<uint8_t, kActors> kNodeOf = {0, 1, 0};  // Writers on 0 and 1, a deleter on 0.
constexpr size_t kNodes = 2;
constexpr size_t kStatesMax = 30'000'000;

// Rules that can be broken.
struct Mutant {
  bool commits_without_fence = false;
  bool drops_whatever_is_held = false;
  bool drops_whatever_is_referenced = false;
  bool drops_any_generation = false;
  bool deletes_before_drop = false;
  bool deletes_what_is_in_doubt = false;
  bool clears_before_commit = false;
  bool holds_while_dropping = false;  // Of the same node.
  bool settles_nothing = false;
  bool writes_one_generation = false;  // For every writing of the chunk.
};

enum class At : uint8_t {
  kHold,
  kPut,
  kPublish,
  kAskPublished,
  kDiscard,
  kCommit,
  kClear,
  kUnedge,
  kCondemn,
  kDrop,
  kDelete,
  kForget,
  kDone
};

struct Actor {
  At at = At::kHold;
  uint8_t generation = 0;  // That it writes, or saw.
  uint8_t fence = 0;       // As it was when its step was made.
  bool gave_up = false;
};

enum class Kind : uint8_t { kNone, kHold, kPublish, kCommit, kClear, kDrop, kDelete, kForget };
struct Step {
  Kind kind = Kind::kNone;
  uint8_t actor = 0;
  uint8_t generation = 0;
  uint8_t fence = 0;
};

struct World {
  uint8_t row = 1;      // The generation that the directory names; 0: the chunk is not there.
  uint8_t objects = 2;  // A bit per generation.
  uint8_t trash = 0;    // Rows, a bit per generation.
  uint8_t generations_count = 1;
  uint8_t holds = 0;  // A bit per actor: numbers of holds are never used twice.
  uint8_t edges = 0;  // A bit per actor.
  uint8_t dead_nodes = 0;
  uint8_t ended_sessions = 0;
  std::array<uint8_t, kNodes> fences = {};
  std::array<uint8_t, kNodes> doubts = {};  // Steps that may still arrive.
  uint8_t crashes_left = 1;
  uint8_t ends_left = 1;
  uint8_t doubts_left = 1;
  Step late;  // On its way, and nobody waits for it.
  std::array<Actor, kActors> actors;

  std::string key() const { return {reinterpret_cast<const char*>(this), sizeof *this}; }
};
static_assert(std::has_unique_object_representations_v<World>);

uint8_t bit(size_t number) {
  return static_cast<uint8_t>(1U << number);
}

class Search {
 public:
  explicit Search(Mutant mutant) : mutant_(mutant) {}

  // Empty, or what went wrong.
  std::string run() {
    World first;
    first.edges = bit(2);
    first.actors[2].at = At::kUnedge;
    add(first);
    while (!open_.empty() && wrong_.empty() && seen_.size() < kStatesMax) {
      const World world = open_.back();
      open_.pop_back();
      visit(world);
    }
    EXPECT_LT(seen_.size(), kStatesMax);
    return wrong_;
  }
  size_t states_count() const { return seen_.size(); }

 private:
  static bool is_readable(const World& world) {
    return world.row != 0 && (world.objects & bit(world.row)) != 0;
  }
  void add(const World& world) {
    if (!seen_.insert(world.key()).second) return;
    if (world.edges != 0 && !is_readable(world)) wrong_ = "an edge names a chunk that is gone";
    open_.push_back(world);
  }

  void visit(const World& world) {
    bool moved = arrive(world);
    for (size_t node = 0; node < kNodes; ++node) moved |= end(world, node);
    for (uint8_t actor = 0; actor < kActors; ++actor) moved |= move(world, actor);
    if (!moved) check_rest(world);
  }

  bool arrive(const World& world) {
    if (world.late.kind == Kind::kNone) return false;
    World next = world;
    apply(next, world.late);
    next.late = {};
    add(next);
    next = world;
    next.late = {};  // It never arrives.
    add(next);
    return true;
  }

  // A node dies; its session, or that of a node that lives, is ended; then its holds are cleared.
  bool end(const World& world, size_t node) {
    bool moved = false;
    World next = world;
    const bool dead = (world.dead_nodes & bit(node)) != 0;
    if (!dead && world.crashes_left > 0) {
      next.dead_nodes |= bit(node);
      --next.crashes_left;
      add(next);
    }
    next = world;
    if ((world.ended_sessions & bit(node)) == 0) {
      if (!dead && world.ends_left == 0) return false;
      if (!dead) --next.ends_left;
      next.ended_sessions |= bit(node);
      add(next);
      return dead;
    }
    for (size_t actor = 0; actor < kActors; ++actor) {
      if (kNodeOf[actor] != node || (world.holds & bit(actor)) == 0) continue;
      next = world;
      next.holds &= static_cast<uint8_t>(~bit(actor));
      add(next);
      moved = true;
    }
    return moved;
  }

  static bool is_live(const World& world, size_t actor) {
    return (world.dead_nodes & bit(kNodeOf[actor])) == 0 && world.actors[actor].at != At::kDone;
  }
  // The table of the actor's node has its hold, or its wish for one.
  static bool is_in_table(const World& world, size_t actor) {
    const At at = world.actors[actor].at;
    return is_live(world, actor) && at >= At::kPut && at <= At::kCommit;
  }
  // Somebody of the actor's node is about to drop the chunk.
  static bool is_condemned(const World& world, size_t actor) {
    for (size_t other = 0; other < kActors; ++other) {
      if (other == actor || kNodeOf[other] != kNodeOf[actor]) continue;
      if (is_live(world, other) && world.actors[other].at == At::kDrop) return true;
    }
    return false;
  }
  static bool has_session(const World& world, size_t actor) {
    return (world.ended_sessions & bit(kNodeOf[actor])) == 0;
  }
  static uint8_t holds_elsewhere(const World& world, size_t actor) {
    uint8_t holds = world.holds;
    for (size_t other = 0; other < kActors; ++other) {
      if (kNodeOf[other] == kNodeOf[actor]) holds &= static_cast<uint8_t>(~bit(other));
    }
    return holds;
  }

  // What a step does; false when it is refused.
  bool apply(World& world, const Step& step) const {
    const uint8_t own = bit(step.actor);
    const bool in_session = has_session(world, step.actor);
    const bool in_fence = in_session && world.fences[kNodeOf[step.actor]] == step.fence;
    switch (step.kind) {
      case Kind::kNone: return true;
      case Kind::kHold:
        if (world.row == 0 || !in_session) return false;
        world.holds |= own;
        return true;
      case Kind::kPublish:
        if (world.row != 0 || (world.trash & bit(step.generation)) != 0 || !in_session)
          return false;
        world.row = step.generation;
        world.holds |= own;
        return true;
      case Kind::kCommit:
        if (!in_fence && !mutant_.commits_without_fence) return false;
        world.edges |= own;
        return true;
      case Kind::kClear: world.holds &= static_cast<uint8_t>(~own); return true;
      case Kind::kDrop: return apply_drop(world, step, in_fence);
      case Kind::kDelete: world.objects &= static_cast<uint8_t>(~bit(step.generation)); return true;
      case Kind::kForget: world.trash &= static_cast<uint8_t>(~bit(step.generation)); return true;
    }
    return false;
  }
  bool apply_drop(World& world, const Step& step, bool in_fence) const {
    if (world.row == 0 || !in_fence) return false;
    if (world.row != step.generation && !mutant_.drops_any_generation) return false;
    if (holds_elsewhere(world, step.actor) != 0 && !mutant_.drops_whatever_is_held) return false;
    if (world.edges != 0 && !mutant_.drops_whatever_is_referenced) return false;
    world.row = 0;
    world.trash |= bit(step.generation);
    return true;
  }

  // Goes on after a step by its answer; or without one, when its outcome stays unknown.
  void take(const World& world, uint8_t actor, Kind kind, At done, At refused, At unknown) {
    const Actor& self = world.actors[actor];
    const uint8_t node = kNodeOf[actor];
    const Step step{kind, actor, self.generation, world.fences[node]};
    World next = world;
    const bool happened = apply(next, step);
    next.actors[actor].at = happened ? done : refused;
    add(next);
    if (world.doubts_left == 0 || world.late.kind != Kind::kNone) return;
    next.actors[actor].at = unknown;
    --next.doubts_left;
    note_doubt(next, node, kind);
    add(next);
    World later = world;
    later.actors[actor].at = unknown;
    --later.doubts_left;
    note_doubt(later, node, kind);
    later.late = step;
    add(later);
  }
  static void note_doubt(World& world, uint8_t node, Kind kind) {
    if (kind == Kind::kCommit || kind == Kind::kDrop) world.doubts[node] = 1;
  }
  // Writes the fence anew where a step may still arrive; false when that was all for now.
  bool settle(const World& world, uint8_t actor) {
    const uint8_t node = kNodeOf[actor];
    if (world.doubts[node] == 0 || mutant_.settles_nothing) return true;
    World next = world;
    if (has_session(world, actor)) {
      ++next.fences[node];
      next.doubts[node] = 0;
    } else {
      next.actors[actor].at = At::kDone;  // The node has to be started again.
    }
    add(next);
    return false;
  }

  bool move(const World& world, uint8_t actor) {
    if (!is_live(world, actor)) return false;
    switch (world.actors[actor].at) {
      case At::kHold: return hold(world, actor);
      case At::kPut: put(world, actor); break;
      case At::kPublish:
        if (settle(world, actor)) {
          take(world, actor, Kind::kPublish, held(), At::kDiscard, At::kAskPublished);
        }
        break;
      case At::kAskPublished: ask_published(world, actor); break;
      case At::kDiscard:
        take(world, actor, Kind::kDelete, after_discard(world, actor), At::kDone, At::kDone);
        break;
      case At::kCommit: commit_or_give_up(world, actor); break;
      case At::kClear:
        if (settle(world, actor)) {
          const At next = after_clear(world.actors[actor]);
          take(world, actor, Kind::kClear, next, next, next);
        }
        break;
      case At::kUnedge: unedge(world, actor); break;
      case At::kCondemn: return condemn(world, actor);
      case At::kDrop:
        if (settle(world, actor)) {
          const At removed = mutant_.deletes_before_drop ? At::kForget : At::kDelete;
          take(world, actor, Kind::kDrop, removed, At::kDone, At::kDone);
        }
        break;
      case At::kDelete:
        take(world, actor, Kind::kDelete, mutant_.deletes_before_drop ? At::kDrop : At::kForget,
             At::kDone, At::kDone);
        break;
      case At::kForget: take(world, actor, Kind::kForget, At::kDone, At::kDone, At::kDone); break;
      case At::kDone: return false;
    }
    return true;
  }
  At held() const { return mutant_.clears_before_commit ? At::kClear : At::kCommit; }
  At after_clear(const Actor& self) const {
    if (mutant_.clears_before_commit) return At::kCommit;
    return self.gave_up ? At::kCondemn : At::kUnedge;
  }
  // After a refused publication: hold what others made. Of an ended session nothing is to be had.
  static At after_discard(const World& world, uint8_t actor) {
    return has_session(world, actor) && !world.actors[actor].gave_up ? At::kHold : At::kDone;
  }

  bool hold(const World& world, uint8_t actor) {
    if (is_condemned(world, actor) && !mutant_.holds_while_dropping) return false;
    if (!settle(world, actor)) return true;
    if (world.row != 0) {
      take(world, actor, Kind::kHold, held(), after_refused_hold(world, actor), At::kDone);
      return true;
    }
    World next = world;
    next.actors[actor].at = At::kPut;
    add(next);
    return true;
  }
  static At after_refused_hold(const World& world, uint8_t actor) {
    return has_session(world, actor) ? At::kPut : At::kDone;
  }
  void put(const World& world, uint8_t actor) {
    World next = world;
    Actor& self = next.actors[actor];
    // Enough writings for every order of these actors.
    if (world.generations_count >= 6) {
      self.at = At::kDone;
    } else {
      self.generation =
          mutant_.writes_one_generation ? 1 : static_cast<uint8_t>(++next.generations_count);
      next.objects |= bit(self.generation);
      self.at = At::kPublish;
    }
    add(next);
  }
  void ask_published(const World& world, uint8_t actor) {
    World next = world;
    Actor& self = next.actors[actor];
    if (world.row == self.generation) {
      self.at = held();
    } else {
      self.gave_up = true;
      self.at = mutant_.deletes_what_is_in_doubt ? At::kDiscard : At::kDone;
    }
    add(next);
  }
  void commit_or_give_up(const World& world, uint8_t actor) {
    const At gone_on = mutant_.clears_before_commit ? At::kUnedge : At::kClear;
    World given_up = world;
    given_up.actors[actor].gave_up = true;
    given_up.actors[actor].at = gone_on;
    // A commit without an answer is given up as well: what edges refer to stays.
    World known = world;
    const Step step{Kind::kCommit, actor, 0, world.fences[kNodeOf[actor]]};
    const bool happened = apply(known, step);
    known.actors[actor].at = gone_on;
    known.actors[actor].gave_up = !happened;
    add(known);
    add(given_up);
    if (world.doubts_left == 0 || world.late.kind != Kind::kNone) return;
    World lost = given_up;
    --lost.doubts_left;
    note_doubt(lost, kNodeOf[actor], Kind::kCommit);
    lost.late = step;
    add(lost);
    if (happened) {
      lost.late = {};
      lost.edges = known.edges;
      add(lost);
    }
  }
  void unedge(const World& world, uint8_t actor) {
    World next = world;
    next.edges &= static_cast<uint8_t>(~bit(actor));
    next.actors[actor].at = At::kCondemn;
    add(next);
  }
  bool condemn(const World& world, uint8_t actor) {
    World next = world;
    Actor& self = next.actors[actor];
    bool held_here = false;
    for (size_t other = 0; other < kActors; ++other) {
      if (other != actor && kNodeOf[other] == kNodeOf[actor])
        held_here |= is_in_table(world, other);
    }
    if (is_condemned(world, actor)) return false;
    self.generation = world.row;
    const At first = mutant_.deletes_before_drop ? At::kDelete : At::kDrop;
    self.at = world.row == 0 || held_here ? At::kDone : first;
    add(next);
    return true;
  }

  // Everybody has ended. Holds that stand are of sessions that will end.
  void check_rest(const World& world) {
    for (size_t other = 0; other < kActors; ++other) {
      if (is_live(world, other)) wrong_ = "somebody waits for ever";
    }
    // What a crash or a lost answer leaves is the sweep's.
    const bool all_went_well = world.crashes_left + world.ends_left + world.doubts_left == 3;
    const uint8_t wanted = world.row != 0 ? bit(world.row) : uint8_t{0};
    if ((wanted & ~world.objects) != 0) wrong_ = "the directory names an object that is gone";
    if (all_went_well && world.objects != wanted) wrong_ = "an object is left over";
  }

  const Mutant mutant_;
  std::unordered_set<std::string> seen_;
  std::vector<World> open_;
  std::string wrong_;
};

TEST(SharedBucketModel, NoInterleavingLosesAChunkThatIsReferredTo) {
  Search search({});
  EXPECT_EQ(search.run(), "");
  EXPECT_GT(search.states_count(), 50'000U) << "the search has gone somewhere";
  RecordProperty("states", static_cast<int>(search.states_count()));
}

struct Named {
  const char* name;
  Mutant mutant;
};
class SharedBucketMutants : public testing::TestWithParam<Named> {};

TEST_P(SharedBucketMutants, IsFound) {
  const std::string wrong = Search(GetParam().mutant).run();
  EXPECT_TRUE(wrong == "an edge names a chunk that is gone" ||
              wrong == "the directory names an object that is gone" ||
              wrong == "an object is left over")
      << wrong;
}

INSTANTIATE_TEST_SUITE_P(
    Rules, SharedBucketMutants,
    testing::Values(Named{"CommitsWithoutFence", {.commits_without_fence = true}},
                    Named{"DropsWhateverIsHeld", {.drops_whatever_is_held = true}},
                    Named{"DropsWhateverIsReferenced", {.drops_whatever_is_referenced = true}},
                    Named{"DropsAnyGeneration", {.drops_any_generation = true}},
                    Named{"DeletesBeforeDrop", {.deletes_before_drop = true}},
                    Named{"DeletesWhatIsInDoubt", {.deletes_what_is_in_doubt = true}},
                    Named{"ClearsBeforeCommit", {.clears_before_commit = true}},
                    Named{"HoldsWhileDropping", {.holds_while_dropping = true}},
                    Named{"SettlesNothing", {.settles_nothing = true}},
                    Named{"WritesOneGeneration", {.writes_one_generation = true}}),
    [](const testing::TestParamInfo<Named>& info) { return info.param.name; });

}  // namespace
}  // namespace cairn
