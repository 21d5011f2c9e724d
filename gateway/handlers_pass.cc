// What is asked of the upstream each time: listings, multipart uploads but for their parts, tags,
// locks. The answers are passed on with the names of this server.
#include "gateway/forward.h"
#include "gateway/handlers.h"
#include "gateway/reply.h"
#include "gateway/rewrite.h"
#include "s3/acl_policy.h"
#include "s3/object_headers.h"
#include "s3/xml_writer.h"

namespace cairn::gateway::handlers {
namespace {

using s3::Call;
using s3::or_fail;
using s3::S3Code;
using s3::S3Result;
using s3::S3Status;

Names names_of(const Served& served) {
  const s3::Owner owner = s3::owner_of(served.call.bucket.tenant);
  return {.bucket = served.call.target.bucket,
          .prefix = served.link->settings().prefix,
          .owner_id = owner.id,
          .owner_name = owner.display_name,
          .location = {}};
}

io::Task<S3Status> respond_rewritten(Served& served, WholeAnswer answer, std::string_view root,
                                     Names names) {
  Result<std::string> body = rewrite_reply(answer.body, root, names);
  if (!body) {
    LinkCounters::add(served.link->counters().wrong_answers);
    co_return std::unexpected(error_of(served.call, transfer::Failure(body.error())));
  }
  co_return co_await served.call.respond_xml(std::move(answer.head), std::move(*body));
}

io::Task<S3Status> pass_listing(Served& served, Link::Request request, std::string_view root) {
  S3Result<WholeAnswer> got = co_await ask(served, std::move(request), question_deadline());
  WholeAnswer answer = co_await or_fail(std::move(got));
  co_return co_await respond_rewritten(served, std::move(answer), root, names_of(served));
}

// Whatever came of the change, what was known of the object is not believed any more.
io::Task<S3Result<WholeAnswer>> ask_change(Served& served, Link::Request request) {
  const io::Until until{.deadline = io::Reactor::current().now() + kWorkPatience};
  S3Result<WholeAnswer> answer = co_await ask(served, std::move(request), until);
  served.services.resolver.forget(*served.link, served.call.target.key);
  co_return answer;
}

io::Task<S3Status> respond_as_is(Served& served, WholeAnswer answer) {
  if (!answer.body.empty()) answer.head.add("Content-Type", "application/xml");
  static_cast<void>(co_await served.call.exchange.respond(answer.head, answer.body));
  co_return S3Status();
}

}  // namespace

Reply list_objects(Served& served) {
  Link::Request request = request_of(served);
  add_key_params(request, served, {"prefix", "marker", "start-after"});
  add_params(
      request, served,
      {"list-type", "delimiter", "max-keys", "encoding-type", "continuation-token", "fetch-owner"});
  add_headers(request, served, {"x-amz-optional-object-attributes"});
  return pass_listing(served, std::move(request), "ListBucketResult");
}

Reply list_versions(Served& served) {
  Link::Request request = request_of(served);
  add_key_params(request, served, {"prefix", "key-marker"});
  add_params(request, served,
             {"versions", "delimiter", "max-keys", "encoding-type", "version-id-marker"});
  add_headers(request, served, {"x-amz-optional-object-attributes"});
  return pass_listing(served, std::move(request), "ListVersionsResult");
}

Reply list_uploads(Served& served) {
  Link::Request request = request_of(served);
  add_key_params(request, served, {"prefix", "key-marker"});
  add_params(request, served,
             {"uploads", "delimiter", "max-uploads", "encoding-type", "upload-id-marker"});
  return pass_listing(served, std::move(request), "ListMultipartUploadsResult");
}

Reply list_parts(Served& served) {
  Link::Request request = request_of(served);
  add_params(request, served, {"uploadId", "max-parts", "part-number-marker", "encoding-type"});
  return pass_listing(served, std::move(request), "ListPartsResult");
}

Reply get_attributes(Served& served) {
  Link::Request request = request_of(served);
  add_params(request, served, {"attributes", "versionId"});
  add_headers(request, served,
              {"x-amz-object-attributes", "x-amz-max-parts", "x-amz-part-number-marker"});
  return pass_listing(served, std::move(request), "GetObjectAttributesResponse");
}

// The owner of the bucket may do everything: what others may is in policies.
Reply get_object_acl(Served& served) {
  Resolver::Wanted wanted{served.call.target.key, served.call.version_id(), false};
  const transfer::S3Result<FactsPointer> found =
      co_await served.services.resolver.resolve(served.link, std::move(wanted));
  if (!found) co_return std::unexpected(error_of(served.call, found.error()));
  const s3::Owner owner = s3::owner_of(served.call.bucket.tenant);
  std::string body;
  s3::XmlWriter xml(body);
  xml.declaration();
  xml.open_root("AccessControlPolicy");
  s3::write_owner(xml, "Owner", owner);
  xml.open("AccessControlList");
  xml.open("Grant");
  body +=
      "<Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
      "xsi:type=\"CanonicalUser\">";
  xml.element("ID", owner.id);
  xml.element("DisplayName", owner.display_name);
  xml.close("Grantee");
  xml.element("Permission", "FULL_CONTROL");
  xml.close("Grant");
  xml.close("AccessControlList");
  xml.close("AccessControlPolicy");
  co_return co_await served.call.respond_xml(std::move(body));
}

// What every object has already may be set; anything else is refused.
Reply put_object_acl(Served& served) {
  const crypto::TenantId owner = served.call.bucket.tenant;
  S3Result<std::optional<s3::Acl>> asked = s3::acl_of_change(served.call, owner);
  const std::optional<s3::Acl> list = co_await or_fail(std::move(asked));
  if (list && list->grants != s3::private_acl(owner).grants) {
    co_return s3::s3_fail(S3Code::kAccessControlListNotSupported,
                          "Objects of a gateway bucket have no access control lists here: use "
                          "policies.");
  }
  Resolver::Wanted wanted{served.call.target.key, served.call.version_id(), false};
  const transfer::S3Result<FactsPointer> found =
      co_await served.services.resolver.resolve(served.link, std::move(wanted));
  if (!found) co_return std::unexpected(error_of(served.call, found.error()));
  co_return co_await served.call.respond_empty(200);
}

Reply pass_read(Served& served) {
  Link::Request request = request_of(served);
  add_params(request, served,
             {"tagging", "versioning", "object-lock", "retention", "legal-hold", "versionId"});
  S3Result<WholeAnswer> got = co_await ask(served, std::move(request), question_deadline());
  WholeAnswer answer = co_await or_fail(std::move(got));
  co_return co_await respond_as_is(served, std::move(answer));
}

Reply pass_change(Served& served) {
  Link::Request request = request_of(served);
  add_params(request, served,
             {"tagging", "retention", "legal-hold", "restore", "uploadId", "versionId"});
  add_headers(request, served,
              {"content-md5", "content-type", "x-amz-bypass-governance-retention"});
  request.body.bytes = as_bytes(served.call.document);
  S3Result<WholeAnswer> got = co_await ask_change(served, std::move(request));
  WholeAnswer answer = co_await or_fail(std::move(got));
  co_return co_await respond_as_is(served, std::move(answer));
}

// What holds for the whole of the upstream's bucket is changed by who has all of it.
Reply pass_bucket_change(Served& served) {
  if (!served.link->settings().prefix.empty()) {
    co_return s3::s3_fail(S3Code::kNotImplemented,
                          "This gateway bucket is a part of the upstream's bucket: change that at "
                          "the upstream.");
  }
  Link::Request request = request_of(served);
  add_params(request, served, {"versioning", "object-lock"});
  add_headers(request, served, {"content-md5", "content-type", "x-amz-bucket-object-lock-token"});
  request.body.bytes = as_bytes(served.call.document);
  S3Result<WholeAnswer> got = co_await ask(served, std::move(request), question_deadline());
  WholeAnswer answer = co_await or_fail(std::move(got));
  co_return co_await respond_as_is(served, std::move(answer));
}

Reply create_upload(Served& served) {
  Link::Request request = request_of(served);
  request.query.emplace_back("uploads", "");
  co_await or_fail(add_write_headers(request, served));
  const io::Until until = question_deadline();
  S3Result<WholeAnswer> got = co_await ask(served, std::move(request), until);
  WholeAnswer answer = co_await or_fail(std::move(got));
  co_return co_await respond_rewritten(served, std::move(answer), "InitiateMultipartUploadResult",
                                       names_of(served));
}

Reply complete_upload(Served& served) {
  Link::Request request = request_of(served);
  add_params(request, served, {"uploadId"});
  co_await or_fail(add_write_headers(request, served));
  request.body.bytes = as_bytes(served.call.document);
  S3Result<WholeAnswer> got = co_await ask_change(served, std::move(request));
  WholeAnswer answer = co_await or_fail(std::move(got));
  Names names = names_of(served);
  names.location = s3::object_location(served.call, s3::Slash::kKeep);
  co_return co_await respond_rewritten(served, std::move(answer), "CompleteMultipartUploadResult",
                                       std::move(names));
}

}  // namespace cairn::gateway::handlers
