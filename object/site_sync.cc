#include "object/site_sync.h"

#include <algorithm>
#include <utility>

#include "base/encoding.h"
#include "catalog/commit_apart.h"
#include "object/body_writer.h"
#include "object/keys.h"
#include "object/object_reader.h"
#include "object/remove.h"
#include "object/rows.h"

namespace cairn::object {
namespace {

constexpr size_t kForgottenPerPass = 1000;

// The current version, or the one of that id; markers as well.
io::Task<Result<std::optional<HeadRow>>> load_any(Context& context, BucketInfo bucket,
                                                  std::string key, std::string version_id) {
  if (version_id.empty()) return load_head(context, bucket.tenant, bucket.id, std::move(key));
  return find_version(context, std::move(bucket), std::move(key), std::move(version_id));
}

}  // namespace

io::Task<Status> SiteSync::load() {
  const std::optional<catalog::Entry> row =
      co_await io::or_return(context_.catalog.get(keys::store_info()));
  if (!row) co_return fail(Code::kCorruption, "the store has no id");
  const StoreInfo info = co_await io::or_return(parse_store_info(as_bytes(row->value)));
  site_ = as_text(info.store_id);
  co_return co_await tail_.load();
}

io::Task<Result<std::optional<ReplicaMessage>>> SiteSync::describe(BucketInfo bucket,
                                                                   SyncChange change) {
  using Answer = std::optional<ReplicaMessage>;
  ReplicaMessage out;
  out.kind = change.kind;
  out.replica.origin = site_;
  if (change.kind == ChangeKind::kRemoval) {
    Head& head = out.replica.head;
    if (!change.version_id.empty()) {
      // Only the id says which one it was: its order, and how its owner begins.
      head.is_null = change.version_id == kNullVersionId;
      head.order = head.is_null ? 1 : order_of(change.version_id).value_or(1);
      const std::optional<Bytes> id = from_hex(change.version_id);
      if (id && id->size() == 2 * kOwnerHeadBytes) {
        std::copy_n(id->begin() + kOwnerHeadBytes, kOwnerHeadBytes, head.owner.bytes.begin());
      }
      co_return Answer(std::move(out));
    }
    const std::optional<TombstoneRow> tombstone =
        co_await io::or_return(load_tombstone(context_, std::move(bucket), change.key));
    if (!tombstone) co_return Answer();
    head.is_null = true;
    head.info.modified = tombstone->stamp.modified;
    std::ranges::copy(as_bytes(tombstone->stamp.owner_head), head.owner.bytes.begin());
    co_return Answer(std::move(out));
  }
  std::optional<HeadRow> row =
      co_await io::or_return(load_any(context_, bucket, change.key, change.version_id));
  if (!row) co_return Answer();
  out.replica.head = std::move(row->head);
  // The null version may be another one by now.
  if (out.kind == ChangeKind::kMarker) out.kind = ChangeKind::kPut;
  if (out.replica.head.info.is_delete_marker) out.kind = ChangeKind::kMarker;
  if (out.replica.head.info.parts_count == 0) co_return Answer(std::move(out));
  const HeadRow again{row->row_key, out.replica.head, row->version};
  const std::optional<std::string> encoded =
      co_await io::or_return(load_body(context_, bucket.tenant, bucket.id, again));
  if (!encoded) co_return fail(Code::kUnavailable, "the object changes while it is read");
  Body body = co_await io::or_return(parse_body(as_bytes(*encoded)));
  const Manifest manifest =
      co_await io::or_return(load_manifest(context_, bucket.tenant, std::move(body)));
  for (const ManifestPart& part : manifest.parts) out.replica.parts.push_back(part.info);
  co_return Answer(std::move(out));
}

io::Task<Result<ReplicaOutcome>> SiteSync::settle(BucketInfo bucket, std::string key,
                                                  Replica replica, Result<ObjectInfo> stored) {
  if (stored) co_return ReplicaOutcome::kApplied;
  const Error& error = stored.error();
  if (error.code == Code::kAlreadyExists && error.message == reason::kReplicaOlder) {
    co_return ReplicaOutcome::kOlder;
  }
  if (error.code != Code::kAlreadyExists || error.message != reason::kReplicaKnown) {
    co_return std::unexpected(error);
  }
  if (replica.head.info.is_delete_marker) co_return ReplicaOutcome::kKnown;
  const Status updated =
      co_await update_replica(context_, std::move(bucket), std::move(key), std::move(replica));
  if (!updated && updated.error().code != Code::kNotFound) {
    co_return std::unexpected(updated.error());
  }
  co_return ReplicaOutcome::kKnown;
}

io::Task<Result<ReplicaOutcome>> SiteSync::apply(BucketInfo bucket, std::string key,
                                                 ReplicaMessage message) {
  co_await io::or_return(check_key(key));
  Replica& replica = message.replica;
  if (message.kind == ChangeKind::kMarker) {
    replica.head.info.is_delete_marker = true;
    PreparedBody nothing;
    NewVersion version;
    version.bucket = bucket;
    version.key = key;
    version.keys = co_await io::or_return(context_.keys_of(bucket.tenant));
    version.body = &nothing;
    version.replica = std::make_shared<const Replica>(replica);
    Result<ObjectInfo> stored = co_await commit_replica(context_, std::move(version));
    co_return co_await settle(std::move(bucket), std::move(key), std::move(replica),
                              std::move(stored));
  }
  if (message.kind == ChangeKind::kMeta) {
    const Status updated =
        co_await update_replica(context_, std::move(bucket), std::move(key), std::move(replica));
    if (updated) co_return ReplicaOutcome::kApplied;
    if (updated.error().code == Code::kNotFound) co_return ReplicaOutcome::kMissing;
    co_return std::unexpected(updated.error());
  }
  if (message.kind != ChangeKind::kRemoval) {
    co_return fail(Code::kInvalidArgument, "a version with a body has to be written");
  }
  const std::string version_id = replica.head.info.version_id;
  if (version_id.empty()) {
    const Status removed =
        co_await remove_replica(context_, std::move(bucket), std::move(key), std::move(replica));
    if (removed) co_return ReplicaOutcome::kApplied;
    if (removed.error().code == Code::kAlreadyExists) co_return ReplicaOutcome::kOlder;
    co_return std::unexpected(removed.error());
  }
  RemoveRequest request;
  request.key = std::move(key);
  request.version_id = version_id;
  request.origin = replica.origin;
  std::vector<RemoveRequest> requests;
  requests.push_back(std::move(request));
  const std::vector<RemovedInfo> removed =
      co_await io::or_return(remove_versions(context_, std::move(bucket), std::move(requests), {}));
  co_await io::or_return(removed.front().status);
  co_return ReplicaOutcome::kApplied;
}

io::Task<Result<Comparison>> SiteSync::compare_one(BucketInfo bucket, Compared theirs) {
  const bool by_version = bucket.is_versioned();
  std::string version_id = theirs.version_id;
  if (by_version && version_id.empty()) version_id = kNullVersionId;
  const std::optional<HeadRow> row = co_await io::or_return(
      load_any(context_, bucket, theirs.key, by_version ? version_id : std::string()));
  if (!row && by_version) {
    const bool is_gone =
        co_await io::or_return(was_removed(context_, std::move(bucket), std::move(theirs.key),
                                           std::move(version_id), theirs.modified));
    co_return is_gone ? Comparison::kSame : Comparison::kMissing;
  }
  if (!row) {
    const std::optional<TombstoneRow> tombstone =
        co_await io::or_return(load_tombstone(context_, std::move(bucket), theirs.key));
    const bool is_gone = tombstone && tombstone->stamp.modified > theirs.modified;
    co_return is_gone ? Comparison::kSame : Comparison::kMissing;
  }
  const ObjectInfo& ours = row->head.info;
  // A version id names one version for good; where there is none, the later one is sent.
  const bool is_named = by_version && version_id != kNullVersionId;
  if (!is_named) {
    if (ours.modified < theirs.modified) co_return Comparison::kMissing;
    if (ours.modified > theirs.modified) co_return Comparison::kSame;
    if (ours.etag != theirs.etag) co_return Comparison::kMissing;
  }
  co_return ours.changed < theirs.changed ? Comparison::kMeta : Comparison::kSame;
}

io::Task<Result<CompareAnswer>> SiteSync::compare(BucketInfo bucket, CompareQuestion question) {
  CompareAnswer out;
  out.site = site_;
  out.is_versioned = bucket.is_versioned();
  for (Compared& each : question.versions) {
    const Comparison answer = co_await io::or_return(compare_one(bucket, std::move(each)));
    out.answers.push_back(answer);
    co_await io::yield();
  }
  co_return out;
}

io::Task<Result<std::vector<SyncChange>>> SiteSync::removals(BucketInfo bucket, std::string after,
                                                             size_t limit) {
  catalog::ScanRequest scan;
  scan.begin = keys::tombstones(bucket.id);
  scan.end = catalog::prefix_end(scan.begin);
  if (!after.empty()) scan.begin = keys::tombstone(bucket.id, after) + '\0';
  scan.limit_entries = limit;
  scan.keys_only = true;
  const catalog::ScanPage page = co_await io::or_return(context_.catalog.scan(std::move(scan)));
  std::vector<SyncChange> out;
  for (const catalog::Entry& entry : page.entries) {
    const std::optional<std::string_view> key = keys::parse_tombstone_key(entry.key);
    if (!key) continue;
    SyncChange change;
    change.kind = ChangeKind::kRemoval;
    change.key = *key;
    out.push_back(std::move(change));
  }
  co_return out;
}

io::Task<Status> SiteSync::forget_removals(BucketInfo bucket, WallTime until) {
  const bool is_wanted = co_await io::or_return(tail_.has_unheard(bucket.id));
  if (is_wanted) co_return Status();
  catalog::ScanRequest scan;
  scan.begin = keys::tombstones(bucket.id);
  scan.end = catalog::prefix_end(scan.begin);
  scan.limit_entries = kForgottenPerPass;
  for (bool more = true; more;) {
    const catalog::ScanPage page = co_await io::or_return(context_.catalog.scan(scan));
    co_await io::or_return(forget_some(bucket, page, until));
    more = page.more && !page.entries.empty();
    if (more) scan.begin = page.entries.back().key + '\0';
    co_await io::yield();
  }
  co_return Status();
}

io::Task<Status> SiteSync::forget_some(BucketInfo bucket, const catalog::ScanPage& page,
                                       WallTime until) {
  catalog::Batch batch;
  for (const catalog::Entry& entry : page.entries) {
    const Result<BytesView> record = open_record(context_, bucket.tenant, entry.key, entry.value);
    if (!record) continue;
    const Result<Tombstone> tombstone = parse_tombstone(*record);
    if (!tombstone || tombstone->at >= until) continue;
    batch.preconditions.push_back(catalog::Precondition::version_is(entry.key, entry.version));
    batch.deletes.push_back(entry.key);
  }
  if (batch.deletes.empty()) co_return Status();
  const Status done = co_await catalog::commit_apart(context_.catalog, std::move(batch));
  // Removed again meanwhile: the next time.
  if (!done && done.error().code == Code::kFailedPrecondition) co_return Status();
  co_return done;
}

}  // namespace cairn::object
