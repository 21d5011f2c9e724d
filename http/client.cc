#include "http/client.h"

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "http/client_exchange.h"
#include "http/client_pool.h"
#include "http/date.h"
#include "http/scan.h"
#include "io/reactor.h"

namespace cairn::http {
namespace {

constexpr size_t kReceiveAllPieceBytes = 64 * KiB;

bool is_idempotent(std::string_view method) {
  for (const std::string_view name : {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"}) {
    if (method == name) return true;
  }
  return false;
}

bool is_retryable_status(int status) {
  return status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

bool is_retryable_error(Code code) {
  return code == Code::kIo || code == Code::kClosed || code == Code::kUnavailable;
}

// Nothing that a caller passes may add lines to the head.
Status check_request(const ClientRequest& request) {
  if (!is_token(request.method)) return fail(Code::kInvalidArgument, "malformed method");
  for (const auto& [name, value] : request.fields) {
    const char* const end = value.data() + value.size();
    if (!is_token(name) || detail::find_not<detail::kValueByte>(value.data(), end) != end) {
      return fail(Code::kInvalidArgument, "malformed request field " + name);
    }
    for (const std::string_view own : {"content-length", "transfer-encoding", "expect"}) {
      if (equals_ignoring_case(name, own)) {
        return fail(Code::kInvalidArgument, "the client sets " + name + " itself");
      }
    }
  }
  const std::string& target = request.url.target;
  const char* const end = target.data() + target.size();
  if (target.empty() || detail::find_not<detail::kTargetByte>(target.data(), end) != end) {
    return fail(Code::kInvalidArgument, "malformed request target");
  }
  return {};
}

}  // namespace

uint64_t ClientRequest::memory_bytes() const {
  uint64_t size_bytes = body.size();
  for (const BytesView piece : pieces) size_bytes += piece.size();
  return size_bytes;
}

struct Client::State {
  State(Connector& connector, ClientOptions chosen, Random& randomness)
      : options(std::move(chosen)), random(randomness), pool(connector, options) {}

  // Budget after Finagle's RetryBudget: each first attempt earns a part of a retry.
  void earn() { budget = std::min(budget + options.retry.budget_ratio, options.retry.budget_max); }
  bool spend() {
    if (budget < 1.0) return false;
    budget -= 1.0;
    return true;
  }
  Duration backoff(unsigned retries_count);

  const ClientOptions options;
  Random& random;
  ClientPool pool;
  ClientCounters counters;
  double budget = options.retry.budget_max;
};

// Exponential with full jitter (Brooker, "Exponential Backoff And Jitter", AWS 2015).
Duration Client::State::backoff(unsigned retries_count) {
  const unsigned shift = std::min(retries_count, 20U);
  const int64_t ceiling_ns = std::min(options.retry.backoff_base.nanoseconds << shift,
                                      options.retry.backoff_max.nanoseconds);
  return Duration{static_cast<int64_t>(random.below(static_cast<uint64_t>(ceiling_ns) + 1))};
}

// The exchange whose body is being read, and where its connection goes afterwards.
struct ClientResponse::State {
  State(std::shared_ptr<Client::State> owner, std::string of, std::unique_ptr<io::Stream> stream,
        io::Until until)
      : client(std::move(owner)),
        origin(std::move(of)),
        exchange(std::move(stream), client->options, until) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { give_back(); }

  void give_back() {
    std::unique_ptr<io::Stream> stream = exchange.take_stream();
    if (stream == nullptr) return;
    client->pool.release(origin, std::move(stream), exchange.is_reusable());
  }

  std::shared_ptr<Client::State> client;
  std::string origin;
  ClientExchange exchange;
  unsigned attempts_count = 1;
};

namespace {

struct Attempt {
  std::unique_ptr<ClientResponse::State> response;  // Null after a failure.
  Error error;
  bool stale = false;  // A kept connection died before any answer: nothing was processed twice.
  bool source_used = false;
};

io::Task<Attempt> attempt_once(std::shared_ptr<Client::State> client, const ClientRequest& request,
                               bool fresh, io::Until until) {
  const Proxy* const proxy = client->options.proxy.select(request.url);
  Attempt attempt;
  Result<ClientPool::Lease> lease =
      co_await client->pool.acquire(request.url, proxy, fresh, until, client->counters);
  if (!lease.has_value()) {
    attempt.error = std::move(lease.error());
    co_return attempt;
  }
  auto response = std::make_unique<ClientResponse::State>(
      client, ClientPool::origin_of(request.url, proxy), std::move(lease->stream), until);
  std::string target = request.url.target;
  std::string authorization;
  if (proxy != nullptr && !request.url.is_https) {
    target = "http://" + request.url.authority() + target;
    authorization = proxy->authorization;
  }
  Status answered =
      co_await response->exchange.run(request, std::move(target), std::move(authorization));
  attempt.source_used = response->exchange.source_used();
  if (answered.has_value()) {
    attempt.response = std::move(response);
  } else {
    attempt.error = std::move(answered.error());
    attempt.stale = lease->reused && !response->exchange.response_begun() &&
                    is_retryable_error(attempt.error.code);
  }
  co_return attempt;
}

// How long the server asks to wait; nullopt when it does not say.
std::optional<Duration> retry_after(const ReceivedHead& head) {
  const std::optional<std::string_view> value = head.get("retry-after");
  if (!value.has_value()) return std::nullopt;
  if (const auto count = parse_decimal(*value, 1'000'000'000)) {
    return seconds(static_cast<int64_t>(*count));
  }
  const std::optional<int64_t> date = parse_http_date(*value);
  if (!date.has_value()) return std::nullopt;
  const int64_t now = io::Reactor::current().clock().wall_now().unix_ms / 1000;
  return seconds(std::clamp<int64_t>(*date - now, 0, 1'000'000'000));
}

}  // namespace

Client::Client(Connector& connector, ClientOptions options, Random& random)
    : state_(std::make_shared<State>(connector, std::move(options), random)) {}

Client::~Client() = default;

io::Task<void> Client::close() {
  co_await state_->pool.close();
}

const ClientCounters& Client::counters() const {
  return state_->counters;
}

io::Task<Result<ClientResponse>> Client::send(ClientRequest request, io::Until until) {
  co_await io::or_return(check_request(request));
  const RetryPolicy& policy = state_->options.retry;
  const bool repeatable = is_idempotent(request.method) || request.retry_safe;
  ++state_->counters.requests;
  state_->earn();
  bool fresh = false;
  for (unsigned attempts_count = 1;; ++attempts_count) {
    Attempt attempt = co_await attempt_once(state_, request, fresh, until);
    const bool failed = attempt.response == nullptr;
    const bool worth_it = failed ? is_retryable_error(attempt.error.code)
                                 : is_retryable_status(attempt.response->exchange.head().status);
    std::optional<Duration> delay = state_->backoff(attempts_count - 1);
    if (!failed) {
      attempt.response->attempts_count = attempts_count;
      const std::optional<Duration> asked = retry_after(attempt.response->exchange.head());
      if (asked.has_value()) delay = *asked;
      if (*delay > policy.retry_after_max) delay.reset();
    }
    if (attempt.stale && !fresh) delay = Duration{};
    const bool in_time =
        delay.has_value() && io::Reactor::current().now() + *delay < until.deadline;
    // A used source is rewound last, when everything else allows another attempt.
    const bool again = worth_it && repeatable && in_time && attempts_count < policy.attempts_max &&
                       ((attempt.stale && !fresh) || state_->spend()) &&
                       (!attempt.source_used || request.source->rewind());
    if (!again) {
      if (failed) co_return std::unexpected(std::move(attempt.error));
      co_return ClientResponse(std::move(attempt.response));
    }
    if (!failed) co_await attempt.response->exchange.skip_rest(state_->options.drain_max_bytes);
    attempt.response.reset();
    fresh = attempt.stale;
    ++state_->counters.retries;
    if (*delay > Duration{}) co_await io::or_return(io::sleep_for(*delay, until.stop));
  }
}

ClientResponse::ClientResponse(std::unique_ptr<State> state) : state_(std::move(state)) {
  if (state_->exchange.is_complete()) state_->give_back();
}
ClientResponse::ClientResponse(ClientResponse&&) noexcept = default;
ClientResponse& ClientResponse::operator=(ClientResponse&&) noexcept = default;
ClientResponse::~ClientResponse() = default;

const ReceivedHead& ClientResponse::head() const {
  return state_->exchange.head();
}
const FieldList& ClientResponse::trailers() const {
  return state_->exchange.trailers();
}
bool ClientResponse::is_complete() const {
  return state_->exchange.is_complete();
}
unsigned ClientResponse::attempts_count() const {
  return state_->attempts_count;
}

bool ClientResponse::request_was_sent() const {
  return state_->exchange.request_was_sent();
}

io::Task<Result<size_t>> ClientResponse::receive(MutableBytes into) {
  Result<size_t> received = co_await state_->exchange.receive(into);
  if (!received.has_value() || state_->exchange.is_complete()) state_->give_back();
  co_return received;
}

io::Task<Result<std::string>> ClientResponse::receive_all(size_t size_max_bytes) {
  std::string body;
  while (!is_complete()) {
    const size_t begin = body.size();
    // One byte more than allowed tells a body that is too large from one that fits.
    const size_t room_bytes = size_max_bytes - begin + 1;
    body.resize(begin + std::min(room_bytes, kReceiveAllPieceBytes));
    const MutableBytes into(reinterpret_cast<uint8_t*>(body.data()) + begin, body.size() - begin);
    const size_t received_bytes = co_await io::or_return(receive(into));
    body.resize(begin + received_bytes);
    if (body.size() > size_max_bytes) {
      co_return fail(Code::kResourceExhausted, "the response body is too large");
    }
  }
  co_return body;
}

}  // namespace cairn::http
