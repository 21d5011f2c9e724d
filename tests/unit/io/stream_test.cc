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

Bytes random_bytes(size_t size_bytes, uint64_t seed) {
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

Task<void> send_all(Stream& stream, BytesView bytes) {
  const BytesView pieces[] = {bytes.first(bytes.size() / 3), {}, bytes.subspan(bytes.size() / 3)};
  const Status sent = co_await stream.send(pieces, soon());
  EXPECT_TRUE(sent) << sent.error().message;
  const Status ended = co_await stream.end_sending();
  EXPECT_TRUE(ended);
}

// Reads in odd pieces and lets the sender run ahead in between.
Task<void> receive_slowly(Stream& stream, BytesView expected) {
  Bytes piece(777777);
  size_t done = 0;
  for (int turn = 0;; ++turn) {
    if (turn % 16 == 0) {
      const Status slept = co_await sleep_for(milliseconds(1));
      EXPECT_TRUE(slept);
    }
    const MutableBytes into(piece.data(), piece.size() - static_cast<size_t>(turn % 7) * 100000);
    const Result<size_t> got = turn % 2 == 0 ? co_await stream.receive(into, soon())
                                             : co_await stream.receive_full(into, soon());
    EXPECT_TRUE(got) << got.error().message;
    if (!got || *got == 0) break;
    const BytesView part = BytesView(piece).first(*got);
    EXPECT_LE(done + *got, expected.size());
    if (done + *got > expected.size()) break;
    EXPECT_TRUE(std::ranges::equal(part, expected.subspan(done, *got))) << "at " << done;
    done += *got;
  }
  EXPECT_EQ(done, expected.size());
}

Task<Status> exchange_big(BytesView up, BytesView down) {
  Connected pair = co_await or_return(connect_pair());
  Scope scope;
  scope.spawn(send_all(*pair.client, up));
  scope.spawn(send_all(*pair.server, down));
  scope.spawn(receive_slowly(*pair.client, down));
  scope.spawn(receive_slowly(*pair.server, up));
  co_await scope.join();
  co_await close_pair(pair);
  co_return Status();
}

TEST_P(StreamTest, SendsSixtyFourMebibytesBothWaysToSlowReaders) {
  const Bytes up = random_bytes(64 * MiB, 1);
  const Bytes down = random_bytes(64 * MiB, 2);
  const Status done = run(exchange_big(up, down));
  EXPECT_TRUE(done) << done.error().message;
}

Task<Status> send_many_pieces(BytesView bytes) {
  auto pair = co_await or_return(make_stream_pair());
  std::vector<BytesView> pieces;
  // More pieces than one kernel call takes, some of them empty.
  for (size_t at = 0; at < bytes.size();) {
    const size_t size = std::min(bytes.size() - at, at % 1000);
    pieces.push_back(bytes.subspan(at, size));
    at += std::max<size_t>(size, 1);
    if (size == 0) pieces.push_back(bytes.subspan(at - 1, 1));
  }
  EXPECT_GT(pieces.size(), 100u);
  Scope scope;
  scope.spawn(receive_slowly(*pair.second, bytes));
  co_await or_return(pair.first->send(pieces, soon()));
  co_await or_return(pair.first->end_sending());
  co_await scope.join();
  co_await pair.first->close();
  co_await pair.second->close();
  co_return Status();
}

TEST_P(StreamTest, GathersAnyNumberOfPieces) {
  const Status done = run(send_many_pieces(random_bytes(300000, 3)));
  EXPECT_TRUE(done) << done.error().message;
}

Task<void> idle_until_stopped(Stream& stream, StopToken stop, int& stopped) {
  const Result<Buffer> got = co_await stream.receive_some({.stop = stop});
  EXPECT_FALSE(got);
  if (!got && got.error().code == Code::kCancelled) ++stopped;
}

using StreamPair = std::pair<StreamPtr, StreamPtr>;

Task<Status> hold_idle_connections(int& stopped) {
  constexpr int kConnectionsCount = 400;  // Two descriptors each; the usual limit is 1024.
  std::vector<StreamPair> pairs;
  for (int i = 0; i < kConnectionsCount; ++i) {
    pairs.push_back(co_await or_return(make_stream_pair()));
  }
  Scope scope;
  for (StreamPair& pair : pairs) {
    scope.spawn(idle_until_stopped(*pair.first, scope.stop_token(), stopped));
    scope.spawn(idle_until_stopped(*pair.second, scope.stop_token(), stopped));
  }
  co_await yield();
  const Status slept = co_await sleep_for(milliseconds(1));
  EXPECT_TRUE(slept);
  EXPECT_EQ(Reactor::current().buffers().used_bytes(), 0u);
  scope.request_stop();
  co_await scope.join();
  for (StreamPair& pair : pairs) {
    co_await pair.first->close();
    co_await pair.second->close();
  }
  co_return Status();
}

TEST_P(StreamTest, EightHundredIdleConnectionsHoldNoBuffers) {
  int stopped = 0;
  const Status done = run(hold_idle_connections(stopped));
  EXPECT_TRUE(done) << done.error().message;
  EXPECT_EQ(stopped, 800);
}

Task<void> receive_and_keep(Stream& stream, std::vector<Buffer>& kept) {
  Result<Buffer> got = co_await stream.receive_some(soon());
  EXPECT_TRUE(got) << got.error().message;
  if (!got) co_return;
  EXPECT_EQ(as_text(got->view()), "ping");
  kept.push_back(std::move(*got));
}

// More connections have data than the pool has buffers: each gets its turn as others let go.
Task<Status> receive_beyond_the_pool(size_t& kept_max) {
  std::vector<StreamPair> pairs;
  for (int i = 0; i < 100; ++i) pairs.push_back(co_await or_return(make_stream_pair()));
  std::vector<Buffer> kept;
  Scope scope;
  for (StreamPair& pair : pairs) scope.spawn(receive_and_keep(*pair.second, kept));
  for (StreamPair& pair : pairs) co_await or_return(send_text(*pair.first, "ping"));
  while (scope.running_count() != 0) {
    const Status slept = co_await sleep_for(milliseconds(1));
    EXPECT_TRUE(slept);
    kept_max = std::max(kept_max, kept.size());
    EXPECT_LE(Reactor::current().buffers().used_bytes(), Reactor::current().buffers().cap_bytes());
    kept.clear();
  }
  co_await scope.join();
  kept.clear();
  for (StreamPair& pair : pairs) {
    co_await pair.first->close();
    co_await pair.second->close();
  }
  co_return Status();
}

TEST_P(StreamTest, ReceivesWaitForMemoryWhenThePoolIsEmpty) {
  ReactorOptions small = options();
  small.pool_bytes = 20 * kSmallBufferBytes;
  make_reactor(small);
  size_t kept_max = 0;
  const Status done = run(receive_beyond_the_pool(kept_max));
  EXPECT_TRUE(done) << done.error().message;
  EXPECT_LE(kept_max, 20u);
  EXPECT_EQ(reactor_->buffers().used_bytes(), 0u);
}

Task<Status> meet_deadlines() {
  Connected pair = co_await or_return(connect_pair());
  const Clock& clock = Reactor::current().clock();
  Bytes memory(4096, 0xAA);

  const Until until{.deadline = clock.now() + milliseconds(60)};
  const Result<size_t> got = co_await pair.client->receive(memory, until);
  EXPECT_FALSE(got);
  EXPECT_EQ(got ? Code::kInternal : got.error().code, Code::kDeadlineExceeded);
  EXPECT_GE(clock.now(), until.deadline);

  // What comes later is for the next receive and not for the memory of the one that gave up.
  co_await or_return(send_text(*pair.server, "late"));
  const Buffer late = co_await or_return(pair.client->receive_some(soon()));
  EXPECT_EQ(as_text(late.view()), "late");
  EXPECT_TRUE(std::ranges::all_of(memory, [](uint8_t byte) { return byte == 0xAA; }));

  // A deadline that has passed already.
  const Result<Buffer> none = co_await pair.client->receive_some({.deadline = Instant{1}});
  EXPECT_EQ(none ? Code::kInternal : none.error().code, Code::kDeadlineExceeded);
  co_await close_pair(pair);
  co_return Status();
}

TEST_P(StreamTest, ReceivesMeetTheirDeadlinesAndLetGoOfTheirMemory) {
  const Status done = run(meet_deadlines());
  EXPECT_TRUE(done) << done.error().message;
}

Task<Status> give_up_sending(Code& full_code, Code& partial_code) {
  Connected pair = co_await or_return(connect_pair());
  const Bytes much(64 * MiB, 1);
  const BytesView pieces[] = {much};
  const Clock& clock = Reactor::current().clock();
  // Nobody reads: the socket buffers fill and the send waits.
  const Status sent =
      co_await pair.client->send(pieces, {.deadline = clock.now() + milliseconds(60)});
  if (!sent) full_code = sent.error().code;
  // Some of this arrives, the rest never does.
  Bytes into(256 * MiB);
  const Result<size_t> got = co_await pair.server->receive_full(
      into, {.deadline = Reactor::current().clock().now() + milliseconds(60)});
  if (!got) partial_code = got.error().code;
  co_await close_pair(pair);
  co_return Status();
}

TEST_P(StreamTest, PartialTransfersMeetTheirDeadlines) {
  Code full_code = Code::kInternal;
  Code partial_code = Code::kInternal;
  const Status done = run(give_up_sending(full_code, partial_code));
  EXPECT_TRUE(done) << done.error().message;
  EXPECT_EQ(full_code, Code::kDeadlineExceeded);
  EXPECT_EQ(partial_code, Code::kDeadlineExceeded);
}

Task<void> receive_until_stopped(Stream& stream, StopToken stop, Code& code) {
  Bytes memory(100);
  const Result<size_t> got = co_await stream.receive(memory, {.stop = stop});
  if (!got) code = got.error().code;
}

Task<Status> stop_receivers(Code& during, Code& before) {
  Connected pair = co_await or_return(connect_pair());
  Scope scope;
  scope.spawn(receive_until_stopped(*pair.client, scope.stop_token(), during));
  co_await yield();
  scope.request_stop();
  co_await scope.join();
  scope.spawn(receive_until_stopped(*pair.client, scope.stop_token(), before));
  co_await scope.join();
  co_await close_pair(pair);
  co_return Status();
}

TEST_P(StreamTest, AStopEndsAReceive) {
  Code during = Code::kInternal;
  Code before = Code::kInternal;
  EXPECT_TRUE(run(stop_receivers(during, before)));
  EXPECT_EQ(during, Code::kCancelled);
  EXPECT_EQ(before, Code::kCancelled);
}

Task<Status> meet_resets(Code& received, Code& sent_code) {
  Connected pair = co_await or_return(connect_pair());
  // Closing with unread data and zero linger resets the connection.
  const linger abort{.l_onoff = 1, .l_linger = 0};
  const int fd = static_cast<OsStream&>(*pair.server).fd();
  EXPECT_EQ(::setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof(abort)), 0);
  co_await pair.server->close();
  const Result<Buffer> got = co_await pair.client->receive_some(soon());
  if (!got) received = got.error().code;
  const Status sent = co_await send_text(*pair.client, "into the void");
  if (!sent) sent_code = sent.error().code;
  co_await pair.client->close();
  co_await pair.listener->close();
  co_return Status();
}

TEST_P(StreamTest, AResetIsAnErrorInBothDirections) {
  Code received = Code::kInternal;
  Code sent = Code::kInternal;
  EXPECT_TRUE(run(meet_resets(received, sent)));
  EXPECT_EQ(received, Code::kIo);
  EXPECT_EQ(sent, Code::kIo);
}

Task<Status> meet_the_end() {
  Connected pair = co_await or_return(connect_pair());
  co_await or_return(send_text(*pair.client, "last words"));
  co_await or_return(pair.client->end_sending());
  Bytes memory(100);
  const size_t got = co_await or_return(pair.server->receive_full(memory, soon()));
  EXPECT_EQ(as_text(BytesView(memory).first(got)), "last words");
  for (int i = 0; i < 3; ++i) {
    const size_t end = co_await or_return(pair.server->receive(memory, soon()));
    EXPECT_EQ(end, 0u);
    const Buffer none = co_await or_return(pair.server->receive_some(soon()));
    EXPECT_TRUE(none.empty());
  }
  // The other direction goes on.
  co_await or_return(send_text(*pair.server, "reply"));
  const Buffer reply = co_await or_return(pair.client->receive_some(soon()));
  EXPECT_EQ(as_text(reply.view()), "reply");
  co_await close_pair(pair);
  co_return Status();
}

TEST_P(StreamTest, TheEndOfADirectionIsSeenAndStays) {
  const Status done = run(meet_the_end());
  EXPECT_TRUE(done) << done.error().message;
}

Task<Status> check_socket_options() {
  Connected pair = co_await or_return(connect_pair());
  for (Stream* const stream : {pair.client.get(), pair.server.get()}) {
    const int fd = static_cast<OsStream*>(stream)->fd();
    int no_delay = 0;
    socklen_t size = sizeof(no_delay);
    EXPECT_EQ(::getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &size), 0);
    EXPECT_EQ(no_delay, 1);
    char congestion[16] = {};
    size = sizeof(congestion);
    EXPECT_EQ(::getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion, &size), 0);
    EXPECT_STREQ(congestion, "cubic");
  }
  EXPECT_EQ(pair.client->peer().to_string(), pair.listener->local().to_string());
  EXPECT_EQ(pair.server->peer().host, "127.0.0.1");
  EXPECT_FALSE(pair.client->is_encrypted());
  co_await close_pair(pair);
  co_return Status();
}

TEST_P(StreamTest, AcceptedSocketsInheritTheListenersOptions) {
  const Status done = run(check_socket_options());
  EXPECT_TRUE(done) << done.error().message;
}

Task<Code> connect_to_nobody() {
  auto listener = co_await listen_anywhere();
  EXPECT_TRUE(listener);
  const Endpoint gone = (*listener)->local();
  co_await (*listener)->close();
  Result<StreamPtr> stream = co_await system_network().connect(gone, soon());
  EXPECT_FALSE(stream);
  co_return stream ? Code::kInternal : stream.error().code;
}

TEST_P(StreamTest, ARefusedConnectionIsUnavailable) {
  EXPECT_EQ(run(connect_to_nobody()), Code::kUnavailable);
}

Task<Code> connect_by_name(Endpoint to) {
  Result<StreamPtr> stream = co_await system_network().connect(std::move(to), soon());
  if (!stream) co_return stream.error().code;
  co_await (*stream)->close();
  co_return Code::kClosed;
}

Task<Code> connect_to_localhost() {
  auto listener = co_await listen_anywhere();
  EXPECT_TRUE(listener);
  const Endpoint named{.host = "localhost", .port = (*listener)->local().port};
  const Code code = co_await connect_by_name(named);
  co_await (*listener)->close();
  co_return code;
}

TEST_P(StreamTest, NamesAreResolved) {
  EXPECT_EQ(run(connect_to_localhost()), Code::kClosed);
}

// A full accept queue drops handshakes, so that this connect neither succeeds nor fails.
Task<Code> connect_in_vain() {
  ListenOptions options;
  options.backlog = 0;
  auto listener = co_await system_network().listen({.host = "127.0.0.1", .port = 0}, options);
  EXPECT_TRUE(listener);
  std::vector<StreamPtr> taken;
  Code code = Code::kInternal;
  for (int i = 0; i < 10 && code == Code::kInternal; ++i) {
    const Until until{.deadline = Reactor::current().clock().now() + milliseconds(100)};
    auto stream = co_await system_network().connect((*listener)->local(), until);
    if (stream) {
      taken.push_back(std::move(*stream));
    } else {
      code = stream.error().code;
    }
  }
  for (StreamPtr& stream : taken) co_await stream->close();
  co_await (*listener)->close();
  co_return code;
}

TEST_P(StreamTest, AConnectMeetsItsDeadline) {
  EXPECT_EQ(run(connect_in_vain()), Code::kDeadlineExceeded);
}

Task<void> accept_until(Listener& listener, Until until, Code& code) {
  Result<StreamPtr> stream = co_await listener.accept(until);
  EXPECT_FALSE(stream);
  if (!stream) code = stream.error().code;
}

Task<void> connect_and_close(Endpoint to) {
  Result<StreamPtr> stream = co_await system_network().connect(std::move(to), soon());
  EXPECT_TRUE(stream) << stream.error().message;
  if (stream) co_await (*stream)->close();
}

// Gives up accepting, then accepts a burst larger than the listener takes ahead.
Task<Status> accept_a_burst(int& accepted) {
  constexpr int kBurst = 300;
  auto listener = co_await or_return(listen_anywhere());
  Scope scope;
  Code code = Code::kInternal;
  const Instant deadline = Reactor::current().clock().now() + milliseconds(20);
  scope.spawn(accept_until(*listener, {.deadline = deadline}, code));
  co_await scope.join();
  EXPECT_EQ(code, Code::kDeadlineExceeded);
  for (int i = 0; i < kBurst; ++i) scope.spawn(connect_and_close(listener->local()));
  co_await scope.join();
  for (; accepted < kBurst; ++accepted) {
    StreamPtr stream = co_await or_return(listener->accept(soon()));
    co_await stream->close();
  }
  // Closing with connections that nobody accepted.
  for (int i = 0; i < 5; ++i) scope.spawn(connect_and_close(listener->local()));
  co_await scope.join();
  co_await listener->close();
  co_return Status();
}

TEST_P(StreamTest, AcceptsBurstsAndGivesUp) {
  int accepted = 0;
  const Status done = run(accept_a_burst(accepted));
  EXPECT_TRUE(done) << done.error().message;
  EXPECT_EQ(accepted, 300);
}

Task<Code> listen_twice() {
  ListenOptions alone;
  alone.reuse_port = false;
  auto first = co_await system_network().listen({.host = "127.0.0.1", .port = 0}, alone);
  EXPECT_TRUE(first);
  auto second = co_await system_network().listen((*first)->local(), alone);
  EXPECT_FALSE(second);
  co_await (*first)->close();
  co_return second ? Code::kInternal : second.error().code;
}

TEST_P(StreamTest, AnAddressInUseIsSaid) {
  EXPECT_EQ(run(listen_twice()), Code::kAlreadyExists);
}

Task<Status> share_a_port() {
  auto first = co_await or_return(listen_anywhere());
  auto second = co_await or_return(system_network().listen(first->local(), {}));
  EXPECT_EQ(first->local().port, second->local().port);
  co_await first->close();
  co_await second->close();
  co_return Status();
}

TEST_P(StreamTest, ReactorsShareAPort) {
  const Status done = run(share_a_port());
  EXPECT_TRUE(done) << done.error().message;
}

}  // namespace
}  // namespace cairn::io
