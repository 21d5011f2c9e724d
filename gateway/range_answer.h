// A request for a range of an upstream's object, and whether its answer is of that very range.
#pragma once

#include <string>

#include "gateway/remote_object.h"

namespace cairn::gateway {

// By If-Match: another version is an answer of status 412.
Link::Request range_request(const RemoteObject& object, ByteRange range);
// Whether the head of an answer is that of `range` of the object: its ETag, size and length. One of
// another ETag is a 412: not every upstream heeds If-Match.
transfer::S3Status check_range(const http::ReceivedHead& head, const RemoteObject& object,
                               ByteRange range);
bool is_another_object(const transfer::Failure& failure);

// What is no good answer; another one may be.
transfer::Failure wrong_answer(std::string what);
transfer::Failure late_answer();

}  // namespace cairn::gateway
