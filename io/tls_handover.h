// What a handshake of TLS 1.3 leaves to one who protects the records by himself.
//
// OpenSSL tells the secrets of a connection to the callback that is meant for key logs; here they
// go to the connection they belong to and nowhere else, and are cleansed with it.
// Thread rule: as the stream.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>

#include "base/buffer.h"
#include "io/stream.h"

struct ssl_st;
struct ssl_ctx_st;

namespace cairn::io {

using TlsSecret = std::array<uint8_t, 32>;

struct TlsHandover {
  std::unique_ptr<Stream> transport;
  TlsSecret send_secret{};     // {client,server}_application_traffic_secret_0 of this end,
  TlsSecret receive_secret{};  // and of the other.
  Buffer received;             // What came behind the handshake; may be empty.
};

// Makes the stream that goes on after the handshake. The secrets are cleansed by who takes them.
using TlsTakeover = std::function<std::unique_ptr<Stream>(TlsHandover)>;

// The secrets of one connection. Lives as long as its SSL.
class TlsSecrets {
 public:
  TlsSecrets() = default;
  TlsSecrets(const TlsSecrets&) = delete;
  TlsSecrets& operator=(const TlsSecrets&) = delete;
  ~TlsSecrets();

  // Connections of `context` may be watched; prefers what can be handed over.
  static void prepare(ssl_ctx_st* context);
  void watch(ssl_st* ssl);
  // After the handshake: the secrets for sending and for receiving of this end, when the
  // connection is one of TLS 1.3 with TLS_AES_128_GCM_SHA256.
  std::optional<std::pair<TlsSecret, TlsSecret>> take(ssl_st* ssl) const;

 private:
  static void on_key_log(const ssl_st* ssl, const char* line);

  TlsSecret client_{};
  TlsSecret server_{};
  bool has_client_ = false;
  bool has_server_ = false;
};

}  // namespace cairn::io
