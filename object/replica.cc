#include "object/replica.h"

#include <algorithm>
#include <utility>

#include "object/buckets.h"
#include "object/conditions.h"
#include "object/keys.h"
#include "object/remove.h"
#include "object/signed_row.h"
#include "object/sync_rows.h"
#include "object/sync_tail.h"

namespace cairn::object {
namespace {

using catalog::Precondition;

std::unexpected<Error> known(std::string_view why) {
  return fail(Code::kAlreadyExists, std::string(why));
}

// The version as its source has it, over the body that it has here.
Result<Head> replica_head(const NewVersion& version) {
  const Replica& replica = *version.replica;
  const ObjectInfo& theirs = replica.head.info;
  Head head = version.head;
  ObjectInfo& info = head.info;
  if (info.size_bytes != theirs.size_bytes) {
    return fail(Code::kInvalidArgument, std::string(reason::kSizeMismatch) + ": of the replica");
  }
  const auto is_digest = [](const std::string& etag) {
    return !etag.empty() && etag.find('-') == std::string::npos;
  };
  if (is_digest(info.etag) && is_digest(theirs.etag) && info.etag != theirs.etag) {
    return fail(Code::kInvalidArgument,
                std::string(reason::kChecksumMismatch) + ": the ETag of the replica");
  }
  info.etag = theirs.etag;
  info.modified = theirs.modified;
  info.changed = theirs.changed;
  info.metadata = theirs.metadata;
  info.lock = theirs.lock;
  info.acl = theirs.acl;
  info.checksum = theirs.checksum;
  info.parts_count = theirs.parts_count;
  info.is_delete_marker = theirs.is_delete_marker;
  info.origin = replica.origin;
  head.order = replica.head.order;
  head.is_null = replica.head.is_null;
  if (info.is_delete_marker) {
    head.owner = replica.head.owner;
    head.body_sha256.reset();
  }
  return head;
}

io::Task<Result<std::optional<HeadRow>>> row_at(Context& context, BucketInfo bucket,
                                                std::string key, uint64_t order) {
  const std::string row_key = keys::version(bucket.id, key, order);
  const std::optional<catalog::Entry> entry = co_await io::or_return(context.catalog.get(row_key));
  if (!entry) co_return std::optional<HeadRow>();
  HeadRow row = co_await io::or_return(open_head(context, bucket.tenant, std::move(key), *entry));
  co_return std::optional(std::move(row));
}

// The version that cannot be beside one of `head`'s kind and order.
io::Task<Result<std::optional<HeadRow>>> find_rival(Context& context, BucketInfo bucket,
                                                    const KeyRows& rows, const Head& head) {
  if (rows.current) {
    const Head& current = rows.current->head;
    const bool is_rival =
        head.is_null ? current.is_null : !current.is_null && current.order == head.order;
    if (is_rival || !bucket.is_versioned()) co_return rows.current;
  }
  if (!bucket.is_versioned()) co_return std::optional<HeadRow>();
  if (head.is_null && !rows.null_row) co_return std::optional<HeadRow>();
  const uint64_t order = head.is_null ? rows.null_row->order : head.order;
  co_return co_await row_at(context, std::move(bucket), rows.key, order);
}

// What the commit depends on beyond expect_rows().
void expect_place(const KeyScope& scope, const KeyRows& rows, const Head& head,
                  const std::optional<HeadRow>& rival) {
  if (!scope.bucket.is_versioned()) return;
  std::vector<Precondition>& out = scope.change.batch.preconditions;
  const std::string row_key = keys::version(scope.bucket.id, rows.key, head.order);
  if (!rival || rival->row_key != row_key) out.push_back(Precondition::absent(row_key));
  if (rival && (!rows.current || rival->row_key != rows.current->row_key)) {
    out.push_back(Precondition::version_is(rival->row_key, rival->version));
  }
  if (!head.is_null) return;
  const std::string null_key = keys::null_version(scope.bucket.id, rows.key);
  out.push_back(rows.null_row ? Precondition::version_is(null_key, rows.null_row->version)
                              : Precondition::absent(null_key));
}

// Takes the rival away; false when it changed meanwhile.
io::Task<Result<bool>> drop_rival(const KeyScope& scope, const KeyRows& rows, HeadRow rival) {
  co_await io::or_return(check_lock(rival.head.info.lock, scope.context.now(), false));
  const bool is_current = rows.current && rival.row_key == rows.current->row_key;
  if (!is_current) {
    scope.change.batch.deletes.push_back(rival.row_key);
    scope.change.touched.push_back(rival.row_key);
    if (rival.head.is_null) {
      scope.change.batch.deletes.push_back(keys::null_version(scope.bucket.id, rows.key));
    }
  }
  co_return co_await drop_body(scope, std::move(rival));
}

// Puts the version where its order says.
void place(const KeyScope& scope, const NewVersion& version, const KeyRows& rows, bool is_newest,
           bool replaces_current, Head& head) {
  catalog::Batch& batch = scope.change.batch;
  const std::string object_row = keys::object(scope.bucket.id, rows.key);
  const bool is_marker = head.info.is_delete_marker;
  if (is_newest && rows.current && !replaces_current) retire_current(scope, rows);
  if (is_newest && !is_marker) {
    add_version(scope, version, object_row, head);
    return;
  }
  if (is_newest && rows.current) {
    batch.deletes.push_back(object_row);
    scope.change.touched.push_back(object_row);
  }
  const std::string row_key = keys::version(scope.bucket.id, rows.key, head.order);
  // Deletes win over puts: what stood in the row, or named it, is overwritten.
  std::erase(batch.deletes, row_key);
  if (head.is_null) {
    std::erase(batch.deletes, keys::null_version(scope.bucket.id, rows.key));
    put_null_row(scope, rows.key, head.order);
  }
  if (!is_marker) {
    add_version(scope, version, row_key, head);
    return;
  }
  count_version(scope, 0, 1);
  put_head(scope, row_key, head);
}

// A version id names one version for good; "null" names any that was written before the removal.
bool names_the_same(const TombstoneRow& row, std::string_view version_id, WallTime modified) {
  return version_id != kNullVersionId || row.stamp.modified >= modified;
}

io::Task<Result<std::optional<TombstoneRow>>> load_tombstone_row(Context& context,
                                                                 crypto::TenantId tenant,
                                                                 std::string row_key) {
  const std::optional<catalog::Entry> entry = co_await io::or_return(context.catalog.get(row_key));
  if (!entry) co_return std::optional<TombstoneRow>();
  const BytesView record =
      co_await io::or_return(open_record(context, tenant, row_key, entry->value));
  const Tombstone tombstone = co_await io::or_return(parse_tombstone(record));
  Head head;
  head.owner = tombstone.owner;
  head.info.modified = tombstone.at;
  co_return std::optional(TombstoneRow{stamp_of(head), entry->version});
}

void put_tombstone_row(const KeyScope& scope, std::string row_key, const Stamp& stamp) {
  Tombstone tombstone;
  tombstone.at = stamp.modified;
  std::ranges::copy(as_bytes(stamp.owner_head), tombstone.owner.bytes.begin());
  std::string value = sign_row(scope.tenant_keys, row_key, encode_tombstone(tombstone));
  scope.change.batch.puts.push_back({std::move(row_key), std::move(value)});
}

// In a bucket without versioning a removal may have been later.
io::Task<Status> pass_tombstone(const KeyScope& scope, const KeyRows& rows, const Stamp& stamp) {
  if (scope.bucket.is_versioned()) co_return Status();
  const std::optional<TombstoneRow> tombstone =
      co_await io::or_return(load_tombstone(scope.context, scope.bucket, rows.key));
  const std::string row_key = keys::tombstone(scope.bucket.id, rows.key);
  catalog::Batch& batch = scope.change.batch;
  if (!tombstone) {
    batch.preconditions.push_back(Precondition::absent(row_key));
    co_return Status();
  }
  if (tombstone->stamp >= stamp) co_return known(reason::kReplicaOlder);
  batch.preconditions.push_back(Precondition::version_is(row_key, tombstone->version));
  batch.deletes.push_back(row_key);
  co_return Status();
}

// And in one with versioning this very version.
io::Task<Status> pass_version_tombstone(const KeyScope& scope, const KeyRows& rows,
                                        const Head& head) {
  if (!scope.bucket.is_versioned()) co_return Status();
  const std::string version_id = version_id_of(head);
  const std::string row_key = keys::version_tombstone(scope.bucket.id, rows.key, version_id);
  const std::optional<TombstoneRow> row =
      co_await io::or_return(load_tombstone_row(scope.context, scope.bucket.tenant, row_key));
  catalog::Batch& batch = scope.change.batch;
  if (!row) {
    batch.preconditions.push_back(Precondition::absent(row_key));
    co_return Status();
  }
  if (names_the_same(*row, version_id, head.info.modified)) {
    co_return known(reason::kReplicaOlder);
  }
  batch.preconditions.push_back(Precondition::version_is(row_key, row->version));
  batch.deletes.push_back(row_key);
  co_return Status();
}

io::Task<Result<std::optional<ObjectInfo>>> plan_replica(Context& context,
                                                         const NewVersion& version, KeyRows rows,
                                                         KeyChange& change) {
  using Answer = std::optional<ObjectInfo>;
  const KeyScope scope{context, *version.keys, version.bucket, change};
  Head head = co_await io::or_return(replica_head(version));
  const bool has_place = head.order != 0 || head.info.is_delete_marker;
  if (has_place && !version.bucket.is_versioned()) {
    co_return fail(Code::kFailedPrecondition,
                   "the bucket has no versioning, and its source has: turn it on");
  }
  change.batch = version.more;
  change.usage.by.size_bytes = -static_cast<int64_t>(version.freed_bytes);
  expect_bucket(version.bucket, change.batch);
  expect_rows(scope, rows);
  const std::optional<HeadRow> rival =
      co_await io::or_return(find_rival(context, version.bucket, rows, head));
  const Stamp stamp = stamp_of(head);
  if (rival) {
    const Stamp other = stamp_of(rival->head);
    if (other == stamp) co_return known(reason::kReplicaKnown);
    if (other > stamp) co_return known(reason::kReplicaOlder);
  }
  co_await io::or_return(pass_tombstone(scope, rows, stamp));
  co_await io::or_return(pass_version_tombstone(scope, rows, head));
  expect_place(scope, rows, head, rival);
  const bool replaces_current = rival && rows.current && rival->row_key == rows.current->row_key;
  const bool replaces_newest = rival && rows.newest && rival->row_key == rows.newest->row_key;
  const bool is_only = !rows.current && !rows.newest;
  const bool is_newest =
      replaces_current || replaces_newest || is_only || head.order > rows.newest_order();
  if (rival) {
    const bool dropped = co_await io::or_return(drop_rival(scope, rows, *rival));
    if (!dropped) co_return Answer();
  }
  place(scope, version, rows, is_newest, replaces_current, head);
  if (version.with_head) version.with_head(head, change.batch);
  ObjectInfo info = head.info;
  info.key = version.key;
  if (version.bucket.is_versioned()) info.version_id = version_id_of(head);
  if (version.hook) version.hook(info, change.batch);
  if (context.sync_tail != nullptr) {
    const ChangeKind kind = info.is_delete_marker ? ChangeKind::kMarker : ChangeKind::kPut;
    context.sync_tail->note(scope, kind, info, info.version_id, info.origin);
  }
  co_return Answer(std::move(info));
}

}  // namespace

Stamp stamp_of(const Head& head) {
  const BytesView owner = BytesView(head.owner.bytes).first(kOwnerHeadBytes);
  return {head.order, head.info.modified, std::string(as_text(owner))};
}

OwnerId replica_owner(Context& context, const Replica& replica) {
  OwnerId owner = context.new_owner();
  std::copy_n(replica.head.owner.bytes.begin(), kOwnerHeadBytes, owner.bytes.begin());
  return owner;
}

io::Task<Result<ObjectInfo>> commit_replica(Context& context, NewVersion version) {
  const KeyLocks::Guard guard =
      co_await context.locks.lock(keys::object(version.bucket.id, version.key));
  std::optional<std::pair<uint64_t, catalog::Version>> lost_to;
  for (int attempt = 0; attempt < kCommitAttemptsMax; ++attempt) {
    KeyRows rows = co_await io::or_return(load_key_rows(context, version.bucket, version.key));
    const std::pair seen{version.bucket.mode_version, rows.current ? rows.current->version : 0};
    if (lost_to == seen && !version.more.preconditions.empty()) {
      co_return fail(Code::kFailedPrecondition, std::string(kLostRace));
    }
    const bool needs_null = version.bucket.is_versioned() && version.replica->head.is_null;
    if (needs_null && !rows.null_row) {
      rows.null_row = co_await io::or_return(load_null_row(context, version.bucket, version.key));
    }
    KeyChange change;
    std::optional<ObjectInfo> planned =
        co_await io::or_return(plan_replica(context, version, std::move(rows), change));
    if (!planned) continue;
    const Result<catalog::Version> done = co_await commit_change(context, std::move(change));
    if (done) co_return std::move(*planned);
    if (done.error().code != Code::kFailedPrecondition) co_return std::unexpected(done.error());
    lost_to = seen;
    version.bucket = co_await io::or_return(reload_bucket(context, version.bucket));
  }
  co_return fail(Code::kUnavailable, "the object changes faster than it can be replicated");
}

namespace {

// Tags, lock and ACL have a stamp of their own: when they were changed, then what they are.
std::string meta_text(const ObjectInfo& info) {
  Head head;
  head.info.metadata.tags = info.metadata.tags;
  head.info.lock = info.lock;
  head.info.acl = info.acl;
  return encode_head(head);
}

bool is_later_meta(const ObjectInfo& theirs, const ObjectInfo& ours) {
  if (theirs.changed != ours.changed) return theirs.changed > ours.changed;
  if (theirs.changed.unix_ms == 0) return false;
  return meta_text(theirs) > meta_text(ours);
}

// The later lock; but nobody shortens a retention in compliance mode before it ends, so of two that
// sites set without knowing of each other the longer one stays at both.
ObjectLock joined_lock(ObjectLock later, const ObjectLock& other, WallTime now) {
  const bool is_kept =
      other.mode == LockMode::kCompliance && other.retain_until > now &&
      (later.mode != LockMode::kCompliance || later.retain_until < other.retain_until);
  if (!is_kept) return later;
  later.mode = other.mode;
  later.retain_until = other.retain_until;
  return later;
}

}  // namespace

io::Task<Status> update_replica(Context& context, BucketInfo bucket, std::string key,
                                Replica replica) {
  const KeyLocks::Guard guard = co_await context.locks.lock(keys::object(bucket.id, key));
  const auto tenant_keys = co_await io::or_return(context.keys_of(bucket.tenant));
  for (int attempt = 0; attempt < kCommitAttemptsMax; ++attempt) {
    std::optional<HeadRow> row;
    if (bucket.is_versioned()) {
      row = co_await io::or_return(find_version(context, bucket, key, version_id_of(replica.head)));
    } else {
      row = co_await io::or_return(load_head(context, bucket.tenant, bucket.id, key));
    }
    const bool is_it = row && stamp_of(row->head) == stamp_of(replica.head);
    if (!is_it) co_return fail(Code::kNotFound, std::string(reason::kNoSuchVersion));
    ObjectInfo& info = row->head.info;
    const ObjectInfo& theirs = replica.head.info;
    if (is_later_meta(theirs, info)) {
      info.lock = joined_lock(theirs.lock, info.lock, context.now());
      info.metadata.tags = theirs.metadata.tags;
      info.acl = theirs.acl;
      info.changed = theirs.changed;
    } else {
      const ObjectLock lock = joined_lock(info.lock, theirs.lock, context.now());
      const bool is_same =
          lock.mode == info.lock.mode && lock.retain_until == info.lock.retain_until;
      if (is_same) co_return Status();
      info.lock = lock;
    }
    KeyChange commit;
    const KeyScope scope{context, *tenant_keys, bucket, commit};
    expect_bucket(bucket, commit.batch);
    commit.batch.preconditions.push_back(Precondition::version_is(row->row_key, row->version));
    put_head(scope, row->row_key, row->head);
    if (context.sync_tail != nullptr) {
      const std::string version_id =
          bucket.is_versioned() ? version_id_of(row->head) : std::string();
      context.sync_tail->note(scope, ChangeKind::kMeta, info, version_id, replica.origin);
    }
    const Result<catalog::Version> done = co_await commit_change(context, std::move(commit));
    if (done) co_return Status();
    if (done.error().code != Code::kFailedPrecondition) co_return std::unexpected(done.error());
    bucket = co_await io::or_return(reload_bucket(context, std::move(bucket)));
  }
  co_return fail(Code::kUnavailable, "the object changes faster than it can be described");
}

io::Task<Status> remove_replica(Context& context, BucketInfo bucket, std::string key,
                                Replica replica) {
  const KeyLocks::Guard guard = co_await context.locks.lock(keys::object(bucket.id, key));
  const auto tenant_keys = co_await io::or_return(context.keys_of(bucket.tenant));
  const Stamp stamp = stamp_of(replica.head);
  for (int attempt = 0; attempt < kCommitAttemptsMax; ++attempt) {
    if (bucket.is_versioned()) {
      co_return fail(Code::kFailedPrecondition,
                     "the bucket has versioning, and its source has none: turn it on there");
    }
    const KeyRows rows = co_await io::or_return(load_key_rows(context, bucket, key));
    if (rows.current && stamp_of(rows.current->head) >= stamp)
      co_return known(reason::kReplicaOlder);
    KeyChange commit;
    const KeyScope scope{context, *tenant_keys, bucket, commit};
    expect_bucket(bucket, commit.batch);
    expect_rows(scope, rows);
    co_await io::or_return(pass_tombstone(scope, rows, stamp));
    if (rows.current) {
      const bool dropped = co_await io::or_return(drop_body(scope, *rows.current));
      if (!dropped) continue;
      commit.batch.deletes.push_back(rows.current->row_key);
      commit.touched.push_back(rows.current->row_key);
    }
    std::erase(commit.batch.deletes, keys::tombstone(bucket.id, key));
    put_tombstone(scope, key, stamp);
    ObjectInfo info = replica.head.info;
    info.key = key;
    if (context.sync_tail != nullptr) {
      context.sync_tail->note(scope, ChangeKind::kRemoval, info, {}, replica.origin);
    }
    const Result<catalog::Version> done = co_await commit_change(context, std::move(commit));
    if (done) co_return Status();
    if (done.error().code != Code::kFailedPrecondition) co_return std::unexpected(done.error());
    bucket = co_await io::or_return(reload_bucket(context, std::move(bucket)));
  }
  co_return fail(Code::kUnavailable, "the object changes faster than it can be removed");
}

Status add_parts(Manifest& manifest, const std::vector<PartInfo>& parts) {
  if (parts.empty()) return {};
  std::vector<Extent> cut;
  size_t next = 0;
  uint64_t taken_bytes = 0;  // Of the extent at `next`.
  for (const PartInfo& info : parts) {
    ManifestPart& part = manifest.parts.emplace_back();
    part.info = info;
    part.owner = manifest.owner;
    for (uint64_t left = info.size_bytes; left > 0;) {
      if (next == manifest.extents.size()) {
        return fail(Code::kInvalidArgument, std::string(reason::kSizeMismatch) + ": of the parts");
      }
      const Extent& whole = manifest.extents[next];
      Extent piece = whole;
      piece.offset_bytes += static_cast<uint32_t>(taken_bytes);
      piece.size_bytes =
          static_cast<uint32_t>(std::min<uint64_t>(left, whole.size_bytes - taken_bytes));
      left -= piece.size_bytes;
      taken_bytes += piece.size_bytes;
      if (taken_bytes == whole.size_bytes) {
        ++next;
        taken_bytes = 0;
      }
      cut.push_back(piece);
      ++part.extents_count;
    }
  }
  if (next != manifest.extents.size()) {
    return fail(Code::kInvalidArgument, std::string(reason::kSizeMismatch) + ": of the parts");
  }
  manifest.extents = std::move(cut);
  return {};
}

io::Task<Result<std::optional<TombstoneRow>>> load_tombstone(Context& context, BucketInfo bucket,
                                                             std::string key) {
  return load_tombstone_row(context, bucket.tenant, keys::tombstone(bucket.id, key));
}

void put_tombstone(const KeyScope& scope, std::string_view key, const Stamp& stamp) {
  put_tombstone_row(scope, keys::tombstone(scope.bucket.id, key), stamp);
}

void put_version_tombstone(const KeyScope& scope, std::string_view key, const Head& removed) {
  Stamp stamp = stamp_of(removed);
  stamp.modified.unix_ms = std::max(scope.context.now().unix_ms, removed.info.modified.unix_ms + 1);
  put_tombstone_row(scope, keys::version_tombstone(scope.bucket.id, key, version_id_of(removed)),
                    stamp);
}

io::Task<Result<bool>> was_removed(Context& context, BucketInfo bucket, std::string key,
                                   std::string version_id, WallTime modified) {
  const std::optional<TombstoneRow> row = co_await io::or_return(load_tombstone_row(
      context, bucket.tenant, keys::version_tombstone(bucket.id, key, version_id)));
  co_return row&& names_the_same(*row, version_id, modified);
}

io::Task<Result<WallTime>> time_behind(Context& context, BucketInfo bucket, std::string key,
                                       const std::optional<HeadRow>& current, WallTime at) {
  if (current) at.unix_ms = std::max(at.unix_ms, current->head.info.modified.unix_ms + 1);
  const std::optional<TombstoneRow> tombstone =
      co_await io::or_return(load_tombstone(context, std::move(bucket), std::move(key)));
  if (tombstone) at.unix_ms = std::max(at.unix_ms, tombstone->stamp.modified.unix_ms + 1);
  co_return at;
}

}  // namespace cairn::object
