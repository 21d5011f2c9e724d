// Property: every Catalog keeps the contract of catalog/catalog.h.
// Method: the same cases run on each implementation that instantiates the suite; a model or a
// stated law gives the expected answer. Include it in one .cc file and instantiate CatalogSuite.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <latch>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/random.h"
#include "catalog/catalog.h"
#include "io/reactor.h"
#include "io/scope.h"

namespace cairn::catalog {

struct CatalogKind {
  std::string name;
  std::function<io::Task<Result<std::unique_ptr<Catalog>>>(std::string directory)> open;
};

inline void PrintTo(const CatalogKind& kind, std::ostream* out) {
  *out << kind.name;
}

// Opens one catalog in a fresh directory and runs tasks on one reactor.
class CatalogSuite : public ::testing::TestWithParam<CatalogKind> {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "cairn-catalog-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    Result<std::unique_ptr<io::Reactor>> reactor = io::Reactor::create({});
    ASSERT_TRUE(reactor.has_value()) << reactor.error().message;
    reactor_ = std::move(*reactor);
    Result<std::unique_ptr<Catalog>> opened = run(GetParam().open(directory_ + "/catalog"));
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    catalog_ = std::move(*opened);
  }
  void TearDown() override {
    if (catalog_) EXPECT_TRUE(run(catalog_->close()).has_value());
    catalog_.reset();
    reactor_.reset();
    std::filesystem::remove_all(directory_);
  }

  template <typename T>
  T run(io::Task<T> task) {
    return reactor_->run(std::move(task));
  }

  Result<Version> commit(Batch batch) { return run(catalog_->commit(std::move(batch))); }
  Version must_commit(Batch batch) {
    const Result<Version> version = commit(std::move(batch));
    EXPECT_TRUE(version.has_value()) << version.error().message;
    return version.value_or(0);
  }
  Version put(std::string key, std::string value) {
    return must_commit({.puts = {{std::move(key), std::move(value)}}});
  }
  std::optional<Entry> get(std::string key, const Snapshot* snapshot = nullptr) {
    Result<std::optional<Entry>> entry = run(catalog_->get(std::move(key), snapshot));
    EXPECT_TRUE(entry.has_value()) << entry.error().message;
    return entry ? std::move(*entry) : std::nullopt;
  }
  std::string value(std::string key, const Snapshot* snapshot = nullptr) {
    const std::optional<Entry> entry = get(std::move(key), snapshot);
    return entry ? entry->value : "(absent)";
  }
  ScanPage scan(ScanRequest request, const Snapshot* snapshot = nullptr) {
    Result<ScanPage> page = run(catalog_->scan(std::move(request), snapshot));
    EXPECT_TRUE(page.has_value()) << page.error().message;
    return page ? std::move(*page) : ScanPage{};
  }
  std::string keys(ScanRequest request, const Snapshot* snapshot = nullptr) {
    std::string all;
    for (const Entry& entry : scan(std::move(request), snapshot).entries) all += entry.key + " ";
    return all;
  }
  std::shared_ptr<const Snapshot> snapshot() { return run(catalog_->snapshot()).value(); }
  void expect_refused(Batch batch) {
    const Result<Version> version = commit(std::move(batch));
    ASSERT_FALSE(version.has_value());
    EXPECT_EQ(version.error().code, Code::kFailedPrecondition) << version.error().message;
  }

  std::string directory_;
  std::unique_ptr<io::Reactor> reactor_;
  std::unique_ptr<Catalog> catalog_;
};

inline Precondition absent(std::string key) {
  return {.kind = Precondition::Kind::kAbsent, .key = std::move(key)};
}
inline Precondition present(std::string key) {
  return {.kind = Precondition::Kind::kPresent, .key = std::move(key)};
}
inline Precondition version_is(std::string key, Version version) {
  return {.kind = Precondition::Kind::kVersionIs, .key = std::move(key), .version = version};
}
inline Precondition range_empty(std::string begin, std::string end) {
  return {.kind = Precondition::Kind::kRangeEmpty, .key = std::move(begin), .end = std::move(end)};
}

TEST_P(CatalogSuite, KeysOrderByUnsignedBytes) {
  using std::string_literals::operator""s;
  const std::vector<std::string> ordered{"\0"s, "\0\xff"s, "a"s,    "a\0"s,  "aa"s,
                                         "b"s,  "\x7f"s,   "\x80"s, "\xff"s, "\xff\xff"s};
  Batch batch;
  for (auto key = ordered.rbegin(); key != ordered.rend(); ++key)
    batch.puts.push_back({*key, *key});
  must_commit(std::move(batch));
  const ScanPage page = scan({});
  ASSERT_EQ(page.entries.size(), ordered.size());
  for (size_t i = 0; i < ordered.size(); ++i) {
    EXPECT_EQ(page.entries[i].key, ordered[i]);
    EXPECT_EQ(page.entries[i].value, ordered[i]);
  }
}

TEST_P(CatalogSuite, VersionsIncreaseAndEntriesCarryTheirCommitsVersion) {
  const Version first = must_commit({.puts = {{"a", "1"}, {"b", "1"}, {"c", "1"}}});
  const Version second = put("b", "2");
  const Version third = must_commit({.deletes = {"c"}});
  EXPECT_LT(0U, first);
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
  EXPECT_EQ(get("a")->version, first);
  EXPECT_EQ(get("b")->version, second);
  EXPECT_FALSE(get("c").has_value());
  EXPECT_EQ(scan({}).entries[1].version, second);
  EXPECT_EQ(must_commit({.preconditions = {present("a")}}), third) << "nothing was changed";
}

TEST_P(CatalogSuite, EmptyAndBinaryValuesComeBackAsTheyWere) {
  using std::string_literals::operator""s;
  put("empty", "");
  put("binary", "\0\xff\n"s);
  EXPECT_EQ(get("empty")->value, "");
  EXPECT_EQ(get("binary")->value, "\0\xff\n"s);
}

TEST_P(CatalogSuite, EveryPreconditionKindIsChecked) {
  const Version version = put("a", "1");
  expect_refused({.preconditions = {absent("a")}, .puts = {{"x", "1"}}});
  expect_refused({.preconditions = {present("b")}, .puts = {{"x", "1"}}});
  expect_refused({.preconditions = {version_is("a", version + 1)}, .puts = {{"x", "1"}}});
  expect_refused({.preconditions = {version_is("b", version)}, .puts = {{"x", "1"}}});
  expect_refused({.preconditions = {range_empty("a", "b")}, .puts = {{"x", "1"}}});
  expect_refused({.preconditions = {range_empty("", "")}, .puts = {{"x", "1"}}});
  expect_refused({.preconditions = {present("a"), absent("a")}, .puts = {{"x", "1"}}});
  EXPECT_FALSE(get("x").has_value()) << "a refused commit must change nothing";
  must_commit({.preconditions = {absent("b"), present("a"), version_is("a", version),
                                 range_empty("b", ""), range_empty("", "a")},
               .puts = {{"x", "1"}}});
  EXPECT_EQ(value("x"), "1");
}

TEST_P(CatalogSuite, EmptyRangeSeesDeletesAndItsBounds) {
  put("r/1", "");
  put("s", "");
  expect_refused({.preconditions = {range_empty("r/", prefix_end("r/"))}, .puts = {{"x", ""}}});
  must_commit({.deletes = {"r/1"}});
  must_commit({.preconditions = {range_empty("r/", prefix_end("r/"))}, .puts = {{"x", ""}}});
  must_commit({.preconditions = {range_empty("r/", "s")}, .puts = {{"y", ""}}});
}

io::Task<void> inline commit_into(Catalog& catalog, Batch batch, Result<Version>& into) {
  into = co_await catalog.commit(std::move(batch));
}
io::Task<void> inline commit_all(Catalog& catalog, std::vector<Batch> batches,
                                 std::vector<Result<Version>>& results) {
  io::Scope scope;
  results.assign(batches.size(), Version{0});
  for (size_t i = 0; i < batches.size(); ++i) {
    scope.spawn(commit_into(catalog, std::move(batches[i]), results[i]));
  }
  co_await scope.join();
}

TEST_P(CatalogSuite, CommitsThatWaitTogetherSeeEachOther) {
  for (int round = 0; round < 20; ++round) {
    const std::string key = "k" + std::to_string(round);
    std::vector<Batch> batches(6);
    batches[0] = {.puts = {{"warm" + key, std::string(100, 'x')}}};
    batches[1] = {.preconditions = {absent(key)}, .puts = {{key, "1"}}};
    batches[2] = {.preconditions = {absent(key)}, .puts = {{key, "2"}}};
    batches[3] = {.preconditions = {present(key)}, .deletes = {key}};
    batches[4] = {.preconditions = {range_empty(key, key + "~")}, .puts = {{key + "/4", ""}}};
    batches[5] = {.preconditions = {range_empty(key, key + "~")}, .puts = {{key + "/5", ""}}};
    std::vector<Result<Version>> results;
    run(commit_all(*catalog_, std::move(batches), results));
    ASSERT_TRUE(results[1].has_value());
    ASSERT_FALSE(results[2].has_value()) << "round " << round;
    ASSERT_TRUE(results[3].has_value()) << results[3].error().message;
    ASSERT_TRUE(results[4].has_value()) << results[4].error().message;
    ASSERT_FALSE(results[5].has_value());
    EXPECT_LT(*results[1], *results[3]);
    EXPECT_LT(*results[3], *results[4]);
    EXPECT_EQ(value(key), "(absent)");
    EXPECT_TRUE(get(key + "/4").has_value());
  }
}

TEST_P(CatalogSuite, VersionInsideAGroupIsTheOneThatPreconditionsSee) {
  const Version version = put("a", "1");
  std::vector<Batch> batches(4);
  batches[0] = {.puts = {{"warm", std::string(100, 'x')}}};
  batches[1] = {.preconditions = {version_is("a", version)}, .puts = {{"a", "2"}}};
  batches[2] = {.preconditions = {version_is("a", version)}, .puts = {{"a", "3"}}};
  batches[3] = {.puts = {{"b", "1"}, {"c", "1"}}};
  std::vector<Result<Version>> results;
  run(commit_all(*catalog_, std::move(batches), results));
  ASSERT_TRUE(results[1].has_value());
  EXPECT_FALSE(results[2].has_value());
  EXPECT_EQ(get("a")->version, *results[1]);
  EXPECT_EQ(get("c")->version, *results[3]);
  must_commit({.preconditions = {version_is("a", *results[1])}, .puts = {{"a", "4"}}});
}

TEST_P(CatalogSuite, SnapshotsDoNotMove) {
  const Version version = must_commit({.puts = {{"a", "1"}, {"b", "1"}}});
  const std::shared_ptr<const Snapshot> before = snapshot();
  EXPECT_EQ(before->version(), version);
  must_commit({.puts = {{"a", "2"}, {"c", "2"}}, .deletes = {"b"}});
  const std::shared_ptr<const Snapshot> after = snapshot();
  put("a", "3");
  EXPECT_EQ(value("a", before.get()), "1");
  EXPECT_EQ(keys({}, before.get()), "a b ");
  EXPECT_EQ(value("a", after.get()), "2");
  EXPECT_EQ(value("b", after.get()), "(absent)");
  EXPECT_EQ(keys({}, after.get()), "a c ");
  EXPECT_EQ(value("a"), "3");
  EXPECT_EQ(get("a", before.get())->version, version);
}

TEST_P(CatalogSuite, ScanKeepsBoundsLimitsAndDirection) {
  Batch batch;
  for (char c = 'a'; c <= 'j'; ++c) batch.puts.push_back({std::string(1, c), std::string(100, c)});
  must_commit(std::move(batch));
  const std::shared_ptr<const Snapshot> at = snapshot();
  for (const Snapshot* view : {static_cast<const Snapshot*>(nullptr), at.get()}) {
    EXPECT_EQ(keys({.begin = "c", .end = "f"}, view), "c d e ");
    EXPECT_EQ(keys({.begin = "c", .end = "f", .reverse = true}, view), "e d c ");
    EXPECT_EQ(keys({.begin = "h"}, view), "h i j ");
    EXPECT_EQ(keys({.begin = "h", .reverse = true}, view), "j i h ");
    EXPECT_EQ(keys({.end = "c"}, view), "a b ");
    EXPECT_EQ(keys({.begin = "f", .end = "c"}, view), "");
    EXPECT_EQ(keys({.begin = "c", .end = "c"}, view), "");
    EXPECT_EQ(keys({.begin = "aa", .end = "bb"}, view), "b ");
    EXPECT_EQ(keys({.begin = "k"}, view), "");
    EXPECT_EQ(keys({.begin = "b", .end = "j", .limit_entries = 2}, view), "b c ");
    EXPECT_EQ(keys({.begin = "b", .end = "j", .limit_entries = 2, .reverse = true}, view), "i h ");
    EXPECT_EQ(keys({.limit_bytes = 150}, view), "a b ") << "stops after the entry that reaches it";
  }
  EXPECT_TRUE(scan({.limit_entries = 9}).more);
  EXPECT_FALSE(scan({.limit_entries = 10}).more);
  EXPECT_FALSE(scan({.begin = "c", .end = "e", .limit_entries = 2}).more);
  EXPECT_TRUE(scan({.begin = "c", .end = "f", .limit_entries = 2, .reverse = true}).more);
  const ScanPage names = scan({.begin = "a", .end = "b", .keys_only = true});
  ASSERT_EQ(names.entries.size(), 1U);
  EXPECT_EQ(names.entries[0].value, "");
  EXPECT_GT(names.entries[0].version, 0U);
}

// Applies what the tail tells to an empty map and compares with the catalog itself.
TEST_P(CatalogSuite, TailTellsEveryCommitInOrderAndRebuildsTheState) {
  SeededRandom random(7);
  std::vector<Version> versions;
  for (int i = 0; i < 300; ++i) {
    Batch batch;
    const uint64_t operations = 1 + random.below(4);
    for (uint64_t j = 0; j < operations; ++j) {
      const std::string key = "k" + std::to_string(random.below(40));
      if (random.below(3) == 0) {
        batch.deletes.push_back(key + "d");
      } else {
        batch.puts.push_back({key + (j % 2 == 0 ? "d" : "p"), std::to_string(i)});
      }
    }
    versions.push_back(must_commit(std::move(batch)));
  }
  std::map<std::string, std::string> mirror;
  std::vector<Version> told;
  for (Version after = 0;;) {
    const Result<std::vector<Change>> changes = run(catalog_->tail(after, 7));
    ASSERT_TRUE(changes.has_value()) << changes.error().message;
    ASSERT_LE(changes->size(), 7U);
    if (changes->empty()) break;
    for (const Change& change : *changes) {
      told.push_back(change.version);
      for (const Put& put : change.puts) mirror[put.key] = put.value;
      for (const std::string& key : change.deletes) mirror.erase(key);
    }
    after = changes->back().version;
  }
  EXPECT_EQ(told, versions);
  std::map<std::string, std::string> state;
  for (const Entry& entry : scan({}).entries) state[entry.key] = entry.value;
  EXPECT_EQ(mirror, state);
  EXPECT_TRUE(run(catalog_->tail(snapshot()->version(), 10)).value().empty());
}

TEST_P(CatalogSuite, RandomCommitsAgreeWithAMap) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed=" << seed);
    SeededRandom random(seed);
    std::map<std::string, std::pair<std::string, Version>> model;
    const std::string prefix = "s" + std::to_string(seed) + "/";
    for (int i = 0; i < 200; ++i) {
      const std::string key = prefix + std::to_string(random.below(20));
      const auto found = model.find(key);
      const Precondition::Kind kind =
          random.below(2) == 0 ? Precondition::Kind::kAbsent : Precondition::Kind::kVersionIs;
      const Version version =
          found != model.end() && random.below(4) != 0 ? found->second.second : 1;
      const bool holds = kind == Precondition::Kind::kAbsent
                             ? found == model.end()
                             : found != model.end() && found->second.second == version;
      Batch batch{.preconditions = {{.kind = kind, .key = key, .version = version}}};
      const bool deletes = random.below(3) == 0;
      if (deletes) {
        batch.deletes.push_back(key);
      } else {
        batch.puts.push_back({key, std::to_string(i)});
      }
      const Result<Version> result = commit(std::move(batch));
      ASSERT_EQ(result.has_value(), holds);
      if (!holds) continue;
      if (deletes) {
        model.erase(key);
      } else {
        model[key] = {std::to_string(i), *result};
      }
    }
    const ScanPage page = scan({.begin = prefix, .end = prefix_end(prefix)});
    ASSERT_EQ(page.entries.size(), model.size());
    auto expected = model.begin();
    for (const Entry& entry : page.entries) {
      EXPECT_EQ(entry.key, expected->first);
      EXPECT_EQ(entry.value, expected->second.first);
      EXPECT_EQ(entry.version, expected->second.second);
      ++expected;
    }
  }
}

// One successful increment by read and compare-and-set; the number of tries that lost the race.
inline io::Task<Result<int>> increment(Catalog& catalog) {
  for (int lost = 0;; ++lost) {
    std::optional<Entry> entry = co_await io::or_return(catalog.get("counter"));
    ASSERT(entry.has_value());
    Batch batch{.preconditions = {version_is("counter", entry->version)},
                .puts = {{"counter", std::to_string(std::stoull(entry->value) + 1)}}};
    const Result<Version> version = co_await catalog.commit(std::move(batch));
    if (version) co_return lost;
    if (version.error().code != Code::kFailedPrecondition)
      co_return std::unexpected(version.error());
  }
}
inline io::Task<void> increment_many(Catalog& catalog, int times, int& failures) {
  for (int i = 0; i < times; ++i) {
    const Result<int> lost = co_await increment(catalog);
    if (!lost) ++failures;
  }
}
inline io::Task<int> incrementers(Catalog& catalog, int tasks, int times) {
  io::Scope scope;
  int failures = 0;
  for (int i = 0; i < tasks; ++i) scope.spawn(increment_many(catalog, times, failures));
  co_await scope.join();
  co_return failures;
}

// A catalog is closed while the reactors that used it run.
inline io::Task<void> run_until(const std::atomic<bool>& is_over) {
  while (!is_over) static_cast<void>(co_await io::sleep_for(milliseconds(1)));
}

TEST_P(CatalogSuite, ConcurrentCompareAndSetLosesNoIncrement) {
  constexpr int kThreads = 3;
  constexpr int kTasks = 4;
  constexpr int kTimes = 15;
  put("counter", "0");
  std::vector<std::thread> threads;
  std::vector<int> failures(kThreads, -1);
  std::latch done(kThreads);
  std::atomic<bool> is_closed = false;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      const auto reactor = std::move(io::Reactor::create({}).value());
      failures[static_cast<size_t>(i)] = reactor->run(incrementers(*catalog_, kTasks, kTimes));
      done.count_down();
      reactor->run(run_until(is_closed));
    });
  }
  done.wait();
  for (const int count : failures) EXPECT_EQ(count, 0);
  EXPECT_EQ(value("counter"), std::to_string(kThreads * kTasks * kTimes));
  EXPECT_TRUE(run(catalog_->close()).has_value());
  catalog_.reset();
  is_closed = true;
  for (std::thread& thread : threads) thread.join();
}

TEST_P(CatalogSuite, RecentReadsSeeOwnCommitsAndWhatTheyFailedOn) {
  const auto recent = [this](std::string key) {
    const Result<std::optional<Entry>> entry = run(catalog_->get_recent(std::move(key)));
    EXPECT_TRUE(entry.has_value());
    return entry && *entry ? (*entry)->value : "(absent)";
  };
  EXPECT_EQ(recent("a"), "(absent)");
  const Version first = put("a", "1");
  EXPECT_EQ(recent("a"), "1");
  put("a", "2");
  EXPECT_EQ(recent("a"), "2");
  expect_refused({.preconditions = {version_is("a", first)}, .puts = {{"a", "3"}}});
  EXPECT_EQ(recent("a"), "2");
  EXPECT_TRUE(run(catalog_->catch_up()).has_value());
  EXPECT_EQ(recent("a"), "2");
}

TEST(PrefixEnd, IsTheSmallestKeyAfterThePrefix) {
  EXPECT_EQ(prefix_end("a"), "b");
  EXPECT_EQ(prefix_end("a\xff"), "b");
  EXPECT_EQ(prefix_end("\xff\xff"), "");
  EXPECT_EQ(prefix_end(""), "");
}

}  // namespace cairn::catalog
