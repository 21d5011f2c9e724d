#include "io/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "io/reactor.h"
#include "io/sync.h"

namespace cairn::io {

struct TlsContext::State {
  struct Free {
    void operator()(SSL_CTX* pointer) const { SSL_CTX_free(pointer); }
  };
  std::unique_ptr<SSL_CTX, Free> context;
  TlsTakeover takeover;
};

TlsContext::TlsContext(std::unique_ptr<State> state) : state_(std::move(state)) {}
TlsContext::~TlsContext() = default;

namespace {

// The newest entry of OpenSSL's error queue; empties the queue.
std::string openssl_reason() {
  const unsigned long number = ERR_peek_last_error();
  ERR_clear_error();
  if (number == 0) return "unknown TLS error";
  const char* reason = ERR_reason_error_string(number);
  return reason != nullptr ? reason : "unknown TLS error";
}

std::unique_ptr<TlsContext::State> make_state(const SSL_METHOD* method, TlsTakeover takeover) {
  auto state = std::make_unique<TlsContext::State>();
  state->context.reset(SSL_CTX_new(method));
  ASSERT(state->context != nullptr);
  SSL_CTX* context = state->context.get();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // Idle connections give their record buffers back.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  state->takeover = std::move(takeover);
  if (state->takeover) TlsSecrets::prepare(context);
  return state;
}

class TlsStream final : public Stream {
 public:
  TlsStream(std::unique_ptr<Stream> transport, std::shared_ptr<const TlsContext> context)
      : transport_(std::move(transport)),
        context_(std::move(context)),
        ssl_(SSL_new(context_->state().context.get())) {
    ASSERT(ssl_ != nullptr);
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (context_->state().takeover) secrets_.watch(ssl_.get());
  }

  SSL* ssl() { return ssl_.get(); }
  Task<Status> handshake(Until until);
  // After the handshake: what goes on instead of `stream`, when somebody wants to and can.
  static std::unique_ptr<Stream> hand_over(std::unique_ptr<TlsStream> stream);

  Task<Result<size_t>> receive(MutableBytes into, Until until) override;
  Task<Result<size_t>> receive_full(MutableBytes into, Until until) override;
  Task<Result<Buffer>> receive_some(Until until) override;
  Task<Status> send(std::span<const BytesView> pieces, Until until, bool more) override;
  Task<Status> end_sending() override;
  Task<void> close() override;
  const Endpoint& peer() const override { return transport_->peer(); }
  bool is_encrypted() const override { return true; }

 private:
  struct Free {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };

  // What SSL_read gave: bytes, the peer's close_notify, or the wish for more ciphertext.
  enum class ReadOutcome : unsigned char { kBytes, kEnded, kWantsInput, kFailed };
  ReadOutcome read_decrypted(MutableBytes into, size_t& got_bytes);
  // Takes ciphertext from the transport into OpenSSL, in one piece about as large as what is
  // `wanted_bytes`; false when the transport ended.
  Task<Result<bool>> pull(size_t wanted_bytes, Until until);
  Task<Result<Buffer>> receive_ciphertext(size_t wanted_bytes, Until until);
  // Sends everything that OpenSSL has produced. Both directions produce output (a receive may
  // answer a key update), so flushes take turns: records must reach the wire in order.
  Task<Status> flush(Until until);

  std::unique_ptr<Stream> transport_;
  std::shared_ptr<const TlsContext> context_;
  TlsSecrets secrets_;
  std::unique_ptr<SSL, Free> ssl_;
  Mutex flush_turn_;
  size_t pulled_bytes_ = 0;  // By the last pull.
};

Task<Status> TlsStream::flush(Until until) {
  const MutexGuard turn = co_await flush_turn_.lock();
  BIO* out = SSL_get_wbio(ssl_.get());
  while (BIO_ctrl_pending(out) > 0) {
    Buffer batch = Buffer::allocate(BIO_ctrl_pending(out));
    const int taken = BIO_read(out, batch.data(), static_cast<int>(batch.capacity()));
    ASSERT(taken > 0);
    batch.resize(static_cast<size_t>(taken));
    const std::array<BytesView, 1> pieces{batch.view()};
    co_await or_return(transport_->send(pieces, until));
  }
  co_return Status{};
}

// While bytes come faster than they are taken, one kernel call brings what would be sixteen; a slow
// sender is waited for without such a buffer.
Task<Result<Buffer>> TlsStream::receive_ciphertext(size_t wanted_bytes, Until until) {
  if (wanted_bytes > kSmallBufferBytes && pulled_bytes_ >= kSmallBufferBytes) {
    Result<Buffer> large =
        Reactor::current().buffers().try_acquire(std::min(wanted_bytes, kTlsBatchBytes));
    if (large) {
      large->resize(large->capacity());
      const size_t got_bytes = co_await or_return(transport_->receive(large->span(), until));
      large->resize(got_bytes);
      co_return large;
    }
  }
  co_return co_await transport_->receive_some(until);
}

Task<Result<bool>> TlsStream::pull(size_t wanted_bytes, Until until) {
  const Buffer ciphertext = co_await or_return(receive_ciphertext(wanted_bytes, until));
  pulled_bytes_ = ciphertext.size();
  if (ciphertext.empty()) co_return false;
  const int written =
      BIO_write(SSL_get_rbio(ssl_.get()), ciphertext.data(), static_cast<int>(ciphertext.size()));
  ASSERT(written == static_cast<int>(ciphertext.size()));
  co_return true;
}

Task<Status> TlsStream::handshake(Until until) {
  while (true) {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    const int error = result == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_.get(), result);
    std::string reason = error == SSL_ERROR_SSL ? openssl_reason() : std::string();
    // Alerts are sent as well, so that the peer learns why.
    const Status flushed = co_await flush(until);
    if (result == 1) co_return flushed;
    if (error != SSL_ERROR_WANT_READ) {
      const bool untrusted = SSL_get_verify_result(ssl_.get()) != X509_V_OK;
      co_return fail(untrusted ? Code::kPermissionDenied : Code::kIo,
                     "TLS handshake failed: " + reason);
    }
    if (!flushed) co_return flushed;
    const bool more = co_await or_return(pull(0, until));
    if (!more) co_return fail(Code::kIo, "the peer ended the connection during the TLS handshake");
  }
}

std::unique_ptr<Stream> TlsStream::hand_over(std::unique_ptr<TlsStream> stream) {
  const TlsTakeover& takeover = stream->context_->state().takeover;
  SSL* const ssl = stream->ssl();
  auto secrets = takeover ? stream->secrets_.take(ssl) : std::nullopt;
  if (!secrets) return stream;
  TlsHandover handover;
  std::tie(handover.send_secret, handover.receive_secret) = *secrets;
  OPENSSL_cleanse(&*secrets, sizeof(*secrets));
  BIO* const in = SSL_get_rbio(ssl);
  if (const size_t size_bytes = BIO_ctrl_pending(in); size_bytes > 0) {
    handover.received = Buffer::allocate(size_bytes);
    const int taken = BIO_read(in, handover.received.data(), static_cast<int>(size_bytes));
    handover.received.resize(static_cast<size_t>(taken));
  }
  handover.transport = std::move(stream->transport_);
  return takeover(std::move(handover));
}

TlsStream::ReadOutcome TlsStream::read_decrypted(MutableBytes into, size_t& got_bytes) {
  ERR_clear_error();
  const int result = SSL_read_ex(ssl_.get(), into.data(), into.size(), &got_bytes);
  if (result == 1) return ReadOutcome::kBytes;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ: return ReadOutcome::kWantsInput;
    case SSL_ERROR_ZERO_RETURN: return ReadOutcome::kEnded;
    default: return ReadOutcome::kFailed;
  }
}

Task<Result<size_t>> TlsStream::receive(MutableBytes into, Until until) {
  while (true) {
    size_t got_bytes = 0;
    const ReadOutcome outcome = read_decrypted(into, got_bytes);
    if (BIO_ctrl_pending(SSL_get_wbio(ssl_.get())) > 0) co_await or_return(flush(until));
    if (outcome == ReadOutcome::kBytes) co_return got_bytes;
    if (outcome == ReadOutcome::kEnded) co_return size_t{0};
    if (outcome == ReadOutcome::kFailed) {
      co_return fail(Code::kIo, "TLS receive failed: " + openssl_reason());
    }
    const bool more = co_await or_return(pull(into.size(), until));
    if (!more) co_return fail(Code::kIo, "the peer cut the TLS connection without close_notify");
  }
}

Task<Result<size_t>> TlsStream::receive_full(MutableBytes into, Until until) {
  size_t filled_bytes = 0;
  while (filled_bytes < into.size()) {
    const size_t got_bytes = co_await or_return(receive(into.subspan(filled_bytes), until));
    if (got_bytes == 0) break;
    filled_bytes += got_bytes;
  }
  co_return filled_bytes;
}

Task<Result<Buffer>> TlsStream::receive_some(Until until) {
  // Ciphertext is awaited first, so that an idle connection holds no buffer.
  const bool has_ended = (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
  if (!has_ended && SSL_pending(ssl_.get()) == 0 &&
      BIO_ctrl_pending(SSL_get_rbio(ssl_.get())) == 0) {
    const bool more = co_await or_return(pull(0, until));
    if (!more) co_return fail(Code::kIo, "the peer cut the TLS connection without close_notify");
  }
  Buffer buffer =
      co_await or_return(Reactor::current().buffers().acquire(kSmallBufferBytes, until));
  buffer.resize(buffer.capacity());
  const size_t got_bytes = co_await or_return(receive(buffer.span(), until));
  buffer.resize(got_bytes);
  co_return buffer;
}

Task<Status> TlsStream::send(std::span<const BytesView> pieces, Until until, bool more) {
  size_t batched_bytes = 0;
  for (const BytesView piece : pieces) {
    BytesView rest = piece;
    while (!rest.empty()) {
      const size_t slice_bytes = std::min(rest.size(), kTlsBatchBytes - batched_bytes);
      size_t written_bytes = 0;
      ERR_clear_error();
      // A memory BIO always takes everything; a failure means that the connection is broken.
      if (SSL_write_ex(ssl_.get(), rest.data(), slice_bytes, &written_bytes) != 1) {
        co_return fail(Code::kIo, "TLS send failed: " + openssl_reason());
      }
      rest = rest.subspan(written_bytes);
      batched_bytes += written_bytes;
      if (batched_bytes >= kTlsBatchBytes) {
        co_await or_return(flush(until));
        batched_bytes = 0;
      }
    }
  }
  if (more) co_return Status{};  // Waits in OpenSSL's memory for what follows at once.
  co_return co_await flush(until);
}

Task<Status> TlsStream::end_sending() {
  SSL_shutdown(ssl_.get());
  co_await or_return(flush(Until{Reactor::current().now() + kTlsFarewellTimeout}));
  co_return co_await transport_->end_sending();
}

Task<void> TlsStream::close() {
  co_await transport_->close();
}

// Sets the name that the certificate must carry, and SNI for a DNS name (RFC 6066 forbids literal
// addresses there).
Status set_expected_name(SSL* ssl, const std::string& name) {
  X509_VERIFY_PARAM* parameters = SSL_get0_param(ssl);
  if (X509_VERIFY_PARAM_set1_ip_asc(parameters, name.c_str()) == 1) return Status{};
  ERR_clear_error();
  if (SSL_set1_host(ssl, name.c_str()) != 1 || SSL_set_tlsext_host_name(ssl, name.c_str()) != 1) {
    return fail(Code::kInvalidArgument, "not a usable TLS server name: " + openssl_reason());
  }
  return Status{};
}

Task<Result<std::unique_ptr<Stream>>> finish_handshake(std::unique_ptr<TlsStream> stream,
                                                       Until until) {
  const Status shaken = co_await stream->handshake(until);
  if (!shaken) {
    co_await stream->close();
    co_return std::unexpected<Error>(shaken.error());
  }
  co_return TlsStream::hand_over(std::move(stream));
}

Status use_identity(SSL_CTX* context, const std::string& chain_path, const std::string& key_path) {
  if (SSL_CTX_use_certificate_chain_file(context, chain_path.c_str()) != 1) {
    return fail(Code::kInvalidArgument,
                "cannot load the TLS certificate chain " + chain_path + ": " + openssl_reason());
  }
  if (SSL_CTX_use_PrivateKey_file(context, key_path.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return fail(Code::kInvalidArgument,
                "cannot use the TLS private key " + key_path + ": " + openssl_reason());
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<const TlsContext>> TlsContext::server(const TlsServerOptions& options) {
  auto state = make_state(TLS_server_method(), options.takeover);
  SSL_CTX* context = state->context.get();
  if (Status used = use_identity(context, options.certificate_chain_path, options.private_key_path);
      !used) {
    return std::unexpected(used.error());
  }
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // Tickets resume sessions.
  if (!options.client_ca_path.empty()) {
    if (SSL_CTX_load_verify_file(context, options.client_ca_path.c_str()) != 1) {
      return fail(Code::kInvalidArgument,
                  "cannot load the certificates that clients are checked by " +
                      options.client_ca_path + ": " + openssl_reason());
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    // A resumed session would be of a certificate that was looked at some time ago.
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context, 0);
  }
  return std::shared_ptr<const TlsContext>(new TlsContext(std::move(state)));
}

Result<std::shared_ptr<const TlsContext>> TlsContext::client(const TlsClientOptions& options) {
  auto state = make_state(TLS_client_method(), options.takeover);
  SSL_CTX* context = state->context.get();
  if (!options.protocol.empty()) {
    ASSERT(options.protocol.size() <= kTlsProtocolBytesMax);
    const std::string list = static_cast<char>(options.protocol.size()) + options.protocol;
    const auto* bytes = reinterpret_cast<const unsigned char*>(list.data());
    // Unlike its neighbours it returns 0 when it succeeds.
    ASSERT(SSL_CTX_set_alpn_protos(context, bytes, static_cast<unsigned>(list.size())) == 0);
  }
  const int loaded = options.ca_path.empty()
                         ? SSL_CTX_set_default_verify_paths(context)
                         : SSL_CTX_load_verify_file(context, options.ca_path.c_str());
  if (loaded != 1) {
    return fail(Code::kInvalidArgument,
                "cannot load trusted certificates " + options.ca_path + ": " + openssl_reason());
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (!options.certificate_chain_path.empty()) {
    if (Status used =
            use_identity(context, options.certificate_chain_path, options.private_key_path);
        !used) {
      return std::unexpected(used.error());
    }
  }
  return std::shared_ptr<const TlsContext>(new TlsContext(std::move(state)));
}

Task<Result<std::unique_ptr<Stream>>> tls_accept(std::unique_ptr<Stream> transport,
                                                 std::shared_ptr<const TlsContext> context,
                                                 Until until) {
  auto stream = std::make_unique<TlsStream>(std::move(transport), std::move(context));
  SSL_set_accept_state(stream->ssl());
  co_return co_await finish_handshake(std::move(stream), until);
}

Task<Result<std::unique_ptr<Stream>>> tls_connect(std::unique_ptr<Stream> transport,
                                                  std::shared_ptr<const TlsContext> context,
                                                  std::string server_name, Until until) {
  auto stream = std::make_unique<TlsStream>(std::move(transport), std::move(context));
  const Status named = set_expected_name(stream->ssl(), server_name);
  if (!named) {
    co_await stream->close();
    co_return std::unexpected<Error>(named.error());
  }
  SSL_set_connect_state(stream->ssl());
  co_return co_await finish_handshake(std::move(stream), until);
}

}  // namespace cairn::io
