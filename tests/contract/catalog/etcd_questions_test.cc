// Property: questions for the revision go the short way, plain, by TLS and with a password, on
// every reactor; whatever happens to the members, reads are answered or refused in time.
// Method: a real etcd whose members are killed, stopped and started anew; counters tell the way
// that the questions took.
#include <gtest/gtest.h>

#include "io/reactor_group.h"
#include "io/scope.h"
#include "tests/support/cut_proxy.h"
#include "tests/support/etcd_cluster.h"
#include "tests/support/etcd_node.h"

namespace cairn::catalog {
namespace {

using testing_support::CutProxy;
using testing_support::EtcdCluster;
using testing_support::EtcdNode;
using testing_support::PeerCertificates;

class EtcdQuestions : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!testing_support::cluster_is_available()) GTEST_SKIP() << "needs Debian's etcd-server";
  }
  void start(EtcdCluster::Options options) {
    cluster_ = std::make_unique<EtcdCluster>(std::move(options));
    ASSERT_TRUE(cluster_->wait_until_ready());
  }
  EtcdOptions options() const {
    const etcd::Access access = cluster_->access(0);
    return {.endpoints = cluster_->endpoints(),
            .prefix = "questions",
            .use_tls = access.use_tls,
            .ca_file = access.ca_file,
            .certificate_file = access.certificate_file,
            .key_file = access.key_file,
            .timeout = seconds(10)};
  }
  // Of a node whose way to etcd will be cut.
  EtcdOptions options_in_a_hurry() const {
    EtcdOptions all = options();
    all.timeout = EtcdOptions{}.timeout;
    return all;
  }
  static uint64_t count(const std::atomic<uint64_t>& counter) { return counter.load(); }
  // All of them the short way.
  static void expect_short_reads(EtcdNode& node, int reads_count) {
    const EtcdMetrics& metrics = node.metrics();
    const uint64_t detours = count(metrics.detours_count);
    const uint64_t questions = count(metrics.questions_count);
    for (int i = 0; i < reads_count; ++i) EXPECT_EQ(node.get("key"), "value");
    EXPECT_EQ(count(metrics.detours_count), detours);
    EXPECT_EQ(count(metrics.questions_count), questions + static_cast<uint64_t>(reads_count));
  }
  static Duration duration_of(const std::function<void()>& work) {
    const Instant begin = system_clock().now();
    work();
    return system_clock().now() - begin;
  }
  // Reads until one succeeds.
  static void expect_reads_again(EtcdNode& node, const std::string& value) {
    const Instant deadline = system_clock().now() + seconds(20);
    while (node.get("key") != value) ASSERT_LT(system_clock().now(), deadline);
  }

  // Reads until one goes the short way: it rests after a failure.
  static void expect_the_short_way_again(EtcdNode& node) {
    const Instant deadline = system_clock().now() + etcd::kLineRest + seconds(20);
    for (bool is_short = false; !is_short;) {
      const uint64_t detours = count(node.metrics().detours_count);
      is_short = node.get("key") == "value" && count(node.metrics().detours_count) == detours;
      ASSERT_LT(system_clock().now(), deadline);
    }
  }

  std::unique_ptr<EtcdCluster> cluster_;
};

TEST_F(EtcdQuestions, GoTheShortWay) {
  start({.members = 1});
  EtcdNode node(options());
  ASSERT_TRUE(node.put("key", "value"));
  expect_short_reads(node, 100);
}

TEST_F(EtcdQuestions, GoTheShortWayByTls) {
  PeerCertificates certificates;
  start({.members = 1, .certificates = &certificates});
  EtcdNode node(options());
  ASSERT_TRUE(node.put("key", "value"));
  expect_short_reads(node, 20);
}

TEST_F(EtcdQuestions, AreAskedWithAPasswordAndAgainWhenTheTokenIsNoLongerGood) {
  start({.members = 1});
  ASSERT_TRUE(cluster_->demand_passwords("secret")) << cluster_->last_message();
  EtcdOptions with_password = options();
  with_password.user = "root";
  with_password.password = "secret";
  EtcdNode node(with_password);
  ASSERT_TRUE(node.put("key", "value"));
  expect_short_reads(node, 20);
  // A member keeps its tokens in memory.
  cluster_->kill(0);
  cluster_->start(0);
  expect_reads_again(node, "value");
  expect_the_short_way_again(node);
  expect_short_reads(node, 20);
}

TEST_F(EtcdQuestions, AConnectionThatEndedWhileNobodyAskedIsReplaced) {
  start({.members = 1});
  EtcdNode node(options());
  ASSERT_TRUE(node.put("key", "value"));
  expect_short_reads(node, 3);
  cluster_->kill(0);
  cluster_->start(0);
  ASSERT_TRUE(cluster_->wait_until_ready());
  expect_short_reads(node, 3);
}

TEST_F(EtcdQuestions, AnotherMemberIsAskedWhenOneIsKilled) {
  start({.members = 3});
  EtcdNode node(options_in_a_hurry());
  ASSERT_TRUE(node.put("key", "value"));
  for (size_t member = 0; member < 3; ++member) {
    cluster_->kill(member);
    expect_reads_again(node, "value");
    cluster_->start(member);
    ASSERT_TRUE(cluster_->wait_until_ready());
  }
}

TEST_F(EtcdQuestions, AMemberThatStandsStillIsLeftInTime) {
  start({.members = 3});
  EtcdNode node(options_in_a_hurry());
  ASSERT_TRUE(node.put("key", "value"));
  expect_short_reads(node, 3);
  // The node asks the first one, which need not be the leader.
  cluster_->pause(0);
  expect_reads_again(node, "value");
  expect_the_short_way_again(node);
  cluster_->resume(0);
  // What the member answers late is nobody's answer any more.
  ASSERT_TRUE(node.put("key", "newer"));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(node.get("key"), "newer");
}

TEST_F(EtcdQuestions, WithoutQuorumReadsAreRefusedInTime) {
  start({.members = 3});
  EtcdNode node(options_in_a_hurry());
  ASSERT_TRUE(node.put("key", "value"));
  expect_short_reads(node, 3);
  cluster_->pause(1);
  cluster_->pause(2);
  for (int i = 0; i < 2; ++i) {
    std::string answer;
    const Duration took = duration_of([&] { answer = node.get("key"); });
    EXPECT_TRUE(answer.starts_with("(failed")) << answer;
    EXPECT_LT(took, seconds(2) + milliseconds(500));
  }
  cluster_->resume(1);
  cluster_->resume(2);
  expect_reads_again(node, "value");
}

TEST_F(EtcdQuestions, AWayThatSwallowsAnswersIsLeft) {
  start({.members = 3});
  CutProxy proxy(std::stoi(cluster_->endpoint(0).substr(10)));
  EtcdOptions through = options_in_a_hurry();
  through.endpoints[0] = proxy.endpoint();
  EtcdNode node(through);
  ASSERT_TRUE(node.put("key", "value"));
  expect_short_reads(node, 3);
  proxy.block_answers();
  expect_reads_again(node, "value");
  proxy.heal(CutProxy::Heal::kDeliver);
  ASSERT_TRUE(node.put("key", "newer"));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(node.get("key"), "newer");
}

// What a request costs of questions, and that every read sees what was written before it.
io::Task<void> read_often(Catalog& catalog, std::atomic<int>& wrong, int reads_count) {
  for (int i = 0; i < reads_count; ++i) {
    const Result<std::optional<Entry>> entry = co_await catalog.get("key");
    if (!entry || !*entry || (*entry)->value != "value") ++wrong;
  }
}
io::Task<void> read_side_by_side(Catalog& catalog, std::atomic<int>& wrong, int readers_count,
                                 int reads_count) {
  io::Scope readers;
  for (int i = 0; i < readers_count; ++i) readers.spawn(read_often(catalog, wrong, reads_count));
  co_await readers.join();
}

TEST_F(EtcdQuestions, ReadersOfAllReactorsShareThem) {
  start({.members = 1});
  EtcdMetrics metrics;
  const testing_support::TemporaryDirectory directory;
  EtcdOptions shared = options();
  shared.directory = directory.path() + "/node";
  shared.block_cache_bytes = 8 * MiB;
  shared.etcd_metrics = &metrics;
  shared.timeout = seconds(20);
  auto group = std::move(io::ReactorGroup::start({.reactors_count = 3}).value());
  std::unique_ptr<Catalog> catalog;
  std::atomic<int> wrong{0};
  const auto on_first = [](std::function<io::Task<void>()> make) {
    return [make = std::move(make)](size_t index) -> io::Task<void> {
      return index == 0 ? make() : []() -> io::Task<void> { co_return; }();
    };
  };
  struct Steps {
    static io::Task<void> open(EtcdOptions options, std::unique_ptr<Catalog>& into) {
      Result<std::unique_ptr<Catalog>> opened = co_await open_etcd_catalog(std::move(options));
      EXPECT_TRUE(opened) << opened.error().message;
      if (!opened) co_return;
      into = std::move(*opened);
      Batch batch{.puts = {{"key", "value"}}};
      EXPECT_TRUE(co_await into->commit(std::move(batch)));
    }
    static io::Task<void> close(Catalog& catalog) {
      const Status closed = co_await catalog.close();
      EXPECT_TRUE(closed);
    }
  };
  group->run_on_each(on_first([&] { return Steps::open(shared, catalog); }));
  ASSERT_TRUE(catalog);
  constexpr int kReaders = 16;
  constexpr int kReads = 50;
  group->run_on_each([&](size_t) { return read_side_by_side(*catalog, wrong, kReaders, kReads); });
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_EQ(count(metrics.strong_reads_count), 3U * kReaders * kReads);
  // A question serves at least those that waited on the leader's reactor; most serve all.
  EXPECT_LE(count(metrics.questions_count), 3U * kReaders * kReads / 4);
  EXPECT_EQ(count(metrics.detours_count), 0U);
  group->run_on_each(on_first([&] { return Steps::close(*catalog); }));
  group->join();
}

}  // namespace
}  // namespace cairn::catalog
