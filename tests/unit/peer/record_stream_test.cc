// Properties: a connection whose records are protected here is a Stream like any other, talks to
// OpenSSL at the other end in either role, follows changes of the keys, and takes no damaged or cut
// bytes for whole ones.
#include "peer/record_stream.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "io/os_stream.h"
#include "io/reactor.h"
#include "io/scope.h"
#include "io/tls.h"
#include "tests/support/peer_certificates.h"

namespace cairn::peer {
namespace {

using Streams = std::pair<std::unique_ptr<io::Stream>, std::unique_ptr<io::Stream>>;
using ContextPointer = std::shared_ptr<const io::TlsContext>;

io::Until soon() {
  return {io::Reactor::current().now() + seconds(30), {}};
}

class RecordStreamTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!crypto::RecordProtection::works()) GTEST_SKIP() << "no library for this processor";
    reactor_ = std::move(io::Reactor::create(io::ReactorOptions()).value());
  }
  template <typename T>
  T wait(io::Task<T> task) {
    return reactor_->run(std::move(task));
  }
  static io::TlsTakeover takeover(bool own_records) {
    return own_records ? record_takeover() : io::TlsTakeover();
  }
  ContextPointer server(bool own_records) {
    return io::TlsContext::server({.certificate_chain_path = certificates_.certificate("a"),
                                   .private_key_path = certificates_.key("a"),
                                   .client_ca_path = certificates_.ca(),
                                   .takeover = takeover(own_records)})
        .value();
  }
  ContextPointer client(bool own_records) {
    return io::TlsContext::client({.ca_path = certificates_.ca(),
                                   .certificate_chain_path = certificates_.certificate("b"),
                                   .private_key_path = certificates_.key("b"),
                                   .takeover = takeover(own_records)})
        .value();
  }
  static io::Task<void> accept(std::unique_ptr<io::Stream> raw, ContextPointer context,
                               std::unique_ptr<io::Stream>* into) {
    Result<std::unique_ptr<io::Stream>> made =
        co_await io::tls_accept(std::move(raw), std::move(context), soon());
    EXPECT_TRUE(made) << made.error().message;
    *into = std::move(*made);
  }
  static io::Task<Streams> make_pair() { co_return io::make_stream_pair().value(); }
  // The client's end and the server's.
  static io::Task<Streams> connect(ContextPointer to, ContextPointer from) {
    auto [left, right] = io::make_stream_pair().value();
    Streams made;
    io::Scope scope;
    scope.spawn(accept(std::move(right), std::move(to), &made.second));
    Result<std::unique_ptr<io::Stream>> connected =
        co_await io::tls_connect(std::move(left), std::move(from), "127.0.0.1", soon());
    EXPECT_TRUE(connected) << connected.error().message;
    made.first = std::move(*connected);
    co_await scope.join();
    co_return made;
  }
  static io::Task<void> send(io::Stream& by, const Bytes& bytes, size_t pieces_count) {
    std::vector<BytesView> pieces;
    for (size_t i = 0; i < pieces_count; ++i) {
      const size_t from = bytes.size() * i / pieces_count;
      pieces.push_back(
          BytesView(bytes).subspan(from, bytes.size() * (i + 1) / pieces_count - from));
    }
    const Status sent = co_await by.send(pieces, soon(), false);
    EXPECT_TRUE(sent);
    const Status ended = co_await by.end_sending();
    EXPECT_TRUE(ended);
  }
  // In pieces of many sizes, by all ways of receiving.
  static io::Task<void> receive(io::Stream& by, const Bytes& expected) {
    Bytes got;
    Random& random = system_random();
    while (true) {
      const uint64_t how = random.next_u64() % 3;
      Bytes into(how == 0 ? 1 + random.next_u64() % 40'000 : 1 + random.next_u64() % 700'000);
      if (how == 2) {
        const Result<Buffer> some = co_await by.receive_some(soon());
        EXPECT_TRUE(some) << some.error().message;
        if (!some || some->empty()) break;
        got.insert(got.end(), some->view().begin(), some->view().end());
        continue;
      }
      Result<size_t> received{size_t{0}};
      if (how == 0) {
        received = co_await by.receive(into, soon());
      } else {
        received = co_await by.receive_full(into, soon());
      }
      EXPECT_TRUE(received) << received.error().message;
      const size_t size = received ? *received : 0;
      got.insert(got.end(), into.begin(), into.begin() + static_cast<ptrdiff_t>(size));
      if (size == 0) break;
    }
    EXPECT_TRUE(got == expected) << got.size() << " of " << expected.size();
  }
  static io::Task<void> exchange(Streams streams, const Bytes& there, const Bytes& back,
                                 size_t pieces_count) {
    {
      io::Scope scope;
      scope.spawn(send(*streams.first, there, pieces_count));
      scope.spawn(send(*streams.second, back, pieces_count));
      scope.spawn(receive(*streams.second, there));
      scope.spawn(receive(*streams.first, back));
      co_await scope.join();
    }
    co_await streams.first->close();
    co_await streams.second->close();
  }
  static Bytes random_bytes(size_t size) {
    Bytes bytes(size);
    system_random().fill(bytes);
    return bytes;
  }

  testing_support::PeerCertificates certificates_;
  std::unique_ptr<io::Reactor> reactor_;
};

TEST_F(RecordStreamTest, EveryByteArrivesBetweenAnyTwo) {
  for (const bool own_server : {true, false}) {
    for (const bool own_client : {true, false}) {
      if (!own_server && !own_client) continue;
      for (const size_t pieces_count : {1U, 3U, 40U}) {
        SCOPED_TRACE(testing::Message() << own_server << own_client << " " << pieces_count);
        Streams streams = wait(connect(server(own_server), client(own_client)));
        EXPECT_EQ(dynamic_cast<RecordStream*>(streams.first.get()) != nullptr, own_client);
        EXPECT_EQ(dynamic_cast<RecordStream*>(streams.second.get()) != nullptr, own_server);
        wait(exchange(std::move(streams), random_bytes(3'000'000), random_bytes(1'000'001),
                      pieces_count));
      }
    }
  }
}

TEST_F(RecordStreamTest, TinyPiecesAndNothingAtAllArrive) {
  for (const size_t size : {0U, 1U, 17U, 16384U, 16385U}) {
    wait(exchange(wait(connect(server(true), client(true))), random_bytes(size), random_bytes(1),
                  std::max<size_t>(1, std::min<size_t>(size, 1000))));
  }
}

// What a stream below another one carries can be changed on its way.
class Meddler final : public io::Stream {
 public:
  explicit Meddler(std::unique_ptr<io::Stream> below) : below_(std::move(below)) {}
  io::Task<Result<size_t>> receive(MutableBytes into, io::Until until) override {
    Result<size_t> got = co_await below_->receive(into, until);
    if (got && *got > 100 && damage) into[*got / 2] ^= 1;
    co_return got;
  }
  io::Task<Result<size_t>> receive_full(MutableBytes into, io::Until until) override {
    return below_->receive_full(into, until);
  }
  io::Task<Result<Buffer>> receive_some(io::Until until) override {
    Result<Buffer> got = co_await below_->receive_some(until);
    if (got && got->size() > 100 && damage) got->data()[got->size() / 2] ^= 1;
    co_return got;
  }
  io::Task<Status> send(std::span<const BytesView> pieces, io::Until until, bool more) override {
    return below_->send(pieces, until, more);
  }
  io::Task<Status> end_sending() override { return below_->end_sending(); }
  io::Task<void> close() override { return below_->close(); }
  const io::Endpoint& peer() const override { return below_->peer(); }
  bool is_encrypted() const override { return false; }
  bool damage = true;

 private:
  std::unique_ptr<io::Stream> below_;
};

io::TlsHandover handover(std::unique_ptr<io::Stream> stream, uint8_t mine, uint8_t theirs) {
  io::TlsHandover made;
  made.transport = std::move(stream);
  made.send_secret.fill(mine);
  made.receive_secret.fill(theirs);
  return made;
}

io::Task<void> expect_failure(std::unique_ptr<io::Stream> by, std::unique_ptr<io::Stream> other) {
  Bytes into(100'000);
  Result<size_t> got = co_await by->receive(into, soon());
  if (got) got = co_await by->receive(into, soon());
  EXPECT_FALSE(got);
  co_await by->close();
  co_await other->close();
}

TEST_F(RecordStreamTest, DamagedBytesAreAFailure) {
  auto [left, right] = wait(make_pair());
  auto sender = std::make_unique<RecordStream>(handover(std::move(left), 1, 2));
  auto receiver =
      std::make_unique<RecordStream>(handover(std::make_unique<Meddler>(std::move(right)), 2, 1));
  const Bytes bytes = random_bytes(50'000);
  wait(send(*sender, bytes, 1));
  wait(expect_failure(std::move(receiver), std::move(sender)));
}

// The transport ends without a farewell.
TEST_F(RecordStreamTest, ACutIsAFailure) {
  auto [left, right] = wait(make_pair());
  EXPECT_TRUE(wait(left->end_sending()));
  auto receiver = std::make_unique<RecordStream>(handover(std::move(right), 2, 1));
  wait(expect_failure(std::move(receiver), std::move(left)));
}

// Messages that OpenSSL has no function for in the middle of a stream are made by hand.
io::Task<void> send_raw(io::Stream& to, crypto::RecordProtection& by, crypto::RecordType type,
                        const Bytes& plain) {
  Bytes record(plain.size() + crypto::kRecordOverheadBytes);
  const std::array<BytesView, 1> one{plain};
  by.seal(type, one, record);
  const std::array<BytesView, 1> wire{record};
  const Status sent = co_await to.send(wire, soon(), false);
  EXPECT_TRUE(sent);
}

io::Task<void> follow_updates(std::unique_ptr<io::Stream> raw, std::unique_ptr<io::Stream> stream) {
  crypto::Sha256Value mine{};
  mine.fill(1);
  crypto::Sha256Value theirs{};
  theirs.fill(2);
  crypto::RecordProtection sealing(mine);
  crypto::RecordProtection opening(theirs);
  // A ticket and an update that asks for one in return, in one record; then data by the new key.
  co_await send_raw(*raw, sealing, crypto::RecordType::kHandshake,
                    {4, 0, 0, 2, 9, 9, 24, 0, 0, 1, 1});
  sealing.update();
  co_await send_raw(*raw, sealing, crypto::RecordType::kData, {'h', 'i'});
  Bytes into(100);
  const Result<size_t> got = co_await stream->receive(into, soon());
  EXPECT_TRUE(got && *got == 2 && into[0] == 'h');
  // It answers with an update of its own, and goes on by its next key.
  const std::array<BytesView, 1> word{as_bytes("well")};
  const Status sent = co_await stream->send(word, soon(), false);
  EXPECT_TRUE(sent);
  Bytes wire(5 + crypto::kRecordOverheadBytes + 4 + crypto::kRecordOverheadBytes);
  const Result<size_t> there = co_await raw->receive_full(wire, soon());
  EXPECT_TRUE(there && *there == wire.size());
  const size_t first = *crypto::RecordProtection::record_bytes(wire);
  const auto update = opening.open(BytesView(wire).first(first), into);
  EXPECT_TRUE(update && update->type == crypto::RecordType::kHandshake && into[0] == 24);
  opening.update();
  const auto data = opening.open(BytesView(wire).subspan(first), into);
  EXPECT_TRUE(data && data->type == crypto::RecordType::kData && data->size_bytes == 4);
  co_await raw->close();
  co_await stream->close();
}

TEST_F(RecordStreamTest, KeysChangeWhenTheOtherEndSaysSo) {
  auto [left, right] = wait(make_pair());
  auto stream = std::make_unique<RecordStream>(handover(std::move(right), 2, 1));
  wait(follow_updates(std::move(left), std::move(stream)));
}

}  // namespace
}  // namespace cairn::peer
