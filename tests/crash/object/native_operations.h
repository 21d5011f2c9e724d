// Native uploads as operations of the crash test: one chunk of random bytes, in segments of one
// size.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "object/native_upload.h"
#include "tests/support/sim_objects.h"

namespace cairn::object::native_operations {

using testing_support::SimObjects;

inline constexpr uint32_t kSegmentBytes = 30'000;
inline constexpr size_t kChunkBytes = 3 * kSegmentBytes;

class ReadsAll final : public ReadRights {
 public:
  bool reads_all(TenantId) const override { return true; }
  io::Task<bool> may_read(BucketInfo, std::string, std::string) override { co_return true; }
};

inline ChunkRecipe recipe_of(BytesView bytes) {
  ChunkRecipe recipe;
  for (size_t at = 0; at < bytes.size(); at += kSegmentBytes) {
    const BytesView segment = bytes.subspan(at, std::min<size_t>(kSegmentBytes, bytes.size() - at));
    recipe.segments.push_back({crypto::sha256(segment), static_cast<uint32_t>(segment.size())});
  }
  recipe.is_sent.assign(recipe.segments.size(), true);
  return recipe;
}

inline Bytes content_of(uint64_t content) {
  return random_bytes(content, kChunkBytes);
}

inline Status begin(SimObjects& world) {
  const auto begun = world.wait(world.objects().native()->begin(
      world.bucket().value(), "a", {.size_bytes = kChunkBytes, .sha256 = {}, .sse = {}}));
  return begun ? Status() : Status(std::unexpected(begun.error()));
}

inline UploadInfo the_upload(SimObjects& world) {
  const auto page = world.wait(world.objects().list_uploads(world.bucket().value(), {}));
  const std::string id = page.value().uploads.front().upload_id;
  return world.wait(world.objects().native()->find(world.bucket().value(), "a", id)).value();
}

inline io::Task<Status> fill_with(NativeUploads& uploads, BucketInfo bucket, UploadInfo upload,
                                  Bytes bytes) {
  ReadsAll rights;
  ChunkRecipe recipe = recipe_of(bytes);
  const std::unique_ptr<ChunkFill> fill = co_await io::or_return(
      uploads.fill(std::move(bucket), std::move(upload), std::move(recipe), rights));
  BytesView left(bytes);
  for (MutableBytes space = fill->next_space(); !space.empty(); space = fill->next_space()) {
    std::ranges::copy(left.first(space.size()), space.begin());
    left = left.subspan(space.size());
    fill->advance(space.size());
  }
  co_await io::or_return(fill->finish());
  co_return Status();
}

inline Status fill(SimObjects& world, uint64_t content) {
  return world.wait(fill_with(*world.objects().native(), world.bucket().value(), the_upload(world),
                              content_of(content)));
}

// Offers what an object has that was filled before.
inline Status offer(SimObjects& world, uint64_t content) {
  ReadsAll rights;
  const auto held = world.wait(world.objects().native()->offer(
      world.bucket().value(), the_upload(world), {recipe_of(content_of(content)).name()}, rights));
  if (!held) return std::unexpected(held.error());
  EXPECT_TRUE(held->front());
  return {};
}

inline Status commit(SimObjects& world, uint64_t content) {
  NativeCommit what;
  what.chunks = {recipe_of(content_of(content)).name()};
  const auto done = world.wait(world.objects().native()->commit(
      world.bucket().value(), "a", the_upload(world).upload_id, std::move(what)));
  return done ? Status() : Status(std::unexpected(done.error()));
}

inline Status abort(SimObjects& world) {
  return world.wait(
      world.objects().abort_upload(world.bucket().value(), "a", the_upload(world).upload_id));
}

// An upload with one chunk filled.
inline Status prepare(SimObjects& world) {
  if (const Status begun = begin(world); !begun) return begun;
  return fill(world, 60);
}

// An object of a native upload, and another upload that is empty.
inline Status prepare_offer(SimObjects& world) {
  if (const Status done = prepare(world); !done) return done;
  if (const Status done = commit(world, 60); !done) return done;
  return begin(world);
}

// The chunks that an upload holds, as text.
inline std::string describe(SimObjects& world, const BucketInfo& bucket, const UploadInfo& upload) {
  const auto found =
      world.wait(world.objects().native()->find(bucket, upload.key, upload.upload_id));
  if (!found) return {};
  std::string text = " native";
  const auto held = world.wait(world.objects().native()->held(bucket, *found, std::nullopt, 100));
  for (const ContentName& name : held.value()) text += " " + to_hex(name.hash);
  return text;
}

}  // namespace cairn::object::native_operations
