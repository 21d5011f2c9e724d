// ObjectWriter over a BodySink: compares the finished body with what was promised and hands it to a
// target, which commits it as an object or as a part.
//
// Used on the reactor that made it.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "object/body_sink.h"
#include "object/commit.h"
#include "object/context.h"
#include "object/known_bodies.h"
#include "object/objects.h"
#include "object/sse_plan.h"

namespace cairn::object {

// A body whose bytes are durable, or at hand.
struct FinishedBody {
  BodyDigests digests;
  std::optional<BytesView> inline_bytes;  // Of a small body; outlives the commit.
  Manifest manifest;                      // Of any other.
  std::vector<catalog::Put> hooks;        // Of its new chunks.
};

// What a body becomes.
class BodyTarget {
 public:
  virtual ~BodyTarget() = default;
  virtual io::Task<Result<ObjectInfo>> commit(FinishedBody body) = 0;
};

class BodyWriter final : public ObjectWriter {
 public:
  BodyWriter(Context& context, BodySink::Options options, std::unique_ptr<BodyTarget> target)
      : context_(context),
        tenant_(options.keys->tenant),
        owner_(options.owner),
        kinds_(options.digests),
        shares_chunks_(options.shares_segments),
        placement_(options.placement),
        sink_(context, std::move(options)),
        target_(std::move(target)) {}

  io::Task<Result<MutableBytes>> next_space() override { return sink_.next_space(); }
  io::Task<Status> advance(size_t size_bytes) override { return sink_.advance(size_bytes); }
  io::Task<Result<BodyDigests>> digests() override { return sink_.digests(); }
  io::Task<Result<ObjectInfo>> finish(ExpectedBody expected) override;
  io::Task<Result<std::optional<ObjectInfo>>> finish_known(KnownBody body,
                                                           ExpectedBody expected) override;
  io::Task<void> abort() override { return sink_.abandon(); }

 private:
  io::Task<Result<ObjectInfo>> compare_and_commit(ExpectedBody expected);
  io::Task<Result<std::optional<ObjectInfo>>> finish_shared(std::vector<Extent> extents,
                                                            BodyDigests digests);
  bool tells_enough(const BodyDigests& digests, const ExpectedBody& expected) const;

  Context& context_;
  const TenantId tenant_;
  const OwnerId owner_;
  const std::vector<DigestKind> kinds_;
  const bool shares_chunks_;
  const storage::PlacementId placement_;
  BodySink sink_;
  std::unique_ptr<BodyTarget> target_;
};

// kInvalidArgument kSizeMismatch or kChecksumMismatch when `digests` are not as expected.
Status compare_body(const ExpectedBody& expected, const BodyDigests& digests);

// Makes the body an object.
class ObjectTarget final : public BodyTarget {
 public:
  ObjectTarget(Context& context, BucketInfo bucket, std::string key, PutOptions options,
               SsePlan plan, std::shared_ptr<const crypto::TenantKeys> keys, OwnerId owner);
  io::Task<Result<ObjectInfo>> commit(FinishedBody body) override;

 private:
  Context& context_;
  BucketInfo bucket_;
  std::string key_;
  PutOptions options_;
  SsePlan plan_;
  std::shared_ptr<const crypto::TenantKeys> keys_;
  OwnerId owner_;
};

// kInvalidArgument unless `key` has 1 to kKeyBytesMax bytes and no NUL.
Status check_key(std::string_view key);
// A writer for a new version of `key`; `plan` is what options.sse came to.
Result<std::unique_ptr<ObjectWriter>> make_object_writer(Context& context, BucketInfo bucket,
                                                         std::string key, PutOptions options,
                                                         SsePlan plan);

}  // namespace cairn::object
