// PutObject and UploadPart of a gateway bucket: written through.
#include "gateway/forward.h"
#include "gateway/handlers.h"
#include "gateway/reply.h"
#include "gateway/upload_body.h"

namespace cairn::gateway::handlers {
namespace {

using s3::Call;
using s3::or_fail;
using s3::S3Code;
using s3::S3Result;
using s3::S3Status;

// A stopped server ends it; slow clients are the door's business, a silent upstream the client's of
// transfer/.
io::Until upload_deadline(const Call& call) {
  return {.stop = call.exchange.stop_token()};
}

// A body without bytes is not read by who sends it: what is claimed of it is compared before.
io::Task<S3Status> check_empty(UploadBody& body) {
  if (body.size_bytes() != 0) co_return S3Status();
  std::array<uint8_t, 1> nothing{};
  const Result<size_t> read = co_await body.read(nothing);
  if (!read) co_return std::unexpected(*body.failure());
  co_return S3Status();
}

io::Task<S3Status> store(Served& served, Link::Request request, uint64_t size_bytes_max) {
  Call& call = served.call;
  S3Result<std::unique_ptr<UploadBody>> made = UploadBody::create(call, size_bytes_max);
  const std::unique_ptr<UploadBody> body = co_await or_fail(std::move(made));
  body->attach(request);
  const S3Status checked = co_await check_empty(*body);
  co_await or_fail(checked);
  UploadBody* const sent = body.get();
  transfer::S3Result<http::ClientResponse> answer = co_await served.link->send(
      std::move(request), upload_deadline(call), [sent] { return sent->failure().has_value(); });
  // Also when it failed: the answer may have been lost on its way.
  served.services.resolver.forget(*served.link, call.target.key);
  if (body->failure()) co_return std::unexpected(*body->failure());
  if (!answer) co_return std::unexpected(error_of(call, answer.error()));
  LinkCounters::add(served.link->counters().sent_bytes, body->body_bytes());
  http::ResponseHead head = call.make_head(200);
  pass_headers(head, answer->head());
  const std::string etag(bare_etag(answer->head().get("etag").value_or("")));
  const bool is_encrypted =
      answer->head().get("x-amz-server-side-encryption").value_or("").starts_with("aws:");
  static_cast<void>(co_await answer->receive_all(kReplyBytesMax));
  if (!is_encrypted && body->contradicts(etag)) {
    LinkCounters::add(served.link->counters().wrong_answers);
    co_return s3::s3_fail(S3Code::kServiceUnavailable,
                          "The upstream stored another body than was sent: send it again.");
  }
  static_cast<void>(co_await call.exchange.respond(head, BytesView()));
  co_return S3Status();
}

}  // namespace

Reply put_object(Served& served) {
  Link::Request request = request_of(served);
  co_await or_fail(add_write_headers(request, served));
  co_return co_await store(served, std::move(request), object::kPartBytesMax);
}

Reply upload_part(Served& served) {
  Link::Request request = request_of(served);
  add_params(request, served, {"partNumber", "uploadId"});
  co_await or_fail(add_write_headers(request, served));
  co_return co_await store(served, std::move(request), object::kPartBytesMax);
}

}  // namespace cairn::gateway::handlers
