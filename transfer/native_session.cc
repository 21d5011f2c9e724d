#include "transfer/native_session.h"

#include <algorithm>

#include "crypto/hmac.h"
#include "io/reactor.h"
#include "sigv4/uri.h"
#include "transfer/retry_budget.h"
#include "transfer/s3_call.h"
#include "transfer/xml_replies.h"

namespace cairn::transfer {
namespace {

constexpr size_t kReplyBytesMax = 1 * MiB;
constexpr unsigned kRefusalRepeatsMax = 8;  // About 20 s in all.
constexpr int kNotAllowed = 405;
constexpr int kNotImplemented = 501;
constexpr int kForbidden = 403;
constexpr int kNotFound = 404;

std::string path_of(const std::string& bucket, const std::string& key) {
  std::string path = "/cairn/v1/";
  sigv4::append_uri_encoded(path, bucket, sigv4::Slash::kEncode);
  path += '/';
  sigv4::append_uri_encoded(path, key, sigv4::Slash::kKeep);
  return path;
}

}  // namespace

struct NativeSession::Reply {
  int status = 0;
  bool is_native = false;  // A server of this protocol answered.
  std::string etag;
  std::string version_id;
  std::string body;
  Failure failure;  // What a status that is no success means.

  bool is_success() const { return is_native && status / 100 == 2; }
};

NativeSession::NativeSession(std::string bucket, std::string key) : path_(path_of(bucket, key)) {}

// A server that limits bandwidth refuses many requests at once, for as long as it takes: more often
// than the client below repeats.
io::Task<S3Result<NativeSession::Reply>> NativeSession::ask(S3Client& client, std::string method,
                                                            std::string query,
                                                            std::vector<HeaderPair> headers,
                                                            UploadBody body,
                                                            io::Until until) const {
  for (unsigned repeats = 1;; ++repeats) {
    S3Result<Reply> reply = co_await ask_once(client, method, query, headers, body, until);
    const bool is_refused = reply && reply->is_native && !reply->is_success();
    const bool again = is_refused && reply->failure.is_retryable && repeats <= kRefusalRepeatsMax &&
                       !until.stop.stop_requested();
    if (!again) co_return reply;
    const Duration pause = RetryBudget::pause(repeats, system_random());
    const Status slept = co_await io::sleep_for(pause, until.stop);
    if (!slept) co_return reply;
  }
}

io::Task<S3Result<NativeSession::Reply>> NativeSession::ask_once(
    S3Client& client, std::string method, std::string query, std::vector<HeaderPair> headers,
    UploadBody body, io::Until until) const {
  headers.emplace_back("x-amz-cairn-protocol", "1");
  http::ClientResponse response = co_await or_fail(client.send_raw(
      std::move(method), path_ + "?" + std::move(query), std::move(headers), body, true, until));
  Reply reply;
  reply.status = response.status();
  reply.is_native = response.head().get("x-cairn-protocol") == "1";
  reply.etag = detail::etag_of(response.head());
  reply.version_id = detail::text_of(response.head(), "x-amz-version-id");
  reply.body = co_await or_fail(response.receive_all(kReplyBytesMax));
  if (reply.is_success()) co_return std::move(reply);
  const ErrorReply error = parse_error_reply(reply.body);
  reply.failure = failure_of(reply.status, error.code, error.message, error.request_id);
  co_return std::move(reply);
}

io::Task<S3Result<std::string>> NativeSession::post(S3Client& client, std::string verb,
                                                    std::string body, io::Until until) const {
  std::string query = std::move(verb) + "&session=" + session_;
  Reply reply =
      co_await or_fail(ask(client, "POST", std::move(query), {}, {.bytes = as_bytes(body)}, until));
  if (!reply.is_success()) co_return std::unexpected(std::move(reply.failure));
  co_return std::move(reply.body);
}

io::Task<S3Result<bool>> NativeSession::begin(S3Client& client, uint64_t size_bytes,
                                              std::vector<HeaderPair> headers, io::Until until,
                                              std::string owner_head) {
  const std::string body = encode_begin(size_bytes, owner_head);
  Reply reply = co_await or_fail(
      ask(client, "POST", "begin", std::move(headers), {.bytes = as_bytes(body)}, until));
  // The S3 way learns the server's clock.
  const bool has_no_door = !reply.is_native || reply.status == kNotImplemented ||
                           reply.status == kNotAllowed ||
                           reply.failure.code == "RequestTimeTooSkewed";
  if (has_no_door) co_return false;
  if (!reply.is_success()) co_return std::unexpected(std::move(reply.failure));
  session_ = co_await or_fail(parse_begin_reply(reply.body));
  co_return true;
}

io::Task<S3Result<std::string>> NativeSession::ask_about(S3Client& client, std::string verb,
                                                         std::vector<HeaderPair> headers,
                                                         std::string body, io::Until until) const {
  Reply reply = co_await or_fail(
      ask(client, "POST", std::move(verb), std::move(headers), {.bytes = as_bytes(body)}, until));
  if (!reply.is_native) {
    co_return std::unexpected(Failure(Error{
        Code::kUnsupported, "the server there is no Cairn server, or one without site sync"}));
  }
  if (!reply.is_success()) co_return std::unexpected(std::move(reply.failure));
  co_return std::move(reply.body);
}

io::Task<S3Result<std::optional<std::vector<PieceName>>>> NativeSession::resume(S3Client& client,
                                                                                std::string session,
                                                                                uint64_t size_bytes,
                                                                                io::Until until) {
  std::vector<PieceName> held;
  std::string after;
  do {
    std::string query = "session=" + session;
    if (!after.empty()) query += "&after=" + after;
    Reply reply = co_await or_fail(ask(client, "GET", std::move(query), {}, {}, until));
    // Who may not ask may begin anew.
    const bool is_unknown = reply.status == kNotFound || reply.status == kForbidden;
    if (!reply.is_native || is_unknown) co_return std::nullopt;
    if (!reply.is_success()) co_return std::unexpected(std::move(reply.failure));
    StatusAnswer answer = co_await or_fail(parse_status_reply(reply.body));
    if (answer.size_bytes != size_bytes) co_return std::nullopt;
    held.insert(held.end(), answer.chunks.begin(), answer.chunks.end());
    // Pages go upwards; one that does not would never end.
    if (!answer.next.empty() && answer.next <= after) break;
    after = std::move(answer.next);
  } while (!after.empty());
  session_ = std::move(session);
  co_return std::optional(std::move(held));
}

io::Task<S3Result<OfferAnswer>> NativeSession::offer(S3Client& client,
                                                     std::vector<PieceName> chunks,
                                                     io::Until until) const {
  const std::string reply = co_await or_fail(post(client, "offer", encode_offer(chunks), until));
  OfferAnswer answer = co_await or_fail(parse_offer_reply(reply, chunks.size()));
  co_return std::move(answer);
}

io::Task<S3Result<std::vector<std::vector<bool>>>> NativeSession::missing_segments(
    S3Client& client, std::vector<std::vector<PieceName>> chunks, io::Until until) const {
  const std::string reply =
      co_await or_fail(post(client, "segments", encode_segments(chunks), until));
  std::vector<std::vector<bool>> answer = co_await or_fail(parse_segments_reply(reply, chunks));
  co_return std::move(answer);
}

io::Task<S3Result<bool>> NativeSession::prove(S3Client& client, PieceName chunk, std::string nonce,
                                              BytesView bytes, io::Until until) const {
  crypto::HmacSha256 mac(as_bytes(nonce));
  mac.update(as_bytes(session_));
  mac.update(as_bytes(encode_piece_names({chunk})));
  mac.update(bytes);
  const std::string reply =
      co_await or_fail(post(client, "prove", encode_proof(chunk, nonce, mac.finish()), until));
  const ChunkState state = co_await or_fail(parse_prove_reply(reply));
  co_return state == ChunkState::kHeld;
}

io::Task<S3Result<uint64_t>> NativeSession::fill(S3Client& client, std::vector<PieceName> segments,
                                                 std::vector<bool> is_sent, BytesView bytes,
                                                 io::Until until) const {
  const std::string head = encode_fill_head(segments, is_sent);
  std::vector<BytesView> pieces{as_bytes(head)};
  uint64_t size_bytes = head.size();
  size_t offset_bytes = 0;
  for (size_t i = 0; i < segments.size(); ++i) {
    const BytesView segment = bytes.subspan(offset_bytes, segments[i].size_bytes);
    offset_bytes += segment.size();
    if (!is_sent[i]) continue;
    size_bytes += segment.size();
    // What lies in one row is one piece.
    const bool follows = i > 0 && is_sent[i - 1];
    if (follows) {
      pieces.back() = {pieces.back().data(), pieces.back().size() + segment.size()};
    } else {
      pieces.push_back(segment);
    }
  }
  Reply reply = co_await or_fail(ask(client, "POST", "fill&session=" + session_, {},
                                     {.pieces = pieces, .is_unsigned = true}, until));
  if (!reply.is_success()) co_return std::unexpected(std::move(reply.failure));
  co_return size_bytes;
}

io::Task<S3Result<PutResult>> NativeSession::commit(S3Client& client, std::vector<PieceName> chunks,
                                                    std::vector<HeaderPair> headers,
                                                    io::Until until) const {
  const std::string body = encode_commit(chunks);
  Reply reply = co_await or_fail(ask(client, "POST", "commit&session=" + session_,
                                     std::move(headers), {.bytes = as_bytes(body)}, until));
  if (!reply.is_success()) co_return std::unexpected(std::move(reply.failure));
  co_return PutResult{.etag = std::move(reply.etag), .version_id = std::move(reply.version_id)};
}

io::Task<S3Status> NativeSession::abort(S3Client& client, io::Until until) const {
  Reply reply = co_await or_fail(ask(client, "DELETE", "session=" + session_, {}, {}, until));
  if (!reply.is_success() && reply.status != kNotFound) {
    co_return std::unexpected(std::move(reply.failure));
  }
  co_return S3Status();
}

}  // namespace cairn::transfer
