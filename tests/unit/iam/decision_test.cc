// Property: a deny anywhere wins; one account needs one allow, two accounts need two; boundary and
// session policies only take away. Method: every combination of who asks and what is attached.
#include "iam/decision.h"

#include <gtest/gtest.h>

#include "test_keys.h"

namespace cairn::iam {
namespace {

std::shared_ptr<const Policy> policy(const char* effect, const char* action) {
  const std::string json = std::string(R"({"Version":"2012-10-17","Statement":[{"Effect":")") +
                           effect + R"(","Action":")" + action + R"(","Resource":"*"}]})";
  return *Policy::parse(json, PolicyKind::kIdentity);
}
const auto kAllowGet = policy("Allow", "s3:GetObject");
const auto kAllowOther = policy("Allow", "s3:PutObject");
const auto kDenyGet = policy("Deny", "s3:Get*");

Principal user() {
  Principal out;
  out.account = crypto::TenantId{1};
  out.kind = PrincipalKind::kUser;
  return out;
}

Decision ask(const Principal* caller, uint64_t owner, Verdict resource) {
  const TableKeys keys({}, caller);
  return decide({.action = "s3:GetObject", .resource = "arn:aws:s3:::b/k", .keys = &keys},
                crypto::TenantId{owner}, resource);
}

TEST(Decision, OneAccountNeedsOneAllow) {
  Principal caller = user();
  EXPECT_EQ(ask(&caller, 1, Verdict::kNone), Decision::kDenyImplicit);
  EXPECT_EQ(ask(&caller, 1, Verdict::kAllow), Decision::kAllow);
  // Naming the account hands the choice to the account, which has not made it.
  EXPECT_EQ(ask(&caller, 1, Verdict::kAllowAccount), Decision::kDenyImplicit);
  caller.policies = {kAllowGet};
  EXPECT_EQ(ask(&caller, 1, Verdict::kNone), Decision::kAllow);
}

TEST(Decision, TwoAccountsNeedTwoAllows) {
  Principal caller = user();
  EXPECT_EQ(ask(&caller, 2, Verdict::kAllow), Decision::kDenyImplicit);
  caller.policies = {kAllowGet};
  EXPECT_EQ(ask(&caller, 2, Verdict::kNone), Decision::kDenyImplicit);
  EXPECT_EQ(ask(&caller, 2, Verdict::kAllowAccount), Decision::kAllow);
  EXPECT_EQ(ask(&caller, 2, Verdict::kAllow), Decision::kAllow);
}

TEST(Decision, TheRootOwnsItsAccountAndNoOther) {
  const auto root = make_root_principal(crypto::TenantId{1});
  EXPECT_EQ(ask(root.get(), 1, Verdict::kNone), Decision::kAllow);
  EXPECT_EQ(ask(root.get(), 1, Verdict::kDeny), Decision::kDenyExplicit);
  EXPECT_EQ(ask(root.get(), 2, Verdict::kNone), Decision::kDenyImplicit);
  EXPECT_EQ(ask(root.get(), 2, Verdict::kAllow), Decision::kAllow);
}

TEST(Decision, NobodyNeedsTheResourceToAllow) {
  EXPECT_EQ(ask(nullptr, 1, Verdict::kNone), Decision::kDenyImplicit);
  EXPECT_EQ(ask(nullptr, 1, Verdict::kAllowAccount), Decision::kDenyImplicit);
  EXPECT_EQ(ask(nullptr, 1, Verdict::kAllow), Decision::kAllow);
  EXPECT_EQ(ask(nullptr, 1, Verdict::kDeny), Decision::kDenyExplicit);
}

TEST(Decision, ADenyAnywhereWins) {
  for (int place = 0; place < 3; ++place) {
    Principal caller = user();
    caller.policies = {kAllowGet};
    caller.boundary = kAllowGet;
    caller.session_policies = {kAllowGet};
    EXPECT_EQ(ask(&caller, 1, Verdict::kAllow), Decision::kAllow);
    if (place == 0) caller.policies = {kAllowGet, kDenyGet};
    if (place == 1) caller.boundary = kDenyGet;
    if (place == 2) caller.session_policies = {kAllowGet, kDenyGet};
    EXPECT_EQ(ask(&caller, 1, Verdict::kAllow), Decision::kDenyExplicit) << place;
  }
}

TEST(Decision, BoundaryAndSessionOnlyTakeAway) {
  Principal caller = user();
  caller.boundary = kAllowGet;
  EXPECT_EQ(ask(&caller, 1, Verdict::kNone), Decision::kDenyImplicit);
  caller.policies = {kAllowGet};
  EXPECT_EQ(ask(&caller, 1, Verdict::kNone), Decision::kAllow);
  caller.boundary = kAllowOther;
  EXPECT_EQ(ask(&caller, 1, Verdict::kNone), Decision::kDenyImplicit);
  caller.boundary = nullptr;
  caller.session_policies = {kAllowOther};
  EXPECT_EQ(ask(&caller, 1, Verdict::kAllow), Decision::kDenyImplicit);
  caller.session_policies = {kAllowOther, kAllowGet};
  EXPECT_EQ(ask(&caller, 1, Verdict::kNone), Decision::kAllow);

  Principal root = *make_root_principal(crypto::TenantId{1});
  root.session_policies = {kAllowOther};
  EXPECT_EQ(ask(&root, 1, Verdict::kNone), Decision::kDenyImplicit);
}

}  // namespace
}  // namespace cairn::iam
