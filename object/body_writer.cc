#include "object/body_writer.h"

#include <algorithm>
#include <utility>

#include "base/encoding.h"

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
  Manifest manifest = co_await io::or_return(sink_.store());
  co_return co_await target_->commit(sink_, digests, std::move(manifest));
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

io::Task<Result<ObjectInfo>> ObjectTarget::commit(const BodySink& sink, const BodyDigests& digests,
                                                  Manifest manifest) {
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
  if (sink.is_inline()) {
    prepared = co_await io::or_return(prepare_inline(
        context_, *seal_keys(keys_, plan_.key),
        is_tenants ? inline_context(bucket_.id, key_, owner_) : sse_inline_context(owner_),
        sink.inline_bytes()));
  } else {
    prepared = co_await io::or_return(prepare_manifest(context_, keys_, std::move(manifest), true));
    prepared.hooks = sink.hooks();
  }
  version.bucket = bucket_;
  version.key = key_;
  version.conditions = std::move(options_.conditions);
  version.hook = std::move(options_.hook);
  version.keys = keys_;
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
  BodySink::Options sink;
  sink.keys = seal_keys(*keys, plan.key);
  sink.owner = context.new_owner();
  sink.digests = options.digests;
  sink.size_bytes = options.size_bytes;
  sink.shares_segments = plan.key == nullptr;
  auto target =
      std::make_unique<ObjectTarget>(context, std::move(bucket), std::move(key), std::move(options),
                                     std::move(plan), *keys, sink.owner);
  return std::make_unique<BodyWriter>(context, std::move(sink), std::move(target));
}

}  // namespace cairn::object
