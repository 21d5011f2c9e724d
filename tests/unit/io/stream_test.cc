// Properties: bytes arrive whole and in order whatever their size and direction; waiting holds no
// memory; deadlines and stops end an operation; a dead peer is an error and not a hang.
// Method: real sockets on the loopback device and Unix pairs, on both backends.
#include "io/stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <vector>

#include "base/random.h"
#include "io/os_stream.h"
#include "io/scope.h"
#include "io/sync.h"
#include "tests/unit/io/io_fixture.h"

namespace cairn::io {
namespace {

using StreamPtr = std::unique_ptr<Stream>;

struct Connected {
  std::unique_ptr<Listener> listener;
  StreamPtr client;
  StreamPtr server;
};

Task<void> accept_into(Listener& listener, StreamPtr& into) {
  Result<StreamPtr> accepted = co_await listener.accept(soon());
  EXPECT_TRUE(accepted) << accepted.error().message;
  if (accepted) into = std::move(*accepted);
}

Task<Result<std::unique_ptr<Listener>>> listen_anywhere() {
  return system_network().listen({.host = "127.0.0.1", .port = 0}, {});
}

Task<Result<Connected>> connect_pair() {
  Connected made;
  made.listener = co_await or_return(listen_anywhere());
  Scope scope;
  scope.spawn(accept_into(*made.listener, made.server));
  Result<StreamPtr> client = co_await system_network().connect(made.listener->local(), soon());
  co_await scope.join();
  made.client = co_await or_return(std::move(client));
  if (made.server == nullptr) co_return fail(Code::kInternal, "nothing was accepted");
  co_return made;
}

Task<void> close_pair(Connected& pair) {
  co_await pair.client->close();
  co_await pair.server->close();
  co_await pair.listener->close();
}

[[maybe_unused]] Bytes random_bytes(size_t size_bytes, uint64_t seed) {
  Bytes bytes(size_bytes);
  SeededRandom(seed).fill(bytes);
  return bytes;
}

Task<Status> send_text(Stream& stream, std::string_view text) {
  const BytesView pieces[] = {as_bytes(text)};
  co_return co_await stream.send(pieces, soon());
}

Task<void> echo_until_end(Stream& stream) {
  for (;;) {
    Result<Buffer> got = co_await stream.receive_some(soon());
    EXPECT_TRUE(got) << got.error().message;
    if (!got || got->empty()) co_return;
    const BytesView pieces[] = {got->view()};
    const Status sent = co_await stream.send(pieces, soon());
    EXPECT_TRUE(sent);
  }
}

class StreamTest : public IoTest {};
INSTANTIATE_ON_BOTH_BACKENDS(StreamTest);

Task<Status> exchange_pipelined() {
  Connected pair = co_await or_return(connect_pair());
  Scope scope;
  scope.spawn(echo_until_end(*pair.server));
  std::string sent;
  for (int i = 0; i < 200; ++i) {
    const std::string request = "request " + std::to_string(i) + ";";
    sent += request;
    co_await or_return(send_text(*pair.client, request));
  }
  Bytes back(sent.size());
  const size_t got = co_await or_return(pair.client->receive_full(back, soon()));
  EXPECT_EQ(got, back.size());
  EXPECT_EQ(as_text(back), sent);
  co_await or_return(pair.client->end_sending());
  co_await scope.join();
  // The echoing side has seen the end and closes: so do we.
  co_await close_pair(pair);
  co_return Status();
}

TEST_P(StreamTest, EchoesPipelinedRequestsInOrder) {
  const Status done = run(exchange_pipelined());
  EXPECT_TRUE(done) << done.error().message;
}

}  // namespace
}  // namespace cairn::io
