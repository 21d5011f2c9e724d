#include "object/append.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/encoding.h"
#include "crypto/sealing.h"
#include "object/body_writer.h"
#include "object/buckets.h"
#include "object/commit.h"
#include "object/complete.h"
#include "object/holds.h"
#include "object/keys.h"
#include "object/placing.h"
#include "object/rows.h"
#include "object/sse_plan.h"
#include "object/versions.h"

namespace cairn::object {
namespace {

using Keys = std::shared_ptr<const crypto::TenantKeys>;

std::unexpected<Error> refused(std::string_view why) {
  return fail(Code::kInvalidArgument, std::string(why));
}

// The object that is appended to, as it was at one moment.
struct Base {
  std::optional<HeadRow> current;
  Body body;
  Bytes inline_bytes;
  Manifest manifest;
  crypto::SseKeyPointer key;  // What opens it, and seals what is added.

  uint64_t size_bytes() const { return current ? current->head.info.size_bytes : 0; }
  // Its body is nothing or in its row.
  bool is_small() const { return manifest.extents.empty(); }
};

// nullopt when the object changed while it was read.
io::Task<Result<std::optional<Base>>> try_load_base(Context& context, BucketInfo bucket,
                                                    std::string key,
                                                    crypto::SseKeyPointer customer_key) {
  Base out;
  out.current = co_await io::or_return(load_head(context, bucket.tenant, bucket.id, key));
  if (!out.current) co_return std::optional(std::move(out));
  const std::string& sse = out.current->head.info.sse;
  if (!sse.empty() || customer_key != nullptr) {
    out.key = co_await io::or_return(open_sse(context, bucket.tenant, sse, customer_key));
  }
  HeadRow row = *out.current;
  const std::optional<std::string> encoded =
      co_await io::or_return(load_body(context, bucket.tenant, bucket.id, std::move(row)));
  if (!encoded) co_return std::optional<Base>();
  out.body = co_await io::or_return(parse_body(as_bytes(*encoded)));
  if (out.body.kind == Body::Kind::kInline) {
    const OwnerId& owner = out.current->head.owner;
    const std::string seal_context =
        out.key == nullptr ? inline_context(bucket.id, key, owner) : sse_inline_context(owner);
    out.inline_bytes = co_await io::or_return(
        crypto::open_value(crypto::SealKeys(context.keys, bucket.tenant, out.key), seal_context,
                           as_bytes(out.body.inline_sealed)));
  } else {
    out.manifest = co_await io::or_return(load_manifest(context, bucket.tenant, out.body));
  }
  co_return std::optional(std::move(out));
}

io::Task<Result<Base>> load_base(Context& context, BucketInfo bucket, std::string key,
                                 crypto::SseKeyPointer customer_key) {
  for (int attempt = 0; attempt < kLoadAttemptsMax; ++attempt) {
    std::optional<Base> base =
        co_await io::or_return(try_load_base(context, bucket, key, customer_key));
    if (base) co_return std::move(*base);
  }
  co_return fail(Code::kUnavailable, "the object changes faster than it can be appended to");
}

// Whether a body of `size_bytes`, where that is known, may be appended.
Status check_append(const Base& base, const BucketInfo& bucket, uint64_t offset_bytes,
                    const PutOptions& options, std::optional<uint64_t> size_bytes) {
  if (offset_bytes != base.size_bytes()) {
    return fail(Code::kInvalidArgument, std::string(reason::kInvalidWriteOffset) +
                                            ": the object has " +
                                            std::to_string(base.size_bytes()) + " bytes");
  }
  if (size_bytes.value_or(0) > kObjectBytesMax - offset_bytes) {
    return fail(Code::kInvalidArgument, std::string(reason::kSizeMismatch) + ": too large");
  }
  if (!base.current) return {};
  if (options.lock.any() && !bucket.is_versioned()) {
    return refused("an append to an object cannot set its lock");
  }
  if (!options.metadata.user.empty() || !options.metadata.tags.empty()) {
    return refused("an append to an object cannot set its metadata");
  }
  if (size_bytes == 0) return refused("an append to an object needs a body");
  const size_t parts_count = std::max<size_t>(1, base.manifest.parts.size());
  const uint32_t last = base.manifest.parts.empty() ? 1 : base.manifest.parts.back().info.number;
  if (base.current->head.appends_count >= kAppendsMax || parts_count >= kAppendsMax ||
      last >= kPartNumberMax) {
    return refused(reason::kTooManyParts);
  }
  return {};
}

// The object as parts. An object that one PUT made is one part.
std::vector<ManifestPart> parts_of(const Base& base) {
  if (!base.manifest.parts.empty()) return base.manifest.parts;
  ManifestPart part;
  const ObjectInfo& info = base.current->head.info;
  part.info.number = 1;
  part.info.size_bytes = info.size_bytes;
  part.info.etag = info.etag;
  part.info.modified = info.modified;
  if (info.checksum && info.checksum->type == ChecksumType::kFullObject) {
    part.info.checksum = info.checksum;
  }
  part.sha256 = base.current->head.sha256;
  part.owner = base.manifest.owner;
  part.extents_count = static_cast<uint32_t>(base.manifest.extents.size());
  return {std::move(part)};
}

// The object's checksum, with the last of `parts` behind what it was of.
std::optional<ObjectChecksum> extended_checksum(const ObjectChecksum& before,
                                                const std::vector<ManifestPart>& parts) {
  const std::optional<ObjectChecksum>& added = parts.back().info.checksum;
  if (!added || added->kind != before.kind) return std::nullopt;
  ObjectChecksum out = before;
  if (before.type == ChecksumType::kFullObject) {
    if (!is_crc(before.kind)) return std::nullopt;
    out.value =
        crypto::combine_crc(before.kind, before.value, added->value, parts.back().info.size_bytes);
    return out;
  }
  const std::unique_ptr<crypto::Digest> composite = crypto::Digest::create(before.kind);
  for (const ManifestPart& part : parts) {
    if (!part.info.checksum || part.info.checksum->kind != before.kind) return std::nullopt;
    composite->update(part.info.checksum->value.view());
  }
  out.value = composite->finish();
  out.parts_count = static_cast<uint32_t>(parts.size());
  return out;
}

// A body in the making, and what has to be settled or given back after its commit.
struct Draft {
  Head head;
  PreparedBody body;
  bool takes_over_edges = false;
  std::vector<std::unique_ptr<BodySink>> sinks;
  std::unique_ptr<Holds> holds;
};

io::Task<void> end_draft(Draft& draft, bool committed) {
  co_await end_prepared(draft.body, committed);
  for (const std::unique_ptr<BodySink>& sink : draft.sinks) {
    if (committed) {
      co_await sink->settle();
    } else {
      co_await sink->abandon();
    }
  }
  draft.sinks.clear();
  if (draft.holds != nullptr) co_await draft.holds->end(committed);
  draft.holds.reset();
}

class AppendTarget final : public BodyTarget {
 public:
  AppendTarget(Context& context, BucketInfo bucket, std::string key, uint64_t offset_bytes,
               PutOptions options, SsePlan plan, Keys keys)
      : context_(context),
        bucket_(std::move(bucket)),
        key_(std::move(key)),
        offset_bytes_(offset_bytes),
        options_(std::move(options)),
        plan_(std::move(plan)),
        keys_(std::move(keys)) {}

  io::Task<Result<ObjectInfo>> commit(FinishedBody body) override;

 private:
  io::Task<Status> draft_small(Draft& draft, const Base& base, const FinishedBody& added);
  io::Task<Status> draft_first(Draft& draft, const FinishedBody& added);
  io::Task<Status> draft_parts(Draft& draft, const Base& base, const FinishedBody& body);
  io::Task<Status> draft_body(Draft& draft, const Base& base, const FinishedBody& added);
  io::Task<Result<Manifest>> store_small(Draft& draft, BytesView bytes);
  io::Task<Result<bool>> share_base(Draft& draft, Manifest& manifest);
  void add_table_garbage(const Base& base, catalog::Batch& batch) const;

  Context& context_;
  BucketInfo bucket_;
  std::string key_;
  uint64_t offset_bytes_;
  PutOptions options_;
  SsePlan plan_;  // What the piece is sealed with.
  Keys keys_;
};

// What one PUT says of its body.
void describe_whole(Head& head, DigestKind kind, const DigestValue& checksum, BytesView sha256) {
  head.info.parts_count = 0;
  head.info.checksum.emplace();
  head.info.checksum->kind = kind;
  head.info.checksum->value = checksum;
  head.sha256.assign(sha256.begin(), sha256.end());
}

// All of the body in its row: its digests are those of the whole.
io::Task<Status> AppendTarget::draft_small(Draft& draft, const Base& base,
                                           const FinishedBody& added) {
  Bytes whole = base.inline_bytes;
  whole.insert(whole.end(), added.inline_bytes->begin(), added.inline_bytes->end());
  ObjectInfo& info = draft.head.info;
  const DigestKind kind = info.checksum ? info.checksum->kind : options_.digests.front();
  const bool is_first = base.inline_bytes.empty();
  const DigestValue md5 = is_first ? added.digests.md5 : crypto::digest_of(DigestKind::kMd5, whole);
  describe_whole(draft.head, kind, crypto::digest_of(kind, whole), crypto::sha256(whole));
  draft.head.owner = context_.new_owner();
  info.etag = to_hex(md5.view());
  std::string seal_context = inline_context(bucket_.id, key_, draft.head.owner);
  if (plan_.key != nullptr) {
    info.etag = make_sse_etag(context_, false);
    draft.head.sha256.clear();
    seal_context = sse_inline_context(draft.head.owner);
  }
  draft.body = co_await io::or_return(
      prepare_inline(context_, *seal_keys(keys_, plan_.key), seal_context, whole));
  co_return Status();
}

// The piece is all there is.
io::Task<Status> AppendTarget::draft_first(Draft& draft, const FinishedBody& added) {
  const BodyDigests& digests = added.digests;
  ObjectInfo& info = draft.head.info;
  DigestKind kind = options_.digests.front();
  if (info.checksum && digests.find(info.checksum->kind) != nullptr) kind = info.checksum->kind;
  describe_whole(draft.head, kind, *digests.find(kind), digests.sha256.view());
  info.etag = to_hex(digests.md5.view());
  if (plan_.key != nullptr) {
    info.etag = make_sse_etag(context_, false);
    draft.head.sha256.clear();
  }
  draft.head.owner = added.manifest.owner;
  draft.body = co_await io::or_return(prepare_manifest(context_, keys_, added.manifest, true));
  co_return Status();
}

// A body that is in memory as a chunk.
io::Task<Result<Manifest>> AppendTarget::store_small(Draft& draft, BytesView bytes) {
  BodySink::Options options;
  options.placement = co_await io::or_return(
      placement_for(context_.placements, bucket_, draft.head.info.metadata.storage_class));
  options.keys = seal_keys(keys_, plan_.key);
  options.owner = context_.new_owner();
  options.size_bytes = bytes.size();
  options.may_inline = false;
  draft.sinks.push_back(std::make_unique<BodySink>(context_, std::move(options)));
  co_return co_await store_bytes(*draft.sinks.back(), bytes);
}

// The version that was current keeps its edges: the chunks get further ones. False when one of them
// is being dropped.
io::Task<Result<bool>> AppendTarget::share_base(Draft& draft, Manifest& manifest) {
  const OwnerId owner = context_.new_owner();
  draft.holds = std::make_unique<Holds>(context_, owner);
  for (ManifestPart& part : manifest.parts) part.owner = owner;
  return draft.holds->take(manifest.chunks());
}

io::Task<Status> AppendTarget::draft_parts(Draft& draft, const Base& base,
                                           const FinishedBody& body) {
  const BodyDigests& digests = body.digests;
  Manifest piece = body.manifest;
  Manifest whole;
  std::vector<std::pair<ChunkId, OwnerId>> new_edges;
  if (base.is_small()) {
    whole = co_await io::or_return(store_small(draft, base.inline_bytes));
    new_edges = whole.references();
    Base stored;
    stored.current = base.current;
    stored.manifest = whole;
    whole.parts = parts_of(stored);
  } else {
    whole.extents = base.manifest.extents;
    whole.parts = parts_of(base);
    if (!draft.takes_over_edges) {
      const bool shared = co_await io::or_return(share_base(draft, whole));
      if (!shared) co_return fail(Code::kFailedPrecondition, std::string(kLostRace));
      new_edges = whole.references();
    }
  }
  if (body.inline_bytes) piece = co_await io::or_return(store_small(draft, *body.inline_bytes));
  for (const auto& edge : piece.references()) new_edges.push_back(edge);

  ObjectInfo& info = draft.head.info;
  ManifestPart added;
  added.info.number = whole.parts.back().info.number + 1;
  added.info.size_bytes = digests.size_bytes;
  added.info.etag =
      plan_.key == nullptr ? to_hex(digests.md5.view()) : make_sse_etag(context_, true);
  added.info.modified = info.modified;
  const DigestKind kind = info.checksum ? info.checksum->kind : options_.digests.front();
  if (const DigestValue* value = digests.find(kind)) {
    added.info.checksum.emplace();
    added.info.checksum->kind = kind;
    added.info.checksum->value = *value;
  }
  if (plan_.key == nullptr) {
    added.sha256.assign(digests.sha256.view().begin(), digests.sha256.view().end());
  }
  added.owner = piece.owner;
  added.extents_count = static_cast<uint32_t>(piece.extents.size());
  whole.extents.insert(whole.extents.end(), piece.extents.begin(), piece.extents.end());
  whole.parts.push_back(std::move(added));
  whole.owner = context_.new_owner();

  info.etag = etag_of_parts(whole.parts);
  info.parts_count = static_cast<uint32_t>(whole.parts.size());
  if (info.checksum) info.checksum = extended_checksum(*info.checksum, whole.parts);
  draft.head.sha256.clear();
  draft.head.owner = whole.owner;
  draft.body = co_await io::or_return(prepare_manifest(context_, keys_, std::move(whole), false));
  draft.body.new_edges.insert(draft.body.new_edges.end(), new_edges.begin(), new_edges.end());
  // Parts that stay with the chunks that they have are listed already.
  std::set<OwnerId> listed;
  for (const auto& [chunk, owner] : new_edges) listed.insert(owner);
  std::erase_if(draft.body.names,
                [&](const BodyName& name) { return !listed.contains(name.owner); });
  co_return Status();
}

io::Task<Status> AppendTarget::draft_body(Draft& draft, const Base& base,
                                          const FinishedBody& added) {
  ObjectInfo& info = draft.head.info;
  if (base.current) {
    const Head& before = base.current->head;
    draft.head = before;
    ++draft.head.appends_count;
    if (bucket_.is_versioned()) info.lock = options_.lock;
    draft.takes_over_edges = replaces_current(bucket_, base.current) && !base.is_small();
  } else {
    info.metadata = options_.metadata;
    info.lock = options_.lock;
    info.acl = options_.acl;
    info.sse = plan_.record;
    draft.head.appends_count = 1;
  }
  info.size_bytes = base.size_bytes() + added.digests.size_bytes;
  info.modified = context_.now();
  if (base.is_small() && added.inline_bytes) return draft_small(draft, base, added);
  if (base.size_bytes() == 0) return draft_first(draft, added);
  return draft_parts(draft, base, added);
}

// The chunks of a stored manifest are not in the new one.
void AppendTarget::add_table_garbage(const Base& base, catalog::Batch& batch) const {
  if (base.body.kind != Body::Kind::kStoredManifest) return;
  Body table;
  table.kind = Body::Kind::kManifest;
  table.manifest = base.body.manifest;
  add_garbage(context_, *keys_, encode_body(table), batch);
}

io::Task<Result<ObjectInfo>> AppendTarget::commit(FinishedBody body) {
  for (int attempt = 0; attempt < kCommitAttemptsMax; ++attempt) {
    bucket_ = co_await io::or_return(reload_bucket(context_, bucket_));
    const Base base =
        co_await io::or_return(load_base(context_, bucket_, key_, options_.sse.customer_key));
    if (base.current && !crypto::same_sse_key(base.key, plan_.key)) {
      co_return fail(Code::kUnavailable, "the object was replaced by one under another key");
    }
    co_await io::or_return(
        check_append(base, bucket_, offset_bytes_, options_, body.digests.size_bytes));
    Draft draft;
    const Status drafted = co_await draft_body(draft, base, body);
    draft.body.hooks = body.hooks;
    Result<ObjectInfo> result = fail(Code::kInternal, "not committed");
    if (drafted) {
      NewVersion version;
      version.bucket = bucket_;
      version.key = key_;
      version.conditions = options_.conditions;
      version.hook = options_.hook;
      version.keys = keys_;
      version.head = draft.head;
      version.body = &draft.body;
      version.base.emplace();
      version.base->row_version = base.current ? base.current->version : 0;
      version.base->takes_over_edges = draft.takes_over_edges;
      if (draft.takes_over_edges) add_table_garbage(base, version.more);
      result = co_await commit_version(context_, std::move(version));
    } else {
      result = std::unexpected(drafted.error());
    }
    co_await end_draft(draft, result.has_value());
    if (!lost_race(result)) co_return result;
  }
  co_return fail(Code::kUnavailable, "the object changes faster than it can be appended to");
}

}  // namespace

io::Task<Result<std::unique_ptr<ObjectWriter>>> make_append_writer(Context& context,
                                                                   BucketInfo bucket,
                                                                   std::string key,
                                                                   uint64_t offset_bytes,
                                                                   PutOptions options) {
  co_await io::or_return(check_key(key));
  const Keys keys = co_await io::or_return(context.keys_of(bucket.tenant));
  const Base base =
      co_await io::or_return(load_base(context, bucket, key, options.sse.customer_key));
  co_await io::or_return(check_append(base, bucket, offset_bytes, options, options.size_bytes));
  SsePlan plan;
  if (base.current) {
    plan.key = base.key;
  } else {
    plan = co_await io::or_return(plan_sse(context, bucket.tenant, options.sse));
  }
  if (options.digests.empty()) options.digests.push_back(DigestKind::kCrc64Nvme);
  const ObjectMetadata& metadata =
      base.current ? base.current->head.info.metadata : options.metadata;
  const PlacementId placement =
      co_await io::or_return(placement_for(context.placements, bucket, metadata.storage_class));
  BodySink::Options sink;
  sink.placement = placement;
  sink.keys = seal_keys(keys, plan.key);
  sink.owner = context.new_owner();
  sink.digests = options.digests;
  if (base.current && base.current->head.info.checksum) {
    sink.digests.push_back(base.current->head.info.checksum->kind);
  }
  sink.size_bytes = options.size_bytes;
  sink.size_bytes_max = kObjectBytesMax - offset_bytes;
  // Whether the object stays small is known where the size is.
  sink.may_inline = base.is_small() && options.size_bytes.has_value() &&
                    offset_bytes + *options.size_bytes <= kInlineBytesMax;
  sink.shares_segments = plan.key == nullptr;
  auto target =
      std::make_unique<AppendTarget>(context, std::move(bucket), std::move(key), offset_bytes,
                                     std::move(options), std::move(plan), keys);
  co_return std::make_unique<BodyWriter>(context, std::move(sink), std::move(target));
}

}  // namespace cairn::object
