// Property: the client reuses connections, retries only what may be repeated, stops bodies early,
// and goes through the proxy that was chosen, as client.h says.
// Method: against our server and against scripted replies on loopback, on both I/O backends.
#include "http/client.h"

#include <gmock/gmock.h>

#include "tests/unit/http/loopback.h"

namespace cairn::http {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// Gives `text` in pieces of 7 bytes, with or without telling its size.
class TextSource final : public BodySource {
 public:
  TextSource(std::string text, bool tells_size) : text_(std::move(text)), tells_size_(tells_size) {}
  std::optional<uint64_t> size_bytes() const override {
    return tells_size_ ? std::optional<uint64_t>(text_.size()) : std::nullopt;
  }
  io::Task<Result<size_t>> read(MutableBytes into) override {
    const size_t size_bytes = std::min({into.size(), text_.size() - at_, size_t{7}});
    text_.copy(reinterpret_cast<char*>(into.data()), size_bytes, at_);
    at_ += size_bytes;
    co_return size_bytes;
  }
  bool rewind() override {
    at_ = 0;
    return true;
  }
  size_t position() const { return at_; }

 private:
  std::string text_;
  bool tells_size_;
  size_t at_ = 0;
};

class HttpClient : public LoopbackTest {
 protected:
  ClientRequest to(std::string method, std::string target) const {
    ClientRequest request;
    request.method = std::move(method);
    request.url.host = at.host;
    request.url.port = at.port;
    request.url.target = std::move(target);
    return request;
  }
  // Sends and reads all; "<status> <body>" or "error <code>".
  io::Task<std::string> fetch(ClientRequest request) {
    Result<ClientResponse> response = co_await client->send(std::move(request), io::soon());
    if (!response.has_value()) co_return "error " + std::string(to_string(response.error().code));
    attempts_count = response->attempts_count();
    const Result<std::string> body = co_await response->receive_all(10 * MiB);
    co_return std::to_string(response->status()) + " " + body.value_or("<broken>");
  }
  // Plays one list entry per accepted connection: reads a head (and `hello` if a length is given),
  // keeps it in `seen`, answers with the text, closes.
  io::Task<void> play(io::Listener& listener, std::vector<std::string> replies) {
    for (const std::string& reply : replies) {
      auto stream = co_await listener.accept(io::soon());
      EXPECT_TRUE(stream.has_value());
      if (!stream.has_value()) co_return;
      std::string request = co_await take_until(**stream, "\r\n\r\n");
      seen.push_back(std::move(request));
      co_await put(**stream, reply);
      (void)co_await (*stream)->end_sending();
      (void)co_await take_until(**stream, "");
      co_await (*stream)->close();
    }
  }
  void with_script(std::vector<std::string> replies, ClientOptions options,
                   io::Task<void> (*test)(HttpClient&)) {
    run(drive_script(*this, std::move(replies), std::move(options), test));
  }
  static io::Task<void> drive_script(HttpClient& self, std::vector<std::string> replies,
                                     ClientOptions options, io::Task<void> (*test)(HttpClient&)) {
    auto listener = co_await io::system_network().listen({"127.0.0.1", 0}, {});
    EXPECT_TRUE(listener.has_value());
    if (!listener.has_value()) co_return;
    self.at = (*listener)->local();
    if (options.proxy.http.has_value()) options.proxy.http->port = self.at.port;
    if (options.proxy.https.has_value()) options.proxy.https->port = self.at.port;
    self.client = std::make_unique<Client>(*self.connector, std::move(options));
    io::Scope scope;
    scope.spawn(self.play(**listener, std::move(replies)));
    co_await test(self);
    co_await self.client->close();
    co_await scope.join();
    co_await (*listener)->close();
    self.client.reset();
  }

 public:
  std::unique_ptr<Connector> connector = plain_connector(io::system_network());
  std::unique_ptr<Client> client;
  io::Endpoint at;
  std::vector<std::string> seen;
  unsigned attempts_count = 0;

  static io::Task<void> reuse(LoopbackTest& base);
  static io::Task<void> retries(HttpClient& self);
  static io::Task<void> no_retry(HttpClient& self);
  static io::Task<void> early_reply(HttpClient& self);
  static io::Task<void> proxied(HttpClient& self);
  static io::Task<void> tunnel_refused(HttpClient& self);
};

INSTANTIATE_ON_BOTH_BACKENDS(HttpClient);

ClientOptions quick() {
  ClientOptions options;
  options.retry.backoff_base = milliseconds(1);
  options.retry.backoff_max = milliseconds(2);
  return options;
}

io::Task<void> HttpClient::reuse(LoopbackTest& base) {
  auto& self = static_cast<HttpClient&>(base);
  self.at = self.server->local();
  self.client = std::make_unique<Client>(*self.connector, quick());
  for (int i = 0; i < 5; ++i) {
    const std::string reply = co_await self.fetch(self.to("GET", "/x"));
    EXPECT_EQ(reply, "200 GET /x");
  }
  for (const bool tells_size : {true, false}) {
    for (const bool expects : {true, false}) {
      TextSource source("some words of a body", tells_size);
      ClientRequest request = self.to("PUT", "/echo");
      request.source = &source;
      request.expect_continue = expects;
      const std::string reply = co_await self.fetch(std::move(request));
      EXPECT_EQ(reply, "200 some words of a body");
    }
  }
  // Pieces are sent where they lie: small ones together, one that is larger than a send in several.
  const std::string large(3 * MiB + 1, 'l');
  const std::vector<BytesView> pieces{as_bytes("some "), as_bytes(large), BytesView(),
                                      as_bytes(" words")};
  ClientRequest in_pieces = self.to("PUT", "/echo");
  in_pieces.pieces = pieces;
  const std::string echoed = co_await self.fetch(std::move(in_pieces));
  EXPECT_TRUE(echoed == "200 some " + large + " words");
  const std::string head = co_await self.fetch(self.to("HEAD", "/size?100"));
  EXPECT_EQ(head, "200 ");
  EXPECT_EQ(self.client->counters().connections_opened, 1U);
  EXPECT_EQ(self.client->counters().connections_reused, 10U);
  // A response that is dropped unread takes its connection with it.
  {
    auto dropped = co_await self.client->send(self.to("GET", "/size?5000000"), io::soon());
    EXPECT_TRUE(dropped.has_value());
  }
  const std::string again = co_await self.fetch(self.to("GET", "/x"));
  EXPECT_EQ(again, "200 GET /x");
  EXPECT_EQ(self.client->counters().connections_opened, 2U);
  co_await self.client->close();
  self.client.reset();
}

TEST_P(HttpClient, ReusesConnectionsAndStreamsBodies) {
  with_server({}, &HttpClient::reuse);
}

io::Task<void> HttpClient::retries(HttpClient& self) {
  TextSource source("hello", true);
  ClientRequest request = self.to("PUT", "/k");
  request.source = &source;
  const std::string reply = co_await self.fetch(std::move(request));
  EXPECT_EQ(reply, "200 ok");
  // The first connection is kept, then found dead: that costs one attempt more.
  EXPECT_EQ(self.attempts_count, 4U);
  EXPECT_EQ(self.client->counters().retries, 3U);
}

TEST_P(HttpClient, RetriesUnavailableAndBrokenConnections) {
  with_script({"HTTP/1.1 503 X\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n", "",
               "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"},
              quick(), &HttpClient::retries);
}

io::Task<void> HttpClient::no_retry(HttpClient& self) {
  const std::string posted = co_await self.fetch(self.to("POST", "/k"));
  EXPECT_EQ(posted, "503 ");
  const std::string later = co_await self.fetch(self.to("GET", "/k"));
  EXPECT_EQ(later, "503 ");
  ClientRequest injected = self.to("GET", "/k");
  injected.fields.emplace_back("A", "b\r\nC: d");
  const std::string refused = co_await self.fetch(std::move(injected));
  EXPECT_THAT(refused, StartsWith("error"));
}

TEST_P(HttpClient, DoesNotRepeatWhatMayNotBeRepeated) {
  with_script({"HTTP/1.1 503 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
               "HTTP/1.1 503 X\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n"},
              quick(), &HttpClient::no_retry);
}

io::Task<void> HttpClient::early_reply(HttpClient& self) {
  TextSource source("hello", true);
  ClientRequest request = self.to("PUT", "/k");
  request.source = &source;
  request.expect_continue = true;
  const std::string reply = co_await self.fetch(std::move(request));
  EXPECT_EQ(reply, "200 ");
  EXPECT_EQ(source.position(), 0U);
  EXPECT_THAT(self.seen.front(), HasSubstr("Expect: 100-continue\r\n"));
  EXPECT_EQ(self.seen.front().find("hello"), std::string::npos);
}

TEST_P(HttpClient, EarlyFinalReplyStopsTheBody) {
  with_script({"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}, quick(), &HttpClient::early_reply);
}

ClientOptions proxying() {
  ClientOptions options = quick();
  options.retry.attempts_max = 1;
  options.proxy.http = Proxy{"127.0.0.1", 0, "Basic abc"};
  options.proxy.https = options.proxy.http;
  return options;
}

io::Task<void> HttpClient::proxied(HttpClient& self) {
  ClientRequest request = self.to("GET", "/x?y");
  request.url.host = "far.example";
  request.url.port = 80;
  const std::string reply = co_await self.fetch(std::move(request));
  EXPECT_EQ(reply, "200 until close");
  EXPECT_THAT(self.seen.front(), StartsWith("GET http://far.example/x?y HTTP/1.1\r\n"
                                            "Host: far.example\r\n"));
  EXPECT_THAT(self.seen.front(), HasSubstr("Proxy-Authorization: Basic abc\r\n"));
}

TEST_P(HttpClient, HttpGoesThroughTheProxyInAbsoluteForm) {
  with_script({"HTTP/1.1 200 OK\r\n\r\nuntil close"}, proxying(), &HttpClient::proxied);
}

io::Task<void> HttpClient::tunnel_refused(HttpClient& self) {
  ClientRequest request = self.to("GET", "/secret");
  request.url.is_https = true;
  request.url.host = "far.example";
  request.url.port = 443;
  const std::string reply = co_await self.fetch(std::move(request));
  EXPECT_THAT(reply, StartsWith("error"));
  EXPECT_THAT(self.seen.front(), StartsWith("CONNECT far.example:443 HTTP/1.1\r\n"));
  EXPECT_THAT(self.seen.front(), Not(HasSubstr("secret")));
}

TEST_P(HttpClient, HttpsAsksTheProxyForATunnel) {
  with_script({"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"}, proxying(),
              &HttpClient::tunnel_refused);
}

}  // namespace
}  // namespace cairn::http
