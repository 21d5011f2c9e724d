// The upstream's answers in the words of this server.
#pragma once

#include <string>
#include <string_view>

#include "gateway/facts.h"
#include "http/client.h"
#include "http/message.h"
#include "s3/call.h"
#include "s3/errors.h"
#include "transfer/s3_failure.h"

namespace cairn::gateway {

// A failure of the upstream, for the client. What the upstream forbids is AccessDenied with a
// message that says who; an upstream that is down is ServiceUnavailable; Retry-After is passed on.
s3::S3Error error_of(const s3::Call& call, const transfer::Failure& failure);

// Headers of a GET or HEAD; with `overrides`, response-content-type and its siblings win.
void add_facts(http::ResponseHead& head, const s3::Call& call, const ObjectFacts& facts,
               bool overrides);
// ETag, Last-Modified, Cache-Control, Expires, version: the head of a 304.
void add_validators(http::ResponseHead& head, const ObjectFacts& facts);

// What an answer to another request tells: x-amz-* (facts.h, is_told), ETag and Last-Modified.
void pass_headers(http::ResponseHead& head, const http::ReceivedHead& from);

}  // namespace cairn::gateway
