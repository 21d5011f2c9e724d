// Properties: batches become the transactions that mean the same; conflicting commits of a node
// keep their order and others do not wait; URLs and versions are read as written.
#include <gtest/gtest.h>

#include <algorithm>

#include "catalog/etcd/client.h"
#include "catalog/etcd/commit_order.h"
#include "catalog/etcd/committer.h"
#include "catalog/etcd/etcd_catalog.h"
#include "io/reactor.h"
#include "io/scope.h"
#include "proto/etcd.pb.h"

namespace cairn::catalog::etcd {
namespace {

using proto::etcd::Compare;

constexpr TransactionLimits kLimits{.operations_max = 128, .bytes_max = 1536 * 1024};

TEST(EncodeBatch, EachPreconditionBecomesTheCompareThatMeansIt) {
  const Batch batch{
      .preconditions = {Precondition::absent("a"), Precondition::present("b"),
                        Precondition::version_is("c", 7), Precondition::range_empty("d", "e"),
                        Precondition::range_empty("f", ""), Precondition::range_empty("g", "g")}};
  const auto request = encode_batch(batch, Layout("p"), kLimits);
  ASSERT_TRUE(request.has_value());
  ASSERT_EQ(request->compare_size(), 5) << "an empty range needs no question";
  EXPECT_EQ(request->compare(0).key(), "p/ka");
  EXPECT_EQ(request->compare(0).target(), Compare::CREATE);
  EXPECT_EQ(request->compare(0).result(), Compare::EQUAL);
  EXPECT_EQ(request->compare(1).result(), Compare::GREATER);
  EXPECT_EQ(request->compare(2).target(), Compare::MOD);
  EXPECT_EQ(request->compare(2).mod_revision(), 7);
  EXPECT_EQ(request->compare(3).key(), "p/kd");
  EXPECT_EQ(request->compare(3).range_end(), "p/ke");
  EXPECT_EQ(request->compare(4).range_end(), "p/l") << "ends with the entries, not with the prefix";
}

TEST(EncodeBatch, NoVersionIsZero) {
  const Batch batch{.preconditions = {Precondition::version_is("a", 0)}};
  EXPECT_EQ(encode_batch(batch, Layout("p"), kLimits).error().code, Code::kFailedPrecondition);
}

TEST(EncodeBatch, AKeyComesOnceAndADeleteCountsMost) {
  const Batch batch{.puts = {{"a", "1"}, {"b", "1"}, {"a", "2"}}, .deletes = {"b", "c", "c"}};
  const auto request = encode_batch(batch, Layout("p"), kLimits);
  ASSERT_TRUE(request.has_value());
  ASSERT_EQ(request->success_size(), 3);
  EXPECT_EQ(request->success(0).request_put().value(), "2");
  EXPECT_EQ(request->success(1).request_delete_range().key(), "p/kb");
  EXPECT_EQ(request->success(2).request_delete_range().key(), "p/kc");
}

TEST(EncodeBatch, WhatIsTooLargeIsRefused) {
  Batch batch;
  for (int i = 0; i < 127; ++i) batch.puts.push_back({std::to_string(i), "x"});
  EXPECT_TRUE(encode_batch(batch, Layout("p"), kLimits).has_value());
  batch.deletes.push_back("y");
  EXPECT_EQ(encode_batch(batch, Layout("p"), kLimits).error().code, Code::kInvalidArgument);
  batch = {.puts = {{"a", std::string(kLimits.bytes_max - 512, 'x')}}};
  EXPECT_EQ(encode_batch(batch, Layout("p"), kLimits).error().code, Code::kInvalidArgument);
  batch = {};
  for (int i = 0; i < 128; ++i) batch.preconditions.push_back(Precondition::absent("k"));
  EXPECT_EQ(encode_batch(batch, Layout("p"), kLimits).error().code, Code::kInvalidArgument);
}

// The prefix stands in the keys of the committer's own too, five times at most.
TEST(EncodeBatch, ALongPrefixTakesItsRoom) {
  const Batch batch{.puts = {{"a", std::string(kLimits.bytes_max - 4096, 'x')}}};
  EXPECT_TRUE(encode_batch(batch, Layout("p"), kLimits).has_value());
  const Layout longer(std::string(600, 'p'));
  EXPECT_EQ(encode_batch(batch, longer, kLimits).error().code, Code::kInvalidArgument);
}

// Enters, writes down that it is in, stays a while, leaves.
io::Task<void> pass(CommitOrder& order, Batch batch, std::string name, std::string& log) {
  const auto ticket = co_await order.enter(batch, system_clock().now() + seconds(5));
  EXPECT_TRUE(ticket.has_value());
  if (!ticket) co_return;
  log += name + "+ ";
  static_cast<void>(co_await io::sleep_for(milliseconds(20)));
  log += name + "- ";
  order.leave(*ticket);
}

io::Task<void> pass_all(CommitOrder& order, std::vector<Batch> batches, std::string& log) {
  io::Scope scope;
  for (size_t i = 0; i < batches.size(); ++i) {
    scope.spawn(
        pass(order, std::move(batches[i]), std::string(1, static_cast<char>('a' + i)), log));
  }
  co_await scope.join();
}

std::string order_of(std::vector<Batch> batches) {
  CommitOrder order(100);
  std::string log;
  const auto reactor = std::move(io::Reactor::create({}).value());
  reactor->run(pass_all(order, std::move(batches), log));
  return log;
}

TEST(CommitOrder, ConflictingCommitsFollowEachOther) {
  const Batch put{.puts = {{"k", ""}}};
  const Batch reads{.preconditions = {Precondition::present("k")}, .puts = {{"other", ""}}};
  const Batch range{.preconditions = {Precondition::range_empty("j", "l")}, .puts = {{"x", ""}}};
  EXPECT_EQ(order_of({put, put, put}), "a+ a- b+ b- c+ c- ");
  EXPECT_EQ(order_of({put, reads}), "a+ a- b+ b- ");
  EXPECT_EQ(order_of({reads, put}), "a+ a- b+ b- ");
  EXPECT_EQ(order_of({put, range}), "a+ a- b+ b- ");
  EXPECT_EQ(order_of({range, put}), "a+ a- b+ b- ");
}

TEST(CommitOrder, OthersGoSideBySide) {
  const auto reads = [](std::string key) {
    return Batch{.preconditions = {Precondition::present("bucket")}, .puts = {{key, ""}}};
  };
  EXPECT_TRUE(order_of({reads("1"), reads("2")}).starts_with("a+ b+ "));
  const Batch range{.preconditions = {Precondition::range_empty("a", "b")}, .puts = {{"x", ""}}};
  EXPECT_TRUE(order_of({range, reads("1")}).starts_with("a+ b+ "));
}

TEST(CommitOrder, TooManyAreRefused) {
  CommitOrder order(1);
  const auto reactor = std::move(io::Reactor::create({}).value());
  const Batch batch{.puts = {{"k", ""}}};
  const Instant deadline = system_clock().now() + seconds(5);
  const auto first = reactor->run(order.enter(batch, deadline));
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(reactor->run(order.enter(batch, deadline)).error().code, Code::kUnavailable);
  order.leave(*first);
  EXPECT_TRUE(reactor->run(order.enter(batch, deadline)).has_value());
}

TEST(CommitOrder, OneThatGivesUpHoldsNobodyBack) {
  CommitOrder order(10);
  const auto reactor = std::move(io::Reactor::create({}).value());
  const Batch batch{.puts = {{"k", ""}}};
  const auto first = reactor->run(order.enter(batch, system_clock().now() + seconds(5)));
  ASSERT_TRUE(first.has_value());
  EXPECT_FALSE(reactor->run(order.enter(batch, system_clock().now())).has_value());
  order.leave(*first);
  EXPECT_TRUE(reactor->run(order.enter(batch, system_clock().now())).has_value());
}

TEST(EtcdUrl, APasswordInItIsRefusedAndNotRepeated) {
  for (const char* wrong : {"etcd://root:hunter2@host:2379/x", "etcds://root:hun/ter2@host:1/x",
                            "etcd://a:1,root:hunter2@b:2/x"}) {
    const Result<EtcdOptions> options = parse_etcd_url(wrong);
    ASSERT_FALSE(options) << wrong;
    EXPECT_EQ(options.error().message.find("hun"), std::string::npos) << options.error().message;
    EXPECT_NE(options.error().message.find("--catalog-password-file"), std::string::npos);
  }
}

TEST(EtcdUrl, IsReadAsWritten) {
  const Result<EtcdOptions> one = parse_etcd_url("etcd://a:1,b.c:2379,[::1]:3/some/where/");
  ASSERT_TRUE(one.has_value());
  EXPECT_EQ(one->endpoints, (std::vector<std::string>{"a:1", "b.c:2379", "[::1]:3"}));
  EXPECT_EQ(one->prefix, "some/where");
  EXPECT_FALSE(one->use_tls);
  const Result<EtcdOptions> two = parse_etcd_url("etcds://a:1");
  ASSERT_TRUE(two.has_value());
  EXPECT_EQ(two->prefix, "cairn");
  EXPECT_TRUE(two->use_tls);
  for (const char* wrong : {"", "etcd://", "http://a:1/x", "etcd://a/x", "etcd://a:1,/x",
                            "etcd://:1/x", "etcd://a:x/x", "etcd://user:pass@a:1/x"}) {
    const Result<EtcdOptions> refused = parse_etcd_url(wrong);
    ASSERT_FALSE(refused.has_value()) << wrong;
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  }
}

TEST(EtcdVersion, DefectsAreKnownByLine) {
  EXPECT_EQ(parse_version("3.6.9"), (ClusterVersion{3, 6, 9}));
  EXPECT_EQ(parse_version("3.6.0-rc.1"), (ClusterVersion{3, 6, 0}));
  EXPECT_FALSE(parse_version("3.6").has_value());
  EXPECT_FALSE(parse_version("").has_value());
  EXPECT_FALSE(known_defects({3, 4, 23}).empty());
  EXPECT_TRUE(known_defects({3, 4, 42}).empty());
  EXPECT_FALSE(known_defects({3, 5, 27}).empty());
  EXPECT_TRUE(known_defects({3, 5, 28}).empty());
  EXPECT_FALSE(known_defects({3, 6, 8}).empty());
  EXPECT_TRUE(known_defects({3, 6, 9}).empty());
  EXPECT_FALSE(orders_progress({3, 4, 23}));
  EXPECT_TRUE(orders_progress({3, 4, 25}));
  EXPECT_FALSE(orders_progress({3, 5, 7}));
  EXPECT_TRUE(orders_progress({3, 6, 0}));
}

}  // namespace
}  // namespace cairn::catalog::etcd
