// S25: whatever a credential mints may do no more than the credential itself.
// Method: random accounts (users with inline and managed policies, groups, boundaries), every kind
// of credential that can be minted from them with random narrowing policies, and every question of
// a grid of actions and resources: what is allowed to the minted one must be allowed to its maker.
// Negative control: a policy that was given to the maker afterwards is seen by both.
#include <algorithm>
#include <optional>

#include "iam/account.h"
#include "iam/decision.h"
#include "iam/resolver.h"
#include "tests/unit/iam/accounts_fixture.h"
#include "tests/unit/iam/test_keys.h"

namespace cairn::iam {
namespace {

constexpr std::string_view kActions[] = {"s3:GetObject",      "s3:PutObject",    "s3:DeleteObject",
                                         "s3:ListBucket",     "s3:CreateBucket", "iam:CreateUser",
                                         "iam:PutUserPolicy", "sts:AssumeRole"};
constexpr std::string_view kPatterns[] = {"*",     "s3:*",     "s3:Get*", "s3:*Object",  "s3:List*",
                                          "iam:*", "iam:Put*", "sts:*",   "s3:PutObject"};
constexpr std::string_view kResources[] = {"arn:aws:s3:::a", "arn:aws:s3:::a/x", "arn:aws:s3:::b/y",
                                           "arn:aws:iam::000000000001:user/u", "*"};
constexpr std::string_view kResourcePatterns[] = {"*", "arn:aws:s3:::a*", "arn:aws:s3:::*/y",
                                                  "arn:aws:iam::*:user/*"};

class MintedRights : public AccountsTest {
 protected:
  template <typename List>
  std::string_view pick(const List& list) {
    return list[random.below(std::size(list))];
  }
  std::string random_policy() {
    std::string out = R"({"Version":"2012-10-17","Statement":[)";
    const uint64_t count = 1 + random.below(3);
    for (uint64_t i = 0; i < count; ++i) {
      const bool is_deny = random.below(4) == 0;
      const bool is_not = random.below(6) == 0;
      out.append(i == 0 ? "" : ",")
          .append(R"({"Effect":")")
          .append(is_deny ? "Deny" : "Allow")
          .append(is_not ? R"(","NotAction":")" : R"(","Action":")")
          .append(pick(kPatterns))
          .append(R"(","Resource":")")
          .append(pick(kResourcePatterns))
          .append(R"("})");
    }
    return out + "]}";
  }

  Status make_account(Draft& draft) {
    for (const std::string name : {"p1", "p2"}) {
      NewPolicy policy;
      policy.name = name;
      policy.document = random_policy();
      if (auto made = create_policy(draft, kRoot, std::move(policy)); !made) return status_of(made);
    }
    if (auto made = create_group(draft, kRoot, "g", "/"); !made) return status_of(made);
    if (auto made = create_user(draft, kRoot, {.name = "u"}); !made) return status_of(made);
    const Holder user{HolderKind::kUser, "u"};
    const Holder group{HolderKind::kGroup, "g"};
    Status done = put_inline_policy(draft, kRoot, user, "own", random_policy());
    if (done) done = put_inline_policy(draft, kRoot, group, "own", random_policy());
    if (done && random.below(2) == 0) done = add_to_group(draft, kRoot, "g", "u");
    if (done && random.below(2) == 0)
      done = attach_policy(draft, kRoot, user, policy_arn(kRoot, "/", "p1"));
    if (done && random.below(2) == 0)
      done = set_boundary(draft, kRoot, user, policy_arn(kRoot, "/", "p2"));
    return done;
  }

  std::string mint_key(bool is_service_account, std::string policy) {
    std::string id;
    must([&](Draft& draft) {
      NewKey key;
      key.user = "u";
      key.is_service_account = is_service_account;
      key.policy = policy;
      const Result<AccessKey> made = create_access_key(draft, kRoot, std::move(key));
      if (made) id = made->access_key;
      return status_of(made);
    });
    return id;
  }

  Credential resolve(const std::string& access_key) {
    Result<Credential> made = resolve_key(*store->directory(), access_key);
    EXPECT_TRUE(made.has_value());
    return std::move(*made);
  }

  Session session_of(SessionKind kind, const Credential& maker) {
    Session session = make_session(random);
    session.kind = kind;
    session.tenant = kRoot;
    session.name = "u";
    session.id = maker.principal->id;
    session.parent_access_key = maker.access_key;
    session.expires = WallTime{clock.time.unix_ms + 1000};
    const uint64_t count = random.below(3);
    if (kind != SessionKind::kUser) {
      for (uint64_t i = 0; i < count; ++i) session.policies.push_back(random_policy());
      if (random.below(3) == 0) session.policy_arns.push_back(policy_arn(kRoot, "/", "p1"));
    }
    return session;
  }

  static bool allows(const Credential& credential, std::string_view action,
                     std::string_view resource) {
    const TableKeys request_keys({}, credential.principal.get());
    Request request;
    request.action = action;
    request.resource = resource;
    request.keys = &request_keys;
    return decide(request, kRoot, Verdict::kNone) == Decision::kAllow;
  }

  // Counts the questions where the maker's answer was yes. `narrowing`: one of these policies must
  // allow too; none = no narrowing.
  void expect_subset(const Credential& minted, const Credential& maker,
                     const std::vector<std::string>& narrowing) {
    for (const std::string_view action : kActions) {
      for (const std::string_view resource : kResources) {
        const bool maker_may = allows(maker, action, resource);
        const bool minted_may = allows(minted, action, resource);
        EXPECT_TRUE(maker_may || !minted_may)
            << action << " on " << resource << " was gained in round " << round_;
        EXPECT_TRUE(narrowing.empty() || !minted_may || one_allows(narrowing, action, resource))
            << action << " on " << resource << " was not narrowed in round " << round_;
        maker_allowed_ += maker_may ? 1 : 0;
        minted_allowed_ += minted_may ? 1 : 0;
        narrowed_ += maker_may && !minted_may ? 1 : 0;
      }
    }
  }

  static bool one_allows(const std::vector<std::string>& policies, std::string_view action,
                         std::string_view resource) {
    const TableKeys request_keys({});
    Request request;
    request.action = action;
    request.resource = resource;
    request.keys = &request_keys;
    return std::ranges::any_of(policies, [&](const std::string& document) {
      const auto policy = Policy::parse(document, PolicyKind::kSession);
      return policy && (*policy)->evaluate(request) == Verdict::kAllow;
    });
  }

  uint64_t round_ = 0;
  uint64_t maker_allowed_ = 0;
  uint64_t minted_allowed_ = 0;
  uint64_t narrowed_ = 0;
};

TEST_F(MintedRights, AreASubsetOfTheMakers) {
  for (round_ = 0; round_ < 150; ++round_) {
    must([this](Draft& draft) { return make_account(draft); });
    const Credential maker = resolve(mint_key(false, {}));
    expect_subset(resolve(mint_key(true, {})), maker, {});
    const std::string narrow = random_policy();
    expect_subset(resolve(mint_key(true, narrow)), maker, {narrow});
    for (const SessionKind kind : {SessionKind::kUser, SessionKind::kFederated}) {
      const Session wanted = session_of(kind, maker);
      const Result<Credential> session = resolve_session(*store->directory(), wanted, "token");
      ASSERT_TRUE(session.has_value());
      std::vector<std::string> narrowing = wanted.policies;
      for (const std::string& arn : wanted.policy_arns) {
        narrowing.push_back(find_policy(*store->directory()->account(kRoot), arn)->document());
      }
      expect_subset(*session, maker, narrowing);
      // A federated user without policies has no rights.
      if (kind == SessionKind::kFederated && narrowing.empty()) {
        EXPECT_FALSE(allows(*session, "s3:GetObject", "arn:aws:s3:::a/x"));
      }
    }
    must([](Draft& draft) {
      const Status gone = delete_user_and_all(draft, kRoot, "u");
      if (!gone) return gone;
      draft.remove(kRoot, *draft.directory().account(kRoot)->groups.find("g")->second);
      for (const std::string name : {"p1", "p2"}) {
        draft.remove(kRoot, *draft.directory().account(kRoot)->policies.find(name)->second);
      }
      return Status();
    });
  }
  // The grid asks something: all three kinds of answers come up often.
  EXPECT_GT(maker_allowed_, 2000U);
  EXPECT_GT(minted_allowed_, 1000U);
  EXPECT_GT(narrowed_, 500U);
}

TEST_F(MintedRights, EndWithTheirMaker) {
  must([this](Draft& draft) { return make_account(draft); });
  const std::string id = mint_key(false, {});
  const std::string service = mint_key(true, {});
  const Session session = session_of(SessionKind::kUser, resolve(id));
  const Session federated = session_of(SessionKind::kFederated, resolve(id));
  const auto works = [&](const Session& one) {
    return resolve_session(*store->directory(), one, "token").has_value();
  };
  EXPECT_TRUE(works(session) && works(federated));
  must([](Draft& draft) { return set_user_disabled(draft, kRoot, "u", true); });
  EXPECT_FALSE(works(session) || works(federated));
  EXPECT_FALSE(resolve_key(*store->directory(), id));
  EXPECT_FALSE(resolve_key(*store->directory(), service));
  must([](Draft& draft) { return set_user_disabled(draft, kRoot, "u", false); });
  EXPECT_TRUE(works(session));
  must([&](Draft& draft) { return set_access_key_active(draft, kRoot, "u", id, false); });
  EXPECT_FALSE(works(session) || works(federated));
  must([&](Draft& draft) { return set_access_key_active(draft, kRoot, "u", id, true); });
  // Another user of the same name is another user.
  must([](Draft& draft) { return delete_user_and_all(draft, kRoot, "u"); });
  must([](Draft& draft) { return status_of(create_user(draft, kRoot, {.name = "u"})); });
  EXPECT_FALSE(works(session));
}

TEST_F(MintedRights, TokensAreBoundToTheirKeyAndCannotBeMade) {
  must([this](Draft& draft) { return make_account(draft); });
  Session session = session_of(SessionKind::kUser, resolve(mint_key(false, {})));
  const Result<std::string> token = seal_session(*keys, session, random);
  ASSERT_TRUE(token.has_value());
  const Result<Session> opened = open_session(*keys, session.access_key, *token);
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ(opened->secret, session.secret);
  EXPECT_EQ(opened->id, session.id);
  EXPECT_FALSE(open_session(*keys, "ASIAANOTHERKEY000000", *token));
  EXPECT_FALSE(open_session(*keys, session.access_key, ""));
  EXPECT_FALSE(open_session(*keys, session.access_key, "AAAA"));
  for (size_t at = 0; at < token->size(); at += 7) {
    std::string altered = *token;
    altered[at] = altered[at] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(open_session(*keys, session.access_key, altered)) << at;
  }
  crypto::KeyRing others(crypto::SecretKey::generate(random));
  ASSERT_TRUE(others.create_version(kRoot, random).has_value());
  EXPECT_FALSE(open_session(others, session.access_key, *token));
}

TEST_F(MintedRights, ACoreForgetsAtOnce) {
  must([this](Draft& draft) { return make_account(draft); });
  const std::string id = mint_key(false, {});
  CredentialCache one(*store, "ROOT", "secret");
  CredentialCache other(*store, "ROOT", "secret");
  ASSERT_NE(one.find(id, {}), nullptr);
  ASSERT_NE(other.find(id, {}), nullptr);
  EXPECT_EQ(one.find("ROOT", {})->principal->kind, PrincipalKind::kRoot);
  EXPECT_EQ(one.find("UNKNOWN", {}), nullptr);
  must([&](Draft& draft) { return set_access_key_active(draft, kRoot, "u", id, false); });
  EXPECT_EQ(one.find(id, {}), nullptr);
  EXPECT_EQ(other.find(id, {}), nullptr);
}

// A boundary or a policy that is gone or does not parse refuses; it never widens.
TEST_F(MintedRights, DoubtIsNoCredential) {
  must([this](Draft& draft) { return make_account(draft); });
  const std::string id = mint_key(false, {});
  must([](Draft& draft) {
    User user = *find_user(draft, kRoot, "u");
    user.grants.boundary = policy_arn(kRoot, "/", "gone");
    draft.put(kRoot, std::move(user));
    return Status();
  });
  EXPECT_FALSE(resolve_key(*store->directory(), id));
  must([](Draft& draft) {
    User user = *find_user(draft, kRoot, "u");
    user.grants.boundary.clear();
    user.grants.inline_policies["bad"] = "{";
    draft.put(kRoot, std::move(user));
    return Status();
  });
  EXPECT_FALSE(resolve_key(*store->directory(), id));
}

}  // namespace
}  // namespace cairn::iam
