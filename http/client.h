// An HTTP/1.1 client on one reactor: pooled connections, retries by policy, proxies by environment.
//
// Owns its connections. Used on the reactor that made it; everything it keeps is bounded by
// ClientOptions. TLS comes in through the connector. A response borrows its connection and gives it
// back when its body has been read to the end; otherwise the connection is closed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "base/units.h"
#include "http/message.h"
#include "http/proxy.h"
#include "http/url.h"
#include "io/stream.h"
#include "io/task.h"
#include "io/until.h"

namespace cairn::http {

// Makes a stream to an endpoint. `tls_name` is empty for plain TCP; otherwise the stream must be
// TLS with that name sent (SNI) and verified.
class Connector {
 public:
  virtual ~Connector() = default;
  virtual io::Task<Result<std::unique_ptr<io::Stream>>> connect(io::Endpoint to,
                                                                std::string tls_name,
                                                                io::Until until) = 0;
  // TLS over a stream that is already connected (through a proxy's CONNECT). Default: kUnsupported.
  virtual io::Task<Result<std::unique_ptr<io::Stream>>> secure(std::unique_ptr<io::Stream> stream,
                                                               std::string tls_name,
                                                               io::Until until);
};

// Plain TCP through `network`; kUnsupported for https. `network` outlives it.
std::unique_ptr<Connector> plain_connector(io::Network& network);

// A request body that is produced while it is sent.
class BodySource {
 public:
  virtual ~BodySource() = default;
  // nullopt = unknown: sent chunked.
  virtual std::optional<uint64_t> size_bytes() const = 0;
  // Up to into.size() bytes; 0 at the end.
  virtual io::Task<Result<size_t>> read(MutableBytes into) = 0;
  // Starts over, for a retry. False when that is not possible (then no retry after the first byte).
  virtual bool rewind() { return false; }
};

struct ClientRequest {
  std::string method = "GET";
  Url url;                                                  // Host, port, raw target.
  std::vector<std::pair<std::string, std::string>> fields;  // Host is added when absent.
  BytesView body = {};  // Must live until the response head is there.
  // Instead of `body`: what it is made of, in order; sent from where it lies. Lives as `body` does.
  std::span<const BytesView> pieces = {};
  BodySource* source = nullptr;  // Instead of `body`; outlives the call.
  // Sends `Expect: 100-continue` and waits up to ClientOptions::continue_timeout before the body.
  // An early final reply stops the body.
  bool expect_continue = false;
  // May be repeated although the method is not idempotent (e.g. a conditional write).
  bool retry_safe = false;

  // Of `body` or `pieces`.
  uint64_t memory_bytes() const;
};

struct RetryPolicy {
  unsigned attempts_max = 4;  // The first one included.
  Duration backoff_base = milliseconds(50);
  Duration backoff_max = seconds(5);
  Duration retry_after_max = seconds(30);  // A longer Retry-After ends the attempts.
  // Retry budget: tokens per first attempt and the most that can be saved up.
  double budget_ratio = 0.1;
  double budget_max = 10;
};

struct ClientOptions {
  size_t connections_per_host_max = 64;  // Further requests wait.
  size_t idle_per_host_max = 16;
  size_t idle_total_max = 256;
  Duration idle_timeout = seconds(30);
  Duration connect_timeout = seconds(10);
  Duration continue_timeout = seconds(1);
  Duration head_timeout = seconds(60);   // From the end of the request to the response head.
  Duration stall_timeout = seconds(60);  // For each receive and each send of a body.
  uint64_t drain_max_bytes = 64 * KiB;   // Rest of a body that is read to save the connection.
  std::string user_agent = "cairn";
  RetryPolicy retry;
  ProxySettings proxy;  // proxy_from_environment() for the usual variables.
};

// A response whose head has arrived. Movable. Destroying it with an unread body closes the
// connection. REQUIRES: destroyed before the client's close() completes.
class ClientResponse {
 public:
  ClientResponse(ClientResponse&&) noexcept;
  ClientResponse& operator=(ClientResponse&&) noexcept;
  ~ClientResponse();

  const ReceivedHead& head() const;
  int status() const { return head().status; }
  // Fills `into`; less only at the end of the body, 0 from then on. kClosed when the peer ended
  // early, kInvalidArgument on bad framing, kDeadlineExceeded, kCancelled, kIo.
  io::Task<Result<size_t>> receive(MutableBytes into);
  // The whole rest of the body; kResourceExhausted when it is larger than `size_max_bytes`.
  io::Task<Result<std::string>> receive_all(size_t size_max_bytes);
  const FieldList& trailers() const;
  // True once the body has been read to its end.
  bool is_complete() const;
  // Attempts it took, the successful one included.
  unsigned attempts_count() const;
  // False when the server answered before the body was sent (`Expect: 100-continue`).
  bool request_was_sent() const;

  struct State;
  explicit ClientResponse(std::unique_ptr<State> state);

 private:
  std::unique_ptr<State> state_;
};

struct ClientCounters {
  uint64_t connections_opened = 0;
  uint64_t connections_reused = 0;
  uint64_t requests = 0;
  uint64_t retries = 0;
};

// REQUIRES: close() is awaited exactly once before destruction.
class Client {
 public:
  // `connector` and `random` outlive the client. `random` spreads the backoff.
  Client(Connector& connector, ClientOptions options, Random& random = system_random());
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Sends the request and waits for the final response head. Any status is a success here; retried
  // ones are 429, 500, 502, 503, 504. Fails with kDeadlineExceeded, kCancelled, kIo, kUnavailable
  // (cannot connect), kInvalidArgument (bad request or response). `until` bounds the whole of it
  // and, in the response, the body.
  io::Task<Result<ClientResponse>> send(ClientRequest request, io::Until until);
  // Closes idle connections and waits for those being closed.
  io::Task<void> close();

  const ClientCounters& counters() const;
  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace cairn::http
