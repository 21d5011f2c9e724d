// Property: a TLS stream is a Stream: every byte arrives, in order, encrypted on the wire, and a
// cut or untrusted connection is an error. Method: a server and a client over loopback with a
// certificate made for the test, on both backends.
#include "io/tls.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/units.h"
#include "io/scope.h"
#include "io/sim_network.h"
#include "io/sim_time.h"
#include "io/tls_listener.h"
#include "tests/unit/io/io_fixture.h"

namespace cairn::io {
namespace {

// A key and a self-signed certificate for "localhost" and 127.0.0.1, in a directory of its own.
class Certificate {
 public:
  Certificate() {
    char directory[] = "/tmp/cairn-tls.XXXXXX";
    directory_ = ::mkdtemp(directory);
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME* name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_EXTENSION* names =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
    X509_sign(certificate, key, EVP_sha256());
    FILE* out = std::fopen(certificate_path().c_str(), "w");
    PEM_write_X509(out, certificate);
    std::fclose(out);
    out = std::fopen(key_path().c_str(), "w");
    PEM_write_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(out);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
  ~Certificate() { std::filesystem::remove_all(directory_); }

  std::string certificate_path() const { return directory_ + "/certificate.pem"; }
  std::string key_path() const { return directory_ + "/key.pem"; }

 private:
  std::string directory_;
};

class TlsTest : public IoTest {
 protected:
  void SetUp() override {
    IoTest::SetUp();
    auto server = TlsContext::server({certificate_.certificate_path(), certificate_.key_path()});
    auto client = TlsContext::client({certificate_.certificate_path()});
    ASSERT_TRUE(server) << server.error().message;
    ASSERT_TRUE(client) << client.error().message;
    server_ = *server;
    client_ = *client;
  }

  Certificate certificate_;
  std::shared_ptr<const TlsContext> server_;
  std::shared_ptr<const TlsContext> client_;
};

Task<Status> echo(std::unique_ptr<Stream> stream) {
  Bytes buffer(100000);
  while (true) {
    const Result<size_t> got = co_await stream->receive(buffer, soon());
    if (!got || *got == 0) break;
    const std::array<BytesView, 1> pieces{BytesView(buffer).first(*got)};
    const Status sent = co_await stream->send(pieces, soon());
    if (!sent) break;
  }
  const Status ended = co_await stream->end_sending();
  co_await stream->close();
  co_return ended;
}

Task<void> serve_once(Listener& listener, std::shared_ptr<const TlsContext> context) {
  Result<std::unique_ptr<Stream>> accepted = co_await listener.accept(soon());
  if (!accepted) co_return;
  Result<std::unique_ptr<Stream>> stream =
      co_await tls_accept(std::move(*accepted), std::move(context), soon());
  if (!stream) co_return;
  const Status done = co_await echo(std::move(*stream));
  EXPECT_TRUE(done || done.error().code != Code::kInternal);
}

Task<Status> send_all(Stream& stream, BytesView bytes) {
  const std::array<BytesView, 2> pieces{bytes.first(bytes.size() / 3),
                                        bytes.subspan(bytes.size() / 3)};
  co_return co_await stream.send(pieces, soon());
}

Task<void> send_and_end(Stream& stream, BytesView bytes) {
  const Status sent = co_await send_all(stream, bytes);
  EXPECT_TRUE(sent) << sent.error().message;
  const Status ended = co_await stream.end_sending();
  EXPECT_TRUE(ended);
}

Task<Result<Bytes>> round_trip(Listener& listener, std::shared_ptr<const TlsContext> context,
                               std::string name, const Bytes& bytes) {
  std::unique_ptr<Stream> plain =
      co_await or_return(system_network().connect(listener.local(), soon()));
  std::unique_ptr<Stream> stream = co_await or_return(
      tls_connect(std::move(plain), std::move(context), std::move(name), soon()));
  Scope scope;
  scope.spawn(send_and_end(*stream, bytes));
  Bytes back(bytes.size() + 1);
  const Result<size_t> got = co_await stream->receive_full(back, soon());
  co_await scope.join();
  co_await stream->close();
  back.resize(got ? *got : 0);
  if (!got) co_return std::unexpected(got.error());
  co_return back;
}

Task<Result<Bytes>> exchange(std::shared_ptr<const TlsContext> server,
                             std::shared_ptr<const TlsContext> client, std::string name,
                             const Bytes& bytes) {
  std::unique_ptr<Listener> listener =
      co_await or_return(system_network().listen({"127.0.0.1", 0}, {}));
  Scope scope;
  scope.spawn(serve_once(*listener, std::move(server)));
  Result<Bytes> back = co_await round_trip(*listener, std::move(client), std::move(name), bytes);
  co_await scope.join();
  co_await listener->close();
  co_return back;
}

TEST_P(TlsTest, EveryByteArrivesAtBoundarySizes) {
  SeededRandom random(3);
  for (const size_t size : {size_t{1}, size_t{16384}, size_t{16385}, kTlsBatchBytes - 1,
                            kTlsBatchBytes + 1, size_t{5 * MiB}}) {
    Bytes bytes(size);
    random.fill(bytes);
    const Result<Bytes> back = run(exchange(server_, client_, "localhost", bytes));
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_TRUE(*back == bytes) << size;
  }
}

TEST_P(TlsTest, ALiteralAddressIsVerifiedAsOne) {
  const Bytes bytes{1, 2, 3};
  EXPECT_TRUE(run(exchange(server_, client_, "127.0.0.1", bytes)));
}

TEST_P(TlsTest, AWrongNameOrAnUnknownCertificateIsRefused) {
  const Bytes bytes{1};
  const Result<Bytes> wrong_name = run(exchange(server_, client_, "example.com", bytes));
  ASSERT_FALSE(wrong_name);
  EXPECT_EQ(wrong_name.error().code, Code::kPermissionDenied);
  const Certificate other;
  const auto stranger = TlsContext::client({other.certificate_path()});
  const Result<Bytes> untrusted = run(exchange(server_, *stranger, "localhost", bytes));
  ASSERT_FALSE(untrusted);
  EXPECT_EQ(untrusted.error().code, Code::kPermissionDenied);
}

// Both ends of one connection after the handshake.
struct BothEnds {
  std::unique_ptr<Stream> server;
  std::unique_ptr<Stream> client;
};
Task<Result<BothEnds>> connect_both(Network& network, std::shared_ptr<const TlsContext> server,
                                    std::shared_ptr<const TlsContext> client) {
  std::unique_ptr<Listener> listener = co_await or_return(network.listen({"127.0.0.1", 0}, {}));
  std::unique_ptr<Stream> plain = co_await or_return(network.connect(listener->local(), soon()));
  Scope scope;
  Result<std::unique_ptr<Stream>> connected = fail(Code::kInternal, "not yet");
  const auto connect = [](std::unique_ptr<Stream> transport,
                          std::shared_ptr<const TlsContext> context,
                          Result<std::unique_ptr<Stream>>& out) -> Task<void> {
    out = co_await tls_connect(std::move(transport), std::move(context), "localhost", soon());
  };
  scope.spawn(connect(std::move(plain), std::move(client), connected));
  std::unique_ptr<Stream> accepted = co_await or_return(listener->accept(soon()));
  BothEnds ends;
  ends.server = co_await or_return(tls_accept(std::move(accepted), std::move(server), soon()));
  co_await scope.join();
  co_await listener->close();
  ends.client = co_await or_return(std::move(connected));
  co_return ends;
}

Task<Result<size_t>> receive_from_a_cut_peer(std::shared_ptr<const TlsContext> server,
                                             std::shared_ptr<const TlsContext> client) {
  const BothEnds ends =
      co_await or_return(connect_both(system_network(), std::move(server), std::move(client)));
  co_await ends.server->close();  // Without end_sending: no close_notify.
  std::array<uint8_t, 16> into;
  const Result<size_t> got = co_await ends.client->receive(into, soon());
  co_await ends.client->close();
  co_return got;
}

TEST_P(TlsTest, ACutConnectionIsNotAnEnd) {
  const Result<size_t> got = run(receive_from_a_cut_peer(server_, client_));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::kIo);
}

TEST_P(TlsTest, BadFilesAreNamed) {
  const auto missing = TlsContext::server({"/nonexistent/chain.pem", "/nonexistent/key.pem"});
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("/nonexistent/chain.pem"), std::string::npos);
  const Certificate other;
  EXPECT_FALSE(TlsContext::server({certificate_.certificate_path(), other.key_path()}));
}

// Fills the link towards a client that reads nothing, then says farewell.
Task<Status> say_farewell_to_a_silent_reader(Network& network,
                                             std::shared_ptr<const TlsContext> server,
                                             std::shared_ptr<const TlsContext> client) {
  const BothEnds ends =
      co_await or_return(connect_both(network, std::move(server), std::move(client)));
  const Bytes more_than_fits(2 * kSimWindowBytes);
  const std::array<BytesView, 1> pieces{more_than_fits};
  const Status sent = co_await ends.server->send(pieces, soon());
  EXPECT_FALSE(sent);
  const Status ended = co_await ends.server->end_sending();
  co_await ends.server->close();
  co_await ends.client->close();
  co_return ended;
}

// On virtual time, where waiting for ever is a deadlock that ends the process.
TEST(TlsFarewell, AReaderThatTakesNothingIsNotWaitedForForEver) {
  const Certificate certificate;
  const auto server =
      TlsContext::server({certificate.certificate_path(), certificate.key_path()}).value();
  const auto client = TlsContext::client({certificate.certificate_path()}).value();
  SimClock clock;
  const auto reactor = create_simulated_reactor(clock, 64 * MiB).value();
  SimNetwork network({});
  const Status ended = reactor->run(say_farewell_to_a_silent_reader(network, server, client));
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Code::kDeadlineExceeded);
}

// As many clients as may shake hands at a time connect and say nothing; then one comes that does.
// Returns how long that one waited.
Task<Result<Duration>> wait_behind_silent_clients(Network& network,
                                                  std::shared_ptr<const TlsContext> server,
                                                  std::shared_ptr<const TlsContext> client) {
  const std::unique_ptr<Listener> listener = make_tls_listener(
      co_await or_return(network.listen({"127.0.0.1", 0}, {})), std::move(server));
  Result<std::unique_ptr<Stream>> accepted = fail(Code::kInternal, "not yet");
  const auto accept = [](Listener& at, Result<std::unique_ptr<Stream>>& out) -> Task<void> {
    out = co_await at.accept(Until{});
  };
  Scope scope;
  scope.spawn(accept(*listener, accepted));
  std::vector<std::unique_ptr<Stream>> silent;
  for (size_t i = 0; i < kTlsHandshakesMax; ++i) {
    silent.push_back(co_await or_return(network.connect(listener->local(), soon())));
  }
  const Instant begin = Reactor::current().clock().now();
  std::unique_ptr<Stream> plain = co_await or_return(network.connect(listener->local(), soon()));
  const Result<std::unique_ptr<Stream>> secured =
      co_await tls_connect(std::move(plain), std::move(client), "localhost", soon());
  const Duration waited = Reactor::current().clock().now() - begin;
  co_await scope.join();
  if (accepted) co_await (*accepted)->close();
  if (secured) co_await (*secured)->close();
  co_await listener->close();
  for (const std::unique_ptr<Stream>& stream : silent) co_await stream->close();
  if (!secured) co_return std::unexpected(secured.error());
  co_return waited;
}

// On virtual time, where nothing but the network's delays and what is waited for takes any.
TEST(TlsListener, SilentClientsMakeRoomForOneThatSpeaks) {
  const Certificate certificate;
  const auto server =
      TlsContext::server({certificate.certificate_path(), certificate.key_path()}).value();
  const auto client = TlsContext::client({certificate.certificate_path()}).value();
  SimClock clock;
  const auto reactor = create_simulated_reactor(clock, 64 * MiB).value();
  SimNetwork network({});
  const Result<Duration> waited = reactor->run(wait_behind_silent_clients(network, server, client));
  ASSERT_TRUE(waited) << waited.error().message;
  EXPECT_LT(*waited, milliseconds(100));
}

INSTANTIATE_ON_BOTH_BACKENDS(TlsTest);

}  // namespace
}  // namespace cairn::io
