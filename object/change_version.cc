#include "object/change_version.h"

#include <algorithm>
#include <utility>

#include "object/buckets.h"
#include "object/keys.h"
#include "object/sync_tail.h"
#include "object/versions.h"

namespace cairn::object {
namespace {

io::Task<Result<std::optional<HeadRow>>> load_target(Context& context, BucketInfo bucket,
                                                     std::string key, std::string version_id) {
  if (version_id.empty()) return load_head(context, bucket.tenant, bucket.id, std::move(key));
  return find_version(context, std::move(bucket), std::move(key), std::move(version_id));
}

}  // namespace

std::unexpected<Error> no_such_version(std::string_view version_id) {
  return fail(Code::kNotFound,
              std::string(version_id.empty() ? reason::kNoSuchKey : reason::kNoSuchVersion));
}

io::Task<Result<ObjectInfo>> change_version(Context& context, BucketInfo bucket, std::string key,
                                            std::string version_id,
                                            std::function<Status(ObjectInfo&)> change,
                                            CommitHook hook) {
  const KeyLocks::Guard guard = co_await context.locks.lock(keys::object(bucket.id, key));
  const auto tenant_keys = co_await io::or_return(context.keys_of(bucket.tenant));
  for (int attempt = 0; attempt < kCommitAttemptsMax; ++attempt) {
    std::optional<HeadRow> row =
        co_await io::or_return(load_target(context, bucket, key, version_id));
    if (!row) co_return no_such_version(version_id);
    ObjectInfo& info = row->head.info;
    if (info.is_delete_marker) {
      co_return fail(Code::kFailedPrecondition, std::string(reason::kIsDeleteMarker));
    }
    if (bucket.is_versioned()) info.version_id = version_id_of(row->head);
    info.is_latest = row->row_key == keys::object(bucket.id, key);
    ObjectInfo changed = info;
    co_await io::or_return(change(changed));
    info.metadata.tags = std::move(changed.metadata.tags);
    info.lock = changed.lock;
    info.acl = std::move(changed.acl);
    info.changed.unix_ms = std::max(info.changed.unix_ms + 1, context.now().unix_ms);
    KeyChange commit;
    const KeyScope scope{context, *tenant_keys, bucket, commit};
    expect_bucket(bucket, commit.batch);
    commit.batch.preconditions.push_back(
        catalog::Precondition::version_is(row->row_key, row->version));
    put_head(scope, row->row_key, row->head);
    if (hook) hook(info, commit.batch);
    if (context.sync_tail != nullptr) {
      context.sync_tail->note(scope, ChangeKind::kMeta, info,
                              bucket.is_versioned() ? info.version_id : std::string(), {});
    }
    const Result<catalog::Version> done = co_await commit_change(context, std::move(commit));
    if (done) co_return std::move(info);
    if (done.error().code != Code::kFailedPrecondition) co_return std::unexpected(done.error());
    bucket = co_await io::or_return(reload_bucket(context, std::move(bucket)));
  }
  co_return fail(Code::kUnavailable, "the object changes faster than it can be described");
}

}  // namespace cairn::object
