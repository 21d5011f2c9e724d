// A server's rows and chunks reach another catalog and store while they change, however often the
// migration is cut. Method: the real engines in memory; a writer that keeps committing edges with
// their chunks, rewriting rows and collecting chunks; failures of the target's commits at every
// place; at the end both catalogs are equal and every chunk that an edge names is there.
#include "server/migration.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "catalog/memory_catalog.h"
#include "io/reactor.h"
#include "io/scope.h"
#include "object/keys.h"
#include "object/references.h"
#include "storage/memory_store.h"
#include "tests/support/chunk_samples.h"

namespace cairn::server {
namespace {

using testing_support::sample_chunk;
using testing_support::sample_id;
using testing_support::sample_owner;
using Rows = std::map<std::string, std::string>;

// Refuses the commit with that number, before it is applied or after: an answer that was lost.
class CutCatalog final : public catalog::Catalog {
 public:
  CutCatalog() : inner_(catalog::make_memory_catalog()) {}
  void cut_after(uint64_t commits, bool is_applied) {
    left_ = commits;
    is_applied_ = is_applied;
  }
  io::Task<Result<catalog::Version>> commit(catalog::Batch batch) override {
    co_await io::yield();  // Others run meanwhile, as with a catalog elsewhere.
    if (left_ == 0 || --left_ != 0) co_return co_await inner_->commit(std::move(batch));
    if (is_applied_) static_cast<void>(co_await inner_->commit(std::move(batch)));
    co_return fail(Code::kUnavailable, "cut");
  }
  io::Task<Result<std::optional<catalog::Entry>>> get(std::string key,
                                                      const catalog::Snapshot* at) override {
    return inner_->get(std::move(key), at);
  }
  io::Task<Result<catalog::ScanPage>> scan(catalog::ScanRequest request,
                                           const catalog::Snapshot* at) override {
    return inner_->scan(std::move(request), at);
  }
  io::Task<Result<std::shared_ptr<const catalog::Snapshot>>> snapshot() override {
    return inner_->snapshot();
  }
  io::Task<Result<std::vector<catalog::Change>>> tail(catalog::Version after,
                                                      size_t limit) override {
    return inner_->tail(after, limit);
  }
  io::Task<Status> close() override { return inner_->close(); }

 private:
  std::unique_ptr<catalog::Catalog> inner_;
  uint64_t left_ = 0;
  bool is_applied_ = false;
};

class MigrationTest : public testing::Test {
 protected:
  void SetUp() override {
    reactor_ = std::move(io::Reactor::create({}).value());
    make_source({});
  }
  void make_source(catalog::MemoryOptions options) {
    from_ = std::make_unique<catalog::GatedCatalog>(catalog::make_memory_catalog(options),
                                                    stays_behind);
    references_ = std::make_unique<object::CatalogReferences>(*from_);
    chunks_from_.set_references(references_.get());
    put("s/info", "store of this test");
  }
  template <typename T>
  T wait(io::Task<T> task) {
    return reactor_->run(std::move(task));
  }
  MigrationEnds ends() { return {*from_, chunks_from_, to_, chunks_to_}; }
  void put(const std::string& key, const std::string& value) {
    catalog::Batch batch{.puts = {{key, value}}};
    ASSERT_TRUE(wait(from_->commit(std::move(batch))).has_value());
  }

  // One commit as the object layer makes them: a chunk, durable and held, then its edge and a row.
  io::Task<void> store(uint64_t number) {
    const storage::OwnerId owner = sample_owner(number);
    const storage::ChunkId chunk = sample_id(number % 61);
    const Result<bool> linked = co_await chunks_from_.link(chunk, owner);
    if (!linked || !*linked) {
      EXPECT_TRUE((co_await chunks_from_.put(chunk, sample_chunk(number % 61, 5000), owner)));
    }
    catalog::Batch batch{.puts = {{object::keys::edge(chunk, owner), ""},
                                  {"o/" + std::to_string(number), std::string(200, 'x')},
                                  {"a/anchor", std::to_string(number)}}};
    const auto stored = co_await from_->commit(std::move(batch));
    acknowledged_ += stored.has_value() ? 1 : 0;
    co_await chunks_from_.release(owner, {chunk});
    if (!stored) static_cast<void>(co_await chunks_from_.unlink(chunk, owner));
  }
  io::Task<void> remove(uint64_t number) {
    const storage::OwnerId owner = sample_owner(number);
    const storage::ChunkId chunk = sample_id(number % 61);
    catalog::Batch batch{
        .deletes = {object::keys::edge(chunk, owner), "o/" + std::to_string(number)}};
    const auto removed = co_await from_->commit(std::move(batch));
    if (removed) static_cast<void>(co_await chunks_from_.unlink(chunk, owner));
  }
  // Stores three for each that it removes, and lets the migration run in between.
  io::Task<void> write_until(const bool& is_over) {
    while (!is_over) {
      co_await store(next_++);
      if (next_ % 3 == 0) co_await remove(next_ / 2);
      co_await io::yield();
    }
  }
  void fill(uint64_t count) {
    const uint64_t end = next_ + count;
    while (next_ < end) wait(store(next_++));
  }

  // Runs a new migration to its end, or to what cuts it.
  io::Task<Status> migrate(bool& is_over) {
    Migration migration(ends());
    Status outcome = co_await migration.begin();
    migration.finish([this] {
      declared_ = from_->is_shut();
      return Status();
    });
    if (outcome) outcome = co_await migration.run({});
    progress_ = migration.progress();
    is_over = true;
    co_return outcome;
  }
  Status migrate_beside_a_writer() {
    bool is_over = false;
    return wait(beside(is_over));
  }
  io::Task<Status> beside(bool& is_over) {
    io::Scope writer;
    writer.spawn(write_until(is_over));
    const Status outcome = co_await migrate(is_over);
    co_await writer.join();
    co_return outcome;
  }

  // All is there and was checked, and nobody asked for the switch.
  io::Task<void> run_until_ready() {
    Migration migration(ends());
    EXPECT_TRUE((co_await migration.begin()).has_value());
    io::Scope scope;
    scope.spawn(run_in(migration, scope.stop_token()));
    while (migration.progress().phase != MigrationProgress::Phase::kReady) co_await io::yield();
    scope.request_stop();
    co_await scope.join();
  }
  static io::Task<void> run_in(Migration& migration, io::StopToken stop) {
    EXPECT_TRUE((co_await migration.run(std::move(stop))).has_value());
  }

  Rows rows_of(catalog::Catalog& catalog) {
    Rows rows;
    const catalog::ScanPage page =
        wait(catalog.scan({.limit_entries = 1'000'000, .limit_bytes = 1 * GiB}, nullptr)).value();
    for (const catalog::Entry& entry : page.entries) {
      if (entry.key != "a/anchor" && entry.key != kMigrationRow) rows[entry.key] = entry.value;
    }
    return rows;
  }
  void expect_equal() {
    const Rows rows = rows_of(*from_);
    EXPECT_EQ(rows, rows_of(to_));
    EXPECT_GE(rows.size(), 2U);
    for (const auto& [key, value] : rows) {
      const auto chunk = object::keys::parse_edge_chunk(key);
      if (!key.starts_with("r/") || !chunk) continue;
      const auto ours = wait(chunks_from_.read(*chunk, {0, UINT64_MAX}));
      const auto theirs = wait(chunks_to_.read(*chunk, {0, UINT64_MAX}));
      ASSERT_TRUE(ours.has_value() && theirs.has_value());
      EXPECT_TRUE(std::ranges::equal(ours->payload.view(), theirs->payload.view()));
    }
  }

  std::unique_ptr<io::Reactor> reactor_;
  std::unique_ptr<catalog::GatedCatalog> from_;
  std::unique_ptr<object::CatalogReferences> references_;
  storage::MemoryStore chunks_from_;
  CutCatalog to_;
  storage::MemoryStore chunks_to_;
  MigrationProgress progress_;
  uint64_t next_ = 1;
  uint64_t acknowledged_ = 0;
  bool declared_ = false;
};

TEST_F(MigrationTest, CopiesAllWhileAWriterGoesOn) {
  fill(3000);
  const Status outcome = migrate_beside_a_writer();
  ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
  EXPECT_TRUE(declared_);
  EXPECT_EQ(progress_.phase, MigrationProgress::Phase::kDone);
  EXPECT_GT(acknowledged_, 3001U) << "the writer wrote nothing meanwhile";
  EXPECT_EQ(progress_.passes, 1U);
  EXPECT_GT(progress_.rows_checked, 3000U);
  EXPECT_GT(progress_.chunks_checked, 30U);
  expect_equal();
  EXPECT_FALSE(wait(to_.get("a/anchor", nullptr)).value().has_value());
}

TEST_F(MigrationTest, NothingIsTakenAfterTheSwitch) {
  fill(10);
  ASSERT_TRUE(migrate_beside_a_writer());
  const uint64_t acknowledged = acknowledged_;
  wait(store(next_++));
  EXPECT_EQ(acknowledged_, acknowledged);
  put("a/anchor", "the audit log goes on");
  expect_equal();
  EXPECT_TRUE(wait(refuse_while_migrating(to_)).has_value());
  // The same command again finds it done.
  EXPECT_TRUE(migrate_beside_a_writer().has_value());
}

TEST_F(MigrationTest, GoesOnWhereverItWasCut) {
  fill(500);
  int cuts = 0;
  for (const bool is_applied : {false, true}) {
    for (uint64_t commits = 1; commits < 12; ++commits) {
      to_.cut_after(commits, is_applied);
      bool is_over = false;
      const Status outcome = wait(beside(is_over));
      if (!outcome) ++cuts;
      if (from_->is_shut()) break;  // The last commit's answer was lost: it may be whole.
      EXPECT_FALSE(wait(refuse_while_migrating(to_)).has_value() && commits > 1);
      fill(50);
    }
    if (from_->is_shut()) break;
  }
  EXPECT_GT(cuts, 5);
  to_.cut_after(0, false);
  const Status outcome = migrate_beside_a_writer();
  ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
  expect_equal();
}

TEST_F(MigrationTest, ComparesAnewWhenTheHistoryIsGone) {
  make_source({.history_commits_max = 8});
  fill(1500);
  to_.cut_after(4, false);
  EXPECT_FALSE(migrate_beside_a_writer().has_value());
  fill(100);
  for (uint64_t number = 1; number < 60; ++number) wait(remove(number));
  const Status outcome = migrate_beside_a_writer();
  ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
  EXPECT_GE(progress_.passes, 1U);
  expect_equal();
}

TEST_F(MigrationTest, RefusesWhatIsNotItsTarget) {
  fill(5);
  catalog::Batch batch{.puts = {{"o/of somebody else", "x"}}};
  ASSERT_TRUE(wait(to_.commit(std::move(batch))).has_value());
  EXPECT_EQ(migrate_beside_a_writer().error().code, Code::kFailedPrecondition);
  EXPECT_FALSE(from_->is_shut());
}

TEST_F(MigrationTest, RefusesAnotherSourcesCopy) {
  fill(500);
  to_.cut_after(3, true);
  EXPECT_FALSE(migrate_beside_a_writer().has_value());
  put("s/info", "another store");
  EXPECT_EQ(migrate_beside_a_writer().error().code, Code::kFailedPrecondition);
}

TEST_F(MigrationTest, NoticesAForeignHandInTheTargetAndMendsIt) {
  fill(500);
  wait(run_until_ready());
  catalog::Batch batch{.puts = {{"o/1", "altered"}}};
  ASSERT_TRUE(wait(to_.commit(std::move(batch))).has_value());
  const Status noticed = migrate_beside_a_writer();
  ASSERT_FALSE(noticed.has_value());
  EXPECT_EQ(noticed.error().code, Code::kCorruption);
  EXPECT_FALSE(from_->is_shut());
  EXPECT_FALSE(wait(refuse_while_migrating(to_)).has_value());
  const Status outcome = migrate_beside_a_writer();
  ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
  expect_equal();
}

TEST_F(MigrationTest, ADifferentChunkInTheNewHomeIsNoticed) {
  fill(50);
  const storage::OwnerId owner = sample_owner(7777);
  storage::SealedChunk other = sample_chunk(5, 5000);
  other.payload.data()[0] ^= 1;
  ASSERT_TRUE(wait(chunks_to_.put(sample_id(5), std::move(other), owner)).has_value());
  const Status outcome = migrate_beside_a_writer();
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code, Code::kCorruption);
  EXPECT_FALSE(from_->is_shut());
}

TEST_F(MigrationTest, AMissingChunkIsNamedAndNothingIsDeclared) {
  fill(5);
  put(object::keys::edge(sample_id(999), sample_owner(999)), "");
  const Status outcome = migrate_beside_a_writer();
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code, Code::kCorruption);
  EXPECT_FALSE(from_->is_shut());
  EXPECT_FALSE(declared_);
}

TEST(MigrationState, IsReadAsItWasWritten) {
  const MigrationState state{.source = "ab",
                             .version = 77,
                             .cursor = std::string("o/\0\n=", 5),
                             .compared = true,
                             .done = false};
  EXPECT_EQ(parse_migration_state(encode_migration_state(state)).value(), state);
  std::string text = encode_migration_state(state);
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(parse_migration_state(text.substr(0, size)).has_value()) << size;
  }
  EXPECT_FALSE(parse_migration_state(text + "x").has_value());
  EXPECT_FALSE(parse_migration_state("").has_value());
}

}  // namespace
}  // namespace cairn::server
