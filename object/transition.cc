#include "object/transition.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "object/body_index.h"
#include "object/body_sink.h"
#include "object/buckets.h"
#include "object/change_version.h"
#include "object/chunk_reader.h"
#include "object/chunk_use.h"
#include "object/commit.h"
#include "object/holds.h"
#include "object/keys.h"
#include "object/placing.h"
#include "object/rows.h"
#include "object/sse_plan.h"
#include "object/versions.h"

namespace cairn::object {
namespace {

std::unexpected<Error> changed() {
  return fail(Code::kFailedPrecondition, std::string(kLostRace));
}

class Transition {
 public:
  Transition(Context& context, BucketInfo bucket, ObjectInfo version, TransitionOptions options)
      : context_(context),
        bucket_(std::move(bucket)),
        wanted_(std::move(version)),
        options_(std::move(options)),
        holds_(context, context.new_owner()) {}
  io::Task<Result<TransitionedInfo>> run();

 private:
  io::Task<Result<HeadRow>> load_row();
  io::Task<Result<bool>> load();
  io::Task<Status> copy();
  io::Task<Status> copy_run(const OwnedExtents& run, Bytes sha256, OwnerId owner);
  io::Task<Result<Manifest>> store_run(BodySink& sink, const OwnedExtents& run, Bytes sha256);
  io::Task<Status> pump(const OwnedExtents& run, BodySink& sink);
  io::Task<Status> keep_pace();
  io::Task<Result<TransitionedInfo>> commit(const PreparedBody* prepared);
  io::Task<Result<TransitionedInfo>> try_commit(const HeadRow& row, const PreparedBody* prepared);
  io::Task<Result<bool>> replace_body(const KeyScope& scope, const HeadRow& row, Head& head,
                                      const PreparedBody& prepared);
  OwnerId next_head_owner() const;

  Context& context_;
  BucketInfo bucket_;
  const ObjectInfo wanted_;
  TransitionOptions options_;
  std::shared_ptr<const crypto::TenantKeys> keys_;
  crypto::SseKeyPointer sse_key_;
  PlacementId target_ = storage::kDefaultPlacement;
  HeadRow row_;
  Manifest manifest_;  // As it is.

  Instant begun_;
  Manifest moved_;
  std::vector<catalog::Put> hooks_;  // Of the new chunks.
  Holds holds_;                      // On all chunks of `moved_`, until the commit.
  std::set<ChunkId> held_;
  uint64_t moved_bytes_ = 0;
};

// The version's row, if it is the version that was asked for.
io::Task<Result<HeadRow>> Transition::load_row() {
  std::optional<HeadRow> row;
  if (wanted_.version_id.empty()) {
    row = co_await io::or_return(load_head(context_, bucket_.tenant, bucket_.id, wanted_.key));
  } else {
    row = co_await io::or_return(find_version(context_, bucket_, wanted_.key, wanted_.version_id));
  }
  if (!row) co_return no_such_version(wanted_.version_id);
  const ObjectInfo& info = row->head.info;
  const bool same = !info.is_delete_marker && info.etag == wanted_.etag &&
                    info.modified == wanted_.modified && info.size_bytes == wanted_.size_bytes;
  if (!same) co_return changed();
  co_return std::move(*row);
}

// Whether the body has to move.
io::Task<Result<bool>> Transition::load() {
  target_ =
      co_await io::or_return(placement_for(context_.placements, bucket_, options_.storage_class));
  keys_ = co_await io::or_return(context_.keys_of(bucket_.tenant));
  row_ = co_await io::or_return(load_row());
  if (!row_.head.has_chunks) co_return false;
  HeadRow row = row_;
  const std::optional<std::string> encoded =
      co_await io::or_return(load_body(context_, bucket_.tenant, bucket_.id, std::move(row)));
  if (!encoded) co_return changed();
  Body body = co_await io::or_return(parse_body(as_bytes(*encoded)));
  manifest_ = co_await io::or_return(load_manifest(context_, bucket_.tenant, std::move(body)));
  if (lie_in(manifest_.extents, target_)) co_return false;
  sse_key_ =
      co_await io::or_return(open_sse(context_, bucket_.tenant, row_.head.info.sse, nullptr));
  co_return true;
}

OwnerId Transition::next_head_owner() const {
  OwnerId out = context_.new_owner();
  std::copy_n(row_.head.owner.bytes.begin(), kVersionIdHalfBytes, out.bytes.begin());
  return out;
}

io::Task<Status> Transition::copy() {
  begun_ = io::Reactor::current().now();
  moved_.owner = next_head_owner();
  moved_.parts = manifest_.parts;
  size_t number = 0;
  for (const OwnedExtents& run : owned_extents(manifest_)) {
    const size_t begin = moved_.extents.size();
    if (moved_.parts.empty()) {
      co_await io::or_return(copy_run(run, row_.head.sha256, moved_.owner));
      continue;
    }
    ManifestPart& part = moved_.parts[number++];
    part.owner = context_.new_owner();
    co_await io::or_return(copy_run(run, part.sha256, part.owner));
    part.extents_count = static_cast<uint32_t>(moved_.extents.size() - begin);
  }
  if (moved_bytes_ == row_.head.info.size_bytes) co_return Status{};
  co_return fail(Code::kCorruption, "the manifest of an object is of another size than it");
}

// Copies one run, and keeps its chunks until the commit.
io::Task<Status> Transition::copy_run(const OwnedExtents& run, Bytes sha256, OwnerId owner) {
  if (run.begin == run.end) co_return Status{};
  BodySink::Options options;
  options.keys = seal_keys(keys_, sse_key_);
  options.owner = owner;
  options.may_inline = false;
  options.shares_segments = sse_key_ == nullptr;
  options.placement = target_;
  options.size_bytes = 0;
  for (size_t i = run.begin; i < run.end; ++i) {
    *options.size_bytes += manifest_.extents[i].size_bytes;
  }
  BodySink sink(context_, std::move(options));
  Result<Manifest> stored = co_await store_run(sink, run, std::move(sha256));
  if (!stored) {
    co_await sink.abandon();
    co_return std::unexpected(stored.error());
  }
  co_await sink.settle();
  std::ranges::move(stored->extents, std::back_inserter(moved_.extents));
  co_return Status{};
}

io::Task<Result<Manifest>> Transition::store_run(BodySink& sink, const OwnedExtents& run,
                                                 Bytes sha256) {
  co_await io::or_return(pump(run, sink));
  const BodyDigests digests = co_await io::or_return(sink.digests());
  // What was stored under other keys than the tenant's has no digest; its frames have their tags.
  if (!sha256.empty() && DigestValue(sha256) != digests.sha256) {
    co_return fail(Code::kCorruption, "the bytes of an object have another SHA-256 than it");
  }
  Manifest stored = co_await io::or_return(sink.store());
  // Before the sink lets go of them.
  std::vector<ChunkId> chunks = stored.chunks();
  std::erase_if(chunks, [&](const ChunkId& chunk) { return !held_.insert(chunk).second; });
  const bool held = co_await io::or_return(holds_.take(std::move(chunks)));
  if (!held) co_return changed();
  for (const catalog::Put& hook : sink.hooks()) {
    if (hooks_.size() < kHooksPerBodyMax) hooks_.push_back(hook);
  }
  co_return stored;
}

io::Task<Status> Transition::pump(const OwnedExtents& run, BodySink& sink) {
  ReadEpochs::ReadPin pin(context_.core().readers, io::Reactor::current().now());
  ChunkReader reader(context_, bucket_.tenant, std::move(pin), sse_key_);
  const auto first = manifest_.extents.begin();
  reader.start(std::vector<Extent>(first + static_cast<ptrdiff_t>(run.begin),
                                   first + static_cast<ptrdiff_t>(run.end)));
  while (true) {
    const Buffer piece = co_await io::or_return(reader.next());
    if (piece.empty()) co_return Status{};
    BytesView left = piece.view();
    while (!left.empty()) {
      const MutableBytes space = co_await io::or_return(sink.next_space());
      const size_t taken_bytes = std::min(space.size(), left.size());
      std::copy_n(left.begin(), taken_bytes, space.begin());
      co_await io::or_return(sink.advance(taken_bytes));
      left = left.subspan(taken_bytes);
    }
    moved_bytes_ += piece.size();
    co_await io::or_return(keep_pace());
  }
}

io::Task<Status> Transition::keep_pace() {
  if (options_.stop.stop_requested()) co_return fail(Code::kCancelled, "stopped between pieces");
  if (options_.bytes_per_second == 0) co_return Status{};
  const auto due_ns = static_cast<int64_t>(static_cast<double>(moved_bytes_) * 1e9 /
                                           static_cast<double>(options_.bytes_per_second));
  const int64_t passed_ns = (io::Reactor::current().now() - begun_).nanoseconds;
  if (due_ns <= passed_ns) co_return Status{};
  co_return co_await io::sleep_for(Duration{due_ns - passed_ns}, options_.stop);
}

// The rows of the new body in place of the old one's. False when that changed meanwhile.
io::Task<Result<bool>> Transition::replace_body(const KeyScope& scope, const HeadRow& row,
                                                Head& head, const PreparedBody& prepared) {
  HeadRow before = row;
  const std::optional<std::string> encoded =
      co_await io::or_return(load_body(context_, bucket_.tenant, bucket_.id, std::move(before)));
  if (!encoded) co_return false;
  catalog::Batch& batch = scope.change.batch;
  drop_body_row(bucket_.tenant, row.head, batch);
  add_garbage(context_, *keys_, *encoded, batch, true);
  head.owner = moved_.owner;
  head.has_chunks = true;
  head.body_sha256 = crypto::sha256(as_bytes(prepared.encoded));
  batch.puts.push_back({keys::body(bucket_.id, wanted_.key, head.order), prepared.encoded});
  add_edges(batch, prepared);
  add_body_rows(bucket_.tenant, {bucket_.id, head.order, wanted_.key}, head, prepared.names, batch);
  co_return true;
}

// kFailedPrecondition when somebody else changed the row in between: then it is looked at again.
io::Task<Result<TransitionedInfo>> Transition::try_commit(const HeadRow& row,
                                                          const PreparedBody* prepared) {
  KeyChange change;
  const KeyScope scope{context_, *keys_, bucket_, change};
  expect_bucket(bucket_, change.batch);
  change.batch.preconditions.push_back(catalog::Precondition::version_is(row.row_key, row.version));
  Head head = row.head;
  head.info.metadata.storage_class = options_.storage_class;
  if (prepared != nullptr) {
    const bool replaced = co_await io::or_return(replace_body(scope, row, head, *prepared));
    if (!replaced) co_return changed();
  }
  put_head(scope, row.row_key, head);
  TransitionedInfo out;
  out.info = std::move(head.info);
  out.info.key = wanted_.key;
  if (bucket_.is_versioned()) out.info.version_id = version_id_of(head);
  out.info.is_latest = row.row_key == keys::object(bucket_.id, wanted_.key);
  out.moved_bytes = moved_bytes_;
  if (options_.hook) options_.hook(out.info, change.batch);
  const Result<catalog::Version> done = co_await commit_change(context_, std::move(change));
  if (!done) co_return std::unexpected(done.error());
  co_return out;
}

io::Task<Result<TransitionedInfo>> Transition::commit(const PreparedBody* prepared) {
  const KeyLocks::Guard guard = co_await context_.locks.lock(keys::object(bucket_.id, wanted_.key));
  for (int attempt = 0; attempt < kCommitAttemptsMax; ++attempt) {
    const HeadRow row = co_await io::or_return(load_row());
    // Its tags, its lock and its place among the key's versions may be others by now, its bytes
    // not: those go by the owner.
    if (row.head.owner != row_.head.owner) co_return changed();
    Result<TransitionedInfo> done = co_await try_commit(row, prepared);
    if (done || done.error().code != Code::kFailedPrecondition) co_return done;
    bucket_ = co_await io::or_return(reload_bucket(context_, bucket_));
  }
  co_return fail(Code::kUnavailable, "the object changes faster than its class can be changed");
}

io::Task<Result<TransitionedInfo>> Transition::run() {
  const bool moves = co_await io::or_return(load());
  if (!moves) co_return co_await commit(nullptr);
  const Status copied = co_await copy();
  Result<TransitionedInfo> result = fail(Code::kInternal, "not committed");
  if (copied) {
    Result<PreparedBody> prepared = co_await prepare_manifest(context_, keys_, moved_, true);
    if (prepared) {
      prepared->hooks = std::move(hooks_);
      result = co_await commit(&*prepared);
      co_await end_prepared(*prepared, result.has_value());
    } else {
      result = std::unexpected(prepared.error());
    }
  } else {
    result = std::unexpected(copied.error());
  }
  co_await holds_.end(result.has_value());
  co_return result;
}

}  // namespace

io::Task<Result<TransitionedInfo>> transition_version(Context& context, BucketInfo bucket,
                                                      ObjectInfo version,
                                                      TransitionOptions options) {
  Transition transition(context, std::move(bucket), std::move(version), std::move(options));
  co_return co_await transition.run();
}

}  // namespace cairn::object
