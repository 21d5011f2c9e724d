// Buckets: list, create, head, location, delete.
#include <algorithm>

#include "base/encoding.h"
#include "object/placing.h"
#include "s3/acl_policy.h"
#include "s3/config_kinds.h"
#include "s3/config_tagging.h"
#include "s3/handlers.h"
#include "s3/object_headers.h"
#include "s3/xml_reader.h"
#include "s3/xml_writer.h"

namespace cairn::s3::handlers {
namespace {

constexpr uint64_t kBucketsPageMax = 10000;
// The region whose LocationConstraint is written as an empty element.
constexpr std::string_view kClassicRegion = "us-east-1";

std::string acl_text(const object::BucketConfig& config) {
  const std::string* const text = config.document(kAclDocument);
  return text == nullptr ? std::string() : *text;
}

// Whether the owner's bucket has the access control list that the request would give it. AWS's
// us-east-1 resets the list; here nobody opens or closes a bucket by making it again.
bool has_acl(const Call& call, const object::BucketInfo& bucket, const std::string& wanted) {
  if (!rules_of(call.context, bucket).acls_count()) return true;
  const std::optional<Acl> asked = parse_stored_acl(wanted, bucket.tenant);
  const std::optional<Acl> present = parse_stored_acl(acl_text(*bucket.config), bucket.tenant);
  return asked && present && asked->grants == present->grants;
}

std::string bucket_arn(std::string_view name) {
  return "arn:aws:s3:::" + std::string(name);
}

// The owner makes the bucket again: us-east-1 answers 200, other regions say that it is there.
Reply refuse_unless_again(Call& call, const Error& error, const std::string& wanted_acl) {
  S3Error refusal = translate(call, error);
  if (refusal.code != S3Code::kBucketAlreadyOwnedByYou || call.context.region != kClassicRegion) {
    co_return std::unexpected(std::move(refusal));
  }
  Result<object::BucketInfo> found = co_await call.find_bucket(call.target.bucket);
  const object::BucketInfo bucket = co_await or_fail(translated(call, std::move(found)));
  if (!has_acl(call, bucket, wanted_acl)) co_return s3_fail(S3Code::kBucketAlreadyExists);
  co_return S3Status();
}

}  // namespace

Reply list_buckets(Call& call) {
  const std::string_view max_text = call.param("max-buckets");
  const std::optional<uint64_t> limit =
      max_text.empty() ? kBucketsPageMax : parse_number(max_text, 1, kBucketsPageMax);
  if (!limit) {
    co_return invalid_argument("max-buckets must be a number from 1 to 10000", "max-buckets",
                               max_text);
  }
  std::string start_after;
  if (call.query.has("continuation-token")) {
    const std::optional<Bytes> token = from_base64(call.param("continuation-token"));
    if (!token || token->empty()) {
      co_return invalid_argument("The continuation token provided is incorrect",
                                 "continuation-token", call.param("continuation-token"));
    }
    start_after = as_text(*token);
  }
  const std::string prefix(call.param("prefix"));
  // One more than asked tells whether there are more.
  Result<std::vector<object::BucketInfo>> found = co_await call.objects().list_buckets(
      call.identity().tenant, prefix, start_after, static_cast<size_t>(*limit) + 1);
  std::vector<object::BucketInfo> buckets = co_await or_fail(translated(call, std::move(found)));
  const bool truncated = buckets.size() > *limit;
  if (truncated) buckets.resize(static_cast<size_t>(*limit));

  std::string body;
  XmlWriter xml(body);
  xml.declaration();
  xml.open_root("ListAllMyBucketsResult");
  const Owner owner = owner_of(call.identity().tenant);
  write_owner(xml, "Owner", owner);
  xml.open("Buckets");
  for (const object::BucketInfo& bucket : buckets) {
    xml.open("Bucket");
    xml.element("Name", bucket.name);
    xml.element("CreationDate", bucket.created);
    if (call.query.has("max-buckets")) {
      xml.element("BucketRegion", bucket.location.empty() ? std::string_view(call.context.region)
                                                          : std::string_view(bucket.location));
    }
    xml.close("Bucket");
  }
  xml.close("Buckets");
  if (truncated) xml.element("ContinuationToken", to_base64(as_bytes(buckets.back().name)));
  if (!prefix.empty()) xml.element("Prefix", prefix);
  xml.close("ListAllMyBucketsResult");
  co_return co_await call.respond_xml(std::move(body));
}

namespace {

// A LocationConstraint may name a placement behind a colon, as with Ceph's gateways:
// `eu-central-1:cold` or `:cold`. What is before the colon is the location.
S3Result<std::string> take_placement(const Call& call, const std::string& constraint,
                                     object::BucketConfig& config) {
  const size_t colon = constraint.find(':');
  if (colon == std::string::npos) return constraint;
  const std::string name = constraint.substr(colon + 1);
  if (call.objects().placements().find(std::string_view(name)) == nullptr) {
    return s3_fail(S3Code::kInvalidLocationConstraint,
                   "The server has no placement \"" + name + "\".",
                   {{"LocationConstraint", constraint}});
  }
  config.documents[std::string(object::kPlacementDocument)] = name;
  return constraint.substr(0, colon);
}

}  // namespace

Reply create_bucket(Call& call) {
  const std::optional<std::string_view> lock = call.header("x-amz-bucket-object-lock-enabled");
  const CreateBucketConfiguration wanted = co_await or_fail(parse_create_bucket(call.document));
  object::CreateBucketOptions options;
  options.location =
      co_await or_fail(take_placement(call, wanted.location_constraint, options.config));
  co_await or_fail(set_access_of_new_bucket(call, options.config));
  if (lock && equal_ignoring_case(*lock, "true")) {
    options.config.object_lock = true;
    options.config.versioning = object::Versioning::kEnabled;
  }
  if (!wanted.tags.empty()) {
    co_await or_fail(check_tags(wanted.tags, TagOwner::kBucket));
    options.config.documents[std::string(document::kTagging)] = write_tagging(wanted.tags);
  }
  options.is_isolated = call.caller()->is_isolated;
  options.config.creator = call.caller()->arn;
  const std::string wanted_acl = acl_text(options.config);
  const Result<object::BucketInfo> made = co_await call.objects().create_bucket(
      call.identity().tenant, call.target.bucket, std::move(options));
  if (!made) co_await or_fail(co_await refuse_unless_again(call, made.error(), wanted_acl));
  http::ResponseHead head = call.make_head(200);
  head.add("Location", "/" + call.target.bucket);
  head.add("x-amz-bucket-arn", bucket_arn(call.target.bucket));
  static_cast<void>(co_await call.exchange.respond(head, BytesView()));
  co_return S3Status();
}

Reply head_bucket(Call& call) {
  http::ResponseHead head = call.make_head(200);
  head.add("x-amz-bucket-region", call.context.region);
  head.add("x-amz-access-point-alias", "false");
  head.add("x-amz-bucket-arn", bucket_arn(call.target.bucket));
  head.add("Content-Type", "application/xml");
  static_cast<void>(co_await call.exchange.respond(head, BytesView()));
  co_return S3Status();
}

Reply get_bucket_location(Call& call) {
  const std::string& location =
      call.bucket.location.empty() ? call.context.region : call.bucket.location;
  std::string body;
  XmlWriter xml(body);
  xml.declaration();
  xml.root_element("LocationConstraint",
                   location == kClassicRegion ? std::string_view() : std::string_view(location));
  co_return co_await call.respond_xml(std::move(body));
}

Reply delete_bucket(Call& call) {
  const Status removed =
      co_await call.objects().delete_bucket(call.bucket.tenant, call.target.bucket);
  if (!removed) co_return std::unexpected(translate(call, removed.error()));
  co_return co_await call.respond_empty(204);
}

}  // namespace cairn::s3::handlers
