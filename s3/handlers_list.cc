// ListObjects v1 and v2, ListObjectVersions.
#include <algorithm>

#include "base/encoding.h"
#include "s3/acl.h"
#include "s3/bucket_rules.h"
#include "s3/handlers.h"
#include "s3/listing.h"
#include "s3/object_headers.h"
#include "s3/storage_classes.h"

namespace cairn::s3::handlers {
namespace {

// Continuation tokens are opaque to clients: a mark, so that other text is refused, and the key.
constexpr std::string_view kTokenMark = "cairn1:";

// The date of kRestoredHeader.
constexpr std::string_view kRestoredUntil = "2099-12-31T00:00:00.000Z";

std::string make_token(std::string_view next) {
  std::string text(kTokenMark);
  text += next;
  return to_base64(as_bytes(text));
}

S3Result<std::string> parse_token(std::string_view token) {
  const std::optional<Bytes> bytes = from_base64(token);
  if (bytes && as_text(*bytes).starts_with(kTokenMark)) {
    return std::string(as_text(*bytes).substr(kTokenMark.size()));
  }
  return invalid_argument("The continuation token provided is incorrect", "continuation-token",
                          token);
}

void write_entry(XmlWriter& xml, const object::ObjectInfo& info, const ListingParams& params,
                 const Owner* owner) {
  params.write(xml, "Key", info.key);
  xml.element("LastModified", info.modified);
  xml.etag_element("ETag", info.etag);
  if (info.checksum) {
    xml.element("ChecksumAlgorithm", checksum_name(info.checksum->kind));
    xml.element("ChecksumType", checksum_type_name(info.checksum->type));
  }
  xml.element("Size", info.size_bytes);
  if (owner != nullptr) write_owner(xml, "Owner", *owner);
  xml.element("StorageClass", shown_storage_class(info.metadata.storage_class));
  if (!params.with_restore || !is_archive_class(info.metadata.storage_class)) return;
  // As the header x-amz-restore of such an object says.
  xml.open("RestoreStatus");
  xml.element("IsRestoreInProgress", false);
  xml.element("RestoreExpiryDate", kRestoredUntil);
  xml.close("RestoreStatus");
}

// Who owns the object, when that is not the bucket's owner.
std::optional<Owner> other_owner(const Call& call, const object::ObjectInfo& info) {
  if (info.acl.empty()) return std::nullopt;
  if (ownership_of(call.context, call.bucket) == Ownership::kBucketOwnerEnforced) {
    return std::nullopt;
  }
  const std::optional<Acl> acl = parse_stored_acl(info.acl, call.bucket.tenant);
  if (!acl || acl->owner == call.bucket.tenant) return std::nullopt;
  return owner_of(acl->owner);
}

void write_contents(const Call& call, XmlWriter& xml, const object::ListPage& page,
                    const ListingParams& params, const Owner* owner) {
  for (const object::ObjectInfo& info : page.objects) {
    xml.open("Contents");
    const std::optional<Owner> other = other_owner(call, info);
    write_entry(xml, info, params, owner != nullptr && other ? &*other : owner);
    xml.close("Contents");
  }
}

// No key is asked for when max-keys is 0.
io::Task<S3Result<object::ListPage>> fetch_page(Call& call, const ListingParams& params,
                                                std::string start_after) {
  if (params.limit == 0) co_return object::ListPage();
  object::ListRequest request;
  request.prefix = params.prefix;
  request.delimiter = params.delimiter;
  request.start_after = std::move(start_after);
  request.limit = params.limit;
  Result<object::ListPage> page = co_await call.objects().list(call.bucket, std::move(request));
  co_return translated(call, std::move(page));
}

Reply list_v1(Call& call, ListingParams params) {
  const std::string marker(call.param("marker"));
  const S3Result<object::ListPage> page = co_await fetch_page(call, params, marker);
  if (!page) co_return std::unexpected(page.error());
  const Owner owner = owner_of(call.bucket.tenant);
  std::string body;
  body.reserve(512 + page->objects.size() * 512);
  XmlWriter xml(body);
  xml.declaration();
  xml.open_root("ListBucketResult");
  xml.element("Name", call.bucket.name);
  params.write(xml, "Prefix", params.prefix);
  params.write(xml, "Marker", marker);
  if (page->truncated && !params.delimiter.empty()) {
    params.write(xml, "NextMarker", page->next);
  }
  xml.element("MaxKeys", uint64_t{params.limit});
  write_listing_common(xml, params);
  xml.element("IsTruncated", page->truncated);
  write_contents(call, xml, *page, params, &owner);
  write_common_prefixes(xml, page->common_prefixes, params);
  xml.close("ListBucketResult");
  co_return co_await call.respond_xml(std::move(body));
}

Reply list_v2(Call& call, ListingParams params) {
  const std::optional<std::string_view> token = call.query.find("continuation-token");
  std::string start_after(call.param("start-after"));
  if (token) start_after = co_await or_fail(parse_token(*token));
  const S3Result<object::ListPage> page = co_await fetch_page(call, params, start_after);
  if (!page) co_return std::unexpected(page.error());
  const Owner owner = owner_of(call.bucket.tenant);
  const bool with_owner = call.param("fetch-owner") == "true";
  std::string body;
  body.reserve(512 + page->objects.size() * 512);
  XmlWriter xml(body);
  xml.declaration();
  xml.open_root("ListBucketResult");
  xml.element("Name", call.bucket.name);
  params.write(xml, "Prefix", params.prefix);
  if (token) xml.element("ContinuationToken", *token);
  if (page->truncated) xml.element("NextContinuationToken", make_token(page->next));
  if (!call.param("start-after").empty()) {
    params.write(xml, "StartAfter", call.param("start-after"));
  }
  xml.element("KeyCount", uint64_t{page->objects.size() + page->common_prefixes.size()});
  xml.element("MaxKeys", uint64_t{params.limit});
  write_listing_common(xml, params);
  xml.element("IsTruncated", page->truncated);
  write_contents(call, xml, *page, params, with_owner ? &owner : nullptr);
  write_common_prefixes(xml, page->common_prefixes, params);
  xml.close("ListBucketResult");
  co_return co_await call.respond_xml(std::move(body));
}

}  // namespace

Reply list_objects(Call& call) {
  ListingParams params = co_await or_fail(parse_listing_params(call, "max-keys"));
  const bool is_v2 = call.param("list-type") == "2";
  if (call.query.has("list-type") && !is_v2) {
    co_return invalid_argument("Invalid List Type specified in Request", "list-type",
                               call.param("list-type"));
  }
  if (is_v2) co_return co_await list_v2(call, std::move(params));
  co_return co_await list_v1(call, std::move(params));
}

namespace {

void write_version(XmlWriter& xml, const object::ObjectInfo& info, const ListingParams& params,
                   const Owner& owner) {
  const std::string_view tag = info.is_delete_marker ? "DeleteMarker" : "Version";
  xml.open(tag);
  xml.element("VersionId", info.version_id);
  xml.element("IsLatest", info.is_latest);
  if (info.is_delete_marker) {
    params.write(xml, "Key", info.key);
    xml.element("LastModified", info.modified);
    write_owner(xml, "Owner", owner);
  } else {
    write_entry(xml, info, params, &owner);
  }
  xml.close(tag);
}

S3Result<object::VersionListRequest> parse_version_list(const Call& call,
                                                        const ListingParams& params) {
  object::VersionListRequest request;
  request.prefix = params.prefix;
  request.delimiter = params.delimiter;
  request.limit = params.limit;
  request.key_marker = call.param("key-marker");
  request.version_id_marker = call.param("version-id-marker");
  if (call.query.has("version-id-marker") && request.key_marker.empty()) {
    return invalid_argument("A version-id marker cannot be specified without a key marker.",
                            "version-id-marker", request.version_id_marker);
  }
  if (call.query.has("version-id-marker") && request.version_id_marker.empty()) {
    return invalid_argument("A version-id marker cannot be empty.", "version-id-marker", "");
  }
  if (!request.version_id_marker.empty()) {
    const S3Status good = check_version_id(request.version_id_marker, "version-id-marker");
    if (!good) return std::unexpected(good.error());
  }
  return request;
}

}  // namespace

Reply list_object_versions(Call& call) {
  const ListingParams params = co_await or_fail(parse_listing_params(call, "max-keys"));
  const object::VersionListRequest request = co_await or_fail(parse_version_list(call, params));
  Result<object::VersionListPage> found =
      co_await call.objects().list_versions(call.bucket, request);
  const object::VersionListPage page = co_await or_fail(translated(call, std::move(found)));
  const Owner owner = owner_of(call.bucket.tenant);
  std::string body;
  body.reserve(512 + page.versions.size() * 512);
  XmlWriter xml(body);
  xml.declaration();
  xml.open_root("ListVersionsResult");
  xml.element("Name", call.bucket.name);
  params.write(xml, "Prefix", params.prefix);
  params.write(xml, "KeyMarker", request.key_marker);
  xml.element("VersionIdMarker", request.version_id_marker);
  if (page.truncated) {
    params.write(xml, "NextKeyMarker", page.next_key);
    if (!page.next_version_id.empty()) {
      xml.element("NextVersionIdMarker", page.next_version_id);
    }
  }
  xml.element("MaxKeys", uint64_t{params.limit});
  write_listing_common(xml, params);
  xml.element("IsTruncated", page.truncated);
  for (const object::ObjectInfo& info : page.versions) {
    write_version(xml, info, params, other_owner(call, info).value_or(owner));
  }
  write_common_prefixes(xml, page.common_prefixes, params);
  xml.close("ListVersionsResult");
  co_return co_await call.respond_xml(std::move(body));
}

}  // namespace cairn::s3::handlers
