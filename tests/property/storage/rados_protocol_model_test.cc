// The protocol of holds in a Ceph pool (storage/rados/rados_store.h) on paper: every interleaving
// of two writers and a deleter on two nodes, with a node that dies at any step and an operation
// whose outcome nobody learns, which happens at once, later or never.
//
// Checked in every state: a chunk that a committed edge names is there. And where nothing refers to
// it, a last look drops it. Each rule of the protocol is broken once, and the search must find what
// goes wrong then: a model that cannot fail proves nothing.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_set>
#include <vector>

namespace cairn {
namespace {

constexpr size_t kActors = 3;
constexpr std::array<uint8_t, kActors> kNodeOf = {0, 1, 0};  // Writers on 0 and 1, a deleter on 0.
constexpr size_t kNodes = 2;
constexpr size_t kStatesMax = 20'000'000;

// Rules that can be broken.
struct Mutant {
  bool removes_any_version = false;
  bool asks_before_it_looks = false;
  bool ignores_holds = false;
  bool ends_living_sessions = false;
  bool clears_before_commit = false;
  bool versions_start_again = false;  // Of a chunk made anew, and its generation is not compared.
};

enum class At : uint8_t {
  kHold,
  kCreate,
  kCommit,
  kClear,
  kUnedge,
  kLook,
  kAsk,
  kRemove,
  kForget,
  kDone
};

struct Actor {
  At at = At::kHold;
  uint8_t seen_version = 0;
  uint8_t seen_generation = 0;
  bool gave_up = false;
};

enum class Kind : uint8_t { kNone, kSet, kCreate, kClear, kRemove };
struct Operation {
  Kind kind = Kind::kNone;
  uint8_t actor = 0;
  uint8_t version = 0;
  uint8_t generation = 0;
};

struct World {
  bool exists = true;
  uint8_t version = 1;
  uint8_t generation = 1;
  uint8_t generations_count = 1;
  uint8_t holds = 0;  // A bit per actor: numbers of holds are never used twice.
  uint8_t edges = 0;  // A bit per actor.
  uint8_t dead_nodes = 0;
  uint8_t over_sessions = 0;
  uint8_t crashes_left = 1;
  uint8_t doubts_left = 1;
  Operation late;  // On its way, and nobody waits for it.
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
  void add(const World& world) {
    if (!seen_.insert(world.key()).second) return;
    if (world.edges != 0 && !world.exists) wrong_ = "an edge names a chunk that is gone";
    open_.push_back(world);
  }

  void visit(const World& world) {
    bool moved = false;
    if (world.late.kind != Kind::kNone) {
      World next = world;
      apply(next, world.late);
      next.late = {};
      add(next);
      next = world;
      next.late = {};  // It never arrives.
      add(next);
      moved = true;
    }
    for (size_t node = 0; node < kNodes; ++node) moved |= end(world, node);
    for (uint8_t actor = 0; actor < kActors; ++actor) moved |= move(world, actor);
    if (!moved) check_rest(world);
  }

  // A node dies, and then its session is over.
  bool end(const World& world, size_t node) {
    World next = world;
    const bool dead = (world.dead_nodes & bit(node)) != 0;
    if (!dead && world.crashes_left > 0) {
      next.dead_nodes |= bit(node);
      --next.crashes_left;
      add(next);
    }
    next = world;
    const bool may_end = dead || mutant_.ends_living_sessions;
    if (!may_end || (world.over_sessions & bit(node)) != 0) return false;
    next.over_sessions |= bit(node);
    add(next);
    return true;
  }

  static bool is_live(const World& world, size_t actor) {
    return (world.dead_nodes & bit(kNodeOf[actor])) == 0 && world.actors[actor].at != At::kDone;
  }
  // The table of the actor's node has its hold.
  static bool is_in_table(const World& world, size_t actor) {
    const At at = world.actors[actor].at;
    return is_live(world, actor) && (at == At::kCreate || at == At::kCommit);
  }

  // What an operation does to the object; false when it is refused.
  bool apply(World& world, const Operation& operation) const {
    switch (operation.kind) {
      case Kind::kNone: return true;
      case Kind::kSet:
        if (!world.exists) return false;
        world.holds |= bit(operation.actor);
        ++world.version;
        return true;
      case Kind::kCreate:
        if (world.exists) return false;
        world.exists = true;
        world.generation = ++world.generations_count;
        world.version = mutant_.versions_start_again ? 1 : static_cast<uint8_t>(world.version + 1);
        world.holds = bit(operation.actor);
        return true;
      case Kind::kClear:
        if (!world.exists) return false;
        world.holds &= static_cast<uint8_t>(~bit(operation.actor));
        ++world.version;
        return true;
      case Kind::kRemove:
        if (!world.exists || !is_as_seen(world, operation)) return false;
        world.exists = false;
        world.holds = 0;
        return true;
    }
    return false;
  }
  bool is_as_seen(const World& world, const Operation& operation) const {
    if (mutant_.removes_any_version) return true;
    if (world.version != operation.version) return false;
    return mutant_.versions_start_again || world.generation == operation.generation;
  }

  // Goes on after an operation by its answer; or without one, when its outcome stays unknown.
  void operate(const World& world, uint8_t actor, Kind kind, At done, At refused, At unknown) {
    const Actor& self = world.actors[actor];
    const Operation operation{kind, actor, self.seen_version, self.seen_generation};
    World next = world;
    const bool happened = apply(next, operation);
    next.actors[actor].at = happened ? done : refused;
    add(next);
    if (world.doubts_left == 0 || world.late.kind != Kind::kNone) return;
    next.actors[actor].at = unknown;
    --next.doubts_left;
    add(next);
    World later = world;
    later.actors[actor].at = unknown;
    --later.doubts_left;
    later.late = operation;
    add(later);
  }

  bool move(const World& world, uint8_t actor) {
    if (!is_live(world, actor)) return false;
    World next = world;
    Actor& self = next.actors[actor];
    switch (self.at) {
      case At::kHold:
        operate(world, actor, Kind::kSet, held(), At::kCreate, At::kForget);
        return true;
      case At::kCreate:
        operate(world, actor, Kind::kCreate, held(), At::kHold, At::kForget);
        return true;
      case At::kCommit: commit_or_give_up(world, actor); return true;
      case At::kClear:
        operate(world, actor, Kind::kClear, after_clear(self), after_clear(self),
                after_clear(self));
        return true;
      case At::kUnedge:
        next.edges &= static_cast<uint8_t>(~bit(actor));
        self.at = mutant_.asks_before_it_looks ? At::kAsk : At::kLook;
        break;
      case At::kLook: look(next, actor); break;
      case At::kAsk:
        self.at = world.edges != 0               ? At::kDone
                  : mutant_.asks_before_it_looks ? At::kLook
                                                 : At::kRemove;
        break;
      case At::kRemove:
        operate(world, actor, Kind::kRemove, At::kDone, first_of_drop(), first_of_drop());
        return true;
      case At::kForget:
        operate(world, actor, Kind::kClear, At::kDone, At::kDone, At::kDone);
        return true;
      case At::kDone: return false;
    }
    add(next);
    return true;
  }
  At held() const { return mutant_.clears_before_commit ? At::kClear : At::kCommit; }
  At first_of_drop() const { return mutant_.asks_before_it_looks ? At::kAsk : At::kLook; }
  At after_clear(const Actor& self) const {
    if (mutant_.clears_before_commit) return At::kCommit;
    return self.gave_up ? first_of_drop() : At::kUnedge;
  }
  void commit_or_give_up(const World& world, uint8_t actor) {
    World next = world;
    next.edges |= bit(actor);
    next.actors[actor].at = mutant_.clears_before_commit ? At::kUnedge : At::kClear;
    add(next);
    if (mutant_.clears_before_commit) return;
    next = world;
    next.actors[actor].gave_up = true;
    next.actors[actor].at = At::kClear;
    add(next);
  }
  void look(World& world, size_t actor) const {
    Actor& self = world.actors[actor];
    self.seen_version = world.version;
    self.seen_generation = world.generation;
    const bool held = !mutant_.ignores_holds && is_held(world, actor);
    self.at = !world.exists || held          ? At::kDone
              : mutant_.asks_before_it_looks ? At::kRemove
                                             : At::kAsk;
  }
  static bool is_held(const World& world, size_t looking) {
    for (size_t other = 0; other < kActors; ++other) {
      if (kNodeOf[other] == kNodeOf[looking]) {
        if (is_in_table(world, other)) return true;
      } else if ((world.holds & bit(other)) != 0 &&
                 (world.over_sessions & bit(kNodeOf[other])) == 0) {
        return true;
      }
    }
    return false;
  }

  // Everybody has ended. What is left over is dropped by one more look, by whichever node lives.
  void check_rest(const World& world) {
    for (size_t other = 0; other < kActors; ++other) {
      if (is_live(world, other)) wrong_ = "somebody waits for ever";
    }
    const uint8_t dead_edges = world.edges;
    if (dead_edges != 0 || !world.exists) return;
    for (size_t other = 0; other < kActors; ++other) {
      const bool is_dead = (world.dead_nodes & bit(kNodeOf[other])) != 0;
      // A hold whose setting arrived after its clearing stays until its session is over.
      const bool is_leak = world.doubts_left == 0;
      if ((world.holds & bit(other)) != 0 && !is_dead && !is_leak) {
        wrong_ = "a hold that nobody needs stays";
      }
    }
  }

  const Mutant mutant_;
  std::unordered_set<std::string> seen_;
  std::vector<World> open_;
  std::string wrong_;
};

TEST(RadosProtocolModel, NoInterleavingLosesAChunkThatIsReferredTo) {
  Search search({});
  EXPECT_EQ(search.run(), "");
  EXPECT_GT(search.states_count(), 50'000U) << "the search has gone somewhere";
  RecordProperty("states", static_cast<int>(search.states_count()));
}

struct Named {
  const char* name;
  Mutant mutant;
};
class RadosProtocolMutants : public testing::TestWithParam<Named> {};

TEST_P(RadosProtocolMutants, IsFound) {
  EXPECT_EQ(Search(GetParam().mutant).run(), "an edge names a chunk that is gone");
}

INSTANTIATE_TEST_SUITE_P(
    Rules, RadosProtocolMutants,
    testing::Values(Named{"RemovesAnyVersion", {.removes_any_version = true}},
                    Named{"AsksBeforeItLooks", {.asks_before_it_looks = true}},
                    Named{"IgnoresHolds", {.ignores_holds = true}},
                    Named{"EndsLivingSessions", {.ends_living_sessions = true}},
                    Named{"ClearsBeforeCommit", {.clears_before_commit = true}},
                    Named{"VersionsStartAgain", {.versions_start_again = true}}),
    [](const testing::TestParamInfo<Named>& info) { return info.param.name; });

}  // namespace
}  // namespace cairn
