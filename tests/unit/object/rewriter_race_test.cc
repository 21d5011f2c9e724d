// Property: whoever changes, replaces, renames, copies or removes a version while its chunks are
// rewritten wins, and nothing is lost or left over. Method: rivals run when the copies are durable
// and no version has moved (same process, where locks help), and inside the commit of the move
// (another process, where only its preconditions do).
#include <gtest/gtest.h>

#include <functional>

#include "object/keys.h"
#include "tests/unit/object/harness.h"

namespace cairn::object {
namespace {

using crypto::ChunkId;
using storage::OwnerId;

using Rival = std::function<io::Task<Status>()>;

// Runs the rival once, after the next put.
class HookedStore final : public storage::ChunkStore {
 public:
  explicit HookedStore(std::unique_ptr<ChunkStore> below) : below_(std::move(below)) {}
  Rival rival;

  io::Task<Status> put(ChunkId id, storage::SealedChunk chunk, OwnerId owner) override {
    co_await io::or_return(below_->put(id, std::move(chunk), owner));
    const Rival now = std::exchange(rival, nullptr);
    if (now) co_await io::or_return(now());
    co_return Status{};
  }
  io::Task<Result<bool>> link(ChunkId id, OwnerId owner) override {
    return below_->link(id, owner);
  }
  io::Task<void> release(OwnerId owner, std::vector<ChunkId> ids) override {
    return below_->release(owner, std::move(ids));
  }
  io::Task<Result<bool>> unlink(ChunkId id, OwnerId owner) override {
    return below_->unlink(id, owner);
  }
  using ChunkStore::read;
  io::Task<Result<storage::SealedRead>> read(ChunkId id, ByteRange range,
                                             storage::ReadOptions options) override {
    return below_->read(id, range, options);
  }
  io::Task<Status> verify(ChunkId id) override { return below_->verify(id); }
  io::Task<Result<std::vector<storage::ChunkStat>>> list(std::optional<ChunkId> after,
                                                         size_t limit) override {
    return below_->list(after, limit);
  }
  io::Task<Result<storage::StoreUsage>> usage() override { return below_->usage(); }
  io::Task<Status> close() override { return below_->close(); }

 private:
  std::unique_ptr<ChunkStore> below_;
};

bool is_move(const catalog::Batch& batch) {
  bool has_note = false;
  bool has_version = false;
  for (const catalog::Put& put : batch.puts) {
    has_note |= put.key.starts_with("m/");
    has_version |= put.key.starts_with("o/") || put.key.starts_with("v/");
  }
  return has_note && has_version;
}

// Runs the rival once, before the next commit that moves a version.
class HookedCatalog final : public catalog::Catalog {
 public:
  explicit HookedCatalog(std::unique_ptr<Catalog> below) : below_(std::move(below)) {}
  Rival rival;

  io::Task<Result<std::optional<catalog::Entry>>> get(std::string key,
                                                      const catalog::Snapshot* view) override {
    return below_->get(std::move(key), view);
  }
  io::Task<Result<catalog::ScanPage>> scan(catalog::ScanRequest request,
                                           const catalog::Snapshot* view) override {
    return below_->scan(std::move(request), view);
  }
  io::Task<Result<std::shared_ptr<const catalog::Snapshot>>> snapshot() override {
    return below_->snapshot();
  }
  io::Task<Result<catalog::Version>> commit(catalog::Batch batch) override {
    if (rival && is_move(batch)) {
      const Rival now = std::exchange(rival, nullptr);
      co_await io::or_return(now());
    }
    co_return co_await below_->commit(std::move(batch));
  }
  io::Task<Result<std::vector<catalog::Change>>> tail(catalog::Version after,
                                                      size_t limit) override {
    return below_->tail(after, limit);
  }
  io::Task<Status> close() override { return below_->close(); }

 private:
  std::unique_ptr<Catalog> below_;
};

Bytes joined(const Bytes& a, const Bytes& b) {
  Bytes out = a;
  out.insert(out.end(), b.begin(), b.end());
  return out;
}

// What a rival does to "second", and what is there then.
struct Case {
  std::string name;
  std::function<io::Task<Status>(Objects&, BucketInfo)> act;
  std::vector<std::pair<std::string, Bytes>> expected;
};

const Bytes& base() {
  static const Bytes body = random_bytes(1, 12 * MiB);
  return body;
}
const Bytes& shared() {
  static const Bytes body =
      joined(Bytes(base().begin(), base().begin() + 3 * MiB), random_bytes(2, 3 * MiB));
  return body;
}

template <typename T>
Status drop_value(const Result<T>& result) {
  return result ? Status() : Status(std::unexpected(result.error()));
}

io::Task<Status> overwrite(Objects& objects, BucketInfo bucket) {
  const auto done =
      co_await put_object(objects, std::move(bucket), "second", random_bytes(3, 1 * MiB), {}, 3);
  co_return drop_value(done);
}
io::Task<Status> erase(Objects& objects, BucketInfo bucket) {
  return remove_object(objects, std::move(bucket), "second");
}
io::Task<Status> rename(Objects& objects, BucketInfo bucket) {
  const auto done = co_await objects.rename(std::move(bucket), "second", "third", {});
  co_return drop_value(done);
}
io::Task<Status> copy(Objects& objects, BucketInfo bucket) {
  const ObjectInfo source = co_await io::or_return(objects.head(bucket, "second", ""));
  const auto done = co_await objects.copy(bucket, source, bucket, "third", {});
  co_return drop_value(done);
}
io::Task<Status> append(Objects& objects, BucketInfo bucket) {
  std::unique_ptr<ObjectWriter> writer =
      co_await io::or_return(objects.append(std::move(bucket), "second", shared().size(), {}));
  const Bytes more = random_bytes(4, 1 * MiB);
  const auto done = co_await write_all(std::move(writer), more, 4);
  co_return drop_value(done);
}
io::Task<Status> tag(Objects& objects, BucketInfo bucket) {
  const auto done =
      co_await objects.change_version(std::move(bucket), "second", "", [](ObjectInfo& info) {
        info.metadata.tags = {{"k", "v"}};
        return Status();
      });
  co_return drop_value(done);
}
io::Task<Status> put_same(Objects& objects, BucketInfo bucket) {
  const auto done = co_await put_object(objects, std::move(bucket), "third", shared(), {}, 5);
  co_return drop_value(done);
}

std::vector<Case> cases() {
  return {
      {"overwrite", overwrite, {{"second", random_bytes(3, 1 * MiB)}}},
      {"erase", erase, {}},
      {"rename", rename, {{"third", shared()}}},
      {"copy", copy, {{"second", shared()}, {"third", shared()}}},
      {"append", append, {{"second", joined(shared(), random_bytes(4, 1 * MiB))}}},
      {"tag", tag, {{"second", shared()}}},
      {"put same", put_same, {{"second", shared()}, {"third", shared()}}},
  };
}

class RewriterRace : public testing::TestWithParam<bool> {
 protected:
  // Wraps the backends before anything is opened over them anew.
  void hook(Harness& harness) {
    auto store = std::make_unique<HookedStore>(std::move(harness.store));
    auto catalog = std::make_unique<HookedCatalog>(std::move(harness.catalog));
    store_ = store.get();
    catalog_ = catalog.get();
    harness.store = std::move(store);
    harness.catalog = std::move(catalog);
    harness.reopen();
  }
  std::unique_ptr<Objects> second_process(Harness& harness) {
    ObjectsOptions options;
    options.catalog = harness.catalog.get();
    options.store = harness.store.get();
    options.keys = harness.keys.get();
    options.random = &harness.random;
    auto opened = harness.run(open_objects(options));
    EXPECT_TRUE(opened.has_value());
    return std::move(*opened);
  }
  HookedStore* store_ = nullptr;
  HookedCatalog* catalog_ = nullptr;
};
INSTANTIATE_TEST_SUITE_P(Where, RewriterRace, testing::Bool(), [](const auto& info) {
  return std::string(info.param ? "InsideTheCommit" : "BesideTheCopies");
});

TEST_P(RewriterRace, TheRivalWins) {
  for (const Case& each : cases()) {
    SCOPED_TRACE(each.name);
    Harness harness;
    hook(harness);
    ASSERT_TRUE(harness.put("first", base()).has_value());
    ASSERT_TRUE(harness.put("second", shared()).has_value());
    ASSERT_TRUE(harness.remove("first").has_value());
    std::unique_ptr<Objects> other = second_process(harness);
    Objects* const rival = GetParam() ? other.get() : harness.objects.get();
    bool ran = false;
    const Rival act = [&, rival]() -> io::Task<Status> {
      ran = true;
      return each.act(*rival, harness.bucket);
    };
    if (GetParam()) {
      catalog_->rival = act;
    } else {
      store_->rival = act;
    }
    harness.collect();
    EXPECT_TRUE(ran);
    ASSERT_TRUE(harness.run(other->close()).has_value());
    other.reset();
    harness.reopen();
    harness.collect();
    const auto page = harness.run(harness.objects->list(harness.bucket, {}));
    ASSERT_TRUE(page.has_value());
    EXPECT_EQ(page->objects.size(), each.expected.size());
    for (const auto& [key, bytes] : each.expected) EXPECT_TRUE(harness.get(key) == bytes) << key;
    if (each.name == "tag") {
      EXPECT_EQ(harness.head("second")->metadata.tags.size(), 1U);
    }
    const auto report = harness.run(harness.objects->scrub());
    ASSERT_TRUE(report.has_value());
    EXPECT_TRUE(report->damaged.empty());
    for (const auto& [key, bytes] : each.expected) ASSERT_TRUE(harness.remove(key).has_value());
    harness.collect();
    EXPECT_EQ(harness.stored_chunks(), 0U);
  }
}

}  // namespace
}  // namespace cairn::object
