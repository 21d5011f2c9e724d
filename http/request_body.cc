// The receiving half of Connection: request bodies, by length and chunked, at a minimum rate.

#include <algorithm>
#include <cstring>

#include "http/connection.h"
#include "io/reactor.h"

namespace cairn::http {
namespace {

// From here on a body goes straight to the caller's memory, past the receive buffer.
constexpr size_t kDirectBytesMin = 4 * KiB;
// One kernel operation for this much, once the peer has shown that it sends fast. Not more, since a
// peer that turns slow must finish the slice within the window: 256 KiB in 30 s is 8.5 KiB/s.
constexpr size_t kFullReceiveBytesMax = 256 * KiB;
constexpr size_t kFullReceiveBytesMin = 64 * KiB;
constexpr int64_t kFastNanosecondsPerByte = 1000;

}  // namespace

std::optional<uint64_t> Connection::body_size() const {
  if (head_.is_chunked) return std::nullopt;
  return head_.content_length.value_or(0);
}

const FieldList& Connection::trailers() const {
  static const ChunkedDecoder without_trailers;
  return decoder_ != nullptr ? decoder_->trailers() : without_trailers.trailers();
}

std::unexpected<Error> Connection::body_failure(Error error) {
  body_state_ = BodyState::kFailed;
  return std::unexpected(std::move(error));
}

io::Task<Result<size_t>> Connection::receive_body(MutableBytes into) {
  if (body_state_ == BodyState::kComplete || into.empty()) co_return size_t{0};
  if (body_state_ == BodyState::kFailed) {
    co_return fail(Code::kFailedPrecondition, "the request body has failed before");
  }
  if (continue_pending_) co_return fail(Code::kInternal, "body wanted before send_continue()");
  Result<size_t> received{size_t{0}};
  if (body_state_ == BodyState::kLength) {
    received = co_await receive_length_body(into);
  } else {
    received = co_await receive_chunked_body(into);
  }
  if (!received.has_value()) co_return body_failure(std::move(received.error()));
  body_received_bytes_ += *received;
  co_return received;
}

io::Task<Result<size_t>> Connection::receive_length_body(MutableBytes into) {
  const auto wanted_bytes = static_cast<size_t>(std::min<uint64_t>(into.size(), body_remaining_));
  size_t filled_bytes = std::min(wanted_bytes, available().size());
  std::memcpy(into.data(), available().data(), filled_bytes);
  in_begin_ += filled_bytes;
  while (filled_bytes < wanted_bytes) {
    filled_bytes += co_await io::or_return(
        receive_direct(into.subspan(filled_bytes, wanted_bytes - filled_bytes)));
  }
  body_remaining_ -= filled_bytes;
  if (body_remaining_ == 0) body_state_ = BodyState::kComplete;
  co_return filled_bytes;
}

io::Task<Result<size_t>> Connection::receive_chunked_body(MutableBytes into) {
  size_t filled_bytes = 0;
  while (!decoder_->is_complete()) {
    const MutableBytes rest = into.subspan(filled_bytes);
    if (!available().empty()) {
      const Result<ChunkedDecoder::Step> step = decoder_->decode(available(), rest);
      if (!step.has_value()) co_return std::unexpected(step.error());
      in_begin_ += step->consumed_bytes;
      filled_bytes += step->produced_bytes;
      if (filled_bytes == into.size() && !decoder_->is_complete()) co_return filled_bytes;
      continue;
    }
    if (rest.empty()) co_return filled_bytes;
    const auto direct_bytes =
        static_cast<size_t>(std::min<uint64_t>(rest.size(), decoder_->data_remaining()));
    if (direct_bytes >= kDirectBytesMin) {
      const size_t received_bytes =
          co_await io::or_return(receive_direct(rest.first(direct_bytes)));
      decoder_->data_received(received_bytes);
      filled_bytes += received_bytes;
    } else {
      co_await io::or_return(refill());
    }
  }
  body_state_ = BodyState::kComplete;
  co_return filled_bytes;
}

// The time a peer may take is a credit: it begins with the grace, shrinks by the time that we wait,
// and grows by what arrives at the minimum rate, up to the window. Time that we do not wait is
// free.
void Connection::account_receive(Instant before, size_t size_bytes) {
  const ServerOptions& options = shared_.options;
  const Duration waited = io::Reactor::current().now() - before;
  const auto earned_ns = static_cast<int64_t>(static_cast<double>(size_bytes) * 1e9 /
                                              static_cast<double>(options.body_rate_min));
  body_credit_ = body_credit_ - waited + Duration{earned_ns};
  body_credit_ =
      std::clamp(body_credit_, Duration{}, std::max(options.body_window, options.body_grace));
  body_fast_ = waited.nanoseconds <= static_cast<int64_t>(size_bytes) * kFastNanosecondsPerByte;
}

// 1..into.size() bytes of the body, straight into `into`. REQUIRES: nothing is buffered.
io::Task<Result<size_t>> Connection::receive_direct(MutableBytes into) {
  co_await io::or_return(flush());
  const Instant before = io::Reactor::current().now();
  const io::Until until{before + body_credit_, shared_.force_stop.token()};
  Result<size_t> received{size_t{0}};
  if (body_fast_ && into.size() >= kFullReceiveBytesMin) {
    received = co_await stream_->receive_full(
        into.first(std::min(into.size(), kFullReceiveBytesMax)), until);
  } else {
    received = co_await stream_->receive(into, until);
  }
  if (!received.has_value()) co_return received;
  if (*received == 0) co_return fail(Code::kClosed, "the peer ended inside the request body");
  account_receive(before, *received);
  co_return received;
}

// Replaces the used-up input by what arrives next. REQUIRES: nothing is buffered.
io::Task<Status> Connection::refill() {
  co_await io::or_return(flush());
  if (head_in_input_) {
    pinned_head_ = std::move(in_);
    head_in_input_ = false;
  }
  in_ = Buffer();
  in_begin_ = 0;
  const Instant before = io::Reactor::current().now();
  const io::Until until{before + body_credit_, shared_.force_stop.token()};
  Buffer received = co_await io::or_return(stream_->receive_some(until));
  if (received.empty()) co_return fail(Code::kClosed, "the peer ended inside the request body");
  in_ = std::move(received);
  account_receive(before, in_.size());
  co_return Status();
}

// True when what is left of the body will be read and thrown away after the reply.
bool Connection::unread_body_is_small() {
  if (continue_pending_) return false;
  if (body_state_ == BodyState::kChunked) {
    // The end may be here already, only not looked at.
    const Result<ChunkedDecoder::Step> step = decoder_->decode(available(), {});
    if (!step.has_value()) {
      body_state_ = BodyState::kFailed;
      return false;
    }
    in_begin_ += step->consumed_bytes;
    if (decoder_->is_complete()) body_state_ = BodyState::kComplete;
  }
  if (body_state_ == BodyState::kComplete) return true;
  return body_state_ == BodyState::kLength && body_remaining_ <= shared_.options.unread_body_max;
}

// Throws the rest of a body by length away. False when the connection cannot go on.
io::Task<bool> Connection::skip_body() {
  while (true) {
    const auto skipped_bytes =
        static_cast<size_t>(std::min<uint64_t>(available().size(), body_remaining_));
    in_begin_ += skipped_bytes;
    body_remaining_ -= skipped_bytes;
    if (body_remaining_ == 0) break;
    const Status received = co_await refill();
    if (!received.has_value()) co_return false;
  }
  body_state_ = BodyState::kComplete;
  co_return true;
}

}  // namespace cairn::http
