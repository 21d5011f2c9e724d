// One server connection: the loop over its requests, and the Exchange that handlers see.
//
// Internal to http/. Owns the stream and at most two receive buffers while a request is there (one
// that holds the head, one with bytes behind it), none while it waits for the next. Replies to
// pipelined requests are gathered in out_ and leave before the connection waits for anything.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>

#include "base/buffer.h"
#include "http/chunked.h"
#include "http/head_parser.h"
#include "http/server.h"
#include "io/stop.h"

namespace cairn::http {

// What the connections of a server share. On the server's reactor only.
struct ServerShared {
  explicit ServerShared(Handler& served, ServerOptions chosen)
      : handler(served), options(std::move(chosen)) {}

  Handler& handler;
  const ServerOptions options;
  ServerCounters counters;
  bool draining = false;
  io::StopSource idle_stop;   // Ends waits between requests.
  io::StopSource force_stop;  // Ends everything.

  // "Date: ...\r\nServer: ...\r\n", made anew when the second changes.
  std::string_view common_fields(WallTime now);

 private:
  int64_t common_second_ = -1;
  std::string common_text_;
};

class Connection final : public Exchange {
 public:
  Connection(std::unique_ptr<io::Stream> stream, ServerShared& shared);

  // Serves requests until the connection ends, then closes the stream.
  io::Task<void> run();
  // Answers 503 without reading a request, then closes.
  io::Task<void> run_rejected();

  const RequestHead& head() const override { return head_; }
  const io::Endpoint& peer() const override { return stream_->peer(); }
  bool is_encrypted() const override { return stream_->is_encrypted(); }
  Instant started_at() const override { return started_at_; }
  io::StopToken stop_token() const override { return shared_.force_stop.token(); }

  std::optional<uint64_t> body_size() const override;
  uint64_t body_received_bytes() const override { return body_received_bytes_; }
  bool expects_continue() const override { return continue_pending_ && available().empty(); }
  io::Task<Status> send_continue() override;
  io::Task<Result<size_t>> receive_body(MutableBytes into) override;
  const FieldList& trailers() const override;

  using Exchange::respond;
  io::Task<Status> respond(const ResponseHead& head, BytesView body) override;
  io::Task<Status> start_response(const ResponseHead& head,
                                  std::optional<uint64_t> size_bytes) override;
  io::Task<Status> send_body(std::span<const BytesView> pieces) override;
  io::Task<Status> send_body(BytesView piece) override;
  io::Task<Status> finish_response() override;
  bool response_started() const override { return reply_state_ != ReplyState::kNone; }
  void close_after_response() override { close_asked_ = true; }

 private:
  enum class BodyState : unsigned char { kComplete, kLength, kChunked, kFailed };
  enum class ReplyState : unsigned char { kNone, kStreaming, kDone, kFailed };
  enum class ReplyFraming : unsigned char { kNoBody, kLength, kChunked, kUntilClose };
  enum class Next : unsigned char { kRequest, kRejected, kTimeout, kEnd };

  // connection.cc: the loop.
  io::Task<Next> receive_head();
  io::Task<Status> receive_more_head(Instant deadline);
  io::Task<void> serve_request();
  io::Task<void> reply_error(int status, std::string_view reason);
  io::Task<void> finish(bool linger);
  io::Task<void> linger();
  void begin_request();
  void end_request();
  void release_idle_memory();
  BytesView available() const { return in_.view(in_begin_, in_.size() - in_begin_); }

  // request_body.cc: receiving.
  io::Task<Result<size_t>> receive_length_body(MutableBytes into);
  io::Task<Result<size_t>> receive_chunked_body(MutableBytes into);
  io::Task<Result<size_t>> receive_direct(MutableBytes into);
  io::Task<Status> refill();
  io::Task<bool> skip_body();
  bool unread_body_is_small();
  void account_receive(Instant before, size_t size_bytes);
  std::unexpected<Error> body_failure(Error error);

  // reply.cc: sending.
  void append_head(const ResponseHead& head, ReplyFraming framing, uint64_t size_bytes);
  ReplyFraming choose_framing(const ResponseHead& head, std::optional<uint64_t> size_bytes) const;
  bool decide_keep_alive();
  io::Task<Status> send_all(std::span<const BytesView> pieces, BytesView suffix);
  io::Task<Status> send_slice(std::span<const BytesView> views, size_t size_bytes, bool more);
  io::Task<Status> flush();
  bool may_coalesce(size_t body_bytes) const;
  std::unexpected<Error> reply_failure(Error error);

  ServerShared& shared_;
  std::unique_ptr<io::Stream> stream_;
  Instant accepted_at_;

  // Receiving. in_[in_begin_..] is unread. The head's bytes are in in_ until refill() moves that
  // buffer to pinned_head_, so that the views in head_ stay good.
  Buffer in_;
  size_t in_begin_ = 0;
  Buffer pinned_head_;
  bool head_in_input_ = false;
  bool first_request_ = true;

  // The request.
  RequestParser parser_;
  RequestHead head_;
  bool head_valid_ = false;
  Instant started_at_;
  BodyState body_state_ = BodyState::kComplete;
  uint64_t body_remaining_ = 0;  // kLength: bytes not received yet.
  uint64_t body_received_bytes_ = 0;
  std::unique_ptr<ChunkedDecoder> decoder_;
  bool continue_pending_ = false;
  // What the peer may still make us wait: grows by what it sends, up to the window.
  Duration body_credit_;
  bool body_fast_ = false;

  // The reply.
  std::string out_;  // Bytes to send before anything else.
  ReplyState reply_state_ = ReplyState::kNone;
  ReplyFraming reply_framing_ = ReplyFraming::kNoBody;
  uint64_t reply_remaining_ = 0;  // kLength: bytes announced and not sent yet.
  uint64_t body_sent_bytes_ = 0;
  int reply_status_ = 0;
  bool close_asked_ = false;
  bool keep_alive_ = true;
  size_t send_slice_bytes_;
};

}  // namespace cairn::http
