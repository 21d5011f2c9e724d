// The one step that makes a new object version, or its removal, visible.
//
// One catalog commit holds: the bucket is still there in the same mode and the key's rows are
// exactly what the conditions were evaluated on; the new rows and reference edges; and the replaced
// body's row moved to the collector's queue. The old edges stay until the collector takes them, so
// nothing that a reader still needs loses its last reference here.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "catalog/catalog.h"
#include "io/task.h"
#include "object/body_index.h"
#include "object/body_sink.h"
#include "object/context.h"
#include "object/records.h"
#include "object/rows.h"

namespace cairn::object {

struct KeyScope;

// A body ready to be committed: its row and what protects its chunks.
struct PreparedBody {
  Body body;
  std::string encoded;  // Value of the body row; empty = no row.
  std::vector<std::pair<ChunkId, OwnerId>> new_edges;
  std::vector<catalog::Put> hooks;  // Of its new chunks.
  std::vector<BodyName> names;      // Owners of edges that are not listed yet (body_index.h).
  std::unique_ptr<BodySink> manifest_sink;  // Holds a large manifest's chunks until it is settled.
};
// Body of a small object.
Result<PreparedBody> prepare_inline(Context& context, const crypto::TenantKeys& keys,
                                    std::string_view seal_context, BytesView plaintext);
// Body of chunks; a large manifest is stored as chunks itself. `with_edges` false: the edges of
// the manifest's extents exist already. `table_owner` owns the chunks of a stored manifest; unset:
// the manifest's owner.
io::Task<Result<PreparedBody>> prepare_manifest(Context& context,
                                                std::shared_ptr<const crypto::TenantKeys> keys,
                                                Manifest manifest, bool with_edges,
                                                std::optional<OwnerId> table_owner = std::nullopt);
// Stores bytes as chunks of `sink`, which the caller settles or abandons.
io::Task<Result<Manifest>> store_bytes(BodySink& sink, BytesView bytes);
// Awaited once after prepare_manifest(): releases the holds, or gives the chunks back.
io::Task<void> end_prepared(PreparedBody& prepared, bool committed);

// The edges and hooks.
void add_edges(catalog::Batch& batch, const PreparedBody& prepared);
// Queues a body for the collector; of a whole version, its rows in the body index as well.
void add_garbage(Context& context, const crypto::TenantKeys& keys, std::string_view encoded_body,
                 catalog::Batch& batch, bool is_version = false);

// What a body was made of.
struct BaseVersion {
  catalog::Version row_version = 0;  // Of the current version's row; 0 = there was none.
  // The body keeps the edges of the version that it replaces, whose chunks stay with it.
  bool takes_over_edges = false;
};

struct NewVersion {
  BucketInfo bucket;
  std::string key;
  Conditions conditions;
  std::shared_ptr<const crypto::TenantKeys> keys;
  Head head;                           // All but what the body and the bucket's mode say.
  const PreparedBody* body = nullptr;  // Outlives the call.
  // Set: the current version has to be the one that the body was made of, and the bucket in the
  // mode in which it was read; else the call fails with kFailedPrecondition and kLostRace.
  std::optional<BaseVersion> base;
  // Also part of the commit. When one of its preconditions fails, so does the call, with
  // kFailedPrecondition and the message kLostRace.
  catalog::Batch more;
  uint64_t freed_bytes = 0;  // Of parts that `more` consumes.
  // Adds rows that depend on the finished head; like the hook, maybe more than once.
  std::function<void(const Head& head, catalog::Batch& batch)> with_head;
  CommitHook hook;
  std::shared_ptr<const Replica> replica;  // Set: commit_replica() of replica.h.
};
inline constexpr std::string_view kLostRace = "lost a race";
// Whether a commit failed only because its base changed meanwhile: to be made anew from what is
// there now.
inline bool lost_race(const Result<ObjectInfo>& result) {
  return !result && result.error().code == Code::kFailedPrecondition &&
         result.error().message == kLostRace;
}

// The rows of a new version whose record goes to `row_key`: its body, its head, its edges.
void add_version(const KeyScope& scope, const NewVersion& version, std::string row_key, Head& head);

// Makes it the key's current version; what was current is replaced, or kept as an older version,
// as the bucket's mode says. Waits for other writers of the key. kNotFound kNoSuchBucket, or as
// check_write().
io::Task<Result<ObjectInfo>> commit_version(Context& context, NewVersion version);

}  // namespace cairn::object
