// GetObject and HeadObject of a gateway bucket.
#include <algorithm>

#include "gateway/handlers.h"
#include "gateway/reply.h"
#include "s3/checksum_headers.h"
#include "s3/conditions.h"
#include "s3/range_header.h"

namespace cairn::gateway {

Result<RemoteObjectPointer> open_remote(const Services& services, std::shared_ptr<Link> link,
                                        std::string_view key, std::string version_id,
                                        const ObjectFacts& facts) {
  const std::shared_ptr<const crypto::TenantKeys> keys =
      services.keys.current(link->place().tenant);
  if (keys == nullptr) return fail(Code::kNotFound, "the tenant of a gateway has no keys");
  auto object = std::make_unique<RemoteObject>();
  object->key = link->upstream_key(key);
  object->version_id = std::move(version_id);
  object->etag = facts.etag;
  object->size_bytes = facts.size_bytes;
  object->link = std::move(link);
  object->name = remote_name(*keys, *object);
  return services.remotes.share(std::move(object));
}

}  // namespace cairn::gateway

namespace cairn::gateway::handlers {
namespace {

using s3::Call;
using s3::or_fail;
using s3::S3Code;
using s3::S3Error;
using s3::S3Result;
using s3::S3Status;

// What of an object a GET or HEAD answers with.
struct ReadPlan {
  bool not_modified = false;
  bool partial = false;
  ByteRange range;
  std::string parts_count;
  std::vector<transfer::HeaderPair> checksums;
};

S3Result<std::string> part_number_of(const Call& call) {
  const std::optional<std::string_view> text = call.query.find("partNumber");
  if (!text) return std::string();
  if (!s3::parse_number(*text, 1, object::kPartNumberMax)) {
    return s3::invalid_argument("Part number must be an integer between 1 and 10000, inclusive",
                                "partNumber", *text);
  }
  if (call.view.header("range")) {
    return s3::s3_fail(S3Code::kInvalidRequest,
                       "Cannot specify both Range header and partNumber query parameter");
  }
  return std::string(*text);
}

S3Result<ReadPlan> plan_read(const Call& call, const ObjectFacts& facts) {
  ReadPlan plan;
  const object::Conditions conditions = s3::parse_conditions(call.view, call.now());
  if (conditions.any()) {
    const s3::Evaluation evaluation = s3::evaluate_read(conditions, facts.etag, facts.modified);
    if (evaluation.verdict == s3::Verdict::kFailed) {
      return std::unexpected(s3::precondition_failed(evaluation.condition));
    }
    plan.not_modified = evaluation.verdict == s3::Verdict::kNotModified;
  }
  const std::string_view header = call.view.header("range").value_or("");
  std::optional<s3::RangeSpec> spec;
  if (!header.empty()) spec = s3::parse_range(header);
  const S3Result<s3::ResolvedRange> resolved = s3::resolve_range(spec, facts.size_bytes, header);
  if (!resolved) {
    if (plan.not_modified) return plan;
    return std::unexpected(resolved.error());
  }
  plan.partial = resolved->is_partial;
  plan.range = resolved->range;
  if (!plan.partial) plan.checksums = facts.checksums;
  return plan;
}

// How many there are, a part that is there tells.
io::Task<S3Error> no_such_part(Served& served, std::string number) {
  const transfer::S3Result<HeadAnswer> first =
      co_await ask_head(served.link, served.call.target.key, served.call.version_id(), "1");
  const std::string count = first && !first->parts_count.empty() ? first->parts_count : "1";
  co_return S3Error{S3Code::kInvalidPartNumber,
                    {},
                    {{"ActualPartCount", count}, {"PartNumberRequested", std::move(number)}}};
}

// Where a part lies is the upstream's to say.
io::Task<S3Status> plan_part(Served& served, const ObjectFacts& facts, std::string number,
                             ReadPlan& plan) {
  transfer::S3Result<HeadAnswer> answer =
      co_await ask_head(served.link, served.call.target.key, served.call.version_id(), number);
  if (!answer && answer.error().status == 416) {
    co_return std::unexpected(co_await no_such_part(served, std::move(number)));
  }
  if (!answer) co_return std::unexpected(error_of(served.call, answer.error()));
  const bool fits = answer->part && answer->part->end_bytes() <= facts.size_bytes;
  if (answer->facts.etag != facts.etag || !fits) {
    // Overwritten since: the next read sees it.
    served.services.resolver.forget(*served.link, served.call.target.key);
    co_return s3::s3_fail(S3Code::kServiceUnavailable, "The object changed while it was read.");
  }
  plan.range = *answer->part;
  plan.partial = plan.range.size_bytes > 0;
  plan.parts_count = std::move(answer->parts_count);
  plan.checksums = std::move(answer->facts.checksums);
  co_return S3Status();
}

http::ResponseHead make_head(const Call& call, const ObjectFacts& facts, const ReadPlan& plan) {
  http::ResponseHead head = call.make_head(plan.partial ? 206 : 200);
  add_facts(head, call, facts, true);
  if (plan.partial) head.add("Content-Range", s3::content_range(plan.range, facts.size_bytes));
  if (!plan.parts_count.empty()) head.add("x-amz-mp-parts-count", plan.parts_count);
  if (s3::checksum_mode_enabled(call.view)) {
    for (const auto& [name, value] : plan.checksums) head.add(name, value);
  }
  return head;
}

io::Task<S3Status> respond_not_modified(Call& call, const ObjectFacts& facts) {
  http::ResponseHead head = call.make_head(304);
  add_validators(head, facts);
  static_cast<void>(co_await call.exchange.respond(head, BytesView()));
  co_return S3Status();
}

S3Status refuse_customer_keys(const Call& call) {
  if (!call.view.header("x-amz-server-side-encryption-customer-algorithm")) return {};
  return s3::s3_fail(S3Code::kNotImplemented,
                     "A gateway bucket does not take customers' keys (SSE-C).");
}

Resolver::Wanted wanted_of(const Call& call) {
  Resolver::Wanted wanted{call.target.key, call.version_id(), false};
  const std::string_view control = call.view.header("cache-control").value_or("");
  wanted.past_cache = control.find("no-cache") != std::string_view::npos;
  return wanted;
}

io::Task<S3Result<FactsPointer>> resolve(Served& served, Resolver::Wanted wanted) {
  transfer::S3Result<FactsPointer> found =
      co_await served.services.resolver.resolve(served.link, std::move(wanted));
  if (!found) co_return std::unexpected(error_of(served.call, found.error()));
  co_return std::move(*found);
}

// A failed read of the upstream, for the client that waits for the first byte.
S3Error read_error(const Call& call, const BodyReader& reader, const Error& error) {
  const std::optional<transfer::Failure> why = reader.object().failure();
  const bool is_upstreams =
      error.code == Code::kUnavailable || error.code == Code::kPermissionDenied;
  if (why && is_upstreams) return error_of(call, *why);
  return s3::translate(call, error);
}

// The body in pieces, after the first one is at hand. A failure leaves the reply unfinished, which
// cuts the connection.
io::Task<S3Status> stream_body(Served& served, BodyReader& reader, http::ResponseHead head,
                               uint64_t size_bytes, Buffer piece) {
  Call& call = served.call;
  Status sent = co_await call.exchange.start_response(head, size_bytes);
  while (sent && !piece.empty()) {
    sent = co_await call.exchange.send_body(piece.view());
    if (!sent) break;
    piece = Buffer();
    Result<Buffer> next = co_await reader.next();
    if (!next) {
      if (next.error().code == Code::kFailedPrecondition) {
        LinkCounters::add(served.link->counters().changed);
        served.services.resolver.forget(*served.link, call.target.key);
      } else {
        static_cast<void>(s3::translate(call, next.error()));  // Logged there.
      }
      co_return S3Status();
    }
    piece = std::move(*next);
  }
  if (sent) static_cast<void>(co_await call.exchange.finish_response());
  co_return S3Status();
}

// One turn of a GET. False when the object turned out to be another one before its first byte.
io::Task<S3Result<bool>> try_get(Served& served, Resolver::Wanted wanted, std::string part) {
  Call& call = served.call;
  S3Result<FactsPointer> found = co_await resolve(served, std::move(wanted));
  const FactsPointer facts = co_await or_fail(std::move(found));
  ReadPlan plan = co_await or_fail(plan_read(call, *facts));
  if (plan.not_modified) {
    static_cast<void>(co_await respond_not_modified(call, *facts));
    co_return true;
  }
  if (!part.empty()) {
    const S3Status planned = co_await plan_part(served, *facts, std::move(part), plan);
    co_await or_fail(planned);
  }
  Result<RemoteObjectPointer> remote =
      open_remote(served.services, served.link, call.target.key, call.version_id(), *facts);
  RemoteObjectPointer object = co_await or_fail(s3::translated(call, std::move(remote)));
  BodyReader reader(served.services.objects, std::move(object));
  Buffer first;
  if (plan.range.size_bytes > 0) {
    reader.start(plan.range);
    Result<Buffer> piece = co_await reader.next();
    if (!piece && piece.error().code == Code::kFailedPrecondition) {
      LinkCounters::add(served.link->counters().changed);
      served.services.resolver.forget(*served.link, call.target.key);
      co_return false;
    }
    if (!piece) co_return std::unexpected(read_error(call, reader, piece.error()));
    first = std::move(*piece);
  }
  http::ResponseHead head = make_head(call, *facts, plan);
  if (first.size() == plan.range.size_bytes) {
    static_cast<void>(co_await call.exchange.respond(head, first.view()));
    co_return true;
  }
  static_cast<void>(co_await stream_body(served, reader, std::move(head), plan.range.size_bytes,
                                         std::move(first)));
  co_return true;
}

}  // namespace

Reply get_object(Served& served) {
  const std::string part = co_await or_fail(part_number_of(served.call));
  co_await or_fail(refuse_customer_keys(served.call));
  Resolver::Wanted wanted = wanted_of(served.call);
  for (unsigned turn = 1; turn <= kReadTurnsMax; ++turn) {
    S3Result<bool> done = co_await try_get(served, wanted, part);
    const bool is_done = co_await or_fail(std::move(done));
    if (is_done) co_return S3Status();
    // The upstream may answer a HEAD from a copy that is behind: what is asked next is not cached.
    wanted.past_cache = true;
  }
  co_return s3::s3_fail(S3Code::kServiceUnavailable,
                        "The object changed at the upstream each time it was about to be read.");
}

Reply head_object(Served& served) {
  Call& call = served.call;
  std::string part = co_await or_fail(part_number_of(call));
  co_await or_fail(refuse_customer_keys(call));
  S3Result<FactsPointer> found = co_await resolve(served, wanted_of(call));
  const FactsPointer facts = co_await or_fail(std::move(found));
  ReadPlan plan = co_await or_fail(plan_read(call, *facts));
  if (plan.not_modified) co_return co_await respond_not_modified(call, *facts);
  if (!part.empty()) {
    const S3Status planned = co_await plan_part(served, *facts, std::move(part), plan);
    co_await or_fail(planned);
  }
  const http::ResponseHead head = make_head(call, *facts, plan);
  const Status started = co_await call.exchange.start_response(head, plan.range.size_bytes);
  if (started) static_cast<void>(co_await call.exchange.finish_response());
  co_return S3Status();
}

}  // namespace cairn::gateway::handlers
