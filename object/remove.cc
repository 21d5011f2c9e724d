#include "object/remove.h"

#include <algorithm>
#include <set>
#include <utility>

#include "object/buckets.h"
#include "object/conditions.h"
#include "object/keys.h"
#include "object/replica.h"
#include "object/sync_tail.h"
#include "object/versions.h"

namespace cairn::object {
namespace {

// In a shared catalog: a removal has up to seven conditions, and a transaction of etcd has 128.
constexpr size_t kSharedRemovesPerCommitMax = 12;

const ObjectInfo* info_of(const std::optional<HeadRow>& row) {
  return row && !row->head.info.is_delete_marker ? &row->head.info : nullptr;
}

// No version id: the current object goes where there are no versions; elsewhere a delete marker
// comes. False when a row changed meanwhile.
io::Task<Result<bool>> plan_delete(const KeyScope& scope, const RemoveRequest& request,
                                   const CommitHook& hook, RemovedInfo& out) {
  const KeyRows rows =
      co_await io::or_return(load_key_rows(scope.context, scope.bucket, request.key));
  out.status = check_write(request.conditions, info_of(rows.current));
  if (!out.status) co_return true;
  const Versioning mode = scope.bucket.config->versioning;
  // A size or a time names something that is there: where nothing is, there is nothing to mark.
  const bool names_present = request.conditions.size_bytes || request.conditions.modified;
  if (!rows.current && (mode == Versioning::kUnversioned || names_present)) co_return true;
  expect_rows(scope, rows);
  const std::string row_key = keys::object(scope.bucket.id, request.key);
  const bool complete = co_await io::or_return(make_room(scope, rows));
  if (!complete) co_return false;
  if (rows.current) {
    scope.change.batch.deletes.push_back(row_key);
    scope.change.touched.push_back(row_key);
  }
  ObjectInfo info =
      mode == Versioning::kUnversioned ? rows.current->head.info : put_marker(scope, rows);
  out.version_id = info.version_id;
  out.is_delete_marker = out.made_marker = info.is_delete_marker;
  if (hook) hook(info, scope.change.batch);
  SyncTail* const tail = scope.context.sync_tail;
  // What came from another site may be sent again.
  const bool is_replica =
      mode == Versioning::kUnversioned && !rows.current->head.info.origin.empty();
  if (tail == nullptr || (!is_replica && !tail->wants(scope.bucket.id))) co_return true;
  if (mode != Versioning::kUnversioned) {
    tail->note(scope, ChangeKind::kMarker, info, info.version_id, {});
    co_return true;
  }
  Stamp stamp = stamp_of(rows.current->head);
  stamp.modified = co_await io::or_return(
      time_behind(scope.context, scope.bucket, request.key, rows.current, scope.context.now()));
  put_tombstone(scope, request.key, stamp);
  tail->note(scope, ChangeKind::kRemoval, info, {}, {});
  co_return true;
}

// One version for good. False when a row changed meanwhile.
io::Task<Result<bool>> plan_removal(const KeyScope& scope, const RemoveRequest& request,
                                    const CommitHook& hook, RemovedInfo& out) {
  out.version_id = request.version_id;
  const std::optional<HeadRow> target = co_await io::or_return(
      find_version(scope.context, scope.bucket, request.key, request.version_id));
  out.status = check_write(request.conditions, info_of(target));
  if (!out.status || !target) co_return true;
  out.is_delete_marker = target->head.info.is_delete_marker;
  out.status = check_lock(target->head.info.lock, scope.context.now(), request.bypass_governance);
  if (!out.status) co_return true;

  const KeyRows rows =
      co_await io::or_return(load_key_rows(scope.context, scope.bucket, request.key));
  expect_rows(scope, rows);
  const bool is_current = rows.current && rows.current->row_key == target->row_key;
  if (is_current && rows.current->version != target->version) co_return false;
  const bool complete = co_await io::or_return(drop_body(scope, *target));
  if (!complete) co_return false;
  if (is_current) {
    co_await io::or_return(promote_next(scope, request.key, std::nullopt));
  } else {
    scope.change.batch.preconditions.push_back(
        catalog::Precondition::version_is(target->row_key, target->version));
    scope.change.batch.deletes.push_back(target->row_key);
    scope.change.touched.push_back(target->row_key);
    if (target->head.is_null) {
      scope.change.batch.deletes.push_back(keys::null_version(scope.bucket.id, request.key));
    }
    const bool was_newest = rows.newest && rows.newest->row_key == target->row_key;
    if (was_newest) {
      co_await io::or_return(promote_next(scope, request.key, target->head.order));
    }
  }
  if (hook) hook(target->head.info, scope.change.batch);
  if (!target->head.info.origin.empty()) {
    put_version_tombstone(scope, request.key, target->head);
  }
  if (scope.context.sync_tail != nullptr) {
    scope.context.sync_tail->note(scope, ChangeKind::kRemoval, target->head.info,
                                  request.version_id, request.origin);
  }
  co_return true;
}

io::Task<Result<bool>> plan_one(const KeyScope& scope, const RemoveRequest& request,
                                const CommitHook& hook, RemovedInfo& out) {
  const bool by_version = !request.version_id.empty() &&
                          (scope.bucket.is_versioned() || request.version_id != kNullVersionId);
  if (by_version) return plan_removal(scope, request, hook, out);
  return plan_delete(scope, request, hook, out);
}

// One attempt over keys that differ; nullopt when a row changed meanwhile or another process was
// faster.
io::Task<Result<std::optional<std::vector<RemovedInfo>>>> try_round(
    Context& context, const BucketInfo& bucket, const std::vector<const RemoveRequest*>& requests,
    const CommitHook& hook) {
  using Answer = std::optional<std::vector<RemovedInfo>>;
  const std::shared_ptr<const crypto::TenantKeys> tenant_keys =
      co_await io::or_return(context.keys_of(bucket.tenant));
  KeyChange change;
  const KeyScope scope{context, *tenant_keys, bucket, change};
  expect_bucket(bucket, change.batch);
  std::vector<RemovedInfo> out(requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    // A long list must not keep the core from its other requests.
    if (i > 0) co_await io::yield();
    const bool complete = co_await io::or_return(plan_one(scope, *requests[i], hook, out[i]));
    if (!complete) co_return Answer();
  }
  if (change.batch.deletes.empty() && change.batch.puts.empty()) co_return Answer(std::move(out));
  const Result<catalog::Version> done = co_await commit_change(context, std::move(change));
  if (done) co_return Answer(std::move(out));
  if (done.error().code != Code::kFailedPrecondition) co_return std::unexpected(done.error());
  co_return Answer();
}

io::Task<Result<std::vector<RemovedInfo>>> remove_round(
    Context& context, BucketInfo& bucket, const std::vector<const RemoveRequest*>& requests,
    const CommitHook& hook) {
  std::vector<std::string> row_keys;
  for (const RemoveRequest* request : requests) {
    row_keys.push_back(keys::object(bucket.id, request->key));
  }
  const std::vector<KeyLocks::Guard> guards = co_await context.locks.lock_all(std::move(row_keys));
  for (int attempt = 0; attempt < kCommitAttemptsMax; ++attempt) {
    std::optional<std::vector<RemovedInfo>> removed =
        co_await io::or_return(try_round(context, bucket, requests, hook));
    if (removed) co_return std::move(*removed);
    bucket = co_await io::or_return(reload_bucket(context, bucket));
  }
  co_return fail(Code::kUnavailable, "the objects change faster than they can be removed");
}

}  // namespace

Status check_lock(const ObjectLock& lock, WallTime now, bool bypass_governance) {
  const bool retained = lock.mode != LockMode::kNone && lock.retain_until > now &&
                        !(lock.mode == LockMode::kGovernance && bypass_governance);
  if (!lock.legal_hold && !retained) return {};
  return fail(Code::kPermissionDenied, std::string(reason::kObjectLocked));
}

// Several requests for one key depend on each other: each goes into a commit of its own.
io::Task<Result<std::vector<RemovedInfo>>> remove_versions(Context& context, BucketInfo bucket,
                                                           std::vector<RemoveRequest> requests,
                                                           CommitHook hook) {
  const size_t per_commit =
      context.catalog.is_shared() ? kSharedRemovesPerCommitMax : kRemovesPerCommitMax;
  std::vector<RemovedInfo> out(requests.size());
  std::vector<size_t> left(requests.size());
  for (size_t i = 0; i < left.size(); ++i) left[i] = i;
  while (!left.empty()) {
    std::set<std::string_view> taken;
    std::vector<size_t> now;
    std::vector<size_t> later;
    for (const size_t i : left) {
      const bool fits = now.size() < per_commit && taken.insert(requests[i].key).second;
      (fits ? now : later).push_back(i);
    }
    std::vector<const RemoveRequest*> round;
    for (const size_t i : now) round.push_back(&requests[i]);
    std::vector<RemovedInfo> removed =
        co_await io::or_return(remove_round(context, bucket, round, hook));
    for (size_t i = 0; i < now.size(); ++i) out[now[i]] = std::move(removed[i]);
    left = std::move(later);
  }
  co_return out;
}

}  // namespace cairn::object
