// Access control lists of buckets and objects.
#include "s3/access.h"
#include "s3/acl_policy.h"
#include "s3/events.h"
#include "s3/handlers.h"

namespace cairn::s3::handlers {
namespace {

// A stored list that cannot be read is not guessed at.
S3Result<Acl> stored_acl(const Call& call, std::string_view text) {
  const bool counts = ownership_of(call.context, call.bucket) != Ownership::kBucketOwnerEnforced;
  std::optional<Acl> acl = parse_stored_acl(counts ? text : std::string_view(), call.bucket.tenant);
  if (acl) return std::move(*acl);
  const Error damaged{Code::kCorruption, "a stored access control list does not parse"};
  return std::unexpected(translate(call, damaged));
}

}  // namespace

Reply get_bucket_acl(Call& call) {
  const std::string* const text = call.bucket.config->document(kAclDocument);
  const Acl acl = co_await or_fail(stored_acl(call, text ? *text : std::string()));
  co_return co_await call.respond_xml(acl_document(call, acl));
}

Reply put_bucket_acl(Call& call) {
  const std::optional<Acl> acl = co_await or_fail(acl_of_change(call, call.bucket.tenant));
  if (acl) {
    std::string text = format_acl(*acl);
    const auto change = [&text](object::BucketConfig& config) {
      config.documents[std::string(kAclDocument)] = text;
      return Status();
    };
    Result<object::BucketInfo> changed =
        co_await call.objects().change_bucket(call.bucket.tenant, call.bucket.name, change);
    co_await or_fail(translated(call, std::move(changed)));
  }
  co_return co_await call.respond_empty(200);
}

Reply get_object_acl(Call& call) {
  Result<object::ObjectInfo> found =
      co_await call.objects().head(call.bucket, call.target.key, call.version_id());
  const object::ObjectInfo info = co_await or_fail(translated(call, std::move(found)));
  const Acl acl = co_await or_fail(stored_acl(call, info.acl));
  http::ResponseHead head = call.make_head(200);
  if (!info.version_id.empty()) head.add("x-amz-version-id", info.version_id);
  co_return co_await call.respond_xml(std::move(head), acl_document(call, acl));
}

// The owner of an object stays its owner, whoever changes its list.
Reply put_object_acl(Call& call) {
  Result<object::ObjectInfo> found =
      co_await call.objects().head(call.bucket, call.target.key, call.version_id());
  object::ObjectInfo info = co_await or_fail(translated(call, std::move(found)));
  const Acl before = co_await or_fail(stored_acl(call, info.acl));
  const std::optional<Acl> acl = co_await or_fail(acl_of_change(call, before.owner));
  if (acl) {
    std::string text = format_acl(*acl);
    const auto change = [&text](object::ObjectInfo& version) {
      version.acl = text;
      return Status();
    };
    Result<object::ObjectInfo> changed = co_await call.objects().change_version(
        call.bucket, call.target.key, call.version_id(), change, event_hook(call, event::kAclPut));
    info = co_await or_fail(translated(call, std::move(changed)));
  }
  http::ResponseHead head = call.make_head(200);
  if (!info.version_id.empty()) head.add("x-amz-version-id", info.version_id);
  static_cast<void>(co_await call.exchange.respond(head, BytesView()));
  co_return S3Status();
}

}  // namespace cairn::s3::handlers
