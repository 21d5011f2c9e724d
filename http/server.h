// An HTTP/1.1 server on one reactor: accepts from one listener and gives each request to a Handler.
//
// Owns its connections; all of them run on the reactor that runs run(). Requests of a connection
// are handled one after the other, replies leave in order. A connection that waits for a request
// holds no buffer. Invariants: the bytes of an unread body never become a request; `Connection` in
// a reply tells the truth; nothing is read or kept without a bound of ServerOptions or limits.h.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/units.h"
#include "http/message.h"
#include "io/stream.h"
#include "io/task.h"
#include "io/until.h"

namespace cairn::http {

struct ServerOptions {
  std::string server_name = "Cairn";  // Value of the Server field.

  // Admission, per server (that is per reactor). Beyond: 503 with Retry-After before any body byte.
  size_t connections_max = 20000;
  size_t requests_in_flight_max = 1024;
  unsigned retry_after_seconds = 1;

  // Deadlines of the receiving side.
  Duration header_timeout = seconds(10);  // From a request's first byte (or the accept) to its end.
  Duration idle_timeout = seconds(60);    // Between requests.
  Duration body_grace = seconds(10);      // Waiting that is free before the minimum rate counts.
  Duration body_window = seconds(30);     // The longest silence that a fast sender may run up.
  uint64_t body_rate_min = 1 * KiB;       // Bytes per second, averaged over body_window.

  // A reader that takes nothing for this long is dropped. Applied to slices of a large body, which
  // shrink to 64 KiB for slow readers.
  Duration send_timeout = seconds(60);

  // What is read of a body that the handler left over, so that the connection can go on.
  uint64_t unread_body_max = 256 * KiB;
  // Lingering close: reading on after the last reply, so that a reset does not destroy it.
  Duration linger_timeout = seconds(10);
  uint64_t linger_bytes_max = 64 * MiB;
};

// What a finished exchange was, for access logs and metrics. Views are valid during the call only.
struct ExchangeSummary {
  const RequestHead* head = nullptr;  // Null when no head could be parsed.
  const io::Endpoint* peer = nullptr;
  int status = 0;  // 0 when no reply could be sent.
  uint64_t body_received_bytes = 0;
  uint64_t body_sent_bytes = 0;
  Duration duration;
  bool complete = false;  // The whole reply was handed to the kernel.
};

class Connection;

// One request and its reply. Used by the handler, only while handle() runs.
//
// Order of calls: [send_continue] receive_body* then exactly one of
//   respond                             a small reply, head and body in one send
//   start_response send_body* finish_response     a streamed one
// Replying before the body is read is fine: the connection drains or closes by the rules of
// ServerOptions, and says so in the reply.
class Exchange {
 public:
  virtual ~Exchange() = default;

  virtual const RequestHead& head() const = 0;
  virtual const io::Endpoint& peer() const = 0;
  virtual bool is_encrypted() const = 0;
  // When the request's first byte had been seen; for deadlines and durations.
  virtual Instant started_at() const = 0;
  // Fires when the server gives up on running requests (forced stop). For the waits of the handler.
  virtual io::StopToken stop_token() const = 0;

  // Decoded size of the request body: 0 without one, nullopt when chunked.
  virtual std::optional<uint64_t> body_size() const = 0;
  virtual uint64_t body_received_bytes() const = 0;
  // The client waits for a 100 before it sends the body: none was sent, and no byte of the body is
  // here.
  virtual bool expects_continue() const = 0;
  // Sends `100 Continue`; no effect when nothing waits for it. To be called once the request is
  // authenticated and admitted. receive_body() does not send it.
  virtual io::Task<Status> send_continue() = 0;
  // Fills `into` with body bytes, straight from the socket where it can. Returns less than
  // into.size() only at the end of the body, and 0 from then on.
  // Fails with kInvalidArgument (bad chunk framing), kClosed (the peer ended early),
  // kDeadlineExceeded (slower than the minimum rate), kCancelled or kIo. After a failure the
  // connection closes with the reply. REQUIRES: send_continue() before, when the head asked for it.
  virtual io::Task<Result<size_t>> receive_body(MutableBytes into) = 0;
  // Trailer fields of a chunked body. Complete once receive_body() has returned the end.
  virtual const FieldList& trailers() const = 0;

  // Sends a whole reply. For HEAD the body's size is announced and the body not sent; for 1xx, 204
  // and 304 there is none. `head` and `body` must live until completion.
  virtual io::Task<Status> respond(const ResponseHead& head, BytesView body) = 0;
  io::Task<Status> respond(const ResponseHead& head, std::string_view body = {}) {
    return respond(head, as_bytes(body));
  }
  // Begins a streamed reply of `size_bytes` (Content-Length), or of unknown length (chunked; for
  // HTTP/1.0 ended by closing). The head leaves with the first send_body() or finish_response().
  // For HEAD, send_body() may be skipped and is ignored.
  virtual io::Task<Status> start_response(const ResponseHead& head,
                                          std::optional<uint64_t> size_bytes) = 0;
  // Sends pieces of the body in order, gathered; returns when the memory may be reused.
  // Fails with kDeadlineExceeded (slow reader), kCancelled or kIo; the reply is then lost.
  virtual io::Task<Status> send_body(std::span<const BytesView> pieces) = 0;
  virtual io::Task<Status> send_body(BytesView piece) = 0;
  // REQUIRES: exactly the announced bytes have been sent (else the connection is closed as broken,
  // so that the peer sees a short body, never a wrong one).
  virtual io::Task<Status> finish_response() = 0;

  virtual bool response_started() const = 0;
  // Asks for `Connection: close` on this reply. Call before respond() or start_response().
  virtual void close_after_response() = 0;
};

// What the server serves. Called on the server's reactor, many exchanges at a time.
class Handler {
 public:
  virtual ~Handler() = default;
  // Serves one request. Returning without a reply is answered 500; returning in the middle of a
  // streamed reply breaks the connection, which is how a failure after the head is told.
  virtual io::Task<void> handle(Exchange& exchange) = 0;

  // Fills fields and body of a reply that the server gives by itself: 400, 408, 414, 431, 500,
  // 503, 505. `reason` is a short English sentence. Must be cheap. Default: text/plain `reason`.
  virtual void render_error(std::string_view reason, ResponseHead& head, std::string& body);
  // Called once per request (also for rejected ones).
  virtual void on_exchange_end(const ExchangeSummary& summary);
};

struct ServerCounters {
  uint64_t connections_accepted = 0;
  uint64_t connections_rejected = 0;  // Over connections_max.
  uint64_t requests = 0;
  uint64_t requests_rejected = 0;  // Over requests_in_flight_max.
  uint64_t bad_requests = 0;       // Answered by the parser's verdict.
  size_t connections_open = 0;
  size_t requests_in_flight = 0;
};

// REQUIRES: run() has completed before destruction.
class Server {
 public:
  // `handler` outlives the server.
  Server(std::unique_ptr<io::Listener> listener, Handler& handler, ServerOptions options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Serves until drain() or stop(); completes when every connection is closed.
  io::Task<void> run();
  // Graceful: stops accepting, closes idle connections, lets running requests finish (their replies
  // say `Connection: close`) for at most `grace`, then forces. Call on the server's reactor.
  void drain(Duration grace);
  // Forces the end of everything now.
  void stop();
  bool is_draining() const;

  const io::Endpoint& local() const;
  const ServerCounters& counters() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cairn::http
