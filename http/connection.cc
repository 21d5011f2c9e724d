#include "http/connection.h"

#include <algorithm>
#include <cstring>

#include "http/date.h"
#include "io/reactor.h"

namespace cairn::http {
namespace {

// Reply memory that an idle connection may keep.
constexpr size_t kIdleOutBytesMax = 2 * KiB;

}  // namespace

std::string_view ServerShared::common_fields(WallTime now) {
  if (const int64_t second = now.unix_ms / 1000; second != common_second_) {
    common_second_ = second;
    const std::array<char, kHttpDateBytes> date = format_http_date(second);
    common_text_.assign("Date: ").append(date.data(), date.size());
    common_text_.append("\r\nServer: ").append(options.server_name).append("\r\n");
  }
  return common_text_;
}

Connection::Connection(std::unique_ptr<io::Stream> stream, ServerShared& shared)
    : shared_(shared),
      stream_(std::move(stream)),
      accepted_at_(io::Reactor::current().now()),
      send_slice_bytes_(256 * KiB) {}

io::Task<void> Connection::run() {
  bool must_linger = false;
  while (true) {
    const Next next = co_await receive_head();
    if (next == Next::kEnd) break;
    if (next == Next::kRequest) {
      co_await serve_request();
    } else if (next == Next::kTimeout) {
      keep_alive_ = false;
      co_await reply_error(408, "The request head did not arrive in time.");
    } else {
      ++shared_.counters.bad_requests;
      keep_alive_ = false;
      co_await reply_error(parser_.rejection().status, parser_.rejection().reason);
    }
    end_request();
    if (reply_state_ != ReplyState::kDone) break;
    if (!keep_alive_) {
      must_linger = next != Next::kTimeout;
      break;
    }
    if (body_state_ != BodyState::kComplete) {
      const bool skipped = co_await skip_body();
      if (!skipped) break;
    }
  }
  co_await finish(must_linger);
}

io::Task<void> Connection::run_rejected() {
  keep_alive_ = false;
  started_at_ = accepted_at_;
  co_await reply_error(503, "Too many connections.");
  co_await finish(reply_state_ == ReplyState::kDone);
}

void Connection::release_idle_memory() {
  in_ = Buffer();
  in_begin_ = 0;
  pinned_head_ = Buffer();
  decoder_.reset();
  if (out_.capacity() > kIdleOutBytesMax) std::string().swap(out_);
}

io::Task<Connection::Next> Connection::receive_head() {
  parser_.reset();
  head_valid_ = false;
  head_in_input_ = false;
  pinned_head_ = Buffer();
  reply_state_ = ReplyState::kNone;
  io::Reactor& reactor = io::Reactor::current();
  const ServerOptions& options = shared_.options;
  if (available().empty()) {
    const Status flushed = co_await flush();
    if (!flushed.has_value()) co_return Next::kEnd;
    release_idle_memory();
    const Duration patience = first_request_ ? options.header_timeout : options.idle_timeout;
    const io::Until until{reactor.now() + patience, shared_.idle_stop.token()};
    Result<Buffer> received = co_await stream_->receive_some(until);
    if (!received.has_value() || received->empty()) co_return Next::kEnd;
    in_ = std::move(*received);
  }
  started_at_ = reactor.now();
  const Instant deadline = (first_request_ ? accepted_at_ : started_at_) + options.header_timeout;
  first_request_ = false;
  while (true) {
    const Progress progress = parser_.parse(available(), head_);
    if (progress == Progress::kComplete) break;
    if (progress == Progress::kRejected) co_return Next::kRejected;
    const Status received = co_await receive_more_head(deadline);
    if (!received.has_value()) {
      const bool late = received.error().code == Code::kDeadlineExceeded;
      co_return late ? Next::kTimeout : Next::kEnd;
    }
  }
  in_begin_ += parser_.head_size_bytes();
  head_in_input_ = true;
  head_valid_ = true;
  co_return Next::kRequest;
}

// Appends to in_ behind an incomplete head, which begins at the front afterwards.
io::Task<Status> Connection::receive_more_head(Instant deadline) {
  co_await io::or_return(flush());
  const io::Until until{deadline, shared_.force_stop.token()};
  if (in_.capacity() < kHeadBytesMax) {
    Buffer larger =
        co_await io::or_return(io::Reactor::current().buffers().acquire(kHeadBytesMax, until));
    larger.append(available());
    in_ = std::move(larger);
    in_begin_ = 0;
  } else if (in_begin_ > 0) {
    const size_t size_bytes = available().size();
    std::memmove(in_.data(), in_.data() + in_begin_, size_bytes);
    in_.resize(size_bytes);
    in_begin_ = 0;
  }
  // The parser refuses a head of kHeadBytesMax, so there is room.
  const size_t size_bytes = co_await io::or_return(stream_->receive(in_.spare(), until));
  if (size_bytes == 0) co_return fail(Code::kClosed, "the peer ended inside a request head");
  in_.resize(in_.size() + size_bytes);
  co_return Status();
}

void Connection::begin_request() {
  ++shared_.counters.requests;
  body_received_bytes_ = 0;
  body_sent_bytes_ = 0;
  reply_status_ = 0;
  close_asked_ = false;
  keep_alive_ = true;
  body_credit_ = shared_.options.body_grace;
  body_fast_ = false;
  body_remaining_ = head_.content_length.value_or(0);
  body_state_ = body_remaining_ > 0 ? BodyState::kLength : BodyState::kComplete;
  if (head_.is_chunked) {
    body_state_ = BodyState::kChunked;
    decoder_ = std::make_unique<ChunkedDecoder>();
  }
  // Also without a body: botocore waits for the 100 of an empty upload, and when it gets a final
  // reply instead, it cannot read the next one on the same connection.
  continue_pending_ = head_.expect_continue;
}

io::Task<void> Connection::serve_request() {
  begin_request();
  ServerCounters& counters = shared_.counters;
  if (counters.requests_in_flight >= shared_.options.requests_in_flight_max) {
    ++counters.requests_rejected;
    co_await reply_error(503, "Too many requests at a time.");
    co_return;
  }
  ++counters.requests_in_flight;
  co_await shared_.handler.handle(*this);
  --counters.requests_in_flight;
  if (reply_state_ == ReplyState::kNone) {
    co_await reply_error(500, "The request ended without a reply.");
  }
}

void Connection::end_request() {
  ExchangeSummary summary;
  summary.head = head_valid_ ? &head_ : nullptr;
  summary.peer = &stream_->peer();
  summary.status = reply_status_;
  summary.body_received_bytes = body_received_bytes_;
  summary.body_sent_bytes = body_sent_bytes_;
  summary.duration = io::Reactor::current().now() - started_at_;
  summary.complete = reply_state_ == ReplyState::kDone;
  shared_.handler.on_exchange_end(summary);
}

io::Task<void> Connection::reply_error(int status, std::string_view reason) {
  if (!head_valid_) {
    body_state_ = BodyState::kFailed;
    body_received_bytes_ = 0;
    body_sent_bytes_ = 0;
  }
  ResponseHead reply(status);
  std::string body;
  shared_.handler.render_error(reason, reply, body);
  if (status == 503) reply.add("Retry-After", shared_.options.retry_after_seconds);
  // A failure shows in reply_state_.
  (void)co_await respond(reply, as_bytes(body));
}

// The peer may still be sending; closing with unread bytes would answer them with a reset, which
// can destroy the reply in the peer's receive queue (RFC 9112 9.6).
io::Task<void> Connection::linger() {
  const Status ended = co_await stream_->end_sending();
  if (!ended.has_value()) co_return;
  in_ = Buffer();
  in_begin_ = 0;
  const ServerOptions& options = shared_.options;
  const io::Until until{io::Reactor::current().now() + options.linger_timeout,
                        shared_.force_stop.token()};
  uint64_t received_bytes = 0;
  while (received_bytes < options.linger_bytes_max) {
    const Result<Buffer> received = co_await stream_->receive_some(until);
    if (!received.has_value() || received->empty()) co_return;
    received_bytes += received->size();
  }
}

io::Task<void> Connection::finish(bool must_linger) {
  if (reply_state_ != ReplyState::kFailed) {
    const Status flushed = co_await flush();
    must_linger = must_linger && flushed.has_value();
  }
  const bool unread = body_state_ != BodyState::kComplete || !available().empty();
  if (must_linger && unread) co_await linger();
  co_await stream_->close();
}

}  // namespace cairn::http
