// Questions to the upstream about one object: what it is, and bytes of it.
#pragma once

#include "base/bytes.h"
#include "gateway/remote_object.h"
#include "io/task.h"
#include "io/until.h"

namespace cairn::gateway {

// HEAD. `version_id` may be empty; `part` is a part's number, or empty. Failures: the upstream's.
struct HeadAnswer {
  ObjectFacts facts;
  std::optional<ByteRange> part;  // Of the object, when one was asked for.
  std::string parts_count;        // x-amz-mp-parts-count.
};
io::Task<transfer::S3Result<HeadAnswer>> ask_head(std::shared_ptr<Link> link, std::string key,
                                                  std::string version_id, std::string part);

// Fills `into` with the bytes `range` of the very version that `object` names. An answer that is of
// another range or length is a failure, tried again like one that breaks off; one of another object
// is that the object changed (status 412).
io::Task<transfer::S3Status> fetch_range(RemoteObjectPointer object, ByteRange range,
                                         MutableBytes into);

// By when a question that is asked now must be answered.
io::Until question_deadline();

}  // namespace cairn::gateway
