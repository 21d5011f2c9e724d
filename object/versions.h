// The versions of one key: which row is which, and how a version becomes current or stops being so.
//
// The current version, unless it is a delete marker, has the key's object row; every other version,
// and every marker, has a version row at its order. So reads and listings of current objects never
// meet an older version or a marker. Invariants, kept by every commit:
// - an object row is newer than all version rows of its key;
// - a key without an object row has no version rows, or the newest of them is a marker;
// - at most one version of a key is null; while that is a version row, a null row says where.
// Bodies stay where they are when a version moves: their row goes by the version's order.
//
// Thread rule: any reactor, under the lock of the key's object row. `KeyChange` collects one
// commit; the preconditions it adds make the commit fail when another process was faster.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "catalog/catalog.h"
#include "crypto/key_ring.h"
#include "io/task.h"
#include "object/context.h"
#include "object/records.h"
#include "object/rows.h"
#include "object/usage.h"

namespace cairn::object {

// What a commit has to know of a key.
struct KeyRows {
  std::string key;
  std::optional<HeadRow> current;   // The object row.
  std::optional<HeadRow> newest;    // Newest version row; looked up where `current` is unset.
  std::optional<NullRow> null_row;  // Looked up while versioning is suspended.

  uint64_t newest_order() const;
};
io::Task<Result<KeyRows>> load_key_rows(Context& context, BucketInfo bucket, std::string key);

// One commit in the making.
struct KeyChange {
  catalog::Batch batch;
  UsageChange usage;
  std::vector<std::string> touched;  // Rows whose cached records end with the commit.
};

// Commits; caches of the touched rows are told. kResourceExhausted kQuotaExceeded when a quota
// would be passed.
io::Task<Result<catalog::Version>> commit_change(Context& context, KeyChange change);

// What every step below works with. Refers to its maker's frame.
struct KeyScope {
  Context& context;
  const crypto::TenantKeys& tenant_keys;
  const BucketInfo& bucket;
  KeyChange& change;
};

// Counts versions that come (`count` > 0) or go, with their bytes.
void count_version(const KeyScope& scope, uint64_t size_bytes, int count);
// The bucket is there, in the mode in which it was read.
void expect_bucket(const BucketInfo& bucket, catalog::Batch& batch);
// The rows are still what was read.
void expect_rows(const KeyScope& scope, const KeyRows& rows);
// A number above all orders of the key; near the time, so that ids are not used again.
uint64_t next_order(Context& context, const KeyRows& rows);
void put_head(const KeyScope& scope, std::string row_key, const Head& head);
// Whether a write or a delete takes the place of `current`, rather than to keep it as an older one.
bool replaces_current(const BucketInfo& bucket, const std::optional<HeadRow>& current);
// What becomes of the versions that a new one, or a marker, would be beside: the one that it
// replaces is dropped, the current one retired. The object row and the null row are the caller's to
// overwrite or delete. False when a row changed and has to be read again.
io::Task<Result<bool>> make_room(const KeyScope& scope, const KeyRows& rows);
// Says where the key's null version is while that is a version row.
void put_null_row(const KeyScope& scope, std::string_view key, uint64_t order);
// The current version becomes a version row; its object row is the caller's to overwrite or delete.
void retire_current(const KeyScope& scope, const KeyRows& rows);
// A version is gone: its body row goes, its chunks become garbage. Its own row is the caller's.
// False when the row changed and has to be read again.
io::Task<Result<bool>> drop_body(const KeyScope& scope, HeadRow row);
// Removes the null version, where it is a version row.
io::Task<Result<bool>> drop_null_row(const KeyScope& scope, const KeyRows& rows);
// The newest version below `behind` (the whole key when unset) becomes current; nothing does when
// that is a delete marker, and then the object row is deleted.
io::Task<Status> promote_next(const KeyScope& scope, std::string key,
                              std::optional<uint64_t> behind);
// A delete marker as the newest version, null while versioning is suspended.
ObjectInfo put_marker(const KeyScope& scope, const KeyRows& rows);

}  // namespace cairn::object
