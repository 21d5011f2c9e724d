// Versions that come from another site: they keep their place, id, times, ETag and parts.
//
// The versions of a key are a set that both sites add to, ordered by `order`; a version arrives as
// often as it likes and in any turn, and the set is the same in the end. Where only one can be (a
// bucket without versioning, the null version, two versions of one order) the later *stamp* wins:
// order, then time of change, then the first bytes of the owner. A removal in a bucket without
// versioning leaves a tombstone with its stamp, so that an older write that comes late stays away;
// so does the removal of a version that came from another site, which may be sent again. Thread
// rule: any reactor.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/task.h"
#include "object/commit.h"
#include "object/context.h"
#include "object/records.h"
#include "object/versions.h"

namespace cairn::object {

// What a version of another site keeps.
struct Replica {
  std::string origin;           // Store id of the site that sent it.
  Head head;                    // All but what the body comes to here.
  std::vector<PartInfo> parts;  // Of a multipart upload, in order.
};

// Bytes of an owner id that a version id shows, which a replica has in common with its source.
inline constexpr size_t kOwnerHeadBytes = 8;
inline constexpr size_t kSiteIdBytes = 16;

// Which of two versions stays where there is room for one: the greater.
struct Stamp {
  uint64_t order = 0;
  WallTime modified;
  std::string owner_head;
  friend auto operator<=>(const Stamp&, const Stamp&) = default;
};
Stamp stamp_of(const Head& head);

// An owner id that begins as that of a replica's source.
OwnerId replica_owner(Context& context, const Replica& replica);

// Makes `version`, whose `replica` is set, one of the key's versions, current or not. Where the
// site has it already, its tags, lock and ACL are brought up to date. kAlreadyExists kReplicaKnown
// or kReplicaOlder when the body is not needed; kFailedPrecondition when the bucket has no
// versioning and the version has a place among others.
io::Task<Result<ObjectInfo>> commit_replica(Context& context, NewVersion version);
// A delete marker likewise: commit_replica() of a version without a body.

// Changes tags, lock and ACL of the version that the site has; kNotFound when it has none.
io::Task<Status> update_replica(Context& context, BucketInfo bucket, std::string key,
                                Replica replica);
// What was removed without a version id, in a bucket without versioning.
io::Task<Status> remove_replica(Context& context, BucketInfo bucket, std::string key,
                                Replica replica);

// Cuts the extents of a manifest of one owner where the parts of its source ended. kInvalidArgument
// kSizeMismatch unless they cover the body.
Status add_parts(Manifest& manifest, const std::vector<PartInfo>& parts);

// Tombstones.
struct TombstoneRow {
  Stamp stamp;
  catalog::Version version = 0;
};
io::Task<Result<std::optional<TombstoneRow>>> load_tombstone(Context& context, BucketInfo bucket,
                                                             std::string key);
void put_tombstone(const KeyScope& scope, std::string_view key, const Stamp& stamp);
// Of a version that came from elsewhere and is removed now.
void put_version_tombstone(const KeyScope& scope, std::string_view key, const Head& removed);
// Whether a version that another site has, modified at `modified`, was removed here.
io::Task<Result<bool>> was_removed(Context& context, BucketInfo bucket, std::string key,
                                   std::string version_id, WallTime modified);
// Of a local write or removal in a bucket that is synced: a time behind that of everything that it
// takes the place of, whatever the clock says.
io::Task<Result<WallTime>> time_behind(Context& context, BucketInfo bucket, std::string key,
                                       const std::optional<HeadRow>& current, WallTime at);

}  // namespace cairn::object
