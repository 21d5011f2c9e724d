// Tags, retention and legal hold of one version of an object.
#include <memory>
#include <optional>
#include <utility>

#include "s3/config_object_lock.h"
#include "s3/config_tagging.h"
#include "s3/events.h"
#include "s3/handlers.h"
#include "s3/object_lock_headers.h"

namespace cairn::s3::handlers {
namespace {

http::ResponseHead version_head(const Call& call, int status, const object::ObjectInfo& info) {
  http::ResponseHead head = call.make_head(status);
  if (!info.version_id.empty()) head.add("x-amz-version-id", info.version_id);
  return head;
}

io::Task<S3Result<object::ObjectInfo>> find_version(Call& call) {
  Result<object::ObjectInfo> found =
      co_await call.objects().head(call.bucket, call.target.key, call.version_id());
  co_return translated(call, std::move(found));
}

// Changes the call's version; an error of `change` is the call's.
io::Task<S3Result<object::ObjectInfo>> change_version(
    Call& call, std::function<S3Status(object::ObjectInfo& info)> change,
    object::CommitHook hook = {}) {
  auto refusal = std::make_shared<std::optional<S3Error>>();
  const auto apply = [refusal, change = std::move(change)](object::ObjectInfo& info) -> Status {
    refusal->reset();
    S3Status changed = change(info);
    if (changed) return {};
    *refusal = std::move(changed.error());
    return fail(Code::kInvalidArgument, "refused by the door");
  };
  Result<object::ObjectInfo> done = co_await call.objects().change_version(
      call.bucket, call.target.key, call.version_id(), apply, std::move(hook));
  if (!done && *refusal) co_return std::unexpected(std::move(**refusal));
  co_return translated(call, std::move(done));
}

io::Task<S3Status> replace_tags(Call& call, Tags tags, int status) {
  const std::string_view name = status == 204 ? event::kTaggingDelete : event::kTaggingPut;
  const auto change = [tags = std::move(tags)](object::ObjectInfo& info) {
    info.metadata.tags = tags;
    return S3Status();
  };
  S3Result<object::ObjectInfo> changed =
      co_await change_version(call, change, event_hook(call, name));
  const object::ObjectInfo info = co_await or_fail(std::move(changed));
  const http::ResponseHead head = version_head(call, status, info);
  static_cast<void>(co_await call.exchange.respond(head, BytesView()));
  co_return S3Status();
}

S3Status require_object_lock(const Call& call) {
  if (call.bucket.config->object_lock) return {};
  return s3_fail(S3Code::kInvalidRequest, "Bucket is missing Object Lock Configuration");
}

}  // namespace

Reply get_object_tagging(Call& call) {
  S3Result<object::ObjectInfo> found = co_await find_version(call);
  const object::ObjectInfo info = co_await or_fail(std::move(found));
  http::ResponseHead head = version_head(call, 200, info);
  co_return co_await call.respond_xml(std::move(head), write_tagging(info.metadata.tags));
}

Reply put_object_tagging(Call& call) {
  Tags tags = co_await or_fail(parse_tagging(call.document, TagOwner::kObject));
  co_return co_await replace_tags(call, std::move(tags), 200);
}

Reply delete_object_tagging(Call& call) {
  co_return co_await replace_tags(call, Tags(), 204);
}

Reply get_object_retention(Call& call) {
  co_await or_fail(require_object_lock(call));
  S3Result<object::ObjectInfo> found = co_await find_version(call);
  const object::ObjectInfo info = co_await or_fail(std::move(found));
  if (info.lock.mode == object::LockMode::kNone) {
    co_return s3_fail(S3Code::kNoSuchObjectLockConfiguration);
  }
  co_return co_await call.respond_xml(write_retention({info.lock.mode, info.lock.retain_until}));
}

Reply put_object_retention(Call& call) {
  co_await or_fail(require_object_lock(call));
  const WallTime now = call.now();
  const Retention wanted = co_await or_fail(parse_retention(call.document, now));
  const bool bypass = bypasses_governance(call);  // The right to it was checked with the route's.
  const auto change = [wanted, bypass, now](object::ObjectInfo& info) -> S3Status {
    object::ObjectLock lock = info.lock;
    lock.mode = wanted.mode;
    lock.retain_until = wanted.retain_until;
    S3Status allowed = check_retention_change(info.lock, lock, bypass, now);
    if (allowed) info.lock = lock;
    return allowed;
  };
  const S3Result<object::ObjectInfo> changed = co_await change_version(call, change);
  if (!changed) co_return std::unexpected(changed.error());
  co_return co_await call.respond_empty(200);
}

Reply get_object_legal_hold(Call& call) {
  co_await or_fail(require_object_lock(call));
  S3Result<object::ObjectInfo> found = co_await find_version(call);
  const object::ObjectInfo info = co_await or_fail(std::move(found));
  if (!info.lock.legal_hold_was_set) co_return s3_fail(S3Code::kNoSuchObjectLockConfiguration);
  co_return co_await call.respond_xml(write_legal_hold(info.lock.legal_hold));
}

Reply put_object_legal_hold(Call& call) {
  co_await or_fail(require_object_lock(call));
  const bool is_on = co_await or_fail(parse_legal_hold(call.document));
  const auto change = [is_on](object::ObjectInfo& info) {
    info.lock.legal_hold = is_on;
    info.lock.legal_hold_was_set = true;
    return S3Status();
  };
  const S3Result<object::ObjectInfo> changed = co_await change_version(call, change);
  if (!changed) co_return std::unexpected(changed.error());
  co_return co_await call.respond_empty(200);
}

}  // namespace cairn::s3::handlers
