// Site sync as operations of the crash test: changes of a bucket that another site follows, and
// versions that come from one.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "object/site_sync.h"
#include "tests/support/sim_objects.h"

namespace cairn::object::sync_operations {

using testing_support::SimObjects;

inline constexpr size_t kReplicaBytes = 90'000;
// Of versions that are older than everything here, and newer.
inline constexpr uint64_t kOldOrder = 1;
inline constexpr uint64_t kNewOrder = uint64_t{1} << 62;
inline constexpr int64_t kNewMs = int64_t{1} << 42;

inline Status follow(SimObjects& world) {
  const Result<BucketInfo> bucket = world.bucket();
  if (!bucket) return std::unexpected(bucket.error());
  SyncRule rule;
  rule.bucket_id = bucket->id;
  rule.tenant = bucket->tenant;
  rule.bucket = bucket->name;
  rule.peer = std::string(kSiteIdBytes, 'p');
  const auto added = world.wait(world.objects().site_sync()->tail().add_rule(rule, "secret"));
  return added ? Status() : Status(std::unexpected(added.error()));
}

inline Replica replica(uint64_t order, int64_t modified_ms) {
  Replica out;
  out.origin = std::string(kSiteIdBytes, 'q');
  out.head.order = order;
  out.head.is_null = order == 0;
  out.head.owner.bytes.fill(7);
  out.head.info.modified = WallTime{modified_ms};
  out.head.info.etag = "0123-2";
  out.head.info.size_bytes = kReplicaBytes;
  return out;
}

inline Status put(SimObjects& world, Replica what) {
  PutOptions options;
  options.replica = std::make_shared<const Replica>(std::move(what));
  const auto stored = world.wait(put_object(world.objects(), world.bucket().value(), "a",
                                            random_bytes(77, kReplicaBytes), options, 77));
  return stored ? Status() : Status(std::unexpected(stored.error()));
}

inline Status put_newest(SimObjects& world) {
  return put(world, replica(kNewOrder, kNewMs));
}
inline Status put_between(SimObjects& world) {
  return put(world, replica(kOldOrder, 1));
}
inline Status put_over(SimObjects& world) {
  return put(world, replica(0, kNewMs));
}

inline Status apply(SimObjects& world, ChangeKind kind, Replica what) {
  ReplicaMessage message;
  message.kind = kind;
  message.replica = std::move(what);
  message.replica.head.info.size_bytes = 0;
  const auto applied = world.wait(
      world.objects().site_sync()->apply(world.bucket().value(), "a", std::move(message)));
  return applied ? Status() : Status(std::unexpected(applied.error()));
}

inline Status put_marker(SimObjects& world) {
  return apply(world, ChangeKind::kMarker, replica(kNewOrder, kNewMs));
}
inline Status remove_later(SimObjects& world) {
  return apply(world, ChangeKind::kRemoval, replica(0, kNewMs));
}

inline Status acknowledge(SimObjects& world) {
  SyncTail& tail = world.objects().site_sync()->tail();
  const SyncRule rule = tail.rules().front().rule;
  auto changes = world.wait(tail.read(rule.id, 100));
  if (!changes) return std::unexpected(changes.error());
  return world.wait(tail.acknowledge(rule, std::move(*changes)));
}

// What the other site would be told.
inline std::string describe(SimObjects& world) {
  SyncTail& tail = world.objects().site_sync()->tail();
  std::string text;
  for (const KnownRule& known : tail.rules()) {
    text += "rule of " + known.rule.bucket + "\n";
    for (const PendingChange& pending : world.wait(tail.read(known.rule.id, 100)).value()) {
      if (!pending.change) return text + "a damaged change\n";
      text += "pending " + std::to_string(static_cast<int>(pending.change->kind)) + " " +
              pending.change->key + "\n";
    }
  }
  return text;
}

}  // namespace cairn::object::sync_operations
