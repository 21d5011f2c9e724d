#include "gateway/fetch.h"

#include <algorithm>
#include <array>

#include "io/reactor.h"
#include "transfer/content_range.h"
#include "transfer/retry_budget.h"

namespace cairn::gateway {
namespace {

using transfer::Failure;
using transfer::or_fail;
using transfer::S3Result;
using transfer::S3Status;

Failure wrong_answer(std::string what) {
  Failure failure(Error{Code::kUnavailable, "the upstream " + std::move(what)});
  failure.is_retryable = true;
  return failure;
}

std::string range_text(ByteRange range) {
  return "bytes=" + std::to_string(range.offset_bytes) + "-" +
         std::to_string(range.end_bytes() - 1);
}

// Whether the head of an answer is that of `range` of the very object.
S3Status check_range(const http::ReceivedHead& head, const RemoteObject& object, ByteRange range) {
  if (bare_etag(head.get("etag").value_or("")) != object.etag) {
    return std::unexpected(wrong_answer("answers with another ETag than it was asked for"));
  }
  const bool is_whole = range.offset_bytes == 0 && range.size_bytes == object.size_bytes;
  if (head.status == 200 && is_whole) {
    if (head.content_length && *head.content_length != range.size_bytes) {
      return std::unexpected(wrong_answer("answers with another length than it told"));
    }
    return {};
  }
  const auto told = transfer::parse_content_range(head.get("content-range").value_or(""));
  if (head.status != 206 || !told || told->range.offset_bytes != range.offset_bytes ||
      told->range.size_bytes != range.size_bytes || told->total_bytes != object.size_bytes ||
      (head.content_length && *head.content_length != range.size_bytes)) {
    return std::unexpected(wrong_answer("answers with another range than it was asked for"));
  }
  return {};
}

// Fills `into`; one byte more must not come.
io::Task<S3Status> receive_exactly(http::ClientResponse& response, MutableBytes into) {
  MutableBytes rest = into;
  while (!rest.empty()) {
    const size_t count = co_await or_fail(response.receive(rest));
    if (count == 0) co_return std::unexpected(wrong_answer("ended its answer early"));
    rest = rest.subspan(count);
  }
  std::array<uint8_t, 1> beyond{};
  const size_t more = co_await or_fail(response.receive(beyond));
  if (more != 0) co_return std::unexpected(wrong_answer("sends more than it announced"));
  co_return S3Status();
}

io::Task<S3Status> fetch_once(RemoteObjectPointer object, ByteRange range, MutableBytes into,
                              Instant last) {
  Link::Request request;
  request.key = object->key;
  if (!object->version_id.empty()) request.query.emplace_back("versionId", object->version_id);
  request.headers = {{"Range", range_text(range)}, {"If-Match", "\"" + object->etag + "\""}};
  const Instant own = io::Reactor::current().now() + kAttemptPatience;
  const io::Until until{.deadline = std::min(own, last)};
  http::ClientResponse response = co_await or_fail(object->link->send(std::move(request), until));
  S3Status good = check_range(response.head(), *object, range);
  const bool is_right = good.has_value();
  if (is_right) good = co_await receive_exactly(response, into);
  if (!good) {
    if (!is_right) LinkCounters::add(object->link->counters().wrong_answers);
    object->link->note_trouble(good.error());
    co_return good;
  }
  LinkCounters::add(object->link->counters().received_bytes, into.size());
  co_return S3Status();
}

}  // namespace

io::Until question_deadline() {
  return {.deadline = io::Reactor::current().now() + kQuestionPatience};
}

io::Task<S3Result<HeadAnswer>> ask_head(std::shared_ptr<Link> link, std::string key,
                                        std::string version_id, std::string part) {
  Link::Request request;
  request.method = "HEAD";
  request.key = link->upstream_key(key);
  if (!version_id.empty()) request.query.emplace_back("versionId", std::move(version_id));
  if (!part.empty()) request.query.emplace_back("partNumber", part);
  request.headers.emplace_back("x-amz-checksum-mode", "ENABLED");
  const http::ClientResponse response =
      co_await or_fail(link->send(std::move(request), question_deadline()));
  HeadAnswer answer;
  answer.facts = co_await or_fail(facts_of(response.head()));
  answer.parts_count = response.head().get("x-amz-mp-parts-count").value_or("");
  if (part.empty()) co_return answer;
  const auto told =
      transfer::parse_content_range(response.head().get("content-range").value_or(""));
  answer.part = told ? told->range : ByteRange{0, answer.facts.size_bytes};
  if (told) answer.facts.size_bytes = told->total_bytes;
  co_return answer;
}

io::Task<S3Status> fetch_range(RemoteObjectPointer object, ByteRange range, MutableBytes into) {
  const Instant last = io::Reactor::current().now() + kFetchPatience;
  for (unsigned attempt = 1;; ++attempt) {
    S3Status got = co_await fetch_once(object, range, into, last);
    // No status: it broke off, or was wrong. A refusal of the breaker is not tried again.
    const bool may_pass = !got && got.error().status == 0 && !object->link->is_open() &&
                          io::Reactor::current().now() < last;
    if (!may_pass || attempt >= kFetchAttemptsMax) co_return got;
    const Status slept =
        co_await io::sleep_for(transfer::RetryBudget::pause(attempt, system_random()));
    if (!slept) co_return got;
  }
}

}  // namespace cairn::gateway
