// CORS at the door (S3.md 2.3): preflights, which need no credentials, and the headers that let a
// browser show a reply to a page of another origin, refusals included. Requests without an Origin
// header cost one look at the head.
// Thread rule: the door's reactor.
#pragma once

#include "io/task.h"
#include "s3/call.h"
#include "s3/errors.h"

namespace cairn::s3 {

// Fills call.reply_headers, which every reply to the call carries, when the request has an Origin
// and a rule of its bucket allows it. REQUIRES: call.target is set.
io::Task<void> prepare_cors(Call& call);

// Answers OPTIONS after prepare_cors(): 200 when a rule allowed it; BadRequest or AccessForbidden.
io::Task<S3Status> answer_preflight(Call& call);

}  // namespace cairn::s3
