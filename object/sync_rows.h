// Keys and values of the rows of site sync; docs/format.md, "Catalog keys and values". Pure
// functions; parsers take untrusted bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/key_ring.h"
#include "object/records.h"

namespace cairn::object {

inline constexpr size_t kSyncTextBytesMax = 4096;  // Of one text in a rule.
inline constexpr size_t kSyncRecordBytesMax = 64 * 1024;

// Where the changes of a bucket go. `secret` is sealed in the row.
struct SyncRule {
  uint64_t id = 0;
  uint64_t bucket_id = 0;
  TenantId tenant;
  std::string bucket;
  std::string prefix;           // Keys that are sent.
  bool sends_markers = true;    // Delete markers.
  bool sends_removals = false;  // Of single versions.
  bool is_paused = false;
  std::string peer;  // Store id of the other site.
  std::string endpoint;
  std::string target_bucket;
  std::string region;
  std::string access_key;
  std::string sealed_secret;
  std::string ca_path;
  uint64_t bandwidth_bytes = 0;  // Per second; 0 = no limit.
  std::string kms_key;           // Of what is under SSE-KMS here; empty = the target's default.
  WallTime created;
};
std::string encode_sync_rule(const SyncRule& rule);
Result<SyncRule> parse_sync_rule(BytesView bytes);

enum class ChangeKind : uint8_t {
  kPut = 0,
  kMarker = 1,
  kRemoval = 2,  // Of a version; in a bucket without versioning, of the object.
  kMeta = 3,     // Tags, lock, ACL.
};

// A change that the peer of a rule has to hear of.
struct SyncChange {
  ChangeKind kind = ChangeKind::kPut;
  std::string key;
  std::string version_id;  // Empty in a bucket without versioning.
  uint64_t size_bytes = 0;
  WallTime at;
  OwnerId owner{};  // Of a version that was removed.
  uint32_t attempts = 0;
  std::string reason;  // Why the last attempt failed.
};
std::string encode_sync_change(const SyncChange& change);
Result<SyncChange> parse_sync_change(BytesView bytes);

struct SyncComparison {
  std::string key;
  std::string version_id;
  WallTime begun;
};
std::string encode_comparison(const SyncComparison& comparison);
Result<SyncComparison> parse_comparison(BytesView bytes);

struct Tombstone {
  WallTime at;
  OwnerId owner{};
};
std::string encode_tombstone(const Tombstone& tombstone);
Result<Tombstone> parse_tombstone(BytesView bytes);

namespace keys {

// jr/<rule 8>
std::string sync_rule(uint64_t rule_id);
std::string all_sync_rules();  // Prefix.
// jt/<rule 8><sequence 8>: a change that was not acknowledged.
std::string sync_change(uint64_t rule_id, uint64_t sequence);
std::string sync_changes(uint64_t rule_id);  // Prefix.
std::optional<uint64_t> parse_sync_sequence(std::string_view row);
// jf/<rule 8><sequence 8>: one that failed for a reason of its own.
std::string sync_failure(uint64_t rule_id, uint64_t sequence);
std::string sync_failures(uint64_t rule_id);  // Prefix.
// jk/<bucket id 8><key>\0<version id>\0<rule 8><sequence 8>: the same by version.
std::string sync_pending(uint64_t bucket_id, std::string_view key, std::string_view version_id,
                         uint64_t rule_id, uint64_t sequence);
std::string sync_pending_of(uint64_t bucket_id, std::string_view key,
                            std::string_view version_id);  // Prefix.
// jo/<rule 8>: changes were not written down; the two sites have to be compared.
std::string sync_overflow(uint64_t rule_id);
// jc/<rule 8>: where the comparison is.
std::string sync_comparison(uint64_t rule_id);
// jd/<bucket id 8><key>\0: a removal in a bucket without versioning.
std::string tombstone(uint64_t bucket_id, std::string_view key);
// Of one version, among them.
std::string version_tombstone(uint64_t bucket_id, std::string_view key,
                              std::string_view version_id);
std::string tombstones(uint64_t bucket_id);  // Prefix.
// The key; nullopt for rows of versions.
std::optional<std::string_view> parse_tombstone_key(std::string_view row);

}  // namespace keys
}  // namespace cairn::object
