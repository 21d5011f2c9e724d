// TLS over any Stream, by OpenSSL through memory BIOs: records are batched, so a large send costs
// one kernel call per kTlsBatchBytes instead of one per 16 KiB record (PERFORMANCE.md section 8).
//
// TLS 1.2 and newer; no renegotiation, no compression. A connection that ends without close_notify
// is reported as kIo on receive: a cut body is never taken for a whole one.
// Thread rule: a TlsContext is immutable once made and may be used on any reactor; a TLS stream is
// used like every Stream.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "io/stream.h"
#include "io/task.h"
#include "io/tls_handover.h"
#include "io/until.h"

namespace cairn::io {

// Plaintext bytes that one gathered send encrypts before the socket is written.
inline constexpr size_t kTlsBatchBytes = 256 * 1024;
// How long end_sending() waits for a peer that reads nothing to make room for its close_notify.
inline constexpr Duration kTlsFarewellTimeout = seconds(10);

struct TlsServerOptions {
  std::string certificate_chain_path;  // PEM, leaf first.
  std::string private_key_path;        // PEM.
  // PEM bundle of who may connect: a client must show a certificate that one of these signed.
  // Empty = clients show none.
  std::string client_ca_path = {};
  // Goes on after a handshake of TLS 1.3 with AES-128-GCM; null = OpenSSL does, as after any other.
  // No session is resumed then.
  TlsTakeover takeover = {};
};

struct TlsClientOptions {
  std::string ca_path;  // PEM bundle; empty = the system's store.
  // What is shown to a server that asks for it; both or none.
  std::string certificate_chain_path = {};
  std::string private_key_path = {};
  // The one protocol that is asked for by ALPN (RFC 7301), "h2" for instance; empty = none. Whether
  // the server agreed is for what is spoken then to find out. At most kTlsProtocolBytesMax.
  std::string protocol = {};
  TlsTakeover takeover = {};  // As in TlsServerOptions.
};
inline constexpr size_t kTlsProtocolBytesMax = 255;

class TlsContext {
 public:
  // kInvalidArgument names the file that does not load or the key that does not fit.
  static Result<std::shared_ptr<const TlsContext>> server(const TlsServerOptions& options);
  static Result<std::shared_ptr<const TlsContext>> client(const TlsClientOptions& options);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  struct State;
  State& state() const { return *state_; }

 private:
  explicit TlsContext(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Performs the handshake as the server. Takes over `transport` and closes it on failure.
Task<Result<std::unique_ptr<Stream>>> tls_accept(std::unique_ptr<Stream> transport,
                                                 std::shared_ptr<const TlsContext> context,
                                                 Until until);
// Performs the handshake as the client; the certificate must be valid for `server_name` (a DNS name
// or a literal address). kPermissionDenied when it is not trusted.
Task<Result<std::unique_ptr<Stream>>> tls_connect(std::unique_ptr<Stream> transport,
                                                  std::shared_ptr<const TlsContext> context,
                                                  std::string server_name, Until until);

}  // namespace cairn::io
