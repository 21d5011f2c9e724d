#include "object/known_bodies.h"

#include <algorithm>
#include <utility>

#include "base/encoding.h"
#include "object/buckets.h"
#include "object/keys.h"
#include "object/limits.h"
#include "object/rows.h"

namespace cairn::object {
namespace {

constexpr size_t kMd5Bytes = 16;
constexpr uint64_t kRecentPartsBytesMax = 16 * MiB;  // Of a manifest that a core remembers.

bool is_same(const Bytes& stored, const Sha256Value& sha256) {
  return std::ranges::equal(stored, sha256);
}

bool has_part_of(const OpenObject& object, const OwnerId& owner) {
  return std::ranges::find(object.manifest.parts, owner, &ManifestPart::owner) !=
         object.manifest.parts.end();
}

// Unset when the ETag is no MD5.
std::optional<BodyDigests> digests_of(uint64_t size_bytes, const std::string& etag,
                                      const Sha256Value& sha256,
                                      const std::optional<ObjectChecksum>& checksum) {
  const std::optional<Bytes> md5 = from_hex(etag);
  if (!md5 || md5->size() != kMd5Bytes) return std::nullopt;
  BodyDigests out;
  out.size_bytes = size_bytes;
  out.md5 = DigestValue(*md5);
  out.sha256 = DigestValue(sha256);
  if (checksum && checksum->type == ChecksumType::kFullObject) {
    out.extra.emplace_back(checksum->kind, checksum->value);
  }
  return out;
}

// The version's row at an order, as a version id; empty when there is none.
io::Task<Result<std::string>> version_at(Context& context, BucketInfo bucket, std::string key,
                                         uint64_t order) {
  const std::optional<catalog::Entry> entry =
      co_await io::or_return(context.catalog.get(keys::version(bucket.id, key, order)));
  if (!entry) co_return std::string();
  const HeadRow row =
      co_await io::or_return(open_head(context, bucket.tenant, std::move(key), *entry));
  if (row.head.info.is_delete_marker) co_return std::string();
  co_return version_id_of(row.head);
}

}  // namespace

io::Task<Result<std::optional<BodyHint>>> KnownBodies::current(BucketInfo bucket, std::string key,
                                                               Sha256Value sha256) {
  const std::shared_ptr<const OpenObject> object =
      co_await io::or_return(load_object(context_, bucket.tenant, bucket.id, key, false));
  if (object == nullptr || !is_same(object->head.sha256, sha256)) {
    co_return std::optional<BodyHint>();
  }
  co_return BodyHint{object->head.owner, {bucket.id, object->head.order, std::move(key)}};
}

io::Task<Result<std::vector<BodyHint>>> KnownBodies::find(TenantId tenant, Sha256Value sha256) {
  return find_body_hints(context_, tenant, sha256);
}

// The version with its manifest, which is the same as long as its body row is.
io::Task<Result<std::shared_ptr<const OpenObject>>> KnownBodies::with_parts(
    BucketInfo bucket, std::string key, std::string version_id,
    std::shared_ptr<const OpenObject> object) {
  if (object->has_body) co_return object;
  const auto core = static_cast<size_t>(io::Reactor::current().index());
  const std::shared_ptr<const OpenObject>& recent = recent_[core];
  if (recent != nullptr && recent->head.owner == object->head.owner &&
      recent->head.body_sha256 == object->head.body_sha256) {
    co_return recent;
  }
  object = co_await io::or_return(
      load_version(context_, std::move(bucket), std::move(key), std::move(version_id), true));
  if (object != nullptr && object->memory_bytes() <= kRecentPartsBytesMax) recent_[core] = object;
  co_return object;
}

// The version, if it holds what `owner`'s edges refer to.
io::Task<Result<std::optional<BodyHolder>>> KnownBodies::hold(BucketInfo bucket, std::string key,
                                                              std::string version_id,
                                                              OwnerId owner) {
  std::shared_ptr<const OpenObject> object =
      co_await io::or_return(load_version(context_, bucket, key, version_id, false));
  if (object == nullptr || object->head.info.is_delete_marker) {
    co_return std::optional<BodyHolder>();
  }
  if (object->head.owner != owner) {
    if (object->head.info.parts_count == 0) co_return std::optional<BodyHolder>();
    object = co_await io::or_return(with_parts(bucket, key, version_id, std::move(object)));
    if (object == nullptr || !has_part_of(*object, owner)) co_return std::optional<BodyHolder>();
  }
  BodyHolder out;
  out.bucket = std::move(bucket);
  out.key = std::move(key);
  out.is_current = version_id.empty();
  out.version_id = version_id_of(object->head);
  out.object = std::move(object);
  co_return std::optional(std::move(out));
}

io::Task<Result<std::optional<BodyHolder>>> KnownBodies::locate(BucketInfo bucket, BodyPlace place,
                                                                OwnerId owner) {
  std::optional<BodyHolder> current =
      co_await io::or_return(hold(bucket, place.key, std::string(), owner));
  if (current || !bucket.is_versioned()) co_return current;
  std::string version_id =
      co_await io::or_return(version_at(context_, bucket, place.key, place.order));
  if (version_id.empty()) co_return std::optional<BodyHolder>();
  co_return co_await hold(std::move(bucket), std::move(place.key), std::move(version_id), owner);
}

io::Task<Result<std::optional<KnownBody>>> KnownBodies::open(BucketInfo bucket, BodyHint hint,
                                                             Sha256Value sha256,
                                                             uint64_t size_bytes) {
  const TenantId tenant = bucket.tenant;
  if (bucket.id != hint.place.bucket_id) {
    std::optional<BucketInfo> other =
        co_await io::or_return(find_bucket_by_id(context_, tenant, hint.place.bucket_id));
    if (!other) co_return std::optional<KnownBody>();
    bucket = std::move(*other);
  }
  std::optional<BodyHolder> holder =
      co_await io::or_return(locate(std::move(bucket), std::move(hint.place), hint.owner));
  if (!holder || !holder->object->head.info.sse.empty()) co_return std::optional<KnownBody>();
  KnownBody out;
  out.holder = std::move(*holder);
  const OpenObject& object = *out.holder.object;
  std::optional<BodyDigests> digests;
  if (object.head.owner == hint.owner && is_same(object.head.sha256, sha256)) {
    const ObjectInfo& info = object.head.info;
    digests = digests_of(info.size_bytes, info.etag, sha256, info.checksum);
  } else {
    const auto part = std::ranges::find_if(object.manifest.parts, [&](const ManifestPart& each) {
      return each.owner == hint.owner && is_same(each.sha256, sha256);
    });
    if (part == object.manifest.parts.end()) co_return std::optional<KnownBody>();
    out.part = static_cast<size_t>(part - object.manifest.parts.begin());
    const PartInfo& info = part->info;
    digests = digests_of(info.size_bytes, info.etag, sha256, info.checksum);
  }
  if (!digests || digests->size_bytes != size_bytes) co_return std::optional<KnownBody>();
  out.digests = std::move(*digests);
  co_return std::optional(std::move(out));
}

io::Task<Result<std::optional<BodyHolder>>> KnownBodies::holder(TenantId tenant, OwnerId owner) {
  std::optional<BodyPlace> place = co_await io::or_return(find_place(context_, owner));
  if (!place) co_return std::optional<BodyHolder>();
  std::optional<BucketInfo> bucket =
      co_await io::or_return(find_bucket_by_id(context_, tenant, place->bucket_id));
  if (!bucket) co_return std::optional<BodyHolder>();
  co_return co_await locate(std::move(*bucket), std::move(*place), owner);
}

io::Task<Result<std::optional<KnownContent>>> load_content(Context& context, KnownBody body) {
  BodyHolder& holder = body.holder;
  std::shared_ptr<const OpenObject> object = holder.object;
  if (!object->has_body) {
    object = co_await io::or_return(
        load_version(context, holder.bucket, holder.key,
                     holder.is_current ? std::string() : holder.version_id, true));
  }
  if (object == nullptr || object->head.owner != holder.object->head.owner) {
    co_return std::optional<KnownContent>();
  }
  KnownContent out;
  const Manifest& manifest = object->manifest;
  if (manifest.extents.empty()) {
    out.inline_bytes = object->inline_bytes;
    co_return std::optional(std::move(out));
  }
  if (!body.part) {
    out.extents = manifest.extents;
    co_return std::optional(std::move(out));
  }
  size_t begin = 0;
  for (size_t i = 0; i < *body.part; ++i) begin += manifest.parts[i].extents_count;
  const auto first = manifest.extents.begin() + static_cast<ptrdiff_t>(begin);
  out.extents.assign(first, first + manifest.parts[*body.part].extents_count);
  co_return std::optional(std::move(out));
}

}  // namespace cairn::object
