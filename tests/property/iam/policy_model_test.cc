// Property: the compiled evaluator and the reference give the same verdict on every policy, and the
// same decision on every set of policies. Method: random policies and requests from one seed; a
// failure prints the policy and the question.
#include <gtest/gtest.h>

#include "iam/policy.h"
#include "random_policy.h"

namespace cairn::iam {
namespace {

constexpr size_t kPoliciesCount = 130'000;
constexpr size_t kQuestionsEach = 8;
constexpr size_t kDecisionsCount = 40'000;
constexpr uint64_t kSeed = 20261125;

std::string describe(const reference::Question& q) {
  std::string out = q.action + " on " + q.resource + " by " +
                    (q.caller == nullptr ? "nobody" : q.caller->arn + " named " + q.caller->name);
  for (const auto& [key, values] : q.keys) {
    out += "\n  " + key + " =";
    for (const std::string& value : values) out += " [" + value + "]";
  }
  return out;
}

Verdict verdict_of(const Policy& policy, const reference::Question& q) {
  const QuestionKeys keys(q);
  return policy.evaluate({.action = q.action, .resource = q.resource, .keys = &keys});
}

TEST(PolicyModel, AgreesWithTheReferenceOnAMillionCases) {
  SeededRandom random(kSeed);
  PolicyMaker maker(random);
  size_t cases = 0;
  size_t by_verdict[4] = {};
  for (size_t i = 0; i < kPoliciesCount; ++i) {
    const PolicyKind kind = i % 2 == 0 ? PolicyKind::kIdentity : PolicyKind::kBucket;
    PolicyText text = maker.policy(kind);
    const std::string json = to_json(text, maker);
    const auto policy = Policy::parse(json, kind, "b");
    ASSERT_TRUE(policy) << policy.error().message << "\n" << json;
    for (size_t j = 0; j < kQuestionsEach; ++j, ++cases) {
      const Principal caller = maker.principal();
      const bool is_anonymous = kind == PolicyKind::kBucket && maker.chance(5);
      const reference::Question q = maker.question(is_anonymous ? nullptr : &caller);
      const Verdict expected = reference::evaluate(text, q);
      ASSERT_EQ(verdict_of(**policy, q), expected) << json << "\n" << describe(q);
      ++by_verdict[static_cast<size_t>(expected)];
    }
  }
  EXPECT_GE(cases, 1'000'000U);
  // The pools do not miss a kind of answer.
  for (const size_t count : by_verdict) EXPECT_GT(count, cases / 200);
}

// The rules of decision.h, said once more.
Decision expected_decision(const reference::Question& q, crypto::TenantId owner,
                           const std::vector<PolicyText>& attached, const PolicyText* boundary,
                           const std::vector<PolicyText>& session, Verdict resource) {
  bool denied = resource == Verdict::kDeny;
  bool allowed = q.caller != nullptr && q.caller->kind == PrincipalKind::kRoot;
  bool session_allows = session.empty();
  for (const PolicyText& text : attached) {
    denied |= reference::evaluate(text, q) == Verdict::kDeny;
    allowed |= reference::evaluate(text, q) == Verdict::kAllow;
  }
  for (const PolicyText& text : session) {
    denied |= reference::evaluate(text, q) == Verdict::kDeny;
    session_allows |= reference::evaluate(text, q) == Verdict::kAllow;
  }
  const Verdict limit = boundary != nullptr ? reference::evaluate(*boundary, q) : Verdict::kAllow;
  if (denied || limit == Verdict::kDeny) return Decision::kDenyExplicit;
  if (limit != Verdict::kAllow || !session_allows) return Decision::kDenyImplicit;
  const bool by_resource = resource == Verdict::kAllow;
  if (q.caller == nullptr) return by_resource ? Decision::kAllow : Decision::kDenyImplicit;
  const bool is_own = q.caller->account == owner;
  const bool good = is_own ? allowed || by_resource : allowed && resource != Verdict::kNone;
  return good ? Decision::kAllow : Decision::kDenyImplicit;
}

TEST(PolicyModel, DecisionsFollowTheRulesForJoiningPolicies) {
  SeededRandom random(kSeed + 1);
  PolicyMaker maker(random);
  const auto parse = [&](PolicyText& text, PolicyKind kind) {
    auto policy = Policy::parse(to_json(text, maker), kind, "b");
    EXPECT_TRUE(policy);
    return *policy;
  };
  size_t by_decision[3] = {};
  for (size_t i = 0; i < kDecisionsCount; ++i) {
    Principal caller = maker.principal();
    std::vector<PolicyText> attached, session;
    PolicyText boundary;
    for (size_t n = maker.below(3); n > 0; --n) {
      attached.push_back(maker.policy(PolicyKind::kIdentity));
      caller.policies.push_back(parse(attached.back(), PolicyKind::kIdentity));
    }
    for (size_t n = maker.chance(3) ? 1 + maker.below(2) : 0; n > 0; --n) {
      session.push_back(maker.policy(PolicyKind::kSession));
      caller.session_policies.push_back(parse(session.back(), PolicyKind::kSession));
    }
    if (maker.chance(3)) {
      boundary = maker.policy(PolicyKind::kIdentity);
      caller.boundary = parse(boundary, PolicyKind::kIdentity);
    }
    const auto resource = Verdict(maker.below(4));
    const crypto::TenantId owner{1 + maker.below(2)};
    const reference::Question q = maker.question(&caller);
    const QuestionKeys keys(q);
    const Request request{.action = q.action, .resource = q.resource, .keys = &keys};
    const Decision expected = expected_decision(
        q, owner, attached, caller.boundary ? &boundary : nullptr, session, resource);
    ASSERT_EQ(decide(request, owner, resource), expected) << describe(q);
    ++by_decision[static_cast<size_t>(expected)];
  }
  for (const size_t count : by_decision) EXPECT_GT(count, kDecisionsCount / 50);
}

}  // namespace
}  // namespace cairn::iam
