#include "gateway/fetch.h"

#include "gateway/range_runs.h"
#include "io/reactor.h"
#include "transfer/content_range.h"
#include "transfer/retry_budget.h"

namespace cairn::gateway {
namespace {

using transfer::or_fail;
using transfer::S3Result;
using transfer::S3Status;

// Of all readers of the object: those who share one fetch from its upstream on one reactor.
io::Task<S3Result<RangeRuns*>> runs_of(RemoteObjectPointer object) {
  RangeRuns* runs = object->runs.load(std::memory_order_acquire);
  if (runs != nullptr) co_return runs;
  RangeRuns* const here = co_await or_fail(object->link->runs());
  const bool is_first = object->runs.compare_exchange_strong(runs, here);
  co_return is_first ? here : runs;
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
  RangeRuns* const runs = co_await or_fail(runs_of(object));
  const Instant last = io::Reactor::current().now() + kFetchPatience;
  for (unsigned attempt = 1;; ++attempt) {
    const S3Status got =
        co_await io::run_on(runs->reactor(), runs->read(object, range.offset_bytes, into));
    // No status: it broke off, or was wrong. A refusal of the breaker is not tried again. The first
    // attempt may have waited for others that came before it.
    const bool may_pass = !got && got.error().status == 0 && !object->link->is_open() &&
                          (attempt == 1 || io::Reactor::current().now() < last);
    if (!may_pass || attempt >= kFetchAttemptsMax) co_return got;
    const Status slept =
        co_await io::sleep_for(transfer::RetryBudget::pause(attempt, system_random()));
    if (!slept) co_return got;
  }
}

}  // namespace cairn::gateway
