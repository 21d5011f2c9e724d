// One connection's side of gRPC over HTTP/2, as bytes: unary calls, one at a time, no I/O.
//
// What is to be sent is taken out, what was received is put in; HTTP/2 and its header compression
// are libnghttp2's, gRPC's framing (protocol document "gRPC over HTTP2") is ours. Pings of the peer
// are answered together with the next call: etcd's server sends one for every few calls to measure
// the bandwidth, and an answer of its own would cost a packet each.
// Bounds: see the constants; a peer that passes one loses the connection.
// Thread rule: one thread.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "catalog/etcd/transport.h"

namespace cairn::catalog::etcd {

inline constexpr size_t kRpcAnswerBytesMax = 64 * 1024;  // Of the message in an answer.
inline constexpr size_t kRpcHeaderBytesMax = 16 * 1024;  // Names and values of an answer's headers.
inline constexpr size_t kRpcReasonBytesMax = 1024;  // Of a failure's text; the rest is cut off.
inline constexpr size_t kRpcPingsMax = 16;          // Unanswered ones.

class RpcSession {
 public:
  // `authority` = "host:port".
  RpcSession(std::string authority, bool is_secure);
  ~RpcSession();
  RpcSession(const RpcSession&) = delete;
  RpcSession& operator=(const RpcSession&) = delete;

  // Whether another call may begin: none is under way, and the peer did not take its leave.
  bool can_start() const;
  // `method` = "/package.Service/Method"; `token` empty = none. REQUIRES: can_start(). kUnavailable
  // when the connection has no stream left.
  Status start(std::string_view method, std::string_view token, std::string message);
  // Appends what has to be sent now. An error: the connection is of no more use.
  Status take_output(std::string& into);
  // An error: the peer broke HTTP/2, and the connection is of no more use.
  Status take_in(BytesView received);
  bool is_answered() const;
  // REQUIRES: is_answered().
  RpcReply take_reply();

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace cairn::catalog::etcd
