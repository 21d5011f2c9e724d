#include "catalog/etcd/client.h"

#include <google/protobuf/message_lite.h>

#include <algorithm>
#include <charconv>
#include <thread>
#include <utility>

#include "base/log.h"
#include "io/reactor.h"
#include "proto/etcd.pb.h"

namespace cairn::catalog::etcd {
namespace {

using google::protobuf::MessageLite;

// With several members, one that does not answer (stopped, cut off) is left after this long.
inline constexpr Duration kAttemptMax = milliseconds(600);
inline constexpr Duration kAttemptMin = milliseconds(20);
// Between two tries after every kind of failure, so that a cluster without a leader is not flooded.
inline constexpr Duration kRetryPause = milliseconds(25);

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

bool wants_login(const RpcReply& reply) {
  return reply.code == RpcCode::kUnauthenticated ||
         contains(reply.message, "revision of auth store is old") ||
         contains(reply.message, "invalid auth token");
}

// Failures of the way to the member or of the member itself: another one may answer.
bool is_members_fault(const RpcReply& reply) {
  switch (reply.code) {
    case RpcCode::kCancelled:
    case RpcCode::kUnknown:
    case RpcCode::kDeadlineExceeded:
    case RpcCode::kInternal:
    case RpcCode::kUnavailable:
    case RpcCode::kDataLoss: return true;
    case RpcCode::kResourceExhausted: return contains(reply.message, "too many requests");
    default: return false;
  }
}

// The member answered before it proposed anything to the cluster.
bool was_not_taken(const RpcReply& reply) {
  return contains(reply.message, "etcdserver: no leader") ||
         contains(reply.message, "etcdserver: too many requests") ||
         contains(reply.message, "etcdserver: not healthy");
}

Error to_error(const RpcReply& reply) {
  Code code = Code::kUnavailable;
  switch (reply.code) {
    case RpcCode::kResourceExhausted:
      if (contains(reply.message, "space exceeded")) code = Code::kNoSpace;
      break;
    case RpcCode::kInvalidArgument: code = Code::kInvalidArgument; break;
    case RpcCode::kOutOfRange: code = Code::kOutOfRange; break;
    case RpcCode::kPermissionDenied:
    case RpcCode::kUnauthenticated: code = Code::kPermissionDenied; break;
    case RpcCode::kDataLoss: code = Code::kCorruption; break;
    case RpcCode::kUnimplemented: code = Code::kUnsupported; break;
    default: break;
  }
  if (contains(reply.message, "user name is empty")) {
    return {Code::kPermissionDenied,
            "etcd wants to know a user: give --catalog-user and --catalog-password-file"};
  }
  return {code, "etcd: " + reply.message};
}

Status parse_into(const RpcReply& reply, MessageLite& into) {
  if (!into.ParseFromString(reply.body)) {
    return fail(Code::kCorruption, "etcd: an answer does not parse");
  }
  return {};
}

}  // namespace

std::optional<ClusterVersion> parse_version(std::string_view text) {
  ClusterVersion version;
  int* const parts[] = {&version.major, &version.minor, &version.patch};
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  for (int* part : parts) {
    if (part != parts[0]) {
      if (at == end || *at != '.') return std::nullopt;
      ++at;
    }
    const auto [next, error] = std::from_chars(at, end, *part);
    if (error != std::errc() || *part < 0) return std::nullopt;
    at = next;
  }
  return version;
}

// etcd's changelogs of 3.4, 3.5 and 3.6: pulls 21378/21387/21385 and 21417/21421/21423.
std::string_view known_defects(ClusterVersion version) {
  ClusterVersion fixed{3, 6, 9};
  if (version.major == 3 && version.minor == 4) fixed = {3, 4, 42};
  if (version.major == 3 && version.minor == 5) fixed = {3, 5, 28};
  if (version >= fixed) return {};
  return "a paused member or a change of leader can answer reads with old data (etcd issue 20418), "
         "and its access control can be passed by; use 3.6.9 or newer, or 3.5.28 or newer";
}

// etcd issue 15220.
bool orders_progress(ClusterVersion version) {
  if (version.major == 3 && version.minor == 4) return version >= ClusterVersion{3, 4, 25};
  return version >= ClusterVersion{3, 5, 8};
}

Result<std::unique_ptr<Client>> Client::create(Access access, EtcdMetrics& metrics) {
  Result<std::unique_ptr<Transport>> transport = Transport::create(access);
  if (!transport) return std::unexpected(std::move(transport.error()));
  return over(std::move(*transport), std::move(access), metrics);
}

std::unique_ptr<Client> Client::over(std::unique_ptr<Transport> transport, Access access,
                                     EtcdMetrics& metrics) {
  return std::unique_ptr<Client>(new Client(std::move(access), metrics, std::move(transport)));
}

void Client::suspect(size_t member) {
  if (members_count() < 2) return;
  size_t expected = member_.load();
  if (expected % members_count() != member) return;
  if (member_.compare_exchange_strong(expected, expected + 1)) {
    metrics_.failovers_count.fetch_add(1, std::memory_order_relaxed);
  }
}

Duration Client::attempt_timeout(Instant deadline) const {
  const Duration left = std::max(deadline - system_clock().now(), kAttemptMin);
  return members_count() < 2 ? left : std::min(left, kAttemptMax);
}

Client::Next Client::judge(const RpcReply& reply, size_t member) {
  if (wants_login(reply) && !access_.user.empty()) return Next::kLogIn;
  if (!is_members_fault(reply)) return Next::kGiveUp;
  suspect(member);
  return Next::kAnotherMember;
}

void Client::open_lines() {
  Result<std::unique_ptr<QuestionLines>> lines = QuestionLines::create(access_);
  if (lines) {
    lines_ = std::move(*lines);
  } else {
    log::warning("etcd_short_way_not_possible", {{"reason", lines.error().message}});
  }
}

io::Task<void> Client::close_lines() {
  if (lines_) co_await lines_->close();
}

io::Task<RpcReply> Client::attempt(Way way, size_t member, Method method, std::string request,
                                   Instant deadline) {
  if (way == Way::kShort && lines_) {
    Question question{.endpoint = member,
                      .method = method.path,
                      .token = transport_->token(),
                      .message = request};
    std::optional<RpcReply> reply =
        co_await lines_->ask(std::move(question), attempt_timeout(deadline));
    if (reply) co_return std::move(*reply);
  }
  if (way == Way::kShort) metrics_.detours_count.fetch_add(1, std::memory_order_relaxed);
  co_return co_await transport_->call(member, method.path, std::move(request),
                                      attempt_timeout(deadline));
}

io::Task<Status> Client::ask(Method method, const MessageLite& request, MessageLite& into,
                             Instant deadline) {
  return ask_by(Way::kCommon, method, request.SerializeAsString(), into, deadline);
}

io::Task<Status> Client::ask_often(Method method, std::string request, MessageLite& into,
                                   Instant deadline) {
  return ask_by(Way::kShort, method, std::move(request), into, deadline);
}

io::Task<Status> Client::ask_by(Way way, Method method, std::string request, MessageLite& into,
                                Instant deadline) {
  while (true) {
    const size_t asked = member();
    const RpcReply reply = co_await attempt(way, asked, method, request, deadline);
    if (reply.code == RpcCode::kOk) co_return parse_into(reply, into);
    const Next next = judge(reply, asked);
    if (next == Next::kGiveUp || system_clock().now() + kRetryPause >= deadline) {
      co_return std::unexpected(to_error(reply));
    }
    if (next == Next::kLogIn) {
      co_await io::or_return(log_in(deadline));
    } else {
      co_await io::or_return(io::sleep_for(kRetryPause));
    }
  }
}

Status Client::ask_blocking(Method method, const MessageLite& request, MessageLite& into,
                            Instant deadline) {
  while (true) {
    const size_t asked = member();
    const RpcReply reply = transport_->call_blocking(
        asked, method.path, request.SerializeAsString(), attempt_timeout(deadline));
    if (reply.code == RpcCode::kOk) return parse_into(reply, into);
    const Next next = judge(reply, asked);
    if (next == Next::kGiveUp || system_clock().now() + kRetryPause >= deadline) {
      return std::unexpected(to_error(reply));
    }
    if (next == Next::kLogIn) {
      if (Status done = log_in_blocking(deadline); !done) return done;
    } else {
      std::this_thread::sleep_for(std::chrono::nanoseconds(kRetryPause.nanoseconds));
    }
  }
}

io::Task<std::expected<void, CallFailure>> Client::send_once(Method method,
                                                             const MessageLite& request,
                                                             MessageLite& into, Instant deadline) {
  const size_t asked = member();
  const RpcReply reply = co_await transport_->call(asked, method.path, request.SerializeAsString(),
                                                   attempt_timeout(deadline));
  if (reply.code == RpcCode::kOk) {
    if (Status parsed = parse_into(reply, into); !parsed) {
      co_return std::unexpected(CallFailure{CallFailure::Outcome::kUnknown, parsed.error()});
    }
    co_return std::expected<void, CallFailure>();
  }
  CallFailure failure{CallFailure::Outcome::kUnknown, to_error(reply)};
  const Next next = judge(reply, asked);
  if (next == Next::kLogIn) {
    const Status done = co_await log_in(deadline);
    failure.outcome = CallFailure::Outcome::kNotTaken;
    if (!done) failure = {CallFailure::Outcome::kRefused, done.error()};
  } else if (next == Next::kGiveUp) {
    failure.outcome = CallFailure::Outcome::kRefused;
  } else if (was_not_taken(reply)) {
    failure.outcome = CallFailure::Outcome::kNotTaken;
  }
  co_return std::unexpected(std::move(failure));
}

std::string Client::login_request() const {
  proto::etcd::AuthenticateRequest request;
  request.set_name(access_.user);
  request.set_password(access_.password);
  return request.SerializeAsString();
}

Status Client::take_token(const RpcReply& reply) {
  if (reply.code != RpcCode::kOk) {
    if (is_members_fault(reply)) return std::unexpected(to_error(reply));
    return fail(Code::kPermissionDenied,
                "etcd does not accept the user or the password: " + reply.message);
  }
  proto::etcd::AuthenticateResponse answer;
  if (Status parsed = parse_into(reply, answer); !parsed) return parsed;
  transport_->set_token(answer.token());
  return {};
}

io::Task<Status> Client::log_in(Instant deadline) {
  const size_t asked = member();
  const RpcReply reply = co_await transport_->call(asked, kAuthenticate.path, login_request(),
                                                   attempt_timeout(deadline));
  if (is_members_fault(reply)) suspect(asked);
  co_return take_token(reply);
}

Status Client::log_in_blocking(Instant deadline) {
  if (access_.user.empty()) return {};
  while (true) {
    const size_t asked = member();
    const RpcReply reply = transport_->call_blocking(asked, kAuthenticate.path, login_request(),
                                                     attempt_timeout(deadline));
    if (!is_members_fault(reply) || system_clock().now() >= deadline) return take_token(reply);
    suspect(asked);
    std::this_thread::sleep_for(std::chrono::nanoseconds(kRetryPause.nanoseconds));
  }
}

Result<ClusterVersion> Client::version_of(size_t member, Duration timeout) {
  const RpcReply reply = transport_->call_blocking(member, kStatus.path, {}, timeout);
  if (reply.code != RpcCode::kOk) return std::unexpected(to_error(reply));
  proto::etcd::StatusResponse answer;
  if (Status parsed = parse_into(reply, answer); !parsed) return std::unexpected(parsed.error());
  const std::optional<ClusterVersion> version = parse_version(answer.version());
  if (!version) return fail(Code::kCorruption, "etcd: it tells no version: " + answer.version());
  return *version;
}

std::unique_ptr<WatchStream> Client::watch(const MessageLite& create_request, size_t member) {
  metrics_.watches_count.fetch_add(1, std::memory_order_relaxed);
  return transport_->open_stream(member, "/etcdserverpb.Watch/Watch",
                                 create_request.SerializeAsString());
}

std::unique_ptr<WatchStream> Client::open_stream(Method method, const MessageLite& first,
                                                 size_t member) {
  return transport_->open_stream(member, method.path, first.SerializeAsString());
}

void Client::send_blindly(Method method, const MessageLite& request, Duration timeout) {
  transport_->start(member(), method.path, request.SerializeAsString(), timeout, [](RpcReply) {});
}

}  // namespace cairn::catalog::etcd
