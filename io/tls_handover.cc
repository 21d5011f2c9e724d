#include "io/tls_handover.h"

#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <string_view>

#include "base/assert.h"
#include "base/encoding.h"

namespace cairn::io {
namespace {

// The first is the cheapest, and what TlsTakeover is for; the others are OpenSSL's own choice.
constexpr const char* kSuites =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

// Of a line "LABEL <client random> <secret>", both in hex (the NSS key log format).
bool read_secret(std::string_view line, std::string_view label, TlsSecret& into) {
  if (!line.starts_with(label)) return false;
  const size_t space = line.rfind(' ');
  std::optional<Bytes> secret = from_hex(line.substr(space + 1));
  if (!secret) return false;
  const bool fits = secret->size() == into.size();
  if (fits) std::ranges::copy(*secret, into.begin());
  OPENSSL_cleanse(secret->data(), secret->size());
  return fits;
}

}  // namespace

TlsSecrets::~TlsSecrets() {
  OPENSSL_cleanse(client_.data(), client_.size());
  OPENSSL_cleanse(server_.data(), server_.size());
}

void TlsSecrets::on_key_log(const ssl_st* ssl, const char* line) {
  auto* const secrets = static_cast<TlsSecrets*>(SSL_get_app_data(ssl));
  if (secrets == nullptr) return;
  secrets->has_client_ |= read_secret(line, "CLIENT_TRAFFIC_SECRET_0 ", secrets->client_);
  secrets->has_server_ |= read_secret(line, "SERVER_TRAFFIC_SECRET_0 ", secrets->server_);
}

void TlsSecrets::prepare(ssl_ctx_st* context) {
  SSL_CTX_set_keylog_callback(context, on_key_log);
  const int set = SSL_CTX_set_ciphersuites(context, kSuites);
  ASSERT(set == 1);
  // Clients of older versions put another suite first.
  SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
  // Tickets are records under the keys that are handed over.
  SSL_CTX_set_num_tickets(context, 0);
}

void TlsSecrets::watch(ssl_st* ssl) {
  SSL_set_app_data(ssl, this);
}

std::optional<std::pair<TlsSecret, TlsSecret>> TlsSecrets::take(ssl_st* ssl) const {
  constexpr uint16_t kAes128GcmSha256 = 0x1301;  // RFC 8446 appendix B.4.
  const SSL_CIPHER* const cipher = SSL_get_current_cipher(ssl);
  const bool fits = SSL_version(ssl) == TLS1_3_VERSION && cipher != nullptr &&
                    SSL_CIPHER_get_protocol_id(cipher) == kAes128GcmSha256;
  if (!fits || !has_client_ || !has_server_ || SSL_has_pending(ssl) != 0) return std::nullopt;
  if (SSL_is_server(ssl) != 0) return std::pair(server_, client_);
  return std::pair(client_, server_);
}

}  // namespace cairn::io
