// An HTTP server whose answers a test scripts, and an S3Client that talks to it, over real loopback
// sockets on both I/O backends.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "http/server.h"
#include "io/scope.h"
#include "tests/unit/io/io_fixture.h"
#include "transfer/s3_client.h"

namespace cairn::transfer {

struct SeenRequest {
  std::string method;
  std::string target;
  std::vector<HeaderPair> fields;
  std::string body;
  std::string get(std::string_view name) const {
    for (const auto& [known, value] : fields) {
      if (http::equals_ignoring_case(known, name)) return value;
    }
    return "(none)";
  }
};

struct ScriptedReply {
  int status = 200;
  std::vector<HeaderPair> fields = {};
  std::string body = {};
};

class ScriptedHandler final : public http::Handler {
 public:
  std::function<ScriptedReply(const SeenRequest&)> answer = [](const SeenRequest&) {
    return ScriptedReply{};
  };
  std::vector<SeenRequest> seen;

  io::Task<void> handle(http::Exchange& exchange) override {
    SeenRequest request;
    request.method = exchange.head().method;
    request.target = exchange.head().target;
    for (const http::Field field : exchange.head().fields) {
      request.fields.emplace_back(field.name, field.value);
    }
    (void)co_await exchange.send_continue();
    std::array<uint8_t, 4096> piece;
    while (true) {
      const Result<size_t> received = co_await exchange.receive_body(piece);
      if (!received || *received == 0) break;
      request.body.append(as_text(BytesView(piece).first(*received)));
    }
    seen.push_back(request);
    const ScriptedReply reply = answer(request);
    http::ResponseHead head(reply.status);
    for (const auto& [name, value] : reply.fields) head.add(name, value);
    (void)co_await exchange.respond(head, std::string_view(reply.body));
  }
};

class ScriptedServerTest : public io::IoTest {
 public:
  ScriptedHandler handler;
  std::unique_ptr<http::Server> server;
  std::unique_ptr<S3Client> client;

 protected:
  using Test = io::Task<void> (*)(ScriptedServerTest&);
  void with_client(S3ClientOptions options, Test test) {
    run(drive(*this, std::move(options), test));
  }
  static io::Task<void> drive(ScriptedServerTest& self, S3ClientOptions options, Test test) {
    auto listener = co_await io::system_network().listen({"127.0.0.1", 0}, {});
    EXPECT_TRUE(listener.has_value());
    if (!listener) co_return;
    self.server = std::make_unique<http::Server>(std::move(*listener), self.handler,
                                                 http::ServerOptions{.server_name = "Scripted"});
    io::Scope scope;
    scope.spawn(self.server->run());
    options.endpoint = "http://127.0.0.1:" + std::to_string(self.server->local().port);
    options.http.retry.backoff_base = milliseconds(1);
    options.http.retry.backoff_max = milliseconds(2);
    auto made = S3Client::create(std::move(options));
    EXPECT_TRUE(made.has_value());
    if (made) {
      self.client = std::move(*made);
      co_await test(self);
      co_await self.client->close();
      self.client.reset();
    }
    self.server->stop();
    co_await scope.join();
    self.server.reset();
  }
};

}  // namespace cairn::transfer
