// Property: whatever a peer answers, a call ends with the status of gRPC that it means, and a peer
// that passes a bound loses the connection.
// Method: the other side is a real HTTP/2 server (libnghttp2's), which answers as the case says.
#include "catalog/etcd/rpc_session.h"

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <cstring>
#include <string>
#include <vector>

namespace cairn::catalog::etcd {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

// A message with gRPC's prefix.
std::string framed(const std::string& message, char compressed = 0) {
  const auto size = static_cast<uint32_t>(message.size());
  return std::string{compressed, static_cast<char>(size >> 24), static_cast<char>(size >> 16),
                     static_cast<char>(size >> 8), static_cast<char>(size)} +
         message;
}

struct Answer {
  Fields head = {{":status", "200"}, {"content-type", "application/grpc"}};
  std::string body = {};
  Fields trailers = {{"grpc-status", "0"}};
  uint32_t reset = 0;  // Instead of everything.
};

class Server {
 public:
  Server() {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_server_new(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
  }
  ~Server() { nghttp2_session_del(session_); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void take_in(const std::string& bytes) {
    const auto taken = nghttp2_session_mem_recv(
        session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
    ASSERT_EQ(taken, static_cast<ssize_t>(bytes.size()));
  }
  std::string output() {
    std::string all;
    const uint8_t* bytes = nullptr;
    for (ssize_t count = 0; (count = nghttp2_session_mem_send(session_, &bytes)) > 0;) {
      all.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(count));
    }
    return all;
  }
  // To the request that is there.
  void answer(const Answer& given) {
    answer_ = given;
    sent_bytes_ = 0;
    if (given.reset != 0) {
      nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, given.reset);
      return;
    }
    std::vector<nghttp2_nv> head = to_nv(answer_.head);
    const nghttp2_data_provider body{.source = {.ptr = this}, .read_callback = read_body};
    nghttp2_submit_response(session_, stream, head.data(), head.size(), &body);
  }
  void ping() { nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr); }
  void say_goodbye() {
    nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, stream, NGHTTP2_NO_ERROR, nullptr, 0);
  }

  Fields request;
  std::string message;
  int32_t stream = 0;
  bool has_request = false;
  size_t pongs_count = 0;

 private:
  static std::vector<nghttp2_nv> to_nv(Fields& fields) {
    std::vector<nghttp2_nv> all;
    for (auto& [name, value] : fields) {
      all.push_back({.name = reinterpret_cast<uint8_t*>(name.data()),
                     .value = reinterpret_cast<uint8_t*>(value.data()),
                     .namelen = name.size(),
                     .valuelen = value.size(),
                     .flags = NGHTTP2_NV_FLAG_NONE});
    }
    return all;
  }
  static int on_header(nghttp2_session* /*session*/, const nghttp2_frame* frame,
                       const uint8_t* name, size_t name_bytes, const uint8_t* value,
                       size_t value_bytes, uint8_t /*flags*/, void* user) {
    auto& self = *static_cast<Server*>(user);
    if (frame->hd.stream_id != self.stream) {
      self.stream = frame->hd.stream_id;
      self.request.clear();
      self.message.clear();
    }
    self.request.emplace_back(std::string(reinterpret_cast<const char*>(name), name_bytes),
                              std::string(reinterpret_cast<const char*>(value), value_bytes));
    return 0;
  }
  static int on_data(nghttp2_session* /*session*/, uint8_t /*flags*/, int32_t /*stream*/,
                     const uint8_t* data, size_t size_bytes, void* user) {
    static_cast<Server*>(user)->message.append(reinterpret_cast<const char*>(data), size_bytes);
    return 0;
  }
  static int on_frame(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* user) {
    auto& self = *static_cast<Server*>(user);
    const bool is_end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame->hd.type == NGHTTP2_DATA && is_end) self.has_request = true;
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) {
      ++self.pongs_count;
    }
    return 0;
  }
  static ssize_t read_body(nghttp2_session* session, int32_t stream, uint8_t* into,
                           size_t size_bytes, uint32_t* flags, nghttp2_data_source* source,
                           void* /*user*/) {
    auto& self = *static_cast<Server*>(source->ptr);
    const size_t taken = std::min(size_bytes, self.answer_.body.size() - self.sent_bytes_);
    std::memcpy(into, self.answer_.body.data() + self.sent_bytes_, taken);
    self.sent_bytes_ += taken;
    if (self.sent_bytes_ < self.answer_.body.size()) return static_cast<ssize_t>(taken);
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!self.answer_.trailers.empty()) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      std::vector<nghttp2_nv> trailers = to_nv(self.answer_.trailers);
      nghttp2_submit_trailer(session, stream, trailers.data(), trailers.size());
    }
    return static_cast<ssize_t>(taken);
  }

  nghttp2_session* session_ = nullptr;
  Answer answer_;
  size_t sent_bytes_ = 0;
};

class RpcSessionTest : public testing::Test {
 protected:
  // Until neither side has anything to say.
  Status talk() {
    while (true) {
      std::string ours;
      if (Status taken = session_.take_output(ours); !taken) return taken;
      server_.take_in(ours);
      const std::string theirs = server_.output();
      if (Status taken = session_.take_in(as_bytes(theirs)); !taken) return taken;
      if (ours.empty() && theirs.empty()) return {};
    }
  }
  Status ask(const Answer& answer) {
    if (Status started = session_.start("/s/M", "secret", "question"); !started) return started;
    if (Status talked = talk(); !talked) return talked;
    server_.answer(answer);
    return talk();
  }
  RpcReply reply_to(const Answer& answer) {
    const Status asked = ask(answer);
    EXPECT_TRUE(asked) << asked.error().message;
    EXPECT_TRUE(session_.is_answered());
    return session_.is_answered() ? session_.take_reply() : RpcReply();
  }

  RpcSession session_{"host:1", false};
  Server server_;
};

TEST_F(RpcSessionTest, AnAnswerIsReadAndTheNextCallGoesOverTheSameConnection) {
  for (int i = 0; i < 50; ++i) {
    const std::string body = "answer " + std::to_string(i);
    const RpcReply reply = reply_to({.body = framed(body)});
    EXPECT_EQ(reply.code, RpcCode::kOk) << reply.message;
    EXPECT_EQ(reply.body, body);
    EXPECT_TRUE(session_.can_start());
  }
  EXPECT_TRUE(server_.has_request);
  EXPECT_EQ(server_.message, framed("question"));
  const Fields wanted = {{":method", "POST"},   {":scheme", "http"},
                         {":path", "/s/M"},     {":authority", "host:1"},
                         {"te", "trailers"},    {"content-type", "application/grpc"},
                         {"hasleader", "true"}, {"token", "secret"}};
  EXPECT_EQ(server_.request, wanted);
}

TEST_F(RpcSessionTest, ARefusalHasItsStatusAndItsText) {
  const Answer answer{
      .trailers = {{"grpc-status", "14"}, {"grpc-message", "etcdserver%3A no leader 100%, %zz%4"}}};
  const RpcReply reply = reply_to(answer);
  EXPECT_EQ(reply.code, RpcCode::kUnavailable);
  EXPECT_EQ(reply.message, "etcdserver: no leader 100%, %zz%4");
}

TEST_F(RpcSessionTest, WhatIsNoAnswerIsAFailure) {
  const std::vector<std::pair<Answer, RpcCode>> cases = {
      {{.body = ""}, RpcCode::kInternal},
      {{.body = framed("x", 1)}, RpcCode::kInternal},
      {{.body = framed("long").substr(0, 7)}, RpcCode::kInternal},
      {{.body = framed("one") + framed("two")}, RpcCode::kInternal},
      {{.body = framed("x"), .trailers = {}}, RpcCode::kInternal},
      {{.body = framed("x"), .trailers = {{"grpc-status", "99"}}}, RpcCode::kUnknown},
      {{.body = framed("x"), .trailers = {{"grpc-status", "0x"}}}, RpcCode::kUnknown},
      {{.head = {{":status", "503"}}, .body = "busy", .trailers = {}}, RpcCode::kUnavailable},
      {{.head = {{":status", "404"}}, .body = "", .trailers = {}}, RpcCode::kUnimplemented},
      {{.reset = NGHTTP2_REFUSED_STREAM}, RpcCode::kUnavailable},
      {{.reset = NGHTTP2_CANCEL}, RpcCode::kCancelled},
      {{.reset = NGHTTP2_INTERNAL_ERROR}, RpcCode::kInternal}};
  for (size_t i = 0; i < cases.size(); ++i) {
    const RpcReply reply = reply_to(cases[i].first);
    EXPECT_EQ(reply.code, cases[i].second) << i << ": " << reply.message;
    EXPECT_TRUE(reply.body.empty());
  }
}

TEST_F(RpcSessionTest, TheLargestAnswerPassesAndOneByteMoreDoesNot) {
  const RpcReply reply = reply_to({.body = framed(std::string(kRpcAnswerBytesMax, 'x'))});
  EXPECT_EQ(reply.code, RpcCode::kOk) << reply.message;
  EXPECT_EQ(reply.body.size(), kRpcAnswerBytesMax);
  EXPECT_FALSE(ask({.body = framed(std::string(kRpcAnswerBytesMax + 1, 'x'))}));
}

TEST_F(RpcSessionTest, TooManyHeadersEndTheConnection) {
  Answer answer{.body = framed("x")};
  for (int i = 0; i < 20; ++i)
    answer.head.emplace_back("h" + std::to_string(i), std::string(1000, 'v'));
  EXPECT_FALSE(ask(answer));
}

TEST_F(RpcSessionTest, PingsAreAnsweredWithTheNextCall) {
  for (size_t i = 0; i < kRpcPingsMax; ++i) server_.ping();
  EXPECT_EQ(reply_to({.body = framed("a")}).code, RpcCode::kOk);
  EXPECT_EQ(server_.pongs_count, 0U);
  EXPECT_EQ(reply_to({.body = framed("b")}).code, RpcCode::kOk);
  EXPECT_EQ(server_.pongs_count, kRpcPingsMax);
  for (size_t i = 0; i <= kRpcPingsMax; ++i) server_.ping();
  EXPECT_FALSE(ask({.body = framed("c")}));
}

TEST_F(RpcSessionTest, AfterAGoodbyeNothingNewIsAsked) {
  ASSERT_TRUE(session_.start("/s/M", "", "question"));
  ASSERT_TRUE(talk());
  server_.say_goodbye();
  server_.answer({.body = framed("last")});
  ASSERT_TRUE(talk());
  ASSERT_TRUE(session_.is_answered());
  EXPECT_EQ(session_.take_reply().body, "last");
  EXPECT_FALSE(session_.can_start());
}

TEST_F(RpcSessionTest, WhatIsNoHttp2IsFoundOut) {
  ASSERT_TRUE(session_.start("/s/M", "", "question"));
  std::string output;
  ASSERT_TRUE(session_.take_output(output));
  const std::string_view answer = "HTTP/1.1 400 Bad Request\r\n\r\n";
  const Status taken = session_.take_in(as_bytes(answer));
  const Status told = taken ? session_.take_output(output) : taken;
  // Nobody waits for what will never come.
  EXPECT_TRUE(!told || session_.is_answered());
  if (session_.is_answered()) EXPECT_NE(session_.take_reply().code, RpcCode::kOk);
  EXPECT_FALSE(session_.can_start());
}

}  // namespace
}  // namespace cairn::catalog::etcd
