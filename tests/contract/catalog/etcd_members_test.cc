// Property: every node sees who is in the cluster; a node that dies is gone when its lease ends,
// one that lost its registration makes it again, and while etcd is away the last view stands.
// Method: a real etcd, nodes in this process and in a child that is stopped and killed.
#include <gtest/gtest.h>
#include <spawn.h>
#include <stdlib.h>

#include <functional>

#include "catalog/etcd/member_list.h"
#include "tests/support/etcd_cluster.h"
#include "tests/support/etcd_node.h"

extern char** environ;

namespace cairn::catalog::etcd {
namespace {

using testing_support::EtcdCluster;

constexpr Duration kTtl = seconds(2);
constexpr const char* kChildEndpoint = "CAIRN_TEST_MEMBER_ENDPOINT";

class EtcdMembersTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!testing_support::cluster_is_available()) GTEST_SKIP() << "needs Debian's etcd-server";
    cluster_ = std::make_unique<EtcdCluster>(EtcdCluster::Options{.members = 1});
    ASSERT_TRUE(cluster_->wait_until_ready());
  }
  static MemberList::Options options(const std::string& endpoint, const std::string& name,
                                     const std::string& node) {
    MemberList::Options options;
    options.access.endpoints = {endpoint};
    options.prefix = "test";
    options.node = node.empty() ? "of-" + name : node;
    options.self.name = name;
    options.self.address = name + ":9100";
    options.self.zone = "z";
    options.self.version = "1";
    options.ttl = kTtl;
    return options;
  }
  Result<std::unique_ptr<MemberList>> try_join(const std::string& name,
                                               const std::string& node = "") {
    return MemberList::join(options(cluster_->endpoint(0), name, node));
  }
  std::unique_ptr<MemberList> join(const std::string& name) {
    Result<std::unique_ptr<MemberList>> joined = try_join(name);
    EXPECT_TRUE(joined) << joined.error().message;
    return joined ? std::move(*joined) : nullptr;
  }
  static std::string names(const MemberList& list) {
    std::string all;
    for (const cluster::Member& member : list.reading().members) {
      all += member.name + (member.is_draining ? "(drains) " : " ");
    }
    return all;
  }
  static bool eventually(const std::function<bool()>& holds, Duration within = seconds(20)) {
    const Instant until = system_clock().now() + within;
    while (!holds()) {
      if (system_clock().now() > until) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return true;
  }
  // Another process that is "child" in the cluster.
  pid_t spawn_child() {
    ::setenv(kChildEndpoint, cluster_->endpoint(0).c_str(), 1);
    std::string program = "/proc/self/exe";
    std::string filter = "--gtest_filter=EtcdMembersChild.*";
    char* arguments[] = {program.data(), filter.data(), nullptr};
    pid_t pid = 0;
    EXPECT_EQ(::posix_spawn(&pid, program.c_str(), nullptr, nullptr, arguments, environ), 0);
    ::unsetenv(kChildEndpoint);
    return pid;
  }

  std::unique_ptr<EtcdCluster> cluster_;
};

// What the child does; nothing in the test's own process.
TEST(EtcdMembersChild, StaysUntilItIsKilled) {
  const char* endpoint = ::getenv(kChildEndpoint);
  if (endpoint == nullptr) GTEST_SKIP() << "this is the part of another process";
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  MemberList::Options options;
  options.access.endpoints = {endpoint};
  options.prefix = "test";
  options.node = "of-child";
  options.self.name = "child";
  options.ttl = kTtl;
  const auto joined = MemberList::join(options);
  ASSERT_TRUE(joined) << joined.error().message;
  std::this_thread::sleep_for(std::chrono::minutes(2));
}

TEST_F(EtcdMembersTest, MembersSeeEachOtherComeAndGo) {
  const auto one = join("one");
  auto two = join("two");
  EXPECT_TRUE(eventually([&] { return names(*one) == "one two "; })) << names(*one);
  EXPECT_TRUE(eventually([&] { return names(*two) == "one two "; }));
  const cluster::Member seen = one->reading().members[1];
  EXPECT_EQ(seen.address, "two:9100");
  EXPECT_EQ(seen.zone, "z");
  EXPECT_EQ(seen.version, "1");
  two.reset();
  // It said good-bye: nobody waits for its lease.
  EXPECT_TRUE(eventually([&] { return names(*one) == "one "; }, kTtl));
}

TEST_F(EtcdMembersTest, ALeaseIsKeptAsLongAsItsNodeLives) {
  const auto one = join("one");
  std::this_thread::sleep_for(std::chrono::seconds(5));
  EXPECT_EQ(names(*one), "one ");
  EXPECT_EQ(one->reading().registrations_count, 1U);
  EXPECT_TRUE(one->reading().is_registered);
}

TEST_F(EtcdMembersTest, ANodeThatIsKilledIsGoneWhenItsLeaseEnds) {
  const auto one = join("one");
  const pid_t child = spawn_child();
  EXPECT_TRUE(eventually([&] { return names(*one) == "child one "; }));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(eventually([&] { return names(*one) == "one "; }));
}

TEST_F(EtcdMembersTest, ANodeThatWasStoppedForLongerThanItsLeaseComesBack) {
  const auto one = join("one");
  const pid_t child = spawn_child();
  EXPECT_TRUE(eventually([&] { return names(*one) == "child one "; }));
  ::kill(child, SIGSTOP);
  EXPECT_TRUE(eventually([&] { return names(*one) == "one "; }));
  ::kill(child, SIGCONT);
  EXPECT_TRUE(eventually([&] { return names(*one) == "child one "; }));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

TEST_F(EtcdMembersTest, ARegistrationThatWasLostIsMadeAgain) {
  const auto one = join("one");
  const auto two = join("two");
  ASSERT_TRUE(eventually([&] { return names(*one) == "one two "; }));
  proto::etcd::DeleteRangeRequest request;
  request.set_key("test/nodes/two");
  proto::etcd::DeleteRangeResponse done;
  ASSERT_TRUE(cluster_->ask(0, "/etcdserverpb.KV/DeleteRange", request.SerializeAsString(), done));
  EXPECT_EQ(done.deleted(), 1);
  EXPECT_TRUE(eventually([&] { return two->reading().registrations_count == 2; }));
  EXPECT_TRUE(eventually([&] { return names(*one) == "one two "; }));
  EXPECT_TRUE(two->reading().is_registered);
}

TEST_F(EtcdMembersTest, WhileEtcdIsAwayTheLastViewStands) {
  const auto one = join("one");
  const auto two = join("two");
  ASSERT_TRUE(eventually([&] { return names(*one) == "one two "; }));
  cluster_->pause(0);
  std::this_thread::sleep_for(std::chrono::seconds(6));
  EXPECT_EQ(names(*one), "one two ");
  EXPECT_EQ(names(*two), "one two ");
  EXPECT_FALSE(one->reading().last_error.empty());
  cluster_->resume(0);
  EXPECT_TRUE(eventually([&] {
    return one->reading().last_error.empty() && two->reading().last_error.empty();
  })) << one->reading().last_error;
  EXPECT_TRUE(eventually([&] { return names(*one) == "one two " && names(*two) == "one two "; }));
  // And the watch goes on.
  const auto three = join("three");
  EXPECT_TRUE(eventually([&] { return names(*one) == "one three two "; }));
}

TEST_F(EtcdMembersTest, ANameIsOneNodes) {
  auto first = join("same");
  const auto second = try_join("same", "another-directory");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kAlreadyExists);
  for (const char* part : {"'same'", "same:9100", "--node-name"}) {
    EXPECT_NE(second.error().message.find(part), std::string::npos) << second.error().message;
  }
  EXPECT_TRUE(first->reading().is_registered);
  first.reset();
  EXPECT_TRUE(try_join("same", "another-directory"));
}

TEST_F(EtcdMembersTest, ANodeThatDiedGetsItsNameBackAtOnceAndAnotherOneWithItsLease) {
  const pid_t child = spawn_child();
  const auto one = join("one");
  ASSERT_TRUE(eventually([&] { return names(*one) == "child one "; }));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  const Instant begun = system_clock().now();
  auto again = try_join("child", "of-child");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_LT(system_clock().now() - begun, kTtl);
  again->reset();
  const pid_t next = spawn_child();
  ASSERT_TRUE(eventually([&] { return names(*one) == "child one "; }));
  ::kill(next, SIGKILL);
  ::waitpid(next, nullptr, 0);
  const auto heir = try_join("child", "another-directory");
  EXPECT_TRUE(heir) << heir.error().message;
}

TEST_F(EtcdMembersTest, DrainingIsSeenByAllAndOutlivesTheNode) {
  const auto one = join("one");
  auto two = join("two");
  ASSERT_TRUE(eventually([&] { return names(*one) == "one two "; }));
  ASSERT_TRUE(one->set_draining("two", true));
  EXPECT_TRUE(eventually([&] { return names(*one) == "one two(drains) "; }));
  EXPECT_TRUE(eventually([&] { return names(*two) == "one two(drains) "; }));
  two.reset();
  two = join("two");
  EXPECT_TRUE(eventually([&] { return names(*one) == "one two(drains) "; }));
  ASSERT_TRUE(two->set_draining("two", false));
  EXPECT_TRUE(eventually([&] { return names(*one) == "one two "; }));
  const Status unknown = one->set_draining("three", true);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Code::kNotFound);
  EXPECT_NE(unknown.error().message.find("one two"), std::string::npos);
}

TEST_F(EtcdMembersTest, WhatSomebodyElseWroteThereDisturbsNobody) {
  const auto one = join("one");
  ASSERT_TRUE(cluster_->put(0, "test/nodes/strange", "\xFF\xFF not a record"));
  ASSERT_TRUE(cluster_->put(0, "test/nodes/", ""));
  ASSERT_TRUE(cluster_->put(0, "test/nodes/a/b", ""));
  const auto two = join("two");
  EXPECT_TRUE(eventually([&] { return names(*one) == "one two "; })) << names(*one);
  EXPECT_TRUE(eventually([&] { return names(*two) == "one two "; }));
}

// The catalog lies under the same prefix.
TEST_F(EtcdMembersTest, TheCatalogSeesNoMembers) {
  const auto one = join("one");
  testing_support::EtcdNode node({.endpoints = {cluster_->endpoint(0)}, .prefix = "test"});
  ASSERT_TRUE(node.put("key", "value"));
  const auto two = join("two");
  ASSERT_TRUE(eventually([&] { return names(*one) == "one two "; }));
  EXPECT_EQ(node.keys(), "key ");
}

}  // namespace
}  // namespace cairn::catalog::etcd
