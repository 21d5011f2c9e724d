// Calls to the members of an etcd cluster, as bytes: the one place that knows gRPC.
//
// A call goes to one member, once, and always ends: with an answer, with the member's refusal, or
// at its timeout. What is asked, of whom next, and what a failure means is client.h's business. One
// thread completes all calls and hands each answer to whoever waits.
// Thread rule: any thread, unless said otherwise.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "io/task.h"

namespace cairn::catalog::etcd {

// How to reach the cluster and who we are there.
struct Access {
  std::vector<std::string> endpoints;  // "host:port", no scheme.
  bool use_tls = false;
  std::string ca_file = {};           // PEM; empty = the system's authorities.
  std::string certificate_file = {};  // PEM, with its key: a client certificate.
  std::string key_file = {};
  std::string user = {};  // Empty = no password.
  std::string password = {};
};

// The statuses of gRPC that decide something here; the numbers are gRPC's.
enum class RpcCode : unsigned char {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

inline constexpr const char* kAuthenticatePath = "/etcdserverpb.Auth/Authenticate";

struct RpcReply {
  RpcCode code = RpcCode::kUnknown;
  std::string message;  // Of a failure.
  std::string body;     // Of an answer: a serialized message.
};

// One open stream both ways: a watch, or a lease that is kept. next() is for one thread at a time;
// the rest for any.
class WatchStream {
 public:
  virtual ~WatchStream() = default;  // Ends the stream; returns once nothing of it is left.
  // The next message; nullopt when none came within `wait`. The error says how the stream ended.
  virtual Result<std::optional<std::string>> next(Duration wait) = 0;
  virtual void send(std::string request) = 0;
  // next() returns an error soon.
  virtual void cancel() = 0;
};

class Transport {
 public:
  // kInvalidArgument when the files of `access` cannot be read. Connects when first used.
  static Result<std::unique_ptr<Transport>> create(const Access& access);
  virtual ~Transport() = default;  // REQUIRES: no call is under way.

  virtual size_t endpoints_count() const = 0;
  // `method` = "/package.Service/Method". `done` runs on the transport's thread and does not block.
  virtual void start(size_t endpoint, const char* method, std::string request, Duration timeout,
                     std::move_only_function<void(RpcReply)> done) = 0;
  // A stream of that method, which begins with `first`.
  virtual std::unique_ptr<WatchStream> open_stream(size_t endpoint, const char* method,
                                                   std::string first) = 0;
  // Goes with every later call but those that ask for one: etcd refuses a token that it has
  // forgotten there too.
  virtual void set_token(std::string token) = 0;
  virtual std::string token() = 0;

  // On a reactor.
  io::Task<RpcReply> call(size_t endpoint, const char* method, std::string request,
                          Duration timeout);
  // On a thread that may block.
  RpcReply call_blocking(size_t endpoint, const char* method, std::string request,
                         Duration timeout);
};

}  // namespace cairn::catalog::etcd
