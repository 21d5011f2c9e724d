// Property: an upload by names of chunks whose abort broke off is either gone or whole: what is
// committed of it afterwards is never collected. Method: more chunks than one commit used to take,
// and a catalog that fails from the second commit on that takes rows of the upload away.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "object/keys.h"
#include "object/limits.h"
#include "object/native_upload.h"
#include "tests/unit/object/harness.h"

namespace cairn::object {
namespace {

constexpr size_t kChunksCount = kNativeRowsPerCommitMax + 2;

class AllRights final : public ReadRights {
 public:
  bool reads_all(TenantId) const override { return true; }
  io::Task<bool> may_read(BucketInfo, std::string, std::string) override { co_return true; }
};

// Lets so many commits pass that delete rows of chunks of uploads, and fails the others.
class BreakingCatalog final : public catalog::Catalog {
 public:
  explicit BreakingCatalog(std::unique_ptr<Catalog> below) : below_(std::move(below)) {}
  std::optional<size_t> passes_count;  // Unset: all.

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
    const bool drops = std::ranges::any_of(
        batch.deletes, [](const std::string& row) { return row.starts_with("c/"); });
    if (passes_count && drops && (*passes_count)-- == 0) {
      *passes_count = 0;
      co_return fail(Code::kUnavailable, "injected");
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

Bytes content_of(uint32_t number) {
  Bytes out(4);
  store_le(out.data(), number);
  return out;
}

ChunkRecipe recipe_of(BytesView bytes) {
  ChunkRecipe recipe;
  recipe.segments.push_back({crypto::sha256(bytes), static_cast<uint32_t>(bytes.size())});
  recipe.is_sent.push_back(true);
  return recipe;
}

io::Task<Status> fill_all(NativeUploads& native, BucketInfo bucket, UploadInfo upload) {
  AllRights rights;
  for (uint32_t i = 0; i < kChunksCount; ++i) {
    const Bytes bytes = content_of(i);
    const std::unique_ptr<ChunkFill> fill =
        co_await io::or_return(native.fill(bucket, upload, recipe_of(bytes), rights));
    const MutableBytes space = fill->next_space();
    std::ranges::copy(bytes, space.begin());
    fill->advance(space.size());
    co_await io::or_return(fill->finish());
  }
  co_return Status();
}

TEST(NativeAbort, WhatIsCommittedAfterOneThatBrokeOffStays) {
  Harness harness;
  auto wrapped = std::make_unique<BreakingCatalog>(std::move(harness.catalog));
  BreakingCatalog* const catalog = wrapped.get();
  harness.catalog = std::move(wrapped);
  harness.reopen();
  NativeUploads& native = *harness.objects->native();
  NativeUploads::Begin begin;
  begin.size_bytes = content_of(0).size();
  const auto upload = harness.run(native.begin(harness.bucket, "key", begin));
  ASSERT_TRUE(upload.has_value());
  const Status filled = harness.run(fill_all(native, harness.bucket, *upload));
  ASSERT_TRUE(filled.has_value()) << filled.error().message;

  catalog->passes_count = 1;
  const Status aborted =
      harness.run(harness.objects->abort_upload(harness.bucket, "key", upload->upload_id));
  catalog->passes_count.reset();

  // The client never heard of the end, and goes on.
  AllRights rights;
  std::vector<ContentName> names;
  for (uint32_t i = 0; i < kChunksCount; ++i) names.push_back(recipe_of(content_of(i)).name());
  size_t committed_count = 0;
  for (size_t i = 0; i < names.size() && committed_count == 0; ++i) {
    const auto held = harness.run(native.offer(harness.bucket, *upload, {names[i]}, rights));
    if (!held) {
      EXPECT_TRUE(aborted.has_value());
      EXPECT_EQ(held.error().code, Code::kNotFound) << held.error().message;
      break;
    }
    if (!held->front()) continue;
    NativeCommit commit;
    commit.chunks = {names[i]};
    const auto done =
        harness.run(native.commit(harness.bucket, "key", upload->upload_id, std::move(commit)));
    ASSERT_TRUE(done.has_value()) << done.error().message;
    ++committed_count;
    harness.collect();
    const Result<Bytes> found = harness.get("key");
    ASSERT_TRUE(found.has_value()) << found.error().message;
    EXPECT_EQ(*found, content_of(static_cast<uint32_t>(i)));
    ASSERT_TRUE(harness.remove("key").has_value());
  }
  harness.collect();
  EXPECT_EQ(harness.stored_chunks(), 0U);
}

}  // namespace
}  // namespace cairn::object
