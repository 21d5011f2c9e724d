// The handlers that routes of the native door name. As those of s3/handlers.h: the S3 door has
// checked route, signature, bucket and right, and renders what they return as an error.
#pragma once

#include "io/task.h"
#include "s3/call.h"
#include "s3/errors.h"

namespace cairn::native::handlers {

using Reply = io::Task<s3::S3Status>;

// What another site's credentials must be allowed: versions that keep their ids, and removals.
inline constexpr std::string_view kReplicateObject = "s3:ReplicateObject";
inline constexpr std::string_view kReplicateDelete = "s3:ReplicateDelete";

// handlers_session.cc
Reply begin(s3::Call& call);
Reply status(s3::Call& call);
Reply abort(s3::Call& call);
// handlers_offer.cc
Reply offer(s3::Call& call);
Reply segments(s3::Call& call);
Reply prove(s3::Call& call);
// handlers_fill.cc
Reply fill(s3::Call& call);
// handlers_commit.cc
Reply commit(s3::Call& call);
// handlers_replicate.cc
Reply replicate(s3::Call& call);
Reply compare(s3::Call& call);

}  // namespace cairn::native::handlers
