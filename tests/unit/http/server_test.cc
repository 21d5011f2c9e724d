// Property: over real sockets the server frames, orders, bounds and ends exchanges as server.h
// says. Method: raw bytes on loopback connections, on both I/O backends; deadlines by short
// options.
#include <gmock/gmock.h>

#include "tests/unit/http/loopback.h"

namespace cairn::http {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// A test body has the fixture's rights by being a member of it.
class HttpServer : public LoopbackTest {};

#define SERVER_TEST(name, options)                           \
  class HttpServer##name : public HttpServer {               \
   public:                                                   \
    static io::Task<void> body(LoopbackTest& base) {         \
      co_await static_cast<HttpServer##name&>(base).steps(); \
    }                                                        \
    io::Task<void> steps();                                  \
  };                                                         \
  TEST_P(HttpServer##name, On) {                             \
    with_server(options, &HttpServer##name::body);           \
  }                                                          \
  INSTANTIATE_ON_BOTH_BACKENDS(HttpServer##name);            \
  io::Task<void> HttpServer##name::steps()

SERVER_TEST(KeepsAliveAndAnswersInOrder, ServerOptions()) {
  std::unique_ptr<io::Stream> stream = co_await connect();
  co_await put(*stream, "GET /one HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::string first = co_await take_until(*stream, "GET /one");
  EXPECT_THAT(first, StartsWith("HTTP/1.1 200 OK\r\nDate: "));
  EXPECT_THAT(first, HasSubstr("\r\nServer: Cairn\r\nX-Test: yes\r\nContent-Length: 8\r\n\r\n"));
  EXPECT_THAT(first, Not(HasSubstr("Connection")));
  // A pipelined burst, cut inside a head.
  std::string burst;
  for (int i = 0; i < 50; ++i)
    burst += "GET /" + std::to_string(i) + "! HTTP/1.1\r\nHost: a\r\n\r\n";
  co_await put(*stream, burst.substr(0, 1000));
  co_await put(*stream, burst.substr(1000));
  const std::string replies = co_await take_until(*stream, "GET /49!");
  EXPECT_EQ(count_of(replies, "HTTP/1.1 200 OK"), 50U);
  size_t at = 0;
  for (int i = 0; i < 50; ++i) {
    at = replies.find("\r\n\r\nGET /" + std::to_string(i) + "!", at);
    EXPECT_NE(at, std::string::npos) << i;
  }
  co_await put(*stream, "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const std::string last = co_await take_until(*stream, "");
  EXPECT_THAT(last, HasSubstr("Connection: close\r\n\r\nGET /last"));
  co_await stream->close();
  EXPECT_EQ(server->counters().connections_accepted, 1U);
}

SERVER_TEST(OldVersionClosesUnlessAsked, ServerOptions()) {
  const std::string closed = co_await exchange("GET /a HTTP/1.0\r\n\r\nGET /b HTTP/1.0\r\n\r\n");
  EXPECT_THAT(closed, HasSubstr("Connection: close\r\n\r\nGET /a"));
  EXPECT_EQ(count_of(closed, "HTTP/1.1 200"), 1U);
  const std::string kept =
      co_await exchange("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /b HTTP/1.0\r\n\r\n");
  EXPECT_THAT(kept, HasSubstr("Connection: keep-alive\r\n\r\nGET /a"));
  EXPECT_EQ(count_of(kept, "HTTP/1.1 200"), 2U);
}

SERVER_TEST(BodiesByLengthAndChunked, ServerOptions()) {
  const std::string next = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string by_length =
      co_await exchange("PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" + next);
  EXPECT_THAT(by_length, HasSubstr("Content-Length: 5\r\n\r\nhelloHTTP/1.1 200"));
  EXPECT_THAT(by_length, EndsWith("GET /next"));
  const std::string chunked = co_await exchange(
      "PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nx-trailer: t\r\n\r\n" +
      next);
  EXPECT_THAT(chunked, HasSubstr("x-trailer: t\r\nTransfer-Encoding: chunked\r\n\r\n"
                                 "5\r\nabcde\r\n0\r\n\r\nHTTP/1.1 200"));
  EXPECT_THAT(chunked, EndsWith("GET /next"));
  std::string large(3 * MiB, 'a');
  for (size_t i = 0; i < large.size(); i += 1000) large[i] = static_cast<char>('b' + i / 1000 % 20);
  std::unique_ptr<io::Stream> stream = co_await connect();
  co_await put(*stream, "PUT /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: " +
                            std::to_string(large.size()) + "\r\n\r\n");
  co_await put(*stream, large);
  const std::string echoed = co_await take_until(*stream, "");
  EXPECT_TRUE(echoed.ends_with("\r\n\r\n" + large));
  co_await stream->close();
  const std::string bad = co_await exchange(
      "PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n" + next);
  EXPECT_THAT(bad, StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(bad, HasSubstr("Connection: close"));
  EXPECT_EQ(count_of(bad, "HTTP/1.1"), 1U);
  EXPECT_EQ(handler.body_error, Code::kInvalidArgument);
  const std::string cut =
      co_await exchange("PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhello");
  EXPECT_THAT(cut, StartsWith("HTTP/1.1 400"));
  EXPECT_EQ(handler.body_error, Code::kClosed);
}

SERVER_TEST(NoBodyWhereNoneBelongs, ServerOptions()) {
  const std::string replies = co_await exchange(
      "HEAD /abc HTTP/1.1\r\nHost: a\r\n\r\nHEAD /size?70000 HTTP/1.1\r\nHost: a\r\n\r\n"
      "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\nGET /end HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(replies, HasSubstr("Content-Length: 9\r\n\r\nHTTP/1.1 200"));
  EXPECT_THAT(replies, HasSubstr("Content-Length: 70000\r\n\r\nHTTP/1.1 204"));
  EXPECT_EQ(count_of(replies, "Content-Length"), 3U);
  EXPECT_THAT(replies, EndsWith("GET /end"));
}

SERVER_TEST(ContinueIsTheHandlersDecision, ServerOptions()) {
  std::unique_ptr<io::Stream> stream = co_await connect();
  co_await put(*stream,
               "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
               "Expect: 100-Continue\r\n\r\n");
  const std::string interim = co_await take_until(*stream, "\r\n\r\n");
  EXPECT_EQ(interim, "HTTP/1.1 100 Continue\r\n\r\n");
  co_await put(*stream, "hello");
  const std::string reply = co_await take_until(*stream, "hello");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(reply, Not(HasSubstr("Connection: close")));
  // Refused: no 100, and the connection ends, since the next bytes could be the body.
  co_await put(*stream,
               "PUT /early HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
               "Expect: 100-continue\r\n\r\n");
  const std::string refused = co_await take_until(*stream, "");
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(refused, HasSubstr("Connection: close"));
  co_await stream->close();
  const std::string other =
      co_await exchange("PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: x\r\n\r\n");
  EXPECT_THAT(other, StartsWith("HTTP/1.1 200"));
}

SERVER_TEST(SmallUnreadBodyIsSkipped, ServerOptions()) {
  const std::string body(100000, 'G');
  const std::string replies =
      co_await exchange("PUT /early HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + body +
                        "GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(replies, StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(replies, EndsWith("GET /next"));
}

SERVER_TEST(LargeUnreadBodyDoesNotDestroyTheReply, ServerOptions()) {
  std::unique_ptr<io::Stream> stream = co_await connect();
  co_await put(*stream, "PUT /early HTTP/1.1\r\nHost: a\r\nContent-Length: 16777216\r\n\r\n");
  // Sent whole before the reply is looked at: without lingering this ends in a reset.
  co_await put(*stream, std::string(16 * MiB, 'G'));
  const std::string reply = co_await take_until(*stream, "");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(reply, EndsWith("Connection: close\r\n\r\nno"));
  co_await stream->close();
}

SERVER_TEST(BadHeadsAreAnsweredAndEnd, ServerOptions()) {
  const std::string next = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";
  for (const auto& [request, status] :
       {std::pair<std::string, std::string>{"GET / HTTP/1.1\r\n\r\n", "400"},
        {"GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", "414"},
        {"GET / HTTP/1.1\r\nHost: a\r\nA: " + std::string(20000, 'a') + "\r\n\r\n", "431"},
        {"GET / HTTP/2.0\r\n\r\n", "505"},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         "400"}}) {
    const std::string reply = co_await exchange(request + next);
    EXPECT_THAT(reply, StartsWith("HTTP/1.1 " + status));
    EXPECT_THAT(reply, HasSubstr("Connection: close"));
    EXPECT_EQ(count_of(reply, "\r\nServer: "), 1U);
  }
  EXPECT_EQ(server->counters().bad_requests, 5U);
  const std::string silent = co_await exchange("GET /silent HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(silent, StartsWith("HTTP/1.1 500"));
  EXPECT_EQ(handler.last_status, 500);
}

ServerOptions impatient() {
  ServerOptions options;
  options.header_timeout = milliseconds(100);
  options.idle_timeout = milliseconds(100);
  options.body_grace = milliseconds(100);
  options.send_timeout = milliseconds(100);
  return options;
}

SERVER_TEST(SlowPeersAreDropped, impatient()) {
  // Silent from the start; silent inside a head; silent inside a body; idle; not reading.
  std::unique_ptr<io::Stream> mute = co_await connect();
  const std::string nothing = co_await take_until(*mute, "");
  EXPECT_EQ(nothing, "");
  co_await mute->close();
  std::unique_ptr<io::Stream> slow = co_await connect();
  co_await put(*slow, "GET / HTTP/1.1\r\nHos");
  const std::string late = co_await take_until(*slow, "");
  EXPECT_THAT(late, StartsWith("HTTP/1.1 408"));
  co_await slow->close();
  std::unique_ptr<io::Stream> stalled = co_await connect();
  co_await put(*stalled, "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhell");
  const std::string reply = co_await take_until(*stalled, "bad body");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 400"));
  EXPECT_EQ(handler.body_error, Code::kDeadlineExceeded);
  co_await stalled->close();
  std::unique_ptr<io::Stream> idle = co_await connect();
  co_await put(*idle, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::string then_closed = co_await take_until(*idle, "");
  EXPECT_THAT(then_closed, EndsWith("GET /a"));
  co_await idle->close();
  std::unique_ptr<io::Stream> deaf = co_await connect();
  co_await put(*deaf, "GET /size?50000000 HTTP/1.1\r\nHost: a\r\n\r\n");
  while (server->counters().requests_in_flight == 0) co_await io::yield();
  while (server->counters().requests_in_flight > 0) {
    (void)co_await io::sleep_for(milliseconds(10));
  }
  const std::string part = co_await take_until(*deaf, "");
  EXPECT_LT(part.size(), 50000000U);
  co_await deaf->close();
}

ServerOptions narrow() {
  ServerOptions options;
  options.requests_in_flight_max = 1;
  options.connections_max = 2;
  return options;
}

SERVER_TEST(AdmissionAnswersEarly, narrow()) {
  std::unique_ptr<io::Stream> first = co_await connect();
  co_await put(*first, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
  while (handler.held_count == 0) co_await io::yield();
  std::unique_ptr<io::Stream> second = co_await connect();
  co_await put(*second, "GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::string busy = co_await take_until(*second, "time.");
  EXPECT_THAT(busy, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(busy, HasSubstr("Retry-After: 1\r\n"));
  EXPECT_EQ(server->counters().requests_rejected, 1U);
  std::unique_ptr<io::Stream> third = co_await connect();
  (void)co_await third->end_sending();
  const std::string full = co_await take_until(*third, "");
  EXPECT_THAT(full, StartsWith("HTTP/1.1 503"));
  EXPECT_EQ(server->counters().connections_rejected, 1U);
  handler.release.set();
  const std::string held = co_await take_until(*first, "held");
  EXPECT_THAT(held, StartsWith("HTTP/1.1 200"));
  co_await first->close();
  co_await second->close();
  co_await third->close();
}

SERVER_TEST(DrainFinishesWhatRunsAndClosesTheRest, ServerOptions()) {
  std::unique_ptr<io::Stream> idle = co_await connect();
  co_await put(*idle, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
  (void)co_await take_until(*idle, "GET /a");
  std::unique_ptr<io::Stream> running = co_await connect();
  co_await put(*running, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
  while (handler.held_count == 0) co_await io::yield();
  server->drain(seconds(20));
  const std::string closed = co_await take_until(*idle, "");
  EXPECT_EQ(closed, "");
  handler.release.set();
  const std::string held = co_await take_until(*running, "");
  EXPECT_THAT(held, HasSubstr("Connection: close\r\n\r\nheld"));
  co_await idle->close();
  co_await running->close();
  while (server->counters().connections_open > 0) co_await io::yield();
}

SERVER_TEST(DrainForcesAfterTheGrace, ServerOptions()) {
  std::unique_ptr<io::Stream> stuck = co_await connect();
  co_await put(*stuck, "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhell");
  while (server->counters().requests_in_flight == 0) co_await io::yield();
  server->drain(milliseconds(50));
  (void)co_await take_until(*stuck, "");
  EXPECT_EQ(handler.body_error, Code::kCancelled);
  co_await stuck->close();
}

}  // namespace
}  // namespace cairn::http
