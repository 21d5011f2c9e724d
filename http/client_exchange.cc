#include "http/client_exchange.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "io/reactor.h"

namespace cairn::http {
namespace {

constexpr size_t kSourcePieceBytes = 256 * KiB;
// The stall timeout holds for one send: a slow link must get through with this much in time.
constexpr size_t kSendSliceBytes = 1 * MiB;
constexpr size_t kDirectBytesMin = 4 * KiB;
// How long a response may take that was on its way when sending failed.
constexpr Duration kAfterFailurePatience = seconds(2);

bool has_field(const ClientRequest& request, std::string_view name) {
  return std::ranges::any_of(request.fields, [name](const auto& field) {
    return equals_ignoring_case(field.first, name);
  });
}

bool wants_length(const ClientRequest& request) {
  return request.method == "PUT" || request.method == "POST" || request.method == "PATCH";
}

// Memory of a request itself never waits for the pool: what fills the pool may be waiting for this
// very request. The client's bound on connections bounds it.
Buffer own_buffer(size_t size_bytes) {
  Result<Buffer> buffer = io::Reactor::current().buffers().try_acquire(size_bytes);
  return buffer ? std::move(*buffer) : Buffer::allocate(size_bytes);
}

}  // namespace

io::Until ClientExchange::until_in(Duration patience) const {
  const Instant deadline = io::Reactor::current().now() + patience;
  return {std::min(deadline, until_.deadline), until_.stop};
}

void ClientExchange::write_head(const ClientRequest& request, std::string_view target,
                                std::string_view proxy_authorization) {
  out_.append(request.method).append(" ").append(target).append(" HTTP/1.1\r\n");
  const auto add = [this](std::string_view name, std::string_view value) {
    out_.append(name).append(": ").append(value).append("\r\n");
  };
  if (!has_field(request, "host")) add("Host", request.url.authority());
  if (!has_field(request, "user-agent")) add("User-Agent", options_.user_agent);
  if (!proxy_authorization.empty()) add("Proxy-Authorization", proxy_authorization);
  for (const auto& [name, value] : request.fields) add(name, value);
  const std::optional<uint64_t> size_bytes =
      request.source != nullptr ? request.source->size_bytes() : request.memory_bytes();
  if (!size_bytes.has_value()) {
    add("Transfer-Encoding", "chunked");
  } else if (*size_bytes > 0 || wants_length(request)) {
    add("Content-Length", std::to_string(*size_bytes));
  }
  if (request.expect_continue && size_bytes != 0U) add("Expect", "100-continue");
  out_.append("\r\n");
}

io::Task<Status> ClientExchange::send_pieces(std::span<const BytesView> pieces) {
  Status sent = co_await stream_->send(pieces, until_in(options_.stall_timeout));
  co_return sent;
}

io::Task<Status> ClientExchange::send_source(BodySource& source) {
  const std::optional<uint64_t> size_bytes = source.size_bytes();
  uint64_t sent_bytes = 0;
  Buffer piece = own_buffer(kSourcePieceBytes);
  piece.resize(kSourcePieceBytes);
  while (true) {
    source_used_ = true;
    const size_t read_bytes = co_await io::or_return(source.read(piece.span()));
    if (read_bytes == 0) break;
    sent_bytes += read_bytes;
    if (size_bytes.has_value() && sent_bytes > *size_bytes) break;
    std::array<BytesView, 3> views{BytesView(), piece.view(0, read_bytes), BytesView()};
    const ChunkPrefix prefix(read_bytes);
    if (!size_bytes.has_value()) {
      views[0] = as_bytes(prefix.text());
      views[2] = as_bytes(kChunkSuffix);
    }
    co_await io::or_return(send_pieces(views));
  }
  if (size_bytes.has_value()) {
    if (sent_bytes == *size_bytes) co_return Status();
    co_return fail(Code::kInvalidArgument, "the request body has not the announced size");
  }
  const std::array<BytesView, 1> last{as_bytes(kLastChunk)};
  Status sent = co_await send_pieces(last);
  co_return sent;
}

// What is in out_ and a body in memory, a slice at a time: from where it lies, without a copy.
io::Task<Status> ClientExchange::send_memory(const ClientRequest& request) {
  std::vector<BytesView> slice{as_bytes(out_)};
  size_t room_bytes = kSendSliceBytes;
  const std::span<const BytesView> pieces =
      request.pieces.empty() ? std::span(&request.body, 1) : request.pieces;
  for (BytesView piece : pieces) {
    while (!piece.empty()) {
      const size_t taken_bytes = std::min(piece.size(), room_bytes);
      slice.push_back(piece.first(taken_bytes));
      piece = piece.subspan(taken_bytes);
      room_bytes -= taken_bytes;
      if (room_bytes > 0) continue;
      co_await io::or_return(send_pieces(slice));
      slice.clear();
      room_bytes = kSendSliceBytes;
    }
  }
  if (!slice.empty()) co_await io::or_return(send_pieces(slice));
  co_return Status();
}

// Sends what is in out_ and the body.
io::Task<Status> ClientExchange::send_request(const ClientRequest& request) {
  if (request.source == nullptr) {
    co_await io::or_return(send_memory(request));
  } else {
    const std::array<BytesView, 1> head{as_bytes(out_)};
    if (!out_.empty()) co_await io::or_return(send_pieces(head));
    co_await io::or_return(send_source(*request.source));
  }
  out_.clear();
  request_sent_whole_ = true;
  co_return Status();
}

io::Task<Status> ClientExchange::refill(Instant deadline) {
  if (head_in_input_) {
    pinned_head_ = std::move(in_);
    head_in_input_ = false;
  }
  in_ = Buffer();
  in_begin_ = 0;
  const io::Until until{std::min(deadline, until_.deadline), until_.stop};
  Buffer received = co_await io::or_return(stream_->receive_some(until));
  if (received.empty()) co_return fail(Code::kClosed, "the server closed the connection");
  response_begun_ = true;
  in_ = std::move(received);
  co_return Status();
}

// One head, interim or final.
io::Task<Result<bool>> ClientExchange::receive_head(Instant deadline) {
  head_in_input_ = false;
  parser_.reset();
  while (true) {
    if (!available().empty()) {
      const Progress progress = parser_.parse(available(), head_);
      if (progress == Progress::kComplete) break;
      if (progress == Progress::kRejected) {
        co_return fail(Code::kInvalidArgument,
                       "bad response: " + std::string(parser_.rejection().reason));
      }
    }
    Status received;
    if (available().empty()) {
      received = co_await refill(deadline);
    } else {
      // A head in pieces is gathered in one buffer of the largest size a head may have.
      Buffer gathered = own_buffer(kHeadBytesMax);
      gathered.append(available());
      in_ = std::move(gathered);
      in_begin_ = 0;
      const io::Until until{std::min(deadline, until_.deadline), until_.stop};
      Result<size_t> more = co_await stream_->receive(in_.spare(), until);
      if (more.has_value() && *more == 0) {
        more = fail(Code::kClosed, "the server ended inside a response head");
      }
      if (more.has_value()) {
        in_.resize(in_.size() + *more);
      } else {
        received = std::unexpected(std::move(more.error()));
      }
    }
    if (received.has_value()) continue;
    if (received.error().code == Code::kDeadlineExceeded && deadline < until_.deadline) {
      co_return false;
    }
    co_return std::unexpected(std::move(received.error()));
  }
  in_begin_ += parser_.head_size_bytes();
  head_in_input_ = true;
  co_return true;
}

io::Task<Result<bool>> ClientExchange::receive_final_head(Instant deadline) {
  while (true) {
    const bool there = co_await io::or_return(receive_head(deadline));
    if (!there) co_return false;
    if (head_.status >= 200) break;
    if (head_.status == 101 || ++interim_count_ > kInterimResponsesMax) {
      co_return fail(Code::kInvalidArgument, "bad response: unexpected interim responses");
    }
  }
  final_head_ = true;
  co_return true;
}

// True when the body is to be sent: after a 100, or when the server does not answer in time.
io::Task<Result<bool>> ClientExchange::wait_for_continue() {
  const Instant deadline = io::Reactor::current().now() + options_.continue_timeout;
  while (true) {
    const bool there = co_await io::or_return(receive_head(deadline));
    if (!there || head_.status == 100) co_return true;
    if (head_.status >= 200) break;
    if (head_.status == 101 || ++interim_count_ > kInterimResponsesMax) {
      co_return fail(Code::kInvalidArgument, "bad response: unexpected interim responses");
    }
  }
  final_head_ = true;
  co_return false;
}

io::Task<Result<void>> ClientExchange::run(const ClientRequest& request, std::string target,
                                           std::string proxy_authorization) {
  write_head(request, target, proxy_authorization);
  const bool has_body = request.source != nullptr || request.memory_bytes() > 0;
  bool send_body = true;
  if (request.expect_continue && has_body) {
    const std::array<BytesView, 1> head{as_bytes(out_)};
    co_await io::or_return(send_pieces(head));
    out_.clear();
    send_body = co_await io::or_return(wait_for_continue());
  }
  if (send_body) {
    const Status sent = co_await send_request(request);
    if (!sent.has_value()) {
      // The server may have answered early and closed; its answer is worth more than our error.
      const Instant deadline = io::Reactor::current().now() + kAfterFailurePatience;
      if (sent.error().code != Code::kIo) co_return sent;
      const Result<bool> there = co_await receive_final_head(deadline);
      if (!there.has_value() || !*there) co_return sent;
    }
  }
  if (!final_head_) {
    const Instant deadline = io::Reactor::current().now() + options_.head_timeout;
    const bool there = co_await io::or_return(receive_final_head(deadline));
    if (!there) co_return fail(Code::kDeadlineExceeded, "the server did not answer in time");
  }
  begin_body(request.method == "HEAD");
  co_return Status();
}

void ClientExchange::begin_body(bool is_head_request) {
  body_remaining_ = head_.content_length.value_or(0);
  if (is_head_request || head_.status == 204 || head_.status == 304) {
    body_state_ = BodyState::kComplete;
  } else if (head_.is_chunked) {
    body_state_ = BodyState::kChunked;
    decoder_ = std::make_unique<ChunkedDecoder>();
  } else if (head_.content_length.has_value()) {
    body_state_ = body_remaining_ > 0 ? BodyState::kLength : BodyState::kComplete;
  } else {
    body_state_ = BodyState::kUntilClose;
  }
}

bool ClientExchange::is_reusable() const {
  return body_state_ == BodyState::kComplete && request_sent_whole_ && head_.keep_alive &&
         available().empty();
}

const FieldList& ClientExchange::trailers() const {
  static const ChunkedDecoder without_trailers;
  return decoder_ != nullptr ? decoder_->trailers() : without_trailers.trailers();
}

io::Task<Result<size_t>> ClientExchange::receive(MutableBytes into) {
  if (body_state_ == BodyState::kComplete || into.empty()) co_return size_t{0};
  if (body_state_ == BodyState::kFailed) {
    co_return fail(Code::kFailedPrecondition, "the response body has failed before");
  }
  Result<size_t> received = co_await receive_body(into);
  if (!received.has_value()) body_state_ = BodyState::kFailed;
  co_return received;
}

io::Task<Result<size_t>> ClientExchange::receive_body(MutableBytes into) {
  Result<size_t> received{size_t{0}};
  if (body_state_ == BodyState::kChunked) {
    received = co_await receive_chunked(into);
  } else {
    received = co_await receive_counted(into);
  }
  co_return received;
}

// Bodies by length and bodies that end with the connection.
io::Task<Result<size_t>> ClientExchange::receive_counted(MutableBytes into) {
  const bool by_length = body_state_ == BodyState::kLength;
  if (by_length && into.size() > body_remaining_) {
    into = into.first(static_cast<size_t>(body_remaining_));
  }
  size_t filled_bytes = std::min(into.size(), available().size());
  std::memcpy(into.data(), available().data(), filled_bytes);
  in_begin_ += filled_bytes;
  while (filled_bytes < into.size()) {
    const size_t received_bytes = co_await io::or_return(
        stream_->receive(into.subspan(filled_bytes), until_in(options_.stall_timeout)));
    filled_bytes += received_bytes;
    if (received_bytes > 0) continue;
    if (by_length) co_return fail(Code::kClosed, "the server ended inside the body");
    body_state_ = BodyState::kComplete;
    co_return filled_bytes;
  }
  if (by_length) {
    body_remaining_ -= filled_bytes;
    if (body_remaining_ == 0) body_state_ = BodyState::kComplete;
  }
  co_return filled_bytes;
}

io::Task<Result<size_t>> ClientExchange::receive_chunked(MutableBytes into) {
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
    const io::Until until = until_in(options_.stall_timeout);
    if (direct_bytes >= kDirectBytesMin) {
      const size_t received_bytes =
          co_await io::or_return(stream_->receive(rest.first(direct_bytes), until));
      if (received_bytes == 0) co_return fail(Code::kClosed, "the server ended inside the body");
      decoder_->data_received(received_bytes);
      filled_bytes += received_bytes;
    } else {
      co_await io::or_return(refill(until.deadline));
    }
  }
  body_state_ = BodyState::kComplete;
  co_return filled_bytes;
}

io::Task<void> ClientExchange::skip_rest(uint64_t size_max_bytes) {
  std::array<uint8_t, 4 * KiB> scratch;
  uint64_t skipped_bytes = 0;
  if (body_state_ == BodyState::kLength && body_remaining_ > size_max_bytes) co_return;
  while (skipped_bytes <= size_max_bytes && !is_complete()) {
    const Result<size_t> received = co_await receive(scratch);
    if (!received.has_value()) co_return;
    skipped_bytes += *received;
  }
}

}  // namespace cairn::http
