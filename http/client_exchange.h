// One request and its response on one client connection: the wire part, without pool or retries.
//
// Internal to http/. Owns the stream while the exchange lasts. Not shared between tasks.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/buffer.h"
#include "http/chunked.h"
#include "http/client.h"
#include "http/head_parser.h"

namespace cairn::http {

class ClientExchange {
 public:
  ClientExchange(std::unique_ptr<io::Stream> stream, const ClientOptions& options, io::Until until)
      : stream_(std::move(stream)), options_(options), until_(until) {}

  // Sends the request and receives the head of the final response. After a failure the connection
  // is of no further use. `target` is what stands in the request line.
  io::Task<Result<void>> run(const ClientRequest& request, std::string target,
                             std::string proxy_authorization);

  const ReceivedHead& head() const { return head_; }
  io::Task<Result<size_t>> receive(MutableBytes into);
  const FieldList& trailers() const;
  bool is_complete() const { return body_state_ == BodyState::kComplete; }
  // True when the connection may carry another request. REQUIRES: is_complete().
  bool is_reusable() const;
  // Reads the rest of the body when it is known to be at most `size_max_bytes`.
  io::Task<void> skip_rest(uint64_t size_max_bytes);
  // The peer has sent at least one byte of a response.
  bool response_begun() const { return response_begun_; }
  // The whole request has been sent, body included.
  bool request_was_sent() const { return request_sent_whole_; }
  // Bytes of a streamed body have been taken from its source.
  bool source_used() const { return source_used_; }

  std::unique_ptr<io::Stream> take_stream() { return std::move(stream_); }

 private:
  enum class BodyState : unsigned char { kComplete, kLength, kChunked, kUntilClose, kFailed };

  void write_head(const ClientRequest& request, std::string_view target,
                  std::string_view proxy_authorization);
  io::Task<Status> send_request(const ClientRequest& request);
  io::Task<Status> send_source(BodySource& source);
  io::Task<Status> send_pieces(std::span<const BytesView> pieces);
  io::Task<Status> send_memory(const ClientRequest& request);
  // False when `deadline` passed before a whole head was there and nothing is lost.
  io::Task<Result<bool>> receive_head(Instant deadline);
  io::Task<Result<bool>> receive_final_head(Instant deadline);
  io::Task<Result<bool>> wait_for_continue();
  io::Task<Status> refill(Instant deadline);
  io::Task<Result<size_t>> receive_body(MutableBytes into);
  io::Task<Result<size_t>> receive_chunked(MutableBytes into);
  io::Task<Result<size_t>> receive_counted(MutableBytes into);
  void begin_body(bool is_head_request);
  io::Until until_in(Duration patience) const;
  BytesView available() const { return in_.view(in_begin_, in_.size() - in_begin_); }

  std::unique_ptr<io::Stream> stream_;
  const ClientOptions& options_;
  const io::Until until_;
  std::string out_;

  // in_[in_begin_..] is unread; the head's bytes move with their buffer to pinned_head_.
  Buffer in_;
  size_t in_begin_ = 0;
  Buffer pinned_head_;
  bool head_in_input_ = false;
  ResponseParser parser_;
  ReceivedHead head_;
  size_t interim_count_ = 0;
  bool final_head_ = false;

  BodyState body_state_ = BodyState::kFailed;
  uint64_t body_remaining_ = 0;
  std::unique_ptr<ChunkedDecoder> decoder_;
  bool request_sent_whole_ = false;
  bool response_begun_ = false;
  bool source_used_ = false;
};

}  // namespace cairn::http
