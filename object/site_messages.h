// What two sites say to each other: bodies of `?replicate` and `?compare` (docs/site-sync.md).
//
// Parsers take untrusted bytes that the door has bounded, and fail with kInvalidArgument. Pure
// functions.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/units.h"
#include "object/native_rows.h"
#include "object/replica.h"
#include "object/sync_rows.h"

namespace cairn::object {

inline constexpr size_t kReplicaInlineBytesMax = 1 * MiB;  // Larger bodies go by names of chunks.
inline constexpr size_t kReplicaRequestBytesMax = 16 * MiB;
inline constexpr size_t kComparedMax = 1000;  // Versions in one question.
inline constexpr size_t kCompareBytesMax = 2 * MiB;
inline constexpr size_t kContentNameBytes = 36;

struct ReplicaMessage {
  ChangeKind kind = ChangeKind::kPut;
  Replica replica;
  std::string session = {};              // The body is that of a native upload
  std::vector<ContentName> chunks = {};  // of these chunks,
  std::string body = {};                 // or these bytes.
};
std::string encode_replica(const ReplicaMessage& message);
Result<ReplicaMessage> parse_replica(BytesView bytes);

enum class ReplicaOutcome : uint8_t {
  kApplied = 0,
  kKnown = 1,    // The site had it.
  kOlder = 2,    // The site has a later one in its place.
  kMissing = 3,  // A change of a version that the site does not have.
};
struct ReplicaReply {
  ReplicaOutcome outcome = ReplicaOutcome::kApplied;
  std::string site;  // Who answers.
};
std::string encode_replica_reply(const ReplicaReply& reply);
Result<ReplicaReply> parse_replica_reply(BytesView bytes);

struct Compared {
  std::string key;
  std::string version_id;  // Empty in a bucket without versioning.
  std::string etag;
  WallTime modified;
  WallTime changed;
};
struct CompareQuestion {
  std::string site;
  std::vector<Compared> versions;
};
std::string encode_question(const CompareQuestion& question);
Result<CompareQuestion> parse_question(BytesView bytes);

enum class Comparison : uint8_t {
  kSame = 0,     // Or later.
  kMissing = 1,  // To be sent.
  kMeta = 2,     // Only tags, lock and ACL.
};
struct CompareAnswer {
  std::string site;
  bool is_versioned = false;
  std::vector<Comparison> answers;
};
std::string encode_answer(const CompareAnswer& answer);
Result<CompareAnswer> parse_answer(BytesView bytes, size_t versions_count);

}  // namespace cairn::object
