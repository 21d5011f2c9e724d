// Nodes on one reactor, each with a tier, a listener with real TLS and a door, in front of one home
// that counts. A node can be made to misbehave.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "crypto/crc64.h"
#include "io/reactor.h"
#include "io/scope.h"
#include "io/tls_listener.h"
#include "peer/door.h"
#include "peer/peer_tier.h"
#include "tests/support/chunk_samples.h"
#include "tests/support/counting_home.h"
#include "tests/support/peer_certificates.h"

namespace cairn::peer {

// What a node does to those who ask it.
enum class Mood : uint8_t {
  kWell,
  kSilent,       // Takes the request and says nothing.
  kHalf,         // Begins to answer and stops in the middle.
  kSaysItReads,  // Says that it lives, and no more.
  kRefuses,      // 503.
  kCuts,         // Ends the connection in the middle.
  kLies,         // Other bytes, with the checksum of the right ones.
  kLiesWell,     // Other bytes, with their checksum.
  kBabbles,      // Something that is no answer.
};

class MoodyDoor final : public http::Handler {
 public:
  explicit MoodyDoor(Door::Parts parts) : door_(parts), tier_(parts.tier) {}

  io::Task<void> handle(http::Exchange& exchange) override {
    ++requests_count;
    if (mood == Mood::kWell) {
      co_await door_.handle(exchange);
      co_return;
    }
    if (mood == Mood::kRefuses) {
      const http::ResponseHead head(503);
      static_cast<void>(co_await exchange.respond(head));
      co_return;
    }
    const std::optional<Question> question =
        parse_question(exchange.head().path, exchange.head().query);
    if (mood != Mood::kSilent && question) co_await misbehave(exchange, *question);
    if (mood == Mood::kSilent || mood == Mood::kHalf) co_await wake.wait();
  }

  Mood mood = Mood::kWell;
  io::Event wake;
  uint64_t requests_count = 0;

 private:
  io::Task<void> misbehave(http::Exchange& exchange, Question question) {
    const http::ResponseHead head(200);
    static_cast<void>(co_await exchange.start_response(head, std::nullopt));
    for (int i = 0; mood == Mood::kSaysItReads && i < 1000 && !wake.is_set(); ++i) {
      static_cast<void>(co_await exchange.send_body(BytesView(&kWaitMark, 1)));
      static_cast<void>(co_await io::sleep_for(milliseconds(10)));
    }
    Result<storage::SealedRead> read =
        co_await tier_.read(question.chunk, question.range, {.from_peer = true});
    if (!read) co_return;
    AnswerHead answer{.outcome = AnswerHead::Outcome::kBytes,
                      .owners_count = 1,
                      .header_bytes = static_cast<uint16_t>(read->header.size()),
                      .data_bytes = static_cast<uint32_t>(read->payload.size()),
                      .payload_bytes = read->payload_bytes,
                      .checksum = 0};
    if (mood == Mood::kLiesWell) read->payload.data()[read->payload.size() / 2] ^= 1;
    answer.checksum = crypto::crc64_nvme(crypto::crc64_nvme(0, read->header), read->payload.view());
    if (mood == Mood::kLies) read->payload.data()[read->payload.size() / 2] ^= 1;
    const auto encoded = encode(answer);
    Bytes babble(encoded.size(), 'x');
    const bool whole = mood == Mood::kLies || mood == Mood::kLiesWell;
    const BytesView data = read->payload.view();
    const std::array<BytesView, 3> pieces{
        mood == Mood::kBabbles ? BytesView(babble) : BytesView(encoded), read->header,
        whole ? data : data.first(data.size() / 2)};
    static_cast<void>(co_await exchange.send_body(pieces));
    if (whole) static_cast<void>(co_await exchange.finish_response());
  }

  Door door_;
  PeerTier& tier_;
};

// A node without tiers of its own.
class KeptInventory final : public Inventory {
 public:
  explicit KeptInventory(PeerTier& tier) : tier_(tier) {}
  Holding holding(const ChunkId& id) const override {
    const cache::CachedBytes kept = tier_.keeper().held(id);
    return {.kept_bytes = kept.cached, .pinned_bytes = kept.pinned};
  }
  bool forget(const ChunkId& id) override { return tier_.keeper().forget(id); }
  NodeStats stats() const override {
    return {.asked = tier_.counters().asked, .kept_bytes = tier_.keeper().reading().used_bytes};
  }

 private:
  PeerTier& tier_;
};

class TestNode {
 public:
  TestNode(std::string name, storage::ChunkStore& home, const Identity& identity, Duration patience,
           double bytes_per_second = kNodeBytesPerSecond,
           io::Network& network = io::system_network())
      : name(std::move(name)),
        tier(options_of(this->name, home, identity, patience, network)),
        heat(bytes_per_second),
        network_(network) {}

  io::Task<Status> listen(const Identity& identity) {
    std::unique_ptr<io::Listener> listener =
        co_await io::or_return(network_.listen({"127.0.0.1", 0}, {}));
    listener = io::make_tls_listener(std::move(listener), identity.server);
    server = std::make_unique<http::Server>(std::move(listener), door, http::ServerOptions());
    running.spawn(server->run());
    co_return Status();
  }
  io::Task<void> stop() {
    door.wake.set();
    if (server) server->stop();
    co_await running.join();
    server.reset();
  }
  cluster::Member member() const {
    cluster::Member member;
    member.name = name;
    member.address = server ? server->local().to_string() : last_address;
    return member;
  }

  const std::string name;
  PeerTier tier;
  Heat heat;
  KeptInventory inventory{tier};
  MoodyDoor door{{tier, tier, heat, inventory}};
  std::unique_ptr<http::Server> server;
  std::string last_address;
  io::Scope running;

 private:
  static PeerTierOptions options_of(const std::string& name, storage::ChunkStore& home,
                                    const Identity& identity, Duration patience,
                                    io::Network& network) {
    PeerTierOptions options;
    options.home = &home;
    options.self = name;
    options.tls = identity.client;
    options.kept_bytes = 64 * MiB;
    options.patience = patience;
    options.network = &network;
    return options;
  }
  io::Network& network_;
};

class PeerFixture : public testing::Test {
 protected:
  static constexpr size_t kWhole = 3 * MiB + 100'000;
  // So that a loaded machine does not pass for a slow owner.
  static constexpr Duration kPatient = seconds(20);

  void SetUp() override {
    io::ReactorOptions options;
    options.pool_bytes = 512 * MiB;
    reactor_ = std::move(io::Reactor::create(options).value());
  }
  void TearDown() override {
    home_.gate.set();
    for (auto& node : nodes_) {
      wait(node->stop());
      EXPECT_TRUE(wait(node->tier.close()));
    }
    nodes_.clear();
  }

  template <typename T>
  T wait(io::Task<T> task) {
    return reactor_->run(std::move(task));
  }
  Identity identity(const std::string& name) {
    return Identity::load(
               {certificates_.ca(), certificates_.certificate(name), certificates_.key(name)})
        .value();
  }
  void start(size_t count, Duration patience = kPatient) {
    for (size_t i = 0; i < count; ++i) {
      const std::string name = "node-" + std::to_string(i);
      const Identity who = identity(name);
      nodes_.push_back(
          std::make_unique<TestNode>(name, home_, who, patience, bytes_per_second_, *network_));
      ASSERT_TRUE(wait(nodes_.back()->listen(who)));
      nodes_.back()->last_address = nodes_.back()->server->local().to_string();
    }
    meet();
  }
  // All nodes see all.
  void meet() {
    std::vector<cluster::Member> members;
    for (const auto& node : nodes_) members.push_back(node->member());
    for (const auto& node : nodes_) node->tier.set_members(members);
  }
  void put_home(uint64_t first, uint64_t count, size_t size = kWhole) {
    for (uint64_t number = first; number < first + count; ++number) {
      ASSERT_TRUE(wait(home_.inner.put(testing_support::sample_id(number),
                                       testing_support::sample_chunk(number, size),
                                       testing_support::sample_owner(0))));
    }
  }
  // Which node owns a sample chunk.
  size_t owner_of(uint64_t number) {
    const cluster::Placement& owners = nodes_[0]->tier.peers().now()->members.owners();
    const auto key = placement_key(testing_support::sample_id(number).bytes);
    return static_cast<size_t>(owners.nodes()[owners.first(key)].name.back() - '0');
  }
  // The first sample from `from` on that this node owns.
  uint64_t owned_by(size_t node, uint64_t from = 1) {
    while (owner_of(from) != node) ++from;
    return from;
  }
  static io::Task<void> read_right(storage::ChunkStore& store, uint64_t number, ByteRange range,
                                   size_t size, int* failed) {
    const Result<storage::SealedRead> got =
        co_await store.read(testing_support::sample_id(number), range);
    const Bytes whole = testing_support::sample_bytes(number, size);
    const uint64_t begin = std::min<uint64_t>(range.offset_bytes, size);
    const BytesView expected =
        BytesView(whole).subspan(begin, std::min<uint64_t>(range.size_bytes, size - begin));
    const bool right = got && got->payload_bytes == size &&
                       got->header == testing_support::sample_header(number) &&
                       std::ranges::equal(got->payload.view(), expected);
    EXPECT_TRUE(right) << "chunk " << number << (got ? "" : ": " + got.error().message);
    if (!right) ++*failed;
  }
  // Blocks of 1 MiB in order, as a reader of an object asks for them.
  static io::Task<void> read_blocks(storage::ChunkStore& store, uint64_t first, uint64_t count,
                                    size_t size, int* failed) {
    for (uint64_t number = first; number < first + count; ++number) {
      for (uint64_t at = 0; at < size; at += MiB) {
        co_await read_right(store, number, {at, MiB}, size, failed);
      }
    }
  }
  void expect_read(size_t node, uint64_t number, ByteRange range, size_t size = kWhole) {
    int failed = 0;
    wait(read_right(nodes_[node]->tier, number, range, size, &failed));
  }

  double bytes_per_second_ = kNodeBytesPerSecond;  // Of a node's network.
  io::Network* network_ = &io::system_network();
  testing_support::PeerCertificates certificates_;
  std::unique_ptr<io::Reactor> reactor_;
  testing_support::CountingHome home_;
  std::vector<std::unique_ptr<TestNode>> nodes_;
};

}  // namespace cairn::peer
