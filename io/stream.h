// Connected byte streams: TCP, TLS over TCP, Unix sockets, and simulated ones.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/result.h"
#include "io/task.h"
#include "io/until.h"

namespace cairn::io {

// "127.0.0.1", 9000. `host` is a literal address once resolved.
struct Endpoint {
  std::string host;
  uint16_t port = 0;
  std::string to_string() const;  // IPv6 in brackets.
  // Parses "1.2.3.4:80", "[::1]:80", ":80" (any IPv4 address), "name:80".
  static Result<Endpoint> parse(std::string_view text);
};

// One connection, used on the reactor that accepted or connected it. At most one receive and one
// send may be outstanding at a time; the two directions are independent.
// REQUIRES: close() is awaited exactly once before destruction.
class Stream {
 public:
  virtual ~Stream() = default;

  // Waits for data and returns 1..into.size() bytes; 0 means the peer ended its direction.
  virtual Task<Result<size_t>> receive(MutableBytes into, Until until) = 0;
  // Like receive() into the caller's memory, but returns only when `into` is full or the peer
  // ended: one kernel operation for a large body where the kernel allows it (MSG_WAITALL).
  virtual Task<Result<size_t>> receive_full(MutableBytes into, Until until) = 0;
  // Waits without holding memory; takes a buffer of kSmallBufferBytes from the reactor's pool only
  // when data is there. An empty buffer means the peer ended its direction.
  virtual Task<Result<Buffer>> receive_some(Until until) = 0;
  // Sends every byte of `pieces` in order (gathered into as few kernel calls as possible).
  // `more` = further data follows at once (MSG_MORE). The memory must stay until completion.
  virtual Task<Status> send(std::span<const BytesView> pieces, Until until, bool more = false) = 0;
  // Ends our direction (FIN / TLS close_notify); receiving goes on.
  virtual Task<Status> end_sending() = 0;
  virtual Task<void> close() = 0;

  virtual const Endpoint& peer() const = 0;
  virtual bool is_encrypted() const = 0;
};

inline constexpr size_t kSmallBufferBytes = 16 * 1024;

// A listening socket of one reactor (SO_REUSEPORT: each reactor has its own).
class Listener {
 public:
  virtual ~Listener() = default;
  virtual Task<Result<std::unique_ptr<Stream>>> accept(Until until) = 0;
  virtual Task<void> close() = 0;
  virtual const Endpoint& local() const = 0;  // With the real port when 0 was asked for.
};

struct ListenOptions {
  int backlog = 4096;
  bool reuse_port = true;
  // TCP_CONGESTION of accepted connections; empty keeps the system's. PERFORMANCE.md pitfall 1:
  // BBR costs 1.4-2.4 x the CPU of cubic on loopback.
  std::string congestion_control = "cubic";
};

// Makes streams. One per process; used from any reactor.
class Network {
 public:
  virtual ~Network() = default;
  virtual Task<Result<std::unique_ptr<Listener>>> listen(Endpoint at, ListenOptions options) = 0;
  // Resolves (in the blocking pool) and connects.
  virtual Task<Result<std::unique_ptr<Stream>>> connect(Endpoint to, Until until) = 0;
};

// The operating system's sockets, on the current reactor's backend.
Network& system_network();

}  // namespace cairn::io
