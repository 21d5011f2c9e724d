// PostObject: an upload by HTML form. The form says in its fields who signed it, what may be posted
// and what to store; its file comes last and is streamed like any other body.
#include <algorithm>
#include <string>
#include <utility>

#include "s3/access.h"
#include "s3/body.h"
#include "s3/conditions.h"
#include "s3/elsewhere.h"
#include "s3/events.h"
#include "s3/handlers.h"
#include "s3/post_form.h"
#include "s3/put_object.h"
#include "s3/requester_pays.h"
#include "s3/xml_writer.h"

namespace cairn::s3::handlers {
namespace {

// How a stored form is answered.
struct PostReply {
  int status = 204;
  std::string redirect;  // Set for 303.
};

bool is_redirect_url(std::string_view url) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!starts_with_ignoring_case(url, scheme)) continue;
    const std::string_view rest = url.substr(scheme.size());
    const bool has_host = !rest.empty() && rest[0] != '/' && rest[0] != '?' && rest[0] != '#';
    const bool is_plain = std::ranges::all_of(rest, [](char c) { return c > ' ' && c != '\x7F'; });
    return has_host && is_plain;
  }
  return false;
}

// What the form's fields ask the reply to be, for the object that was stored.
PostReply plan_reply(const Call& call, const object::ObjectInfo& info) {
  PostReply reply;
  const std::string* redirect = find_field(call.form, "success_action_redirect");
  if (redirect == nullptr) redirect = find_field(call.form, "redirect");
  if (redirect != nullptr && is_redirect_url(*redirect)) {
    reply.status = 303;
    reply.redirect = *redirect;
    reply.redirect += redirect->find('?') == std::string::npos ? "?bucket=" : "&bucket=";
    append_uri_encoded(reply.redirect, call.target.bucket, Slash::kEncode);
    reply.redirect += "&key=";
    append_uri_encoded(reply.redirect, call.target.key, Slash::kEncode);
    reply.redirect += "&etag=";
    append_uri_encoded(reply.redirect, "\"" + info.etag + "\"", Slash::kEncode);
    return reply;
  }
  const std::string* const status = find_field(call.form, "success_action_status");
  if (status != nullptr && *status == "200") reply.status = 200;
  if (status != nullptr && *status == "201") reply.status = 201;
  return reply;
}

io::Task<S3Status> respond_posted(Call& call, object::ObjectInfo info) {
  const PostReply reply = plan_reply(call, info);
  http::ResponseHead head = call.make_head(reply.status);
  add_stored_headers(head, call, info);
  std::string location = object_location(call, Slash::kEncode);
  head.add("Location", reply.status == 303 ? reply.redirect : location);
  if (reply.status != 201) {
    static_cast<void>(co_await call.exchange.respond(head, BytesView()));
    co_return S3Status();
  }
  // S3 gives this one root no namespace.
  std::string body;
  XmlWriter xml(body);
  xml.declaration();
  xml.open("PostResponse");
  xml.element("Location", location);
  xml.element("Bucket", call.target.bucket);
  xml.element("Key", call.target.key);
  xml.etag_element("ETag", info.etag);
  xml.close("PostResponse");
  co_return co_await call.respond_xml(std::move(head), std::move(body));
}

// Who posts, and the policy that binds the form. An unsigned form has neither.
struct Poster {
  std::optional<Identity> identity;
  PostPolicy policy;
};
S3Result<Poster> verify_form(const Call& call, const std::vector<FormField>& fields) {
  Poster out;
  const S3Result<std::optional<Authenticator::PostForm>> form = signature_fields(fields);
  if (!form) return std::unexpected(form.error());
  if (!*form) return out;
  S3Result<Identity> identity = call.context.authenticator->verify_post_form(**form);
  if (!identity) return std::unexpected(std::move(identity.error()));
  out.identity = std::move(*identity);
  S3Result<PostPolicy> policy = parse_post_policy((*form)->policy);
  if (!policy) return std::unexpected(std::move(policy.error()));
  out.policy = std::move(*policy);
  if (S3Status held = check_post_policy(out.policy, fields, call.target.bucket, call.now());
      !held) {
    return std::unexpected(std::move(held.error()));
  }
  return out;
}

// The object's key as the form gives it.
S3Result<std::string> parse_key(const std::vector<FormField>& fields) {
  const std::string* const key = find_field(fields, "key");
  if (key == nullptr || key->empty()) {
    return invalid_argument(
        "Bucket POST must contain a field named 'key'.  If it is specified, please check the order "
        "of the fields.",
        "key", {});
  }
  if (S3Status good = check_key(*key); !good) return std::unexpected(std::move(good.error()));
  return *key;
}

// Finds the bucket and checks the poster's right to write the key.
io::Task<S3Status> admit_poster(Call& call) {
  Result<object::BucketInfo> bucket = co_await call.find_bucket(call.target.bucket);
  call.bucket = co_await or_fail(translated(call, std::move(bucket)));
  if (is_elsewhere(call.bucket)) {
    co_return s3_fail(S3Code::kNotImplemented, "Forms cannot be posted to a gateway bucket.");
  }
  co_await or_fail(accept_requester(call));
  co_return co_await authorize_route(call);
}

io::Task<S3Result<object::ExpectedBody>> receive_posted(Call& call, FormReader& reader, Bytes begun,
                                                        object::ObjectWriter& writer,
                                                        const PostPolicy& policy,
                                                        const UploadPlan& plan) {
  const S3Result<uint64_t> size =
      co_await receive_file(call, reader, std::move(begun), writer, policy);
  if (!size) co_return std::unexpected(size.error());
  const Result<object::BodyDigests> digests = co_await writer.digests();
  if (!digests) co_return std::unexpected(translate(call, digests.error()));
  co_return check_received(call, plan, *digests);
}

io::Task<S3Result<object::ObjectInfo>> store_posted(Call& call, FormReader& reader, Bytes begun,
                                                    const PostPolicy& policy) {
  object::PutOptions options = co_await or_fail(put_options(call));
  UploadPlan plan;
  plan.checksums = co_await or_fail(parse_body_checksums(call.view));
  if (plan.checksums.algorithm) options.digests = {*plan.checksums.algorithm};
  options.hook = event_hook(call, event::kPost);
  Result<std::unique_ptr<object::ObjectWriter>> opened =
      co_await call.objects().put(call.bucket, call.target.key, std::move(options));
  const std::unique_ptr<object::ObjectWriter> writer =
      co_await or_fail(translated(call, std::move(opened)));
  S3Result<object::ExpectedBody> expected =
      co_await receive_posted(call, reader, std::move(begun), *writer, policy, plan);
  if (!expected) {
    co_await writer->abort();
    co_return std::unexpected(std::move(expected.error()));
  }
  Result<object::ObjectInfo> stored = co_await writer->finish(std::move(*expected));
  co_return translated(call, std::move(stored));
}

}  // namespace

Reply post_object(Call& call) {
  const std::string_view type = call.view.header("content-type").value_or("");
  if (!starts_with_ignoring_case(type, "multipart/form-data")) {
    co_return std::unexpected(
        precondition_failed("Bucket POST must be of the enclosure-type multipart/form-data"));
  }
  if (call.auth.kind != AuthKind::kPostForm) {
    co_return invalid_argument("A form is signed in its fields, not in headers or the query.",
                               "Authorization", {});
  }
  FormReader reader = co_await or_fail(FormReader::create(type));
  const Status continued = co_await call.exchange.send_continue();
  if (!continued) co_return std::unexpected(body_error(call, continued.error()));
  S3Result<Bytes> read = co_await read_form_head(call, reader);
  Bytes begun = co_await or_fail(std::move(read));
  co_await or_fail(substitute_file_name(reader.fields(), reader.file_name()));
  Poster poster = co_await or_fail(verify_form(call, reader.fields()));
  call.auth.identity = std::move(poster.identity);
  call.target.key = co_await or_fail(parse_key(reader.fields()));
  co_await or_fail(use_fields_as_headers(call, std::move(reader.fields())));
  const S3Status admitted = co_await admit_poster(call);
  co_await or_fail(S3Status(admitted));
  S3Result<object::ObjectInfo> stored =
      co_await store_posted(call, reader, std::move(begun), poster.policy);
  if (!stored) co_return std::unexpected(std::move(stored.error()));
  co_return co_await respond_posted(call, std::move(*stored));
}

}  // namespace cairn::s3::handlers
