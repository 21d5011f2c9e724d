// Properties: what happens to a bucket with a sync rule is in its tail, and nothing is written for
// one without; versions that come from another site keep id, times and ETag, in whatever turn they
// come; two sites that change the same keys, with partitions and clocks that differ, are the same
// once they have heard of each other; a tail that grows too long asks for a comparison.
#include "object/site_sync.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/unit/object/harness.h"

namespace cairn::object {
namespace {

constexpr std::string_view kSecret = "secret of the other site";

// A site: an object layer, and one rule that names the other one.
struct Site {
  explicit Site(uint64_t seed, Versioning mode = Versioning::kUnversioned,
                io::SimClock* clock = nullptr)
      : harness(Backends::kMemory, seed, {}, clock) {
    if (mode == Versioning::kUnversioned) return;
    const auto changed = harness.run(
        harness.objects->change_bucket(crypto::kRootTenant, "bucket", [mode](BucketConfig& config) {
          config.versioning = mode;
          return Status();
        }));
    harness.bucket = changed.value();
  }

  SiteSync& sync() { return *harness.objects->site_sync(); }
  SyncTail& tail() { return sync().tail(); }

  void follow(const Site& other, bool sends_removals = false) {
    SyncRule wanted;
    wanted.bucket_id = harness.bucket.id;
    wanted.tenant = harness.bucket.tenant;
    wanted.bucket = "bucket";
    wanted.peer = const_cast<Site&>(other).sync().site();
    wanted.sends_removals = sends_removals;
    rule = harness.run(tail().add_rule(std::move(wanted), kSecret)).value();
    harness.bucket = harness.run(harness.objects->bucket(crypto::kRootTenant, "bucket")).value();
  }
  std::vector<PendingChange> changes() { return harness.run(tail().read(rule.id, 10000)).value(); }
  void clear() {
    const Status done = harness.run(tail().acknowledge(rule, changes()));
    ASSERT_TRUE(done.has_value());
  }
  std::string put(const std::string& key, const std::string& text) {
    return harness.put(key, as_bytes(text)).value().version_id;
  }

  Harness harness;
  SyncRule rule;
};

// Sends one change as the server does, without a network between.
Result<ReplicaOutcome> send(Site& from, Site& to, const SyncChange& change) {
  auto described = from.harness.run(from.sync().describe(from.harness.bucket, change));
  if (!described) return std::unexpected(described.error());
  if (!*described) return ReplicaOutcome::kKnown;
  const std::string wire = encode_replica(**described);
  Result<ReplicaMessage> message = parse_replica(as_bytes(wire));
  if (!message) return std::unexpected(message.error());
  message->replica.head.info.key = change.key;
  if (message->kind != ChangeKind::kPut) {
    return to.harness.run(to.sync().apply(to.harness.bucket, change.key, std::move(*message)));
  }
  const auto reader = from.harness.run(
      from.harness.objects->open(from.harness.bucket, change.key, change.version_id));
  if (!reader) return std::unexpected(reader.error());
  const Bytes body =
      from.harness.run(read_range(**reader, {0, (*reader)->info().size_bytes})).value();
  PutOptions options;
  options.replica = std::make_shared<const Replica>(message->replica);
  Result<ObjectInfo> stored = to.harness.put(change.key, body, std::move(options));
  return to.harness.run(
      to.sync().settle(to.harness.bucket, change.key, message->replica, std::move(stored)));
}

// Everything that a client can see of a site.
std::string show(Site& site) {
  std::string text;
  auto page = site.harness.run(site.harness.objects->list_versions(site.harness.bucket, {}));
  for (const ObjectInfo& info : page.value().versions) {
    text += info.key + " " + info.version_id + " " + (info.is_latest ? "latest " : "") + info.etag +
            " " + std::to_string(info.modified.unix_ms) + (info.is_delete_marker ? " marker" : "");
    if (!info.is_delete_marker) {
      const auto head = site.harness.run(
          site.harness.objects->head(site.harness.bucket, info.key, info.version_id));
      if (!head) return text + " unreadable " + head.error().message;
      for (const auto& [name, value] : head->metadata.tags) text += " " + name + "=" + value;
    }
    text += "\n";
  }
  return text;
}

size_t rows_count(Site& site) {
  catalog::ScanRequest scan;
  scan.begin = "j";
  scan.end = "k";
  return site.harness.run(site.harness.catalog->scan(scan)).value().entries.size();
}

TEST(SiteSync, NothingIsWrittenWithoutARule) {
  Site site(1);
  site.put("a", "one");
  ASSERT_TRUE(site.harness.remove("a").has_value());
  EXPECT_EQ(rows_count(site), 0);
}

TEST(SiteSync, TheTailTellsEveryChangeOnceItIsCommitted) {
  Site site(1, Versioning::kEnabled);
  Site other(2, Versioning::kEnabled);
  site.follow(other);
  const std::string id = site.put("a", "one");
  const auto tagged = site.harness.run(
      site.harness.objects->change_version(site.harness.bucket, "a", "", [](ObjectInfo& info) {
        info.metadata.tags = {{"k", "v"}};
        return Status();
      }));
  ASSERT_TRUE(tagged.has_value());
  ASSERT_TRUE(site.harness.remove("a").has_value());
  const std::vector<PendingChange> changes = site.changes();
  ASSERT_EQ(changes.size(), 3);
  EXPECT_EQ(changes[0].change->kind, ChangeKind::kPut);
  EXPECT_EQ(changes[0].change->version_id, id);
  EXPECT_EQ(changes[1].change->kind, ChangeKind::kMeta);
  EXPECT_EQ(changes[2].change->kind, ChangeKind::kMarker);
  EXPECT_EQ(site.harness.run(site.tail().status_of(site.harness.bucket, "a", id)).value(),
            "PENDING");
  site.clear();
  ASSERT_TRUE(site.harness.run(site.tail().begin_comparison(site.rule)).value().has_value());
  ASSERT_TRUE(site.harness.run(site.tail().end_comparison(site.rule.id)).has_value());
  EXPECT_EQ(site.harness.run(site.tail().status_of(site.harness.bucket, "a", id)).value(),
            "COMPLETED");
}

TEST(SiteSync, ARuleSurvivesAndItsSecretIsSealed) {
  Site site(1);
  Site other(2);
  site.follow(other);
  site.put("a", "one");
  catalog::ScanRequest scan;
  scan.begin = "j";
  scan.end = "k";
  const auto rows = site.harness.run(site.harness.catalog->scan(scan));
  for (const catalog::Entry& entry : rows.value().entries) {
    EXPECT_EQ(entry.value.find(kSecret), std::string::npos);
  }
  site.harness.reopen();
  const std::vector<KnownRule> rules = site.tail().rules();
  ASSERT_EQ(rules.size(), 1);
  EXPECT_EQ(site.tail().secret_of(rules.front().rule).value(), kSecret);
  EXPECT_EQ(rules.front().depth->rows.load(), 1);
  EXPECT_TRUE(rules.front().depth->needs_comparison.load());
}

TEST(SiteSync, VersionsComeInAnyTurnAndAsOftenAsTheyLike) {
  Site site(1, Versioning::kEnabled);
  Site other(2, Versioning::kEnabled);
  site.follow(other);
  for (int i = 0; i < 6; ++i) {
    site.put("a", "text " + std::to_string(i));
    if (i % 3 == 1) ASSERT_TRUE(site.harness.remove("a").has_value());
  }
  std::vector<PendingChange> changes = site.changes();
  SeededRandom random(3);
  for (int round = 0; round < 3; ++round) {
    for (size_t i = changes.size(); i > 1; --i) {
      std::swap(changes[i - 1], changes[random.below(i)]);
    }
    for (const PendingChange& each : changes) {
      const auto sent = send(site, other, *each.change);
      ASSERT_TRUE(sent.has_value()) << sent.error().message;
    }
    EXPECT_EQ(show(site), show(other));
  }
}

TEST(SiteSync, WhatCameFromASiteIsNotSentBackToIt) {
  Site site(1, Versioning::kEnabled);
  Site other(2, Versioning::kEnabled);
  site.follow(other);
  other.follow(site);
  site.put("a", "one");
  for (const PendingChange& each : site.changes()) {
    ASSERT_EQ(send(site, other, *each.change).value(), ReplicaOutcome::kApplied);
  }
  EXPECT_TRUE(other.changes().empty());
  const auto info = other.harness.head("a");
  EXPECT_EQ(info.value().origin, site.sync().site());
}

// The later change wins, but for what may not be undone by anybody.
TEST(SiteSync, TheLongerOfTwoComplianceRetentionsStaysAtBothSites) {
  for (const bool longer_is_later : {false, true}) {
    SCOPED_TRACE(longer_is_later);
    io::SimClock clocks[2];
    Site sites[2] = {Site(1, Versioning::kEnabled, &clocks[0]),
                     Site(2, Versioning::kEnabled, &clocks[1])};
    sites[0].follow(sites[1]);
    sites[1].follow(sites[0]);
    const auto deliver = [&](size_t from) {
      for (const PendingChange& each : sites[from].changes()) {
        ASSERT_TRUE(send(sites[from], sites[1 - from], *each.change).has_value());
      }
      sites[from].clear();
    };
    const std::string id = sites[0].put("a", "one");
    deliver(0);
    const WallTime until[2] = {{clocks[0].wall_now().unix_ms + 2'000'000},
                               {clocks[0].wall_now().unix_ms + 1'000'000}};
    clocks[longer_is_later ? 0 : 1].jump_wall(500);
    for (const size_t at : {0, 1}) {
      clocks[at].advance(milliseconds(1));
      Objects& objects = *sites[at].harness.objects;
      const auto locked = sites[at].harness.run(
          objects.change_version(sites[at].harness.bucket, "a", id, [&](ObjectInfo& info) {
            info.lock.mode = LockMode::kCompliance;
            info.lock.retain_until = until[at];
            info.metadata.tags = {{"by", std::to_string(at)}};
            return Status();
          }));
      ASSERT_TRUE(locked.has_value()) << locked.error().message;
    }
    deliver(0);
    deliver(1);
    EXPECT_EQ(show(sites[0]), show(sites[1]));
    for (Site& site : sites) {
      const auto head = site.harness.run(site.harness.objects->head(site.harness.bucket, "a", id));
      ASSERT_TRUE(head.has_value());
      EXPECT_EQ(head->lock.retain_until, until[0]);
      EXPECT_EQ(head->metadata.tags.front().second, longer_is_later ? "0" : "1");
    }
  }
}

TEST(SiteSync, TooLongATailAsksForAComparison) {
  Site site(1);
  Site other(2);
  site.follow(other);
  ASSERT_TRUE(site.harness.run(site.tail().begin_comparison(site.rule)).value().has_value());
  ASSERT_TRUE(site.harness.run(site.tail().end_comparison(site.rule.id)).has_value());
  site.tail().set_rows_max(5);
  for (int i = 0; i < 20; ++i) site.put("key" + std::to_string(i), "text");
  EXPECT_EQ(site.changes().size(), 5);
  EXPECT_TRUE(site.tail().rules().front().depth->needs_comparison.load());
  site.harness.reopen();
  EXPECT_TRUE(site.tail().rules().front().depth->needs_comparison.load());
  const auto begun = site.harness.run(site.tail().begin_comparison(site.rule));
  ASSERT_TRUE(begun.value().has_value());
  EXPECT_TRUE(site.changes().empty());
  // From now on changes are noted again.
  site.put("late", "text");
  EXPECT_EQ(site.changes().size(), 1);
}

TEST(SiteSync, AComparisonNamesWhatIsMissing) {
  Site site(1, Versioning::kEnabled);
  Site other(2, Versioning::kEnabled);
  site.follow(other);
  site.put("a", "one");
  site.put("b", "two");
  ASSERT_TRUE(send(site, other, *site.changes().front().change).has_value());
  CompareQuestion question;
  question.site = site.sync().site();
  auto page = site.harness.run(site.harness.objects->list_versions(site.harness.bucket, {}));
  for (const ObjectInfo& info : page.value().versions) {
    question.versions.push_back(
        {info.key, info.version_id, info.etag, info.modified, info.changed});
  }
  const auto answer = other.harness.run(other.sync().compare(other.harness.bucket, question));
  EXPECT_EQ(answer.value().answers,
            (std::vector<Comparison>{Comparison::kSame, Comparison::kMissing}));
}

// Both sites write, remove and tag the same few keys, and hear of each other now and then. Their
// clocks differ by up to an hour, stand still between some writes, and jump.
void converge(Versioning mode, uint64_t seed) {
  io::SimClock clocks[2];
  Site sites[2] = {Site(seed * 2 + 1, mode, &clocks[0]), Site(seed * 2 + 2, mode, &clocks[1])};
  clocks[seed % 2].jump_wall(static_cast<int64_t>(seed % 5) * 900'000);
  sites[0].follow(sites[1]);
  sites[1].follow(sites[0]);
  SeededRandom random(seed);
  const auto deliver = [&](size_t from, size_t count) {
    std::vector<PendingChange> changes = sites[from].changes();
    for (size_t i = 0; i < std::min(count, changes.size()); ++i) {
      // Any of them: commits come into the tail out of order.
      const size_t which = i + random.below(changes.size() - i);
      std::swap(changes[i], changes[which]);
      const auto sent = send(sites[from], sites[1 - from], *changes[i].change);
      ASSERT_TRUE(sent.has_value()) << sent.error().message;
      const Status done =
          sites[from].harness.run(sites[from].tail().acknowledge(sites[from].rule, {changes[i]}));
      ASSERT_TRUE(done.has_value());
    }
  };
  for (int step = 0; step < 60; ++step) {
    const size_t at = random.below(2);
    Site& site = sites[at];
    const std::string key(1, static_cast<char>('a' + random.below(3)));
    if (random.below(2) == 0) clocks[at].advance(milliseconds(1 + static_cast<int64_t>(at)));
    if (random.below(10) == 0) clocks[at].jump_wall(random.below(2) == 0 ? 5000 : -5000);
    switch (random.below(6)) {
      case 0: ASSERT_TRUE(site.harness.remove(key).has_value()); break;
      case 1: {
        // A key that is not there has no tags.
        static_cast<void>(site.harness.run(site.harness.objects->change_version(
            site.harness.bucket, key, "", [&](ObjectInfo& info) {
              info.metadata.tags = {{"by", std::to_string(at)}, {"n", std::to_string(step)}};
              return Status();
            })));
        break;
      }
      case 2: deliver(at, 1 + random.below(4)); break;
      default: site.put(key, std::to_string(step) + " of " + std::to_string(at));
    }
  }
  for (int round = 0; round < 3; ++round) {
    deliver(0, 1000);
    deliver(1, 1000);
  }
  EXPECT_TRUE(sites[0].changes().empty());
  EXPECT_TRUE(sites[1].changes().empty());
  ASSERT_EQ(show(sites[0]), show(sites[1])) << "seed " << seed;
  EXPECT_FALSE(show(sites[0]).empty());
}

TEST(SiteSync, TwoSitesConvergeWithVersions) {
  for (uint64_t seed = 1; seed <= 25; ++seed) {
    converge(Versioning::kEnabled, seed);
    if (testing::Test::HasFatalFailure()) return;
  }
}

TEST(SiteSync, TwoSitesConvergeWithoutVersions) {
  for (uint64_t seed = 1; seed <= 25; ++seed) {
    converge(Versioning::kUnversioned, seed);
    if (testing::Test::HasFatalFailure()) return;
  }
}

TEST(SiteSync, TwoSitesConvergeOnTheNullVersion) {
  for (uint64_t seed = 1; seed <= 25; ++seed) {
    converge(Versioning::kSuspended, seed);
    if (testing::Test::HasFatalFailure()) return;
  }
}

TEST(SiteSync, PartsAreCutWhereTheyEnded) {
  Manifest manifest;
  manifest.owner.bytes[0] = 7;
  Extent extent;
  extent.chunk_bytes = 100;
  for (int i = 0; i < 3; ++i) {
    extent.chunk.bytes[0] = static_cast<uint8_t>(i);
    extent.size_bytes = 100;
    manifest.extents.push_back(extent);
  }
  std::vector<PartInfo> parts(3);
  parts[0].size_bytes = 150;
  parts[1].size_bytes = 0;
  parts[2].size_bytes = 150;
  ASSERT_TRUE(add_parts(manifest, parts).has_value());
  ASSERT_EQ(manifest.extents.size(), 4);
  EXPECT_EQ(manifest.parts[0].extents_count, 2);
  EXPECT_EQ(manifest.parts[1].extents_count, 0);
  EXPECT_EQ(manifest.extents[2].offset_bytes, 50);
  EXPECT_EQ(manifest.size_bytes(), 300);
  Manifest shorter = manifest;
  shorter.parts.clear();
  parts[2].size_bytes = 149;
  EXPECT_FALSE(add_parts(shorter, parts).has_value());
}

std::vector<std::string> removed_keys(Site& site) {
  std::vector<std::string> keys;
  const auto removals = site.harness.run(site.sync().removals(site.harness.bucket, "", 10000));
  for (const SyncChange& change : removals.value()) keys.push_back(change.key);
  return keys;
}

// One site has heard of everything, the other one is away: what was removed is to be told to it
// however old it is.
TEST(SiteSync, RemovalsAreKeptUntilEverySiteHasHeardOfThem) {
  io::SimClock clock;
  Site site(1, Versioning::kUnversioned, &clock);
  Site near(2);
  Site away(3);
  const auto settle = [&site] {
    site.clear();
    ASSERT_TRUE(site.harness.run(site.tail().begin_comparison(site.rule)).value().has_value());
    ASSERT_TRUE(site.harness.run(site.tail().end_comparison(site.rule.id)).has_value());
  };
  const auto forget = [&] {
    clock.advance(seconds(3600));
    ASSERT_TRUE(site.harness.run(site.sync().forget_removals(site.harness.bucket, clock.wall_now()))
                    .has_value());
  };
  site.follow(near);
  settle();
  const SyncRule to_near = site.rule;
  site.follow(away);
  settle();
  const SyncRule to_away = site.rule;
  site.put("k", "text");
  ASSERT_TRUE(send(site, away, *site.changes().front().change).has_value());
  site.clear();
  ASSERT_TRUE(site.harness.remove("k").has_value());
  site.rule = to_near;
  site.clear();
  forget();
  ASSERT_EQ(removed_keys(site), std::vector<std::string>{"k"}) << "the other site has not heard";
  // It refuses, for a while.
  site.rule = to_away;
  const std::vector<PendingChange> pending = site.changes();
  ASSERT_EQ(pending.size(), 1U);
  ASSERT_TRUE(site.harness.run(site.tail().put_aside(to_away, pending[0], "refused")).has_value());
  forget();
  ASSERT_EQ(removed_keys(site), std::vector<std::string>{"k"}) << "it was put aside";
  ASSERT_TRUE(site.harness.run(site.tail().retry_failures(to_away)).has_value());
  ASSERT_EQ(site.changes().size(), 1U);
  EXPECT_EQ(send(site, away, *site.changes().front().change).value(), ReplicaOutcome::kApplied);
  EXPECT_EQ(show(away), "");
  site.clear();
  forget();
  EXPECT_TRUE(removed_keys(site).empty());
}

// Those that are young stand before those that are old, more than are looked at in one go.
TEST(SiteSync, OldRemovalsAreForgottenBehindYoungOnes) {
  io::SimClock clock;
  Site site(1, Versioning::kUnversioned, &clock);
  Site other(2);
  site.follow(other);
  ASSERT_TRUE(site.harness.run(site.tail().begin_comparison(site.rule)).value().has_value());
  ASSERT_TRUE(site.harness.run(site.tail().end_comparison(site.rule.id)).has_value());
  site.put("z", "text");
  ASSERT_TRUE(site.harness.remove("z").has_value());
  clock.advance(seconds(3600));
  const WallTime until = clock.wall_now();
  for (int i = 0; i < 1001; ++i) {
    const std::string key = "a" + std::to_string(i);
    site.put(key, "text");
    ASSERT_TRUE(site.harness.remove(key).has_value());
  }
  site.clear();
  ASSERT_EQ(removed_keys(site).size(), 1002U);
  ASSERT_TRUE(
      site.harness.run(site.sync().forget_removals(site.harness.bucket, until)).has_value());
  EXPECT_EQ(removed_keys(site).size(), 1001U);
}

TEST(SiteSync, MessagesOfAnotherFormAreRefused) {
  EXPECT_FALSE(parse_replica(as_bytes(std::string_view("nonsense"))).has_value());
  EXPECT_FALSE(parse_question({}).has_value());
  EXPECT_FALSE(parse_answer({}, 0).has_value());
  EXPECT_FALSE(parse_replica_reply({}).has_value());
}

}  // namespace
}  // namespace cairn::object
