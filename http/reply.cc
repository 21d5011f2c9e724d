// The sending half of Connection: reply heads, bodies, and when the connection may go on.

#include <algorithm>
#include <charconv>

#include "base/assert.h"
#include "http/connection.h"
#include "io/reactor.h"

namespace cairn::http {
namespace {

// Replies to pipelined requests wait for each other up to this size.
constexpr size_t kCoalesceBytesMax = 64 * KiB;
constexpr size_t kCoalesceBodyBytesMax = 16 * KiB;

// A send is given send_timeout as a whole, so its size bounds how slow a reader may be: 64 KiB in
// 60 s is 1 KiB/s. Readers that take slices quickly get large ones.
constexpr size_t kSliceBytesMin = 64 * KiB;
constexpr size_t kSliceBytesMax = 4 * MiB;
constexpr Duration kFastSlice = milliseconds(500);
constexpr Duration kSlowSlice = seconds(5);
constexpr size_t kViewsPerSendMax = 64;

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

bool has_no_body(int status) {
  return status < 200 || status == 204 || status == 304;
}

std::unexpected<Error> failed_before() {
  return fail(Code::kFailedPrecondition, "the connection has failed before");
}

void append_number(std::string& out, uint64_t value) {
  std::array<char, 20> digits;
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  ASSERT(error == std::errc());
  out.append(digits.data(), end);
}

}  // namespace

std::unexpected<Error> Connection::reply_failure(Error error) {
  reply_state_ = ReplyState::kFailed;
  keep_alive_ = false;
  out_.clear();
  return std::unexpected(std::move(error));
}

io::Task<Status> Connection::flush() {
  if (out_.empty()) co_return Status();
  const std::array<BytesView, 1> views{as_bytes(out_)};
  const io::Until until{io::Reactor::current().now() + shared_.options.send_timeout,
                        shared_.force_stop.token()};
  Status sent = co_await stream_->send(views, until);
  out_.clear();
  if (!sent.has_value()) co_return reply_failure(std::move(sent.error()));
  co_return Status();
}

io::Task<Status> Connection::send_continue() {
  if (!continue_pending_) co_return Status();
  continue_pending_ = false;
  // A peer that did not wait has begun with its body already.
  if (!available().empty()) co_return Status();
  out_.append(kContinue);
  Status sent = co_await flush();
  co_return sent;
}

bool Connection::decide_keep_alive() {
  return keep_alive_ && head_valid_ && head_.keep_alive && !close_asked_ && !shared_.draining &&
         unread_body_is_small();
}

Connection::ReplyFraming Connection::choose_framing(const ResponseHead& head,
                                                    std::optional<uint64_t> size_bytes) const {
  if (has_no_body(head.status())) return ReplyFraming::kNoBody;
  if (size_bytes.has_value()) return ReplyFraming::kLength;
  return head_valid_ && head_.version == Version::kHttp10 ? ReplyFraming::kUntilClose
                                                          : ReplyFraming::kChunked;
}

void Connection::append_head(const ResponseHead& head, ReplyFraming framing, uint64_t size_bytes) {
  reply_status_ = head.status();
  if (framing == ReplyFraming::kUntilClose) keep_alive_ = false;
  keep_alive_ = decide_keep_alive();
  out_.append("HTTP/1.1 ");
  append_number(out_, static_cast<uint64_t>(head.status()));
  out_.append(" ").append(reason_phrase(head.status())).append("\r\n");
  out_.append(shared_.common_fields(io::Reactor::current().clock().wall_now()));
  out_.append(head.wire());
  if (framing == ReplyFraming::kLength) {
    out_.append("Content-Length: ");
    append_number(out_, size_bytes);
    out_.append("\r\n");
  } else if (framing == ReplyFraming::kChunked) {
    out_.append("Transfer-Encoding: chunked\r\n");
  }
  if (!keep_alive_) {
    out_.append("Connection: close\r\n");
  } else if (head_.version == Version::kHttp10) {
    out_.append("Connection: keep-alive\r\n");
  }
  out_.append("\r\n");
}

// More requests are here already, so the reply can leave together with theirs.
bool Connection::may_coalesce(size_t body_bytes) const {
  return keep_alive_ && body_state_ == BodyState::kComplete && !available().empty() &&
         body_bytes <= kCoalesceBodyBytesMax && out_.size() + body_bytes <= kCoalesceBytesMax;
}

io::Task<Status> Connection::respond(const ResponseHead& head, BytesView body) {
  if (reply_state_ == ReplyState::kFailed) co_return failed_before();
  ASSERT(reply_state_ == ReplyState::kNone);
  const ReplyFraming framing = choose_framing(head, body.size());
  append_head(head, framing, body.size());
  reply_state_ = ReplyState::kDone;
  if (framing == ReplyFraming::kNoBody || (head_valid_ && head_.is_head())) body = {};
  body_sent_bytes_ = body.size();
  if (may_coalesce(body.size())) {
    out_.append(as_text(body));
    co_return Status();
  }
  const std::array<BytesView, 1> pieces{body};
  Status sent = co_await send_all(pieces, {});
  co_return sent;
}

io::Task<Status> Connection::start_response(const ResponseHead& head,
                                            std::optional<uint64_t> size_bytes) {
  if (reply_state_ == ReplyState::kFailed) co_return failed_before();
  ASSERT(reply_state_ == ReplyState::kNone);
  reply_framing_ = choose_framing(head, size_bytes);
  append_head(head, reply_framing_, size_bytes.value_or(0));
  if (head_.is_head()) reply_framing_ = ReplyFraming::kNoBody;
  reply_remaining_ = reply_framing_ == ReplyFraming::kLength ? *size_bytes : 0;
  reply_state_ = ReplyState::kStreaming;
  co_return Status();
}

io::Task<Status> Connection::send_body(BytesView piece) {
  const std::array<BytesView, 1> pieces{piece};
  Status sent = co_await send_body(std::span<const BytesView>(pieces));
  co_return sent;
}

io::Task<Status> Connection::send_body(std::span<const BytesView> pieces) {
  if (reply_state_ == ReplyState::kFailed) co_return failed_before();
  ASSERT(reply_state_ == ReplyState::kStreaming);
  uint64_t size_bytes = 0;
  for (const BytesView piece : pieces) size_bytes += piece.size();
  if (size_bytes == 0 || reply_framing_ == ReplyFraming::kNoBody) co_return Status();
  BytesView suffix;
  if (reply_framing_ == ReplyFraming::kLength) {
    if (size_bytes > reply_remaining_) {
      co_return reply_failure({Code::kInternal, "more body than was announced"});
    }
    reply_remaining_ -= size_bytes;
  } else if (reply_framing_ == ReplyFraming::kChunked) {
    out_.append(ChunkPrefix(size_bytes).text());
    suffix = as_bytes(kChunkSuffix);
  }
  co_await io::or_return(send_all(pieces, suffix));
  body_sent_bytes_ += size_bytes;
  co_return Status();
}

io::Task<Status> Connection::finish_response() {
  if (reply_state_ == ReplyState::kFailed) co_return failed_before();
  ASSERT(reply_state_ == ReplyState::kStreaming);
  if (reply_remaining_ != 0) {
    co_return reply_failure({Code::kInternal, "less body than was announced"});
  }
  if (reply_framing_ == ReplyFraming::kChunked) out_.append(kLastChunk);
  co_await io::or_return(flush());
  reply_state_ = ReplyState::kDone;
  co_return Status();
}

io::Task<Status> Connection::send_slice(std::span<const BytesView> views, size_t size_bytes,
                                        bool more) {
  const Instant before = io::Reactor::current().now();
  const io::Until until{before + shared_.options.send_timeout, shared_.force_stop.token()};
  Status sent = co_await stream_->send(views, until, more);
  if (!sent.has_value()) co_return reply_failure(std::move(sent.error()));
  const Duration took = io::Reactor::current().now() - before;
  if (took > kSlowSlice) {
    send_slice_bytes_ = kSliceBytesMin;
  } else if (took < kFastSlice && size_bytes >= send_slice_bytes_) {
    send_slice_bytes_ = std::min(2 * send_slice_bytes_, kSliceBytesMax);
  }
  co_return sent;
}

// Sends out_, `pieces` and `suffix`, gathered, in slices of send_slice_bytes_.
io::Task<Status> Connection::send_all(std::span<const BytesView> pieces, BytesView suffix) {
  std::array<BytesView, kViewsPerSendMax> views;
  size_t views_count = 0;
  size_t batch_bytes = 0;
  const size_t sources_count = pieces.size() + 2;
  for (size_t i = 0; i < sources_count; ++i) {
    BytesView rest = i == 0 ? as_bytes(out_) : i <= pieces.size() ? pieces[i - 1] : suffix;
    while (!rest.empty()) {
      if (batch_bytes >= send_slice_bytes_ || views_count == views.size()) {
        co_await io::or_return(send_slice(std::span(views).first(views_count), batch_bytes, true));
        views_count = 0;
        batch_bytes = 0;
      }
      const BytesView part = rest.first(std::min(rest.size(), send_slice_bytes_ - batch_bytes));
      views[views_count++] = part;
      batch_bytes += part.size();
      rest = rest.subspan(part.size());
    }
  }
  if (views_count > 0) {
    co_await io::or_return(send_slice(std::span(views).first(views_count), batch_bytes, false));
  }
  out_.clear();
  co_return Status();
}

}  // namespace cairn::http
