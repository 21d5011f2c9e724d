// A server over real loopback sockets and raw client streams, for tests on both I/O backends.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <utility>

#include "http/server.h"
#include "io/reactor.h"
#include "io/scope.h"
#include "io/stream.h"
#include "io/sync.h"
#include "tests/unit/io/io_fixture.h"

namespace cairn::http {

// Answers by the request: the path says what to do, so that a test reads as one exchange.
//   /echo          the body, by length when the request has one, else chunked
//   /size?n        n bytes 'x', streamed
//   /early         403 without reading the body
//   /hold          waits until the test releases it, then 200
//   anything else  "<method> <path>"
class TestHandler final : public Handler {
 public:
  io::Task<void> handle(Exchange& exchange) override {
    const std::string_view path = exchange.head().path;
    if (path == "/echo") {
      co_await echo(exchange);
    } else if (path == "/size") {
      co_await stream(exchange);
    } else if (path == "/early") {
      (void)co_await exchange.respond(ResponseHead(403), std::string_view("no"));
    } else if (path == "/nothing") {
      (void)co_await exchange.respond(ResponseHead(204));
    } else if (path == "/silent") {
      co_return;
    } else if (path == "/hold") {
      ++held_count;
      co_await release.wait();
      (void)co_await exchange.respond(ResponseHead(200), std::string_view("held"));
    } else {
      const std::string text = std::string(exchange.head().method) + " " + std::string(path);
      ResponseHead head(200);
      head.add("X-Test", "yes");
      (void)co_await exchange.respond(head, std::string_view(text));
    }
  }
  void on_exchange_end(const ExchangeSummary& summary) override { last_status = summary.status; }

  io::Event release;
  int held_count = 0;
  int last_status = 0;
  Code body_error = Code::kInternal;

 private:
  io::Task<void> echo(Exchange& exchange) {
    const Status continued = co_await exchange.send_continue();
    if (!continued.has_value()) co_return;
    std::string body;
    std::array<uint8_t, 10000> piece;
    while (true) {
      const Result<size_t> received = co_await exchange.receive_body(piece);
      if (!received.has_value()) {
        body_error = received.error().code;
        (void)co_await exchange.respond(ResponseHead(400), std::string_view("bad body"));
        co_return;
      }
      if (*received == 0) break;
      body.append(as_text(BytesView(piece).first(*received)));
    }
    ResponseHead head(200);
    for (const Field field : exchange.trailers()) head.add(field.name, field.value);
    const bool by_length = exchange.body_size().has_value();
    (void)co_await exchange.start_response(
        head, by_length ? std::optional<uint64_t>(body.size()) : std::nullopt);
    for (size_t begin = 0; begin < body.size(); begin += 300000) {
      const Status sent =
          co_await exchange.send_body(as_bytes(std::string_view(body).substr(begin, 300000)));
      if (!sent.has_value()) co_return;
    }
    (void)co_await exchange.finish_response();
  }
  io::Task<void> stream(Exchange& exchange) {
    const size_t size_bytes = std::stoul(std::string(exchange.head().query));
    const std::string body(size_bytes, 'x');
    (void)co_await exchange.start_response(ResponseHead(200), size_bytes);
    const Status sent = co_await exchange.send_body(as_bytes(body));
    if (sent.has_value()) (void)co_await exchange.finish_response();
  }
};

class LoopbackTest : public io::IoTest {
 protected:
  // Runs `test` beside a server and stops the server behind it.
  void with_server(ServerOptions options, io::Task<void> (*test)(LoopbackTest&)) {
    run(drive(*this, std::move(options), test));
  }
  static io::Task<void> drive(LoopbackTest& self, ServerOptions options,
                              io::Task<void> (*test)(LoopbackTest&)) {
    auto listener = co_await io::system_network().listen({"127.0.0.1", 0}, {});
    EXPECT_TRUE(listener.has_value());
    if (!listener.has_value()) co_return;
    self.server = std::make_unique<Server>(std::move(*listener), self.handler, std::move(options));
    io::Scope scope;
    scope.spawn(self.server->run());
    co_await test(self);
    self.handler.release.set();
    self.server->stop();
    co_await scope.join();
    self.server.reset();
  }
  io::Task<std::unique_ptr<io::Stream>> connect() {
    auto stream = co_await io::system_network().connect(server->local(), io::soon());
    EXPECT_TRUE(stream.has_value());
    co_return stream.has_value() ? std::move(*stream) : nullptr;
  }
  static io::Task<void> put(io::Stream& stream, std::string text) {
    const std::array<BytesView, 1> pieces{as_bytes(text)};
    const Status sent = co_await stream.send(pieces, io::soon());
    EXPECT_TRUE(sent.has_value());
  }
  // Everything up to the peer's end, or to `text` having arrived.
  static io::Task<std::string> take_until(io::Stream& stream, std::string text) {
    std::string taken;
    while (text.empty() || taken.find(text) == std::string::npos) {
      const Result<Buffer> received = co_await stream.receive_some(io::soon());
      if (!received.has_value()) co_return taken + "<error " + received.error().message + ">";
      if (received->empty()) break;
      taken.append(as_text(received->view()));
    }
    co_return taken;
  }
  // One connection: sends `text`, ends sending, returns all that comes back.
  io::Task<std::string> exchange(std::string text) {
    std::unique_ptr<io::Stream> stream = co_await connect();
    co_await put(*stream, std::move(text));
    (void)co_await stream->end_sending();
    std::string taken = co_await take_until(*stream, "");
    co_await stream->close();
    co_return taken;
  }

 public:
  TestHandler handler;
  std::unique_ptr<Server> server;
};

inline size_t count_of(std::string_view text, std::string_view part) {
  size_t found_count = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) {
    ++found_count;
  }
  return found_count;
}

}  // namespace cairn::http
