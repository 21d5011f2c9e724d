// Property: rewriting partly dead chunks is never seen. After a power cut at any instant of a
// collection that rewrites, every version is what it was (current, older, held, in parts), nothing
// is damaged, and the collection after the start gives the space back. Method: a prepared store is
// cut at every change of the simulated disk in turn. Negative control: with syncs that lie during
// the collection, versions are lost, so that the copies' flush before the commit is what the
// property rests on.
#include <algorithm>
#include <tuple>

#include "base/encoding.h"
#include "base/log.h"
#include "crypto/hash_engine.h"
#include "tests/support/journalled_catalog.h"
#include "tests/support/sim_objects.h"

namespace cairn::object {
namespace {

using testing_support::JournalledCatalog;
using testing_support::SimObjects;

constexpr size_t kUnit = 90000;

template <typename T>
Status drop_value(const Result<T>& result) {
  return result ? Status() : Status(std::unexpected(result.error()));
}

Status put(SimObjects& world, const std::string& key, Bytes bytes) {
  const Result<BucketInfo> bucket = world.bucket();
  if (!bucket) return std::unexpected(bucket.error());
  return drop_value(world.wait(put_object(world.objects(), *bucket, key, std::move(bytes), {}, 1)));
}

// The first units of one content.
Bytes units(size_t count) {
  const Bytes all = random_bytes(7, 16 * kUnit);
  return Bytes(all.begin(), all.begin() + static_cast<ptrdiff_t>(count * kUnit));
}

Status put_parts(SimObjects& world) {
  const BucketInfo bucket = world.bucket().value();
  const auto upload = world.wait(world.objects().create_upload(bucket, "parts", {}));
  if (!upload) return std::unexpected(upload.error());
  auto writer = world.wait(world.objects().put_part(bucket, *upload, 1, {}));
  if (!writer) return std::unexpected(writer.error());
  const auto part = world.wait(write_all(std::move(*writer), units(2), 1));
  if (!part) return std::unexpected(part.error());
  CompleteOptions options;
  options.parts.push_back({1, part->etag, std::nullopt});
  return drop_value(
      world.wait(world.objects().complete_upload(bucket, "parts", upload->upload_id, options)));
}

// Bodies that share what "first" brought, which is gone.
Status prepare(SimObjects& world, io::SimFileSystem& disk, JournalledCatalog& catalog) {
  if (const Status opened = world.open(disk, catalog); !opened) return opened;
  if (const auto made = world.create_bucket(); !made) return std::unexpected(made.error());
  const Status set = drop_value(world.wait(
      world.objects().change_bucket(crypto::kRootTenant, "bucket", [](BucketConfig& config) {
        config.versioning = Versioning::kEnabled;
        config.object_lock = true;
        return Status();
      })));
  if (!set) return set;
  for (const auto& [key, count] : {std::tuple{"first", 16}, {"held", 3}, {"old", 4}}) {
    if (const Status done = put(world, key, units(static_cast<size_t>(count))); !done) return done;
  }
  if (const Status done = put(world, "old", random_bytes(9, 300)); !done) return done;
  if (const Status done = put_parts(world); !done) return done;
  const BucketInfo bucket = world.bucket().value();
  const Status held = drop_value(
      world.wait(world.objects().change_version(bucket, "held", "", [](ObjectInfo& info) {
        info.lock.legal_hold = true;
        return Status();
      })));
  if (!held) return held;
  const auto first = world.wait(world.objects().head(bucket, "first", ""));
  if (!first) return std::unexpected(first.error());
  RemoveRequest request;
  request.key = "first";
  request.version_id = first->version_id;
  return drop_value(world.wait(world.objects().remove(bucket, {request})));
}

Status collect(SimObjects& world) {
  for (int pass = 0; pass < 1000; ++pass) {
    const Result<bool> more = world.wait(world.objects().collect_garbage());
    if (!more) return std::unexpected(more.error());
    if (!*more) return {};
  }
  return fail(Code::kInternal, "the collector finds no end");
}

std::string describe(SimObjects& world) {
  const Result<BucketInfo> bucket = world.bucket();
  if (!bucket) return "no bucket";
  const auto page = world.wait(world.objects().list_versions(*bucket, {}));
  if (!page) return "unreadable";
  std::string text;
  for (const ObjectInfo& info : page->versions) {
    const auto reader = world.wait(world.objects().open(*bucket, info.key, info.version_id));
    if (!reader) return text + "unreadable: " + reader.error().message;
    const ObjectInfo& open = (*reader)->info();
    const auto bytes = world.wait(read_range(**reader, {0, open.size_bytes}));
    if (!bytes) return text + "unreadable: " + bytes.error().message;
    text += info.key + " " + info.version_id + " " + open.etag + " " +
            std::to_string(open.modified.unix_ms) + " " + std::to_string(open.parts_count) +
            (open.lock.legal_hold ? " held " : " ") + to_hex(crypto::sha256(*bytes)) + "\n";
  }
  return text;
}

uint64_t live_bytes(SimObjects& world) {
  return world.wait(world.store().usage()).value().live_bytes;
}

struct Whole {
  std::string seen;
  uint64_t first_change = 0;
  uint64_t last_change = 0;
  uint64_t stored_bytes = 0;  // Afterwards.
};

Whole run_whole() {
  Whole out;
  io::SimFileSystem disk({.seed = 7});
  JournalledCatalog catalog(disk, 7);
  SimObjects world(7);
  EXPECT_TRUE(prepare(world, disk, catalog).has_value());
  out.seen = describe(world);
  out.first_change = disk.changes_count() + 1;
  const uint64_t before = live_bytes(world);
  EXPECT_TRUE(collect(world).has_value());
  out.last_change = disk.changes_count();
  out.stored_bytes = live_bytes(world);
  EXPECT_EQ(describe(world), out.seen);
  EXPECT_LT(out.stored_bytes, before / 2);
  return out;
}

TEST(RewriteCrash, NothingIsSeenOfACutAtAnyChange) {
  log::set_level(log::Level::kError);
  const Whole whole = run_whole();
  ASSERT_GT(whole.last_change, whole.first_change + 10);
  for (uint64_t cut = whole.first_change; cut <= whole.last_change; ++cut) {
    SCOPED_TRACE("cut " + std::to_string(cut));
    io::SimFileSystem disk({.seed = 7, .cut_after_changes = cut});
    JournalledCatalog catalog(disk, cut);
    {
      SimObjects world(7);
      ASSERT_TRUE(prepare(world, disk, catalog).has_value());
      (void)collect(world);
      world.close();
    }
    disk.restart();
    SimObjects world(8);
    ASSERT_TRUE(world.open(disk, catalog).has_value());
    ASSERT_EQ(describe(world), whole.seen);
    ASSERT_TRUE(collect(world).has_value());
    ASSERT_EQ(describe(world), whole.seen);
    EXPECT_LE(live_bytes(world), whole.stored_bytes * 21 / 20);
    const auto damaged = world.damaged();
    ASSERT_TRUE(damaged.has_value());
    EXPECT_TRUE(damaged->empty());
  }
}

TEST(RewriteCrash, WithLyingSyncsVersionsAreLost) {
  log::set_level(log::Level::kError);
  const Whole whole = run_whole();
  bool any_lost = false;
  for (uint64_t cut = whole.first_change; cut <= whole.last_change && !any_lost; ++cut) {
    io::SimFileSystem disk({.seed = 7, .cut_after_changes = cut});
    JournalledCatalog catalog(disk, cut);
    {
      SimObjects world(7);
      ASSERT_TRUE(prepare(world, disk, catalog).has_value());
      disk.set_syncs_ignored(true);  // From here on: what is lost are the copies.
      (void)collect(world);
      world.close();
    }
    disk.restart();
    SimObjects world(8);
    any_lost = !world.open(disk, catalog) || describe(world) != whole.seen;
  }
  EXPECT_TRUE(any_lost);
}

}  // namespace
}  // namespace cairn::object
