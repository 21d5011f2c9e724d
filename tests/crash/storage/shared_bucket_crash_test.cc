// Property: a node may die before or after any step of storing, sharing, dropping and sweeping
// chunks in a bucket that it shares; what a committed reference names is read by the others all the
// same, and what the death leaves behind is gone once they have tidied up: no object without a row,
// no trash, no hold.
// Method: each operation runs once to count its steps, which are the commits to the catalog and the
// writes and deletes upstream, and then once per step and side of it with the death there. Negative
// control: an operation that deletes its object first and its row later is caught.
#include <functional>

#include "catalog/memory_catalog.h"
#include "object/keys.h"
#include "object/references.h"
#include "object/shared_directory.h"
#include "storage/chunk_object.h"
#include "storage/shared_bucket_store.h"
#include "tests/support/breaking_directory.h"
#include "tests/support/chunk_samples.h"
#include "tests/support/memory_upstream.h"

namespace cairn::storage {
namespace {

using testing_support::BreakingDirectory;
using testing_support::MemoryUpstream;
using testing_support::sample_bytes;
using testing_support::sample_chunk;
using testing_support::sample_header;
using testing_support::sample_id;
using testing_support::sample_owner;
using transfer::ScriptedReply;
using transfer::SeenRequest;

constexpr size_t kChunkBytes = 9000;
constexpr RandomId kStore = {1, 2, 3};
constexpr const char* kMortal = "mortal-node";
const OwnerId kOtherHolder = sample_owner(7);
constexpr const char* kPrefix = "chunks-of-all/";

// When the node dies: at which step, and whether that step still happens.
struct Death {
  uint64_t at = 0;  // From 1; 0 = never.
  bool after = false;
  bool counts = false;  // Steps are counted from when this is set.
  uint64_t steps_count = 0;
  bool is_dead = false;

  enum class Fate : uint8_t { kLives, kDiesAfter, kIsDead };
  Fate step() {
    if (is_dead) return Fate::kIsDead;
    if (!counts || ++steps_count != at) return Fate::kLives;
    is_dead = true;
    return after ? Fate::kDiesAfter : Fate::kIsDead;
  }
};

// The catalog as the node that dies sees it.
class MortalCatalog final : public catalog::Catalog {
 public:
  MortalCatalog(catalog::Catalog& shared, Death& death) : shared_(shared), death_(death) {}

  io::Task<Result<std::optional<catalog::Entry>>> get(std::string key,
                                                      const catalog::Snapshot* at) override {
    if (death_.is_dead) co_return dead();
    co_return co_await shared_.get(std::move(key), at);
  }
  io::Task<Result<catalog::ScanPage>> scan(catalog::ScanRequest request,
                                           const catalog::Snapshot* at) override {
    if (death_.is_dead) co_return dead();
    co_return co_await shared_.scan(std::move(request), at);
  }
  io::Task<Result<std::shared_ptr<const catalog::Snapshot>>> snapshot() override {
    return shared_.snapshot();
  }
  io::Task<Result<catalog::Version>> commit(catalog::Batch batch) override {
    const Death::Fate fate = death_.step();
    if (fate == Death::Fate::kIsDead) co_return dead();
    Result<catalog::Version> done = co_await shared_.commit(std::move(batch));
    if (fate == Death::Fate::kDiesAfter) co_return dead();
    co_return done;
  }
  io::Task<Result<std::vector<catalog::Change>>> tail(catalog::Version after,
                                                      size_t limit) override {
    return shared_.tail(after, limit);
  }
  io::Task<Status> close() override { co_return Status{}; }

 private:
  static std::unexpected<Error> dead() { return fail(Code::kUnavailable, "the node is dead"); }
  catalog::Catalog& shared_;
  Death& death_;
};

struct Node {
  std::unique_ptr<MortalCatalog> catalog;
  std::unique_ptr<object::CatalogReferences> references;
  std::unique_ptr<object::SharedDirectory> directory;
  std::unique_ptr<BreakingDirectory> eager;  // All work in every pass.
  std::unique_ptr<SharedBucketStore> store;
};

class SharedBucketCrash : public transfer::ScriptedServerTest {
 public:
  // One cluster: a node that dies, and one that lives on.
  struct World {
    std::unique_ptr<catalog::Catalog> catalog = catalog::make_memory_catalog();
    MemoryUpstream upstream;
    Death death;
    Death never;
    Node mortal;
    Node other;
  };
  // Stops at its first failure, as the node that is no more does.
  using Act = io::Task<Status> (*)(World& world);
  struct Operation {
    const char* name;
    Act prepare;  // By the node that lives on.
    Act act;
  };

  io::Task<void> open(World& world, Node& node, uint8_t number, bool dies) {
    node.catalog =
        std::make_unique<MortalCatalog>(*world.catalog, dies ? world.death : world.never);
    node.references = std::make_unique<object::CatalogReferences>(*node.catalog);
    auto directory = co_await object::SharedDirectory::open(*node.catalog, kStore, {number, 0xaa},
                                                            system_random());
    EXPECT_TRUE(directory.has_value());
    node.directory = std::move(*directory);
    node.eager = std::make_unique<BreakingDirectory>(*node.directory);
    SharedBucketOptions options;
    options.place = {"home", kPrefix, {}};
    options.place.client.endpoint = "http://127.0.0.1:" + std::to_string(server->local().port);
    options.place.client.addressing = transfer::Addressing::kPath;
    options.place.client.http.retry.attempts_max = 1;
    options.place.client.http.user_agent = dies ? kMortal : "other-node";
    options.store_id = kStore;
    options.create = true;
    options.directory = node.eager.get();
    options.references = node.references.get();
    options.upkeep_interval = Duration{};
    options.sweep_interval = Duration{};
    options.leaves_session = dies;
    auto store = co_await SharedBucketStore::open(std::move(options));
    EXPECT_TRUE(store.has_value()) << (store ? "" : store.error().message);
    if (store) node.store = std::move(*store);
  }
  static io::Task<void> close(Node& node) {
    EXPECT_TRUE((co_await node.store->close()).has_value());
    node = {};
  }

  struct Run {
    uint64_t steps_count = 0;
    uint64_t lost_count = 0;  // Chunks that a reference names and that were not read right.
  };
  // Runs the operation with a death at `at`.
  io::Task<Run> run_with(Operation operation, uint64_t at, bool after) {
    auto world = std::make_unique<World>();
    handler.answer = [of = world.get()](const SeenRequest& request) {
      return answer(*of, request);
    };
    co_await open(*world, world->other, 2, false);
    co_await open(*world, world->mortal, 1, true);
    EXPECT_TRUE((co_await operation.prepare(*world)).has_value());
    world->death.at = at;
    world->death.after = after;
    world->death.counts = true;
    const Status acted = co_await operation.act(*world);
    EXPECT_TRUE(acted.has_value() || at != 0) << (acted ? "" : acted.error().message);
    Run run{.steps_count = world->death.steps_count};
    world->death.is_dead = true;
    run.lost_count += co_await count_lost(*world);
    co_await close(world->mortal);
    world->death = {};
    co_await open(*world, world->mortal, 1, true);
    run.lost_count += co_await count_lost(*world);
    if (run.lost_count == 0) co_await tidy_up(*world);
    run.lost_count += co_await count_lost(*world);
    co_await close(world->mortal);
    co_await close(world->other);
    handler.answer = [](const SeenRequest&) { return ScriptedReply{}; };
    co_return run;
  }

  static ScriptedReply answer(World& world, const SeenRequest& request) {
    if (request.get("user-agent") != kMortal) return world.upstream.answer(request);
    const ScriptedReply dead{500, {}, "<Error><Code>InternalError</Code></Error>"};
    const bool is_step = request.method == "PUT" || request.method == "DELETE";
    const Death::Fate fate = is_step               ? world.death.step()
                             : world.death.is_dead ? Death::Fate::kIsDead
                                                   : Death::Fate::kLives;
    if (fate == Death::Fate::kIsDead) return dead;
    ScriptedReply reply = world.upstream.answer(request);
    return fate == Death::Fate::kDiesAfter ? dead : reply;
  }

  static io::Task<bool> has_reference(World& world, uint64_t number) {
    const Result<bool> referenced =
        co_await world.other.references->is_referenced(sample_id(number));
    EXPECT_TRUE(referenced.has_value());
    co_return referenced.value_or(false);
  }
  static io::Task<uint64_t> count_lost(World& world) {
    uint64_t lost_count = 0;
    for (uint64_t number = 1; number <= kChunks; ++number) {
      const bool needed = co_await has_reference(world, number);
      if (!needed) continue;
      const Result<SealedRead> got =
          co_await world.other.store->read(sample_id(number), {0, kChunkBytes});
      const bool right = got && got->header == sample_header(number) &&
                         std::ranges::equal(got->payload.view(), sample_bytes(number, kChunkBytes));
      if (!right) ++lost_count;
    }
    co_return lost_count;
  }

  // What the nodes do by themselves in the course of time, and the object layer's collection.
  static io::Task<void> tidy_up(World& world) {
    co_await world.other.store->release(kOtherHolder, {sample_id(2)});
    for (int round = 0; round < 3; ++round) {
      for (Node* node : {&world.mortal, &world.other}) {
        EXPECT_TRUE((co_await node->store->upkeep()).has_value());
      }
      const auto swept = co_await world.other.store->sweep(
          {.share_max = 1, .dry_run = false, .age_min = Duration{}});
      EXPECT_TRUE(swept.has_value());
      if (swept) EXPECT_EQ(swept->dangling_count, 0U);
      for (uint64_t number = 1; number <= kChunks; ++number) {
        (void)co_await world.other.store->unlink(sample_id(number), sample_owner(99));
      }
    }
    for (int round = 0; round < 2; ++round) {
      EXPECT_TRUE((co_await world.other.store->upkeep()).has_value());
    }
    size_t needed_count = 0;
    for (uint64_t number = 1; number <= kChunks; ++number) {
      needed_count += co_await has_reference(world, number) ? 1 : 0;
    }
    const auto rows = co_await world.other.directory->list(std::nullopt, 100);
    EXPECT_EQ(rows.value().size(), needed_count);
    const auto is_chunk = [](const auto& object) { return object.first.contains("/chunks/"); };
    EXPECT_EQ(std::ranges::count_if(world.upstream.objects, is_chunk),
              static_cast<ptrdiff_t>(needed_count));
    EXPECT_TRUE((co_await world.other.directory->trash(std::nullopt, 100)).value().empty());
    catalog::ScanRequest holds;
    holds.begin = object::ChunkRows(kStore).all_holds();
    holds.end = catalog::prefix_end(holds.begin);
    EXPECT_TRUE((co_await world.catalog->scan(holds)).value().entries.empty());
  }

  static constexpr uint64_t kChunks = 3;
};

using World = SharedBucketCrash::World;

io::Task<Status> commit_edge(Node& node, uint64_t number, bool stays) {
  catalog::Batch batch;
  const std::string edge = object::keys::edge(sample_id(number), sample_owner(number));
  if (stays) {
    batch.puts.push_back({edge, ""});
  } else {
    batch.deletes.push_back(edge);
  }
  co_await io::or_return(node.catalog->commit(std::move(batch)));
  co_return Status{};
}

// An object that is stored: its chunk, its reference, the end of the hold.
io::Task<Status> keep(Node& node, uint64_t number) {
  co_await io::or_return(
      node.store->put(sample_id(number), sample_chunk(number, kChunkBytes), sample_owner(number)));
  co_await io::or_return(commit_edge(node, number, true));
  co_await node.store->release(sample_owner(number), {sample_id(number)});
  co_await io::or_return(node.store->upkeep());
  co_return Status{};
}

// One that is deleted.
io::Task<Status> forget(Node& node, uint64_t number) {
  co_await io::or_return(commit_edge(node, number, false));
  (void)co_await io::or_return(node.store->unlink(sample_id(number), sample_owner(number)));
  co_await io::or_return(node.store->upkeep());
  co_return Status{};
}

io::Task<Status> nothing(World& /*world*/) {
  co_return Status{};
}
io::Task<Status> keep_by_other(World& world) {
  return keep(world.other, 1);
}
io::Task<Status> keep_by_mortal(World& world) {
  return keep(world.mortal, 1);
}
io::Task<Status> forget_by_mortal(World& world) {
  return forget(world.mortal, 1);
}
io::Task<Status> forget_and_keep_again(World& world) {
  co_await io::or_return(forget(world.mortal, 1));
  co_await io::or_return(keep(world.mortal, 1));
  co_return Status{};
}
io::Task<Status> keep_beside_a_hold(World& world) {
  co_await io::or_return(keep(world.mortal, 2));
  (void)co_await io::or_return(world.other.store->link(sample_id(2), kOtherHolder));
  co_await io::or_return(forget(world.mortal, 2));
  co_return Status{};
}
io::Task<Status> leave_an_orphan(World& world) {
  world.upstream.objects[kPrefix + chunk_object_name(sample_id(3), {7, 7})] = "orphan";
  co_return Status{};
}
io::Task<Status> sweep_twice(World& world) {
  for (int round = 0; round < 2; ++round) {
    const SweepRules rules{.share_max = 1, .dry_run = false, .age_min = Duration{}};
    (void)co_await io::or_return(world.mortal.store->sweep(rules));
    co_await io::or_return(world.mortal.store->upkeep());
  }
  co_return Status{};
}

constexpr SharedBucketCrash::Operation kOperations[] = {
    {"store", nothing, keep_by_mortal},
    {"store what another node has", keep_by_other, keep_by_mortal},
    {"delete", keep_by_other, forget_by_mortal},
    {"delete and store again", keep_by_other, forget_and_keep_again},
    {"delete what another node holds", nothing, keep_beside_a_hold},
    {"sweep", leave_an_orphan, sweep_twice},
};

TEST_P(SharedBucketCrash, ADeathAtAnyStepLosesNothingAndLeavesNothing) {
  with_client({}, [](transfer::ScriptedServerTest& base) -> io::Task<void> {
    auto& self = static_cast<SharedBucketCrash&>(base);
    for (const Operation& operation : kOperations) {
      SCOPED_TRACE(operation.name);
      const SharedBucketCrash::Run whole = co_await self.run_with(operation, 0, false);
      EXPECT_EQ(whole.lost_count, 0U);
      EXPECT_GE(whole.steps_count, 3U);
      for (uint64_t at = 1; at <= whole.steps_count; ++at) {
        for (const bool after : {false, true}) {
          SCOPED_TRACE(testing::Message() << (after ? "after" : "before") << " step " << at);
          const SharedBucketCrash::Run cut = co_await self.run_with(operation, at, after);
          EXPECT_EQ(cut.lost_count, 0U);
        }
      }
    }
  });
}

// Bytes first and the reference later: what is caught here.
io::Task<Status> forget_the_wrong_way_round(World& world) {
  std::erase_if(world.upstream.objects,
                [](const auto& object) { return object.first.contains("/chunks/"); });
  co_await io::or_return(commit_edge(world.mortal, 1, false));
  co_return Status{};
}

TEST_P(SharedBucketCrash, TheWrongOrderIsCaught) {
  with_client({}, [](transfer::ScriptedServerTest& base) -> io::Task<void> {
    auto& self = static_cast<SharedBucketCrash&>(base);
    const SharedBucketCrash::Run cut =
        co_await self.run_with({"wrong", keep_by_other, forget_the_wrong_way_round}, 1, false);
    EXPECT_GT(cut.lost_count, 0U);
  });
}

INSTANTIATE_ON_BOTH_BACKENDS(SharedBucketCrash);

}  // namespace
}  // namespace cairn::storage
