#include "object/body_writer.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/encoding.h"
#include "base/log.h"
#include "object/holds.h"
#include "object/placing.h"
#include "object/replica.h"

namespace cairn::object {

const DigestValue* BodyDigests::find(DigestKind kind) const {
  if (kind == DigestKind::kMd5) return &md5;
  if (kind == DigestKind::kSha256) return &sha256;
  for (const auto& [each, value] : extra) {
    if (each == kind) return &value;
  }
  return nullptr;
}

io::Task<Status> ObjectWriter::write(BytesView bytes) {
  while (!bytes.empty()) {
    const MutableBytes space = co_await io::or_return(next_space());
    const size_t taken_bytes = std::min(space.size(), bytes.size());
    std::copy_n(bytes.begin(), taken_bytes, space.begin());
    co_await io::or_return(advance(taken_bytes));
    bytes = bytes.subspan(taken_bytes);
  }
  co_return Status{};
}

namespace {

std::unexpected<Error> differs(std::string_view what) {
  return fail(Code::kInvalidArgument, std::string(reason::kChecksumMismatch) + ": " +
                                          std::string(what) + " of the body differs");
}

}  // namespace

Status compare_body(const ExpectedBody& expected, const BodyDigests& digests) {
  if (expected.size_bytes && *expected.size_bytes != digests.size_bytes) {
    return fail(Code::kInvalidArgument, std::string(reason::kSizeMismatch) + ": expected " +
                                            std::to_string(*expected.size_bytes) +
                                            " bytes and got " + std::to_string(digests.size_bytes));
  }
  if (expected.sha256 && !(*expected.sha256 == digests.sha256)) return differs("SHA-256");
  if (expected.md5 && !(*expected.md5 == digests.md5)) return differs("MD5");
  for (const auto& [kind, value] : expected.checksums) {
    const DigestValue* computed = digests.find(kind);
    if (computed == nullptr || !(*computed == value)) return differs("the checksum");
  }
  return {};
}

namespace {

// Whether `bytes` are the body that is expected.
bool holds_for(const ExpectedBody& expected, BytesView bytes) {
  BodyDigests digests;
  digests.size_bytes = bytes.size();
  digests.md5 = crypto::digest_of(DigestKind::kMd5, bytes);
  digests.sha256 = DigestValue(crypto::sha256(bytes));
  for (const auto& [kind, value] : expected.checksums) {
    digests.extra.emplace_back(kind, crypto::digest_of(kind, bytes));
  }
  return compare_body(expected, digests).has_value();
}

}  // namespace

io::Task<Result<ObjectInfo>> BodyWriter::finish(ExpectedBody expected) {
  Result<ObjectInfo> result = co_await compare_and_commit(std::move(expected));
  if (result) {
    co_await sink_.settle();
  } else {
    // After an unknown outcome this is right as well: the store keeps what edges refer to.
    co_await sink_.abandon();
  }
  co_return result;
}

io::Task<Result<ObjectInfo>> BodyWriter::compare_and_commit(ExpectedBody expected) {
  const BodyDigests digests = co_await io::or_return(sink_.digests());
  co_await io::or_return(compare_body(expected, digests));
  FinishedBody body;
  body.digests = digests;
  body.manifest = co_await io::or_return(sink_.store());
  if (sink_.is_inline()) body.inline_bytes = sink_.inline_bytes();
  body.hooks = sink_.hooks();
  co_return co_await target_->commit(std::move(body));
}

// Whether everything that is asked of the body's digests is among them, and the same.
bool BodyWriter::tells_enough(const BodyDigests& digests, const ExpectedBody& expected) const {
  const bool complete =
      std::ranges::all_of(kinds_, [&](DigestKind kind) { return digests.find(kind) != nullptr; });
  return complete && compare_body(expected, digests).has_value();
}

io::Task<Result<std::optional<ObjectInfo>>> BodyWriter::finish_known(KnownBody body,
                                                                     ExpectedBody expected) {
  using Answer = std::optional<ObjectInfo>;
  ASSERT(sink_.size_bytes() == 0);
  if (body.holder.bucket.tenant != tenant_) co_return Answer();
  const BodyDigests digests = body.digests;
  const Result<std::optional<KnownContent>> content =
      co_await load_content(context_, std::move(body));
  if (!content) {
    log::warning("known_body_unreadable", {{"error", std::string_view(content.error().message)}});
    co_return Answer();
  }
  if (!*content) co_return Answer();
  if ((*content)->inline_bytes) {
    // As if they had been sent: every digest that is asked for is computed.
    const Bytes& bytes = *(*content)->inline_bytes;
    if (!holds_for(expected, bytes)) co_return Answer();
    const Status written = co_await write(bytes);
    if (!written) {
      co_await sink_.abandon();
      co_return std::unexpected(written.error());
    }
    ObjectInfo info = co_await io::or_return(finish(std::move(expected)));
    co_return Answer(std::move(info));
  }
  if (!shares_chunks_ || !lie_in((*content)->extents, placement_) ||
      !tells_enough(digests, expected)) {
    co_return Answer();
  }
  co_return co_await finish_shared((*content)->extents, digests);
}

// Commits further edges to the chunks. nullopt when one of them is being dropped.
io::Task<Result<std::optional<ObjectInfo>>> BodyWriter::finish_shared(std::vector<Extent> extents,
                                                                      BodyDigests digests) {
  FinishedBody body;
  body.digests = std::move(digests);
  body.manifest.owner = owner_;
  body.manifest.extents = std::move(extents);
  Holds holds(context_, owner_);
  const Result<bool> taken = co_await holds.take(body.manifest.chunks());
  if (!taken || !*taken) {
    co_await holds.end(false);
    co_return std::optional<ObjectInfo>();
  }
  Result<ObjectInfo> result = co_await target_->commit(std::move(body));
  co_await holds.end(result.has_value());
  co_await sink_.abandon();
  if (!result) co_return std::unexpected(result.error());
  co_return std::optional(std::move(*result));
}

ObjectTarget::ObjectTarget(Context& context, BucketInfo bucket, std::string key, PutOptions options,
                           SsePlan plan, std::shared_ptr<const crypto::TenantKeys> keys,
                           OwnerId owner)
    : context_(context),
      bucket_(std::move(bucket)),
      key_(std::move(key)),
      options_(std::move(options)),
      plan_(std::move(plan)),
      keys_(std::move(keys)),
      owner_(owner) {}

io::Task<Result<ObjectInfo>> ObjectTarget::commit(FinishedBody body) {
  const BodyDigests& digests = body.digests;
  NewVersion version;
  version.head.owner = owner_;
  ObjectInfo& info = version.head.info;
  info.size_bytes = digests.size_bytes;
  const bool is_tenants = plan_.key == nullptr;
  info.etag = is_tenants ? to_hex(digests.md5.view()) : make_sse_etag(context_, false);
  info.modified = context_.now();
  info.metadata = std::move(options_.metadata);
  info.lock = options_.lock;
  info.acl = std::move(options_.acl);
  info.sse = plan_.record;
  const DigestKind kind = options_.digests.front();
  info.checksum.emplace();
  info.checksum->kind = kind;
  info.checksum->value = *digests.find(kind);
  if (is_tenants) {
    version.head.sha256.assign(digests.sha256.view().begin(), digests.sha256.view().end());
  }

  PreparedBody prepared;
  if (body.inline_bytes) {
    prepared = co_await io::or_return(prepare_inline(
        context_, *seal_keys(keys_, plan_.key),
        is_tenants ? inline_context(bucket_.id, key_, owner_) : sse_inline_context(owner_),
        *body.inline_bytes));
  } else {
    prepared =
        co_await io::or_return(prepare_manifest(context_, keys_, std::move(body.manifest), true));
    prepared.hooks = std::move(body.hooks);
  }
  version.bucket = bucket_;
  version.key = key_;
  version.conditions = std::move(options_.conditions);
  version.hook = std::move(options_.hook);
  version.keys = keys_;
  version.replica = options_.replica;
  version.body = &prepared;
  Result<ObjectInfo> result = co_await commit_version(context_, std::move(version));
  co_await end_prepared(prepared, result.has_value());
  co_return result;
}

Status check_key(std::string_view key) {
  if (key.empty() || key.size() > kKeyBytesMax || key.find('\0') != std::string_view::npos) {
    return fail(Code::kInvalidArgument, "a key has 1 to 1024 bytes and no NUL");
  }
  return {};
}

Result<std::unique_ptr<ObjectWriter>> make_object_writer(Context& context, BucketInfo bucket,
                                                         std::string key, PutOptions options,
                                                         SsePlan plan) {
  const Status valid = check_key(key);
  if (!valid) return std::unexpected(valid.error());
  if (options.digests.empty()) options.digests.push_back(DigestKind::kCrc64Nvme);
  Result<std::shared_ptr<const crypto::TenantKeys>> keys = context.keys_of(bucket.tenant);
  if (!keys) return std::unexpected(std::move(keys.error()));
  if (options.size_bytes && *options.size_bytes > kObjectBytesMax) {
    return fail(Code::kInvalidArgument, std::string(reason::kSizeMismatch) + ": too large");
  }
  const Result<PlacementId> placement =
      placement_for(context.placements, bucket, options.metadata.storage_class);
  if (!placement) return std::unexpected(placement.error());
  BodySink::Options sink;
  sink.placement = *placement;
  sink.keys = seal_keys(*keys, plan.key);
  sink.owner =
      options.replica != nullptr ? replica_owner(context, *options.replica) : context.new_owner();
  sink.digests = options.digests;
  sink.size_bytes = options.size_bytes;
  sink.shares_segments = plan.key == nullptr;
  auto target =
      std::make_unique<ObjectTarget>(context, std::move(bucket), std::move(key), std::move(options),
                                     std::move(plan), *keys, sink.owner);
  return std::make_unique<BodyWriter>(context, std::move(sink), std::move(target));
}

}  // namespace cairn::object
