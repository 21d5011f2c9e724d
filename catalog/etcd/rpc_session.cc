#include "catalog/etcd/rpc_session.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace cairn::catalog::etcd {
namespace {

// Before each message: whether it is compressed, and its length, big-endian.
inline constexpr size_t kPrefixBytes = 5;
inline constexpr size_t kSettingsMax = 32;  // In one frame of the peer.
inline constexpr size_t kAcksMax = 64;      // Queued ones.

nghttp2_nv header(std::string_view name, std::string_view value) {
  return {.name = reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
          .value = reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())),
          .namelen = name.size(),
          .valuelen = value.size(),
          .flags = NGHTTP2_NV_FLAG_NONE};
}

std::unexpected<Error> broken(int error) {
  return fail(Code::kIo, std::string("HTTP/2 to etcd failed: ") + nghttp2_strerror(error));
}

std::optional<int> hex_digit(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  return std::nullopt;
}

// grpc-message: percent-encoded where it is not plain; what is encoded wrongly stands as it came.
std::string decode_reason(std::string_view text) {
  std::string reason;
  for (size_t at = 0; at < text.size() && reason.size() < kRpcReasonBytesMax; ++at) {
    const bool is_code = text[at] == '%' && at + 2 < text.size();
    const std::optional<int> high = is_code ? hex_digit(text[at + 1]) : std::nullopt;
    const std::optional<int> low = is_code ? hex_digit(text[at + 2]) : std::nullopt;
    if (high && low) {
      reason += static_cast<char>(*high * 16 + *low);
      at += 2;
    } else {
      reason += text[at];
    }
  }
  return reason;
}

// What an answer of something that is no gRPC server means ("http-grpc-status-mapping.md").
RpcCode code_of_http(int status) {
  switch (status) {
    case 400: return RpcCode::kInternal;
    case 401: return RpcCode::kUnauthenticated;
    case 403: return RpcCode::kPermissionDenied;
    case 404: return RpcCode::kUnimplemented;
    case 429:
    case 502:
    case 503:
    case 504: return RpcCode::kUnavailable;
    default: return RpcCode::kUnknown;
  }
}

RpcCode code_of_reset(uint32_t error) {
  switch (error) {
    case NGHTTP2_REFUSED_STREAM: return RpcCode::kUnavailable;
    case NGHTTP2_CANCEL: return RpcCode::kCancelled;
    case NGHTTP2_ENHANCE_YOUR_CALM: return RpcCode::kResourceExhausted;
    case NGHTTP2_INADEQUATE_SECURITY: return RpcCode::kPermissionDenied;
    default: return RpcCode::kInternal;
  }
}

std::optional<int> to_number(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// gRPC's statuses are 0 to 16; what is none of them means kUnknown.
RpcCode to_code(std::string_view text) {
  const std::optional<int> number = to_number(text);
  if (!number || *number < 0 || *number > static_cast<int>(RpcCode::kUnauthenticated)) {
    return RpcCode::kUnknown;
  }
  return static_cast<RpcCode>(*number);
}

// The call under way, or the last one.
struct Call {
  int32_t stream = -1;
  std::string request;  // With its prefix.
  size_t sent_bytes = 0;
  std::string body;  // Of the answer, with its prefix.
  size_t header_bytes = 0;
  int http_status = 0;
  std::optional<RpcCode> status;
  std::string reason;
  bool is_ended = false;
  uint32_t reset = NGHTTP2_NO_ERROR;
};

RpcReply failure(RpcCode code, std::string reason) {
  return {.code = code, .message = std::move(reason), .body = {}};
}

RpcReply to_reply(Call& call) {
  if (call.status) {
    if (*call.status != RpcCode::kOk) return failure(*call.status, decode_reason(call.reason));
  } else if (call.reset != NGHTTP2_NO_ERROR) {
    return failure(code_of_reset(call.reset), "the stream was reset");
  } else {
    return failure(call.http_status == 200 ? RpcCode::kInternal : code_of_http(call.http_status),
                   "an answer without a status of gRPC");
  }
  if (call.body.size() < kPrefixBytes) return failure(RpcCode::kInternal, "an answer is missing");
  const auto at = [&](size_t index) { return static_cast<unsigned char>(call.body[index]); };
  if (at(0) != 0) return failure(RpcCode::kInternal, "an answer is compressed");
  const uint32_t size_bytes = static_cast<uint32_t>(at(1)) << 24 |
                              static_cast<uint32_t>(at(2)) << 16 |
                              static_cast<uint32_t>(at(3)) << 8 | static_cast<uint32_t>(at(4));
  if (size_bytes != call.body.size() - kPrefixBytes) {
    return failure(RpcCode::kInternal, "an answer is not as long as it says");
  }
  call.body.erase(0, kPrefixBytes);
  return {.code = RpcCode::kOk, .message = {}, .body = std::move(call.body)};
}

}  // namespace

struct RpcSession::State {
  struct Free {
    void operator()(nghttp2_session* old) const { nghttp2_session_del(old); }
  };
  State(std::string given_authority, bool secure)
      : authority(std::move(given_authority)), is_secure(secure) {}

  void open();
  Status answer_pings();
  // An error when the call under way will never be answered.
  Status check_alive();
  // The call, when `stream` is its.
  Call* call_of(int32_t stream) {
    return stream == call.stream && !call.is_ended ? &call : nullptr;
  }

  static int on_header(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name,
                       size_t name_bytes, const uint8_t* value, size_t value_bytes, uint8_t flags,
                       void* user);
  static int on_data(nghttp2_session* session, uint8_t flags, int32_t stream, const uint8_t* data,
                     size_t size_bytes, void* user);
  static int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* user);
  static int on_close(nghttp2_session* session, int32_t stream, uint32_t error, void* user);
  static ssize_t read_request(nghttp2_session* session, int32_t stream, uint8_t* into,
                              size_t size_bytes, uint32_t* flags, nghttp2_data_source* source,
                              void* user);

  const std::string authority;
  const bool is_secure;
  std::unique_ptr<nghttp2_session, Free> session;
  Call call;
  bool is_busy = false;  // A call was started and its reply not taken.
  bool is_leaving = false;
  std::vector<std::array<uint8_t, 8>> pings;  // To be answered.
};

void RpcSession::State::open() {
  nghttp2_session_callbacks* callbacks = nullptr;
  ASSERT(nghttp2_session_callbacks_new(&callbacks) == 0);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
  nghttp2_option* options = nullptr;
  ASSERT(nghttp2_option_new(&options) == 0);
  nghttp2_option_set_no_auto_ping_ack(options, 1);
  nghttp2_option_set_no_closed_streams(options, 1);
  nghttp2_option_set_max_settings(options, kSettingsMax);
  nghttp2_option_set_max_outbound_ack(options, kAcksMax);
  nghttp2_session* made = nullptr;
  ASSERT(nghttp2_session_client_new2(&made, callbacks, this, options) == 0);
  session.reset(made);
  nghttp2_option_del(options);
  nghttp2_session_callbacks_del(callbacks);
  const std::array<nghttp2_settings_entry, 2> settings{
      {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
       {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kRpcHeaderBytesMax}}};
  ASSERT(nghttp2_submit_settings(made, NGHTTP2_FLAG_NONE, settings.data(), settings.size()) == 0);
}

int RpcSession::State::on_header(nghttp2_session* /*session*/, const nghttp2_frame* frame,
                                 const uint8_t* name, size_t name_bytes, const uint8_t* value,
                                 size_t value_bytes, uint8_t /*flags*/, void* user) {
  Call* const call = static_cast<State*>(user)->call_of(frame->hd.stream_id);
  if (call == nullptr) return 0;
  call->header_bytes += name_bytes + value_bytes;
  if (call->header_bytes > kRpcHeaderBytesMax) return NGHTTP2_ERR_CALLBACK_FAILURE;
  const std::string_view key(reinterpret_cast<const char*>(name), name_bytes);
  const std::string_view text(reinterpret_cast<const char*>(value), value_bytes);
  if (key == ":status") call->http_status = to_number(text).value_or(0);
  if (key == "grpc-status") call->status = to_code(text);
  if (key == "grpc-message") call->reason = text;
  return 0;
}

int RpcSession::State::on_data(nghttp2_session* /*session*/, uint8_t /*flags*/, int32_t stream,
                               const uint8_t* data, size_t size_bytes, void* user) {
  Call* const call = static_cast<State*>(user)->call_of(stream);
  if (call == nullptr) return 0;
  if (size_bytes > kPrefixBytes + kRpcAnswerBytesMax - call->body.size()) {
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }
  call->body.append(reinterpret_cast<const char*>(data), size_bytes);
  return 0;
}

int RpcSession::State::on_frame(nghttp2_session* /*session*/, const nghttp2_frame* frame,
                                void* user) {
  State& state = *static_cast<State*>(user);
  if (frame->hd.type == NGHTTP2_GOAWAY) state.is_leaving = true;
  if (frame->hd.type != NGHTTP2_PING || (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) return 0;
  if (state.pings.size() >= kRpcPingsMax) return NGHTTP2_ERR_CALLBACK_FAILURE;
  std::array<uint8_t, 8>& ping = state.pings.emplace_back();
  std::memcpy(ping.data(), frame->ping.opaque_data, ping.size());
  return 0;
}

int RpcSession::State::on_close(nghttp2_session* /*session*/, int32_t stream, uint32_t error,
                                void* user) {
  Call* const call = static_cast<State*>(user)->call_of(stream);
  if (call == nullptr) return 0;
  call->is_ended = true;
  call->reset = error;
  return 0;
}

ssize_t RpcSession::State::read_request(nghttp2_session* /*session*/, int32_t stream, uint8_t* into,
                                        size_t size_bytes, uint32_t* flags,
                                        nghttp2_data_source* /*source*/, void* user) {
  Call* const call = static_cast<State*>(user)->call_of(stream);
  if (call == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  const size_t taken_bytes = std::min(size_bytes, call->request.size() - call->sent_bytes);
  std::memcpy(into, call->request.data() + call->sent_bytes, taken_bytes);
  call->sent_bytes += taken_bytes;
  if (call->sent_bytes == call->request.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(taken_bytes);
}

Status RpcSession::State::answer_pings() {
  for (const std::array<uint8_t, 8>& ping : pings) {
    const int error = nghttp2_submit_ping(session.get(), NGHTTP2_FLAG_ACK, ping.data());
    if (error != 0) return broken(error);
  }
  pings.clear();
  return {};
}

Status RpcSession::State::check_alive() {
  // It wants nothing more once the peer took its leave and nothing is under way, and once it gave
  // up on the peer and has told so.
  if (nghttp2_session_want_read(session.get()) != 0) return {};
  is_leaving = true;
  if (!is_busy || call.is_ended) return {};
  return fail(Code::kIo, "what etcd's address answers with is no HTTP/2");
}

RpcSession::RpcSession(std::string authority, bool is_secure)
    : state_(std::make_unique<State>(std::move(authority), is_secure)) {
  state_->open();
}

RpcSession::~RpcSession() = default;

bool RpcSession::can_start() const {
  return !state_->is_busy && !state_->is_leaving &&
         nghttp2_session_check_request_allowed(state_->session.get()) != 0;
}

Status RpcSession::start(std::string_view method, std::string_view token, std::string message) {
  ASSERT(can_start());
  if (Status answered = state_->answer_pings(); !answered) return answered;
  state_->call = Call();
  std::string& request = state_->call.request;
  const auto size_bytes = static_cast<uint32_t>(message.size());
  for (const uint32_t part :
       {0U, size_bytes >> 24, size_bytes >> 16, size_bytes >> 8, size_bytes}) {
    request += static_cast<char>(part & 0xFF);
  }
  request += message;
  std::vector<nghttp2_nv> headers{
      header(":method", "POST"), header(":scheme", state_->is_secure ? "https" : "http"),
      header(":path", method), header(":authority", state_->authority), header("te", "trailers"),
      header("content-type", "application/grpc"),
      // A member that lost its leader says so at once.
      header("hasleader", "true")};
  if (!token.empty()) headers.push_back(header("token", token));
  const nghttp2_data_provider body{.source = {}, .read_callback = State::read_request};
  const int32_t stream = nghttp2_submit_request(state_->session.get(), nullptr, headers.data(),
                                                headers.size(), &body, nullptr);
  if (stream < 0) return fail(Code::kUnavailable, broken(stream).error().message);
  state_->call.stream = stream;
  state_->is_busy = true;
  return {};
}

Status RpcSession::take_output(std::string& into) {
  while (true) {
    const uint8_t* bytes = nullptr;
    const ssize_t count = nghttp2_session_mem_send(state_->session.get(), &bytes);
    if (count < 0) return broken(static_cast<int>(count));
    if (count == 0) return state_->check_alive();
    into.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(count));
  }
}

Status RpcSession::take_in(BytesView received) {
  const ssize_t taken = nghttp2_session_mem_recv(
      state_->session.get(), reinterpret_cast<const uint8_t*>(received.data()), received.size());
  if (taken < 0) return broken(static_cast<int>(taken));
  return state_->check_alive();
}

bool RpcSession::is_answered() const {
  return state_->is_busy && state_->call.is_ended;
}

RpcReply RpcSession::take_reply() {
  ASSERT(is_answered());
  state_->is_busy = false;
  return to_reply(state_->call);
}

}  // namespace cairn::catalog::etcd
