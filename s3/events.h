// Events of a bucket (NotificationConfiguration): which webhooks a request's change is told to, and
// the rows that its commit writes for that. Delivery is done elsewhere (server/event_delivery.h).
// Thread rule: plain functions on the call's reactor.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "object/event_queue.h"
#include "object/objects.h"
#include "s3/call.h"

namespace cairn::s3 {

// Names of events without "s3:".
namespace event {
inline constexpr std::string_view kPut = "ObjectCreated:Put";
inline constexpr std::string_view kPost = "ObjectCreated:Post";
inline constexpr std::string_view kCopy = "ObjectCreated:Copy";
inline constexpr std::string_view kComplete = "ObjectCreated:CompleteMultipartUpload";
inline constexpr std::string_view kDelete = "ObjectRemoved:Delete";
inline constexpr std::string_view kMarker = "ObjectRemoved:DeleteMarkerCreated";
inline constexpr std::string_view kExpired = "LifecycleExpiration:Delete";
inline constexpr std::string_view kExpiredMarker = "LifecycleExpiration:DeleteMarkerCreated";
inline constexpr std::string_view kTransition = "LifecycleTransition";
inline constexpr std::string_view kTaggingPut = "ObjectTagging:Put";
inline constexpr std::string_view kTaggingDelete = "ObjectTagging:Delete";
inline constexpr std::string_view kAclPut = "ObjectAcl:Put";
}  // namespace event

// Where a change comes from, as its events tell it.
struct EventOrigin {
  std::string principal;
  std::string source_address;
  std::string request_id;
};

// Adds the event `name` for what the commit makes visible. Empty, and free, where the bucket wants
// to hear nothing of it.
object::CommitHook event_hook(const Call& call, std::string_view name);

// Of a rename: a copy under the new name, and the removal of `source_key`.
object::CommitHook rename_hook(const Call& call, std::string source_key);

// Of removals: `marker_name` where a delete marker came, `name` where a version went. `requests`
// are those of the removal.
object::CommitHook removal_hook(const Call& call, std::span<const object::RemoveRequest> requests);
// The same for changes that the server makes by itself.
object::CommitHook removal_hook(object::EventQueue& queue, const object::BucketInfo& bucket,
                                EventOrigin origin, WallTime now, std::string_view name,
                                std::string_view marker_name,
                                std::span<const object::RemoveRequest> requests);

// Of one change that the server makes by itself.
object::CommitHook change_hook(object::EventQueue& queue, const object::BucketInfo& bucket,
                               EventOrigin origin, WallTime now, std::string_view name);

// s3:TestEvent to every webhook that the bucket's new notification configuration names.
io::Task<S3Status> send_test_events(const Call& call, std::string document);

}  // namespace cairn::s3
