#include "s3/routes.h"

#include <algorithm>
#include <array>

#include "s3/config_routes.h"
#include "s3/handlers.h"
#include "s3/xml_reader.h"

namespace cairn::s3 {
namespace {

using enum Method;
using enum Resource;
namespace h = handlers;

// Rows are tried in this order among those of one method and resource, so rows with more
// conditions stand before those with fewer.
constexpr Route kMainRows[] = {
    {.name = "ListBuckets",
     .method = kGet,
     .resource = kService,
     .action = "s3:ListAllMyBuckets",
     .auth = kSigned,
     .needs_bucket = false,
     .handler = h::list_buckets},

    // Buckets.
    {.name = "GetBucketLocation",
     .method = kGet,
     .resource = kBucket,
     .query = "location",
     .action = "s3:GetBucketLocation",
     .auth = kOpen,
     .handler = h::get_bucket_location},
    {.name = "ListMultipartUploads",
     .method = kGet,
     .resource = kBucket,
     .query = "uploads",
     .action = "s3:ListBucketMultipartUploads",
     .auth = kOpen,
     .handler = h::list_multipart_uploads},
    {.name = "ListObjectVersions",
     .method = kGet,
     .resource = kBucket,
     .query = "versions",
     .action = "s3:ListBucketVersions",
     .auth = kOpen,
     .handler = h::list_object_versions},
    {.name = "GetBucketAcl",
     .method = kGet,
     .resource = kBucket,
     .query = "acl",
     .action = "s3:GetBucketAcl",
     .auth = kOpen,
     .handler = h::get_bucket_acl},
    {.name = "GetBucketPolicy",
     .method = kGet,
     .resource = kBucket,
     .query = "policy",
     .action = "s3:GetBucketPolicy",
     .auth = kSigned,
     .handler = h::get_bucket_policy},
    {.name = "GetBucketPolicyStatus",
     .method = kGet,
     .resource = kBucket,
     .query = "policyStatus",
     .action = "s3:GetBucketPolicyStatus",
     .auth = kSigned,
     .handler = h::get_bucket_policy_status},
    {.name = "GetPublicAccessBlock",
     .method = kGet,
     .resource = kBucket,
     .query = "publicAccessBlock",
     .action = "s3:GetBucketPublicAccessBlock",
     .auth = kSigned,
     .handler = h::get_public_access_block},
    {.name = "GetBucketOwnershipControls",
     .method = kGet,
     .resource = kBucket,
     .query = "ownershipControls",
     .action = "s3:GetBucketOwnershipControls",
     .auth = kSigned,
     .handler = h::get_ownership_controls},
    {.name = "ListObjectsV2",
     .method = kGet,
     .resource = kBucket,
     .query = "list-type",
     .action = "s3:ListBucket",
     .auth = kOpen,
     .handler = h::list_objects},
    {.name = "ListObjects",
     .method = kGet,
     .resource = kBucket,
     .action = "s3:ListBucket",
     .auth = kOpen,
     .handler = h::list_objects},
    {.name = "HeadBucket",
     .method = kHead,
     .resource = kBucket,
     .action = "s3:ListBucket",
     .auth = kOpen,
     .handler = h::head_bucket},
    {.name = "PutBucketAcl",
     .method = kPut,
     .resource = kBucket,
     .query = "acl",
     .action = "s3:PutBucketAcl",
     .auth = kOpen,
     .body = BodyKind::kDocument,
     .body_bytes_max = kXmlBodyBytesMax,
     .handler = h::put_bucket_acl},
    {.name = "PutBucketPolicy",
     .method = kPut,
     .resource = kBucket,
     .query = "policy",
     .action = "s3:PutBucketPolicy",
     .auth = kSigned,
     .body = BodyKind::kDocument,
     .body_bytes_max = kXmlBodyBytesMax,
     .handler = h::put_bucket_policy},
    {.name = "PutPublicAccessBlock",
     .method = kPut,
     .resource = kBucket,
     .query = "publicAccessBlock",
     .action = "s3:PutBucketPublicAccessBlock",
     .auth = kSigned,
     .body = BodyKind::kDocument,
     .body_bytes_max = kXmlBodyBytesMax,
     .handler = h::put_public_access_block},
    {.name = "PutBucketOwnershipControls",
     .method = kPut,
     .resource = kBucket,
     .query = "ownershipControls",
     .action = "s3:PutBucketOwnershipControls",
     .auth = kSigned,
     .body = BodyKind::kDocument,
     .body_bytes_max = kXmlBodyBytesMax,
     .handler = h::put_ownership_controls},
    {.name = "CreateBucket",
     .method = kPut,
     .resource = kBucket,
     .action = "s3:CreateBucket",
     .auth = kSigned,
     .gate = Gate::kDocument,
     .needs_bucket = false,
     .body = BodyKind::kDocument,
     .body_bytes_max = kXmlBodyBytesMax,
     .handler = h::create_bucket},
    {.name = "DeleteObjects",
     .method = kPost,
     .resource = kBucket,
     .query = "delete",
     .action = "s3:DeleteObject",
     .auth = kOpen,
     .gate = Gate::kHandler,
     .body = BodyKind::kDocument,
     .body_bytes_max = kXmlListBodyBytesMax,
     .handler = h::delete_objects},
    {.name = "PostObject",
     .method = kPost,
     .resource = kBucket,
     .action = "s3:PutObject",
     .auth = kSigned | auth_bit(AuthKind::kPostForm),
     .gate = Gate::kHandler,
     .needs_bucket = false,
     .handler = h::post_object},
    {.name = "DeleteBucketPolicy",
     .method = kDelete,
     .resource = kBucket,
     .query = "policy",
     .action = "s3:DeleteBucketPolicy",
     .auth = kSigned,
     .handler = h::delete_bucket_policy},
    {.name = "DeletePublicAccessBlock",
     .method = kDelete,
     .resource = kBucket,
     .query = "publicAccessBlock",
     .action = "s3:PutBucketPublicAccessBlock",
     .auth = kSigned,
     .handler = h::delete_public_access_block},
    {.name = "DeleteBucketOwnershipControls",
     .method = kDelete,
     .resource = kBucket,
     .query = "ownershipControls",
     .action = "s3:PutBucketOwnershipControls",
     .auth = kSigned,
     .handler = h::delete_ownership_controls},
    {.name = "DeleteBucket",
     .method = kDelete,
     .resource = kBucket,
     .action = "s3:DeleteBucket",
     .auth = kSigned,
     .handler = h::delete_bucket},

    // Objects.
    {.name = "ListParts",
     .method = kGet,
     .resource = kObject,
     .query = "uploadId",
     .action = "s3:ListMultipartUploadParts",
     .auth = kSigned,
     .handler = h::list_parts},
    {.name = "GetObjectAttributes",
     .method = kGet,
     .resource = kObject,
     .query = "attributes",
     .action = "s3:GetObjectAttributes",
     .auth = kOpen,
     .handler = h::get_object_attributes},
    {.name = "GetObjectAcl",
     .method = kGet,
     .resource = kObject,
     .query = "acl",
     .action = "s3:GetObjectAcl",
     .auth = kOpen,
     .handler = h::get_object_acl},
    {.name = "GetObject",
     .method = kGet,
     .resource = kObject,
     .action = "s3:GetObject",
     .auth = kOpen,
     .handler = h::get_object},
    {.name = "HeadObject",
     .method = kHead,
     .resource = kObject,
     .action = "s3:GetObject",
     .auth = kOpen,
     .handler = h::head_object},
    {.name = "UploadPartCopy",
     .method = kPut,
     .resource = kObject,
     .query = "uploadId",
     .query_too = "partNumber",
     .header = "x-amz-copy-source",
     .action = "s3:PutObject",
     .auth = kSigned,
     .handler = h::upload_part_copy},
    {.name = "UploadPart",
     .method = kPut,
     .resource = kObject,
     .query = "uploadId",
     .query_too = "partNumber",
     .action = "s3:PutObject",
     .auth = kSigned,
     .body = BodyKind::kStream,
     .handler = h::upload_part},
    {.name = "UploadPart",
     .method = kPut,
     .resource = kObject,
     .query = "uploadId",
     .action = "s3:PutObject",
     .auth = kSigned,
     .body = BodyKind::kStream,
     .handler = h::refuse_part_parameters},
    {.name = "UploadPart",
     .method = kPut,
     .resource = kObject,
     .query = "partNumber",
     .action = "s3:PutObject",
     .auth = kSigned,
     .body = BodyKind::kStream,
     .handler = h::refuse_part_parameters},
    {.name = "PutObjectAcl",
     .method = kPut,
     .resource = kObject,
     .query = "acl",
     .action = "s3:PutObjectAcl",
     .auth = kOpen,
     .body = BodyKind::kDocument,
     .body_bytes_max = kXmlBodyBytesMax,
     .handler = h::put_object_acl},
    {.name = "RenameObject",
     .method = kPut,
     .resource = kObject,
     .query = "renameObject",
     .action = "s3:PutObject",
     .auth = kSigned,
     .handler = h::rename_object},
    {.name = "CopyObject",
     .method = kPut,
     .resource = kObject,
     .header = "x-amz-copy-source",
     .action = "s3:PutObject",
     .auth = kSigned,
     .handler = h::copy_object},
    {.name = "PutObject",
     .method = kPut,
     .resource = kObject,
     .action = "s3:PutObject",
     .auth = kOpen,
     .body = BodyKind::kStream,
     .handler = h::put_object},
    {.name = "RestoreObject",
     .method = kPost,
     .resource = kObject,
     .query = "restore",
     .action = "s3:RestoreObject",
     .auth = kSigned,
     .body = BodyKind::kDocument,
     .body_bytes_max = kXmlBodyBytesMax,
     .handler = h::restore_object},
    {.name = "CreateMultipartUpload",
     .method = kPost,
     .resource = kObject,
     .query = "uploads",
     .action = "s3:PutObject",
     .auth = kSigned,
     .handler = h::create_multipart_upload},
    {.name = "CompleteMultipartUpload",
     .method = kPost,
     .resource = kObject,
     .query = "uploadId",
     .action = "s3:PutObject",
     .auth = kSigned,
     .body = BodyKind::kDocument,
     .body_bytes_max = kXmlListBodyBytesMax,
     .checksums_of_object = true,
     .handler = h::complete_multipart_upload},
    {.name = "AbortMultipartUpload",
     .method = kDelete,
     .resource = kObject,
     .query = "uploadId",
     .action = "s3:AbortMultipartUpload",
     .auth = kSigned,
     .handler = h::abort_multipart_upload},
    {.name = "DeleteObject",
     .method = kDelete,
     .resource = kObject,
     .action = "s3:DeleteObject",
     .auth = kOpen,
     .handler = h::delete_object},
};

// All rows, those of one method and resource together and otherwise in their order.
template <size_t kFirst, size_t kSecond>
constexpr std::array<Route, kFirst + kSecond> grouped(const std::array<Route, kFirst>& first,
                                                      const Route (&second)[kSecond]) {
  std::array<Route, kFirst + kSecond> rows;
  auto at = rows.begin();
  for (size_t method = 0; method < kMethodsCount; ++method) {
    for (size_t resource = 0; resource < kResourcesCount; ++resource) {
      const auto belongs = [&](const Route& route) {
        return static_cast<size_t>(route.method) == method &&
               static_cast<size_t>(route.resource) == resource;
      };
      at = std::ranges::copy_if(first, at, belongs).out;
      at = std::ranges::copy_if(second, at, belongs).out;
    }
  }
  return rows;
}
constexpr auto kRoutes = grouped(config_routes::kRows, kMainRows);

constexpr bool is_complete(const Route& route) {
  return !route.name.empty() && route.method != kOther && route.action.starts_with("s3:") &&
         route.action.size() > 3 && route.auth != 0 &&
         (route.resource != kService || (route.auth & auth_bit(AuthKind::kAnonymous)) == 0) &&
         route.handler != nullptr &&
         (route.body == BodyKind::kDocument) == (route.body_bytes_max > 0);
}
static_assert(std::ranges::all_of(kRoutes, is_complete),
              "a route lacks its name, action, authentication, handler or body bound");

// Every row can be reached: no earlier row of its kind asks for a subset of its conditions.
constexpr bool shadows(const Route& earlier, const Route& later) {
  const auto covers = [&](std::string_view name) {
    return name.empty() || name == later.query || name == later.query_too;
  };
  return earlier.method == later.method && earlier.resource == later.resource &&
         covers(earlier.query) && covers(earlier.query_too) &&
         (earlier.header.empty() || earlier.header == later.header);
}
constexpr bool all_reachable() {
  for (size_t later = 0; later < std::size(kRoutes); ++later) {
    for (size_t earlier = 0; earlier < later; ++earlier) {
      if (shadows(kRoutes[earlier], kRoutes[later])) return false;
    }
  }
  return true;
}
static_assert(all_reachable(), "a route can never match");

// Sub-resources that S3 has. A request that names one and matched no row that asks for it is
// answered 501: never with a listing, and never by writing an object.
constexpr std::string_view kSubresources[] = {
    "abac",          "accelerate",  "intelligent-tiering",
    "acl",           "analytics",   "metadataAnnotationTable",
    "annotation",    "attributes",  "metadataConfiguration",
    "cors",          "delete",      "metadataInventoryTable",
    "encryption",    "inventory",   "metadataJournalTable",
    "legal-hold",    "lifecycle",   "ownershipControls",
    "location",      "logging",     "publicAccessBlock",
    "metadataTable", "metrics",     "notification",
    "object-lock",   "policy",      "policyStatus",
    "renameObject",  "replication", "requestPayment",
    "restore",       "retention",   "select",
    "select-type",   "session",     "tagging",
    "torrent",       "uploadId",    "uploads",
    "versioning",    "versions",    "website"};

// First and one-past-last row of each method and resource; rows of one pair stand together.
struct Group {
  size_t begin = 0;
  size_t end = 0;
};
using Groups = std::array<std::array<Group, kResourcesCount>, kMethodsCount>;
constexpr Groups make_groups() {
  Groups groups{};
  for (size_t i = 0; i < std::size(kRoutes); ++i) {
    Group& group =
        groups[static_cast<size_t>(kRoutes[i].method)][static_cast<size_t>(kRoutes[i].resource)];
    if (group.end == 0) group.begin = i;
    group.end = i + 1;
  }
  return groups;
}
constexpr Groups kGroups = make_groups();
constexpr bool groups_are_runs() {
  size_t rows = 0;
  for (const auto& by_resource : kGroups) {
    for (const Group& group : by_resource) rows += group.end - group.begin;
  }
  return rows == std::size(kRoutes);
}
static_assert(groups_are_runs(), "rows of one method and resource must stand together");

bool matches(const Route& route, const RequestView& request, const Query& query) {
  return (route.query.empty() || query.has(route.query)) &&
         (route.query_too.empty() || query.has(route.query_too)) &&
         (route.header.empty() || request.header(route.header).has_value());
}

bool names_subresource(const Query& query) {
  return std::ranges::any_of(query.params(), [](const QueryParam& param) {
    return std::ranges::find(kSubresources, param.name) != std::end(kSubresources);
  });
}

// S3 spells sub-resources as names without values, and gets new ones. A write that names one which
// is not known here must not become a write of the object itself.
bool may_be_new_subresource(const Query& query) {
  return std::ranges::any_of(query.params(), [](const QueryParam& param) {
    const bool is_like_one = !param.name.empty() && param.name[0] >= 'a' && param.name[0] <= 'z' &&
                             !param.name.starts_with("x-");
    return is_like_one && param.value.empty() && param.name != "versionId" &&
           param.name != "partNumber";
  });
}

}  // namespace

Method parse_method(std::string_view method) {
  static constexpr std::pair<std::string_view, Method> kMethods[] = {
      {"GET", kGet}, {"PUT", kPut}, {"HEAD", kHead}, {"POST", kPost}, {"DELETE", kDelete}};
  for (const auto& [name, value] : kMethods) {
    if (method == name) return value;
  }
  return kOther;
}

std::span<const Route> routes() {
  return kRoutes;
}

S3Result<const Route*> find_route(const RequestView& request, const Query& query,
                                  const Target& target) {
  const Group group = kGroups[static_cast<size_t>(parse_method(request.method))]
                             [static_cast<size_t>(resource_of(target))];
  for (size_t i = group.begin; i < group.end; ++i) {
    const Route& route = kRoutes[i];
    if (!matches(route, request, query)) continue;
    if (route.query.empty() && names_subresource(query)) break;
    const bool writes = route.method == kPut || route.method == kDelete || route.method == kPost;
    if (writes && route.query.empty() && may_be_new_subresource(query)) {
      return s3_fail(S3Code::kNotImplemented);
    }
    return &route;
  }
  if (names_subresource(query)) return s3_fail(S3Code::kNotImplemented);
  return s3_fail(S3Code::kMethodNotAllowed, {},
                 {{"Method", std::string(request.method)},
                  {"ResourceType", resource_of(target) == kObject ? "OBJECT" : "BUCKET"}});
}

}  // namespace cairn::s3
