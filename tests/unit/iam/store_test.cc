// The store of accounts: what operations do and refuse, and that a kill inside any of them leaves
// the accounts as they were or as they should be.
#include <optional>

#include "base/log.h"
#include "iam/account.h"
#include "tests/unit/iam/accounts_fixture.h"

namespace cairn::iam {
namespace {

constexpr TenantId kRootId = crypto::kRootTenant;

struct Operation {
  std::string_view name;
  Status (*run)(Draft& draft);
};

std::string shared_policy() {
  return policy_arn(kRootId, "/", "shared");
}
std::string spare_policy() {
  return policy_arn(kRootId, "/", "spare");
}
TenantId other_tenant() {
  return TenantId{222'222'222'222};
}

// One of everything, so that each operation below has what it needs.
Status prepare(Draft& draft) {
  for (const std::string name : {"alice", "bob", "carol"}) {
    if (auto made = create_user(draft, kRootId, {.name = name}); !made) return status_of(made);
  }
  for (const std::string name : {"staff", "empty"}) {
    if (auto made = create_group(draft, kRootId, name, "/"); !made) return status_of(made);
  }
  for (const std::string name : {"shared", "spare"}) {
    NewPolicy policy;
    policy.name = name;
    policy.document = kReadAnything;
    if (auto made = create_policy(draft, kRootId, std::move(policy)); !made) return status_of(made);
  }
  for (const std::string name : {"deploy", "bare"}) {
    NewRole role;
    role.name = name;
    role.trust_policy = kTrustAccount;
    if (auto made = create_role(draft, kRootId, std::move(role)); !made) return status_of(made);
  }
  const Holder alice{HolderKind::kUser, "alice"};
  const Holder deploy{HolderKind::kRole, "deploy"};
  NewKey key;
  key.user = "alice";
  key.access_key = "ALICEKEY";
  key.secret = "alices-secret";
  for (const Status& done :
       {add_to_group(draft, kRootId, "staff", "alice"),
        attach_policy(draft, kRootId, alice, shared_policy()),
        put_inline_policy(draft, kRootId, alice, "own", std::string(kReadAnything)),
        put_inline_policy(draft, kRootId, deploy, "own", std::string(kReadAnything)),
        status_of(create_policy_version(draft, kRootId, shared_policy(), std::string(kReadAnything),
                                        false)),
        status_of(create_access_key(draft, kRootId, std::move(key))),
        status_of(create_provider(draft, kRootId, "https://issuer.example", {"app"}, {}, false)),
        status_of(create_tenant(draft, other_tenant(), "other", true))}) {
    if (!done) return done;
  }
  return status_of(create_user(draft, other_tenant(), {.name = "alice"}));
}

const Holder kAlice{HolderKind::kUser, "alice"};
const Holder kStaff{HolderKind::kGroup, "staff"};
const Holder kDeploy{HolderKind::kRole, "deploy"};

const Operation kOperations[] = {
    {"CreateUser", [](Draft& d) { return status_of(create_user(d, kRootId, {.name = "dave"})); }},
    {"UpdateUser", [](Draft& d) { return update_user(d, kRootId, "alice", "alison", "/x/"); }},
    {"DeleteUser", [](Draft& d) { return delete_user(d, kRootId, "bob"); }},
    {"RemoveUser", [](Draft& d) { return delete_user_and_all(d, kRootId, "alice"); }},
    {"DisableUser", [](Draft& d) { return set_user_disabled(d, kRootId, "alice", true); }},
    {"TagUser", [](Draft& d) { return tag_user(d, kRootId, "alice", {{"team", "red"}}); }},
    {"CreateGroup", [](Draft& d) { return status_of(create_group(d, kRootId, "ops", "/")); }},
    {"UpdateGroup", [](Draft& d) { return update_group(d, kRootId, "staff", "crew", "/x/"); }},
    {"DeleteGroup", [](Draft& d) { return delete_group(d, kRootId, "empty"); }},
    {"RemoveGroup", [](Draft& d) { return delete_group_and_all(d, kRootId, "staff"); }},
    {"AddUserToGroup", [](Draft& d) { return add_to_group(d, kRootId, "staff", "bob"); }},
    {"RemoveUserFromGroup",
     [](Draft& d) { return remove_from_group(d, kRootId, "staff", "alice"); }},
    {"CreateAccessKey",
     [](Draft& d) { return status_of(create_access_key(d, kRootId, {.user = "alice"})); }},
    {"UpdateAccessKey",
     [](Draft& d) { return set_access_key_active(d, kRootId, "alice", "ALICEKEY", false); }},
    {"DeleteAccessKey",
     [](Draft& d) { return delete_access_key(d, kRootId, "alice", "ALICEKEY"); }},
    {"PutUserPolicy",
     [](Draft& d) {
       return put_inline_policy(d, kRootId, kAlice, "two", std::string(kReadAnything));
     }},
    {"PutGroupPolicy",
     [](Draft& d) {
       return put_inline_policy(d, kRootId, kStaff, "two", std::string(kReadAnything));
     }},
    {"DeleteUserPolicy", [](Draft& d) { return delete_inline_policy(d, kRootId, kAlice, "own"); }},
    {"AttachUserPolicy",
     [](Draft& d) { return attach_policy(d, kRootId, kAlice, spare_policy()); }},
    {"AttachRolePolicy",
     [](Draft& d) {
       return attach_policy(d, kRootId, kDeploy, "arn:aws:iam::aws:policy/AdministratorAccess");
     }},
    {"DetachUserPolicy",
     [](Draft& d) { return detach_policy(d, kRootId, kAlice, shared_policy()); }},
    {"PutUserPermissionsBoundary",
     [](Draft& d) { return set_boundary(d, kRootId, kAlice, spare_policy()); }},
    {"CreatePolicyVersion",
     [](Draft& d) {
       return status_of(
           create_policy_version(d, kRootId, shared_policy(), std::string(kReadAnything), true));
     }},
    {"DeletePolicyVersion",
     [](Draft& d) { return delete_policy_version(d, kRootId, shared_policy(), 2); }},
    {"SetDefaultPolicyVersion",
     [](Draft& d) { return set_default_policy_version(d, kRootId, shared_policy(), 2); }},
    {"DeletePolicy", [](Draft& d) { return delete_policy(d, kRootId, spare_policy()); }},
    {"RemovePolicy", [](Draft& d) { return delete_policy_and_all(d, kRootId, shared_policy()); }},
    {"DeleteRole", [](Draft& d) { return delete_role(d, kRootId, "bare"); }},
    {"UpdateRole", [](Draft& d) { return update_role(d, kRootId, "deploy", "new", 7200); }},
    {"TagRole", [](Draft& d) { return tag_role(d, kRootId, "deploy", {{"team", "red"}}); }},
    {"UpdateAssumeRolePolicy",
     [](Draft& d) {
       return update_trust_policy(d, kRootId, "bare", std::string(kTrustAccount) + " ");
     }},
    {"CreateProvider",
     [](Draft& d) {
       return status_of(create_provider(d, kRootId, "https://two.example/x", {}, {}, false));
     }},
    {"AddClientIDToOpenIDConnectProvider",
     [](Draft& d) {
       return add_client_id(d, kRootId, provider_arn(kRootId, "issuer.example"), "second");
     }},
    {"RemoveClientIDFromOpenIDConnectProvider",
     [](Draft& d) {
       return remove_client_id(d, kRootId, provider_arn(kRootId, "issuer.example"), "app");
     }},
    {"UpdateOpenIDConnectProviderThumbprint",
     [](Draft& d) {
       return set_thumbprints(d, kRootId, provider_arn(kRootId, "issuer.example"),
                              {std::string(40, 'a')});
     }},
    {"DeleteProvider",
     [](Draft& d) { return delete_provider(d, kRootId, provider_arn(kRootId, "issuer.example")); }},
    {"CreateTenant",
     [](Draft& d) {
       return status_of(create_tenant(d, TenantId{333'333'333'333}, "third", false));
     }},
    {"DeleteTenant", [](Draft& d) { return delete_tenant(d, other_tenant()); }},
};

class StoreCrash : public AccountsTest, public testing::WithParamInterface<Operation> {
 protected:
  void SetUp() override {
    log::set_level(log::Level::kError);
    must(prepare);
  }
};

TEST_P(StoreCrash, IsOneCommitThatSurvivesARestart) {
  const std::string before = dump();
  const uint64_t commits = catalog.commits_count;
  must(GetParam().run);
  EXPECT_EQ(catalog.commits_count, commits + 1);
  const std::string after = dump();
  EXPECT_NE(after, before);
  open();
  EXPECT_EQ(dump(), after);
}

TEST_P(StoreCrash, AKillInsideLeavesOldOrNew) {
  const std::string before = dump();
  catalog.cut = Cut::kBefore;
  EXPECT_FALSE(change(GetParam().run));
  EXPECT_EQ(dump(), before) << "what was not committed is seen";
  open();
  EXPECT_EQ(dump(), before);

  catalog.cut = Cut::kAfter;
  EXPECT_FALSE(change(GetParam().run));
  EXPECT_EQ(dump(), before) << "what was not acknowledged is seen before it was read again";
  open();
  EXPECT_NE(dump(), before) << "the commit was applied, but the restart does not show it";
}

// Without a restart: the next change reads everything again.
TEST_P(StoreCrash, AnUnknownOutcomeIsReadBeforeTheNextChange) {
  catalog.cut = Cut::kAfter;
  EXPECT_FALSE(change(GetParam().run));
  must([](Draft& draft) { return tag_user(draft, kRootId, "carol", {{"later", "1"}}); });
  const std::string running = dump();
  open();
  EXPECT_EQ(dump(), running);
}

INSTANTIATE_TEST_SUITE_P(Operations, StoreCrash, testing::ValuesIn(kOperations),
                         [](const auto& info) { return std::string(info.param.name); });

class StoreTest : public AccountsTest {
 protected:
  void SetUp() override { must(prepare); }
  Code code_of(std::function<Status(Draft&)> work) {
    const Status done = change(std::move(work));
    return done ? Code::kInternal : done.error().code;
  }
};

TEST_F(StoreTest, NamesAreUniqueWithoutRegardToCase) {
  EXPECT_EQ(code_of([](Draft& d) { return status_of(create_user(d, kRootId, {.name = "ALICE"})); }),
            Code::kAlreadyExists);
  EXPECT_EQ(code_of([](Draft& d) { return status_of(create_group(d, kRootId, "Staff", "/")); }),
            Code::kAlreadyExists);
  // Another account has its own names.
  must([](Draft& d) { return status_of(create_user(d, other_tenant(), {.name = "bob"})); });
}

TEST_F(StoreTest, RenamingKeepsIdKeysAndCaseChanges) {
  const std::string id = account().users.find("alice")->second->id;
  must([](Draft& d) { return update_user(d, kRootId, "alice", "Alice", std::nullopt); });
  must([](Draft& d) { return update_user(d, kRootId, "ALICE", "alison", std::nullopt); });
  EXPECT_FALSE(account().users.contains("alice"));
  EXPECT_EQ(account().users.find("alison")->second->id, id);
  EXPECT_EQ(store->directory()->access_key("ALICEKEY")->user, "alison");
  open();
  EXPECT_EQ(store->directory()->access_key("ALICEKEY")->user, "alison");
  EXPECT_EQ(account().users.size(), 3U);
}

TEST_F(StoreTest, RenamingAGroupKeepsIdMembersAndPolicies) {
  const std::string id = account().groups.find("staff")->second->id;
  const size_t members_count = members_of(account(), "staff").size();
  ASSERT_GT(members_count, 0U);
  EXPECT_EQ(code_of([](Draft& d) { return update_group(d, kRootId, "staff", "EMPTY", {}); }),
            Code::kAlreadyExists);
  must([](Draft& d) { return update_group(d, kRootId, "staff", "Staff", std::nullopt); });
  must([](Draft& d) { return update_group(d, kRootId, "STAFF", "crew", "/x/"); });
  open();
  EXPECT_FALSE(account().groups.contains("staff"));
  EXPECT_EQ(account().groups.find("crew")->second->id, id);
  EXPECT_EQ(account().groups.find("crew")->second->path, "/x/");
  EXPECT_TRUE(members_of(account(), "staff").empty());
  EXPECT_EQ(members_of(account(), "crew").size(), members_count);
}

TEST_F(StoreTest, WhatIsInUseIsNotDeleted) {
  EXPECT_EQ(code_of([](Draft& d) { return delete_user(d, kRootId, "alice"); }),
            Code::kFailedPrecondition);
  EXPECT_EQ(code_of([](Draft& d) { return delete_group(d, kRootId, "staff"); }),
            Code::kFailedPrecondition);
  EXPECT_EQ(code_of([](Draft& d) { return delete_policy(d, kRootId, shared_policy()); }),
            Code::kFailedPrecondition);
  EXPECT_EQ(code_of([](Draft& d) { return delete_role(d, kRootId, "deploy"); }),
            Code::kFailedPrecondition);
  EXPECT_EQ(code_of([](Draft& d) { return delete_policy_version(d, kRootId, shared_policy(), 1); }),
            Code::kFailedPrecondition);
  must([](Draft& d) { return set_boundary(d, kRootId, kAlice, spare_policy()); });
  EXPECT_EQ(code_of([](Draft& d) { return delete_policy_and_all(d, kRootId, spare_policy()); }),
            Code::kFailedPrecondition)
      << "taking a boundary away gives rights";
  EXPECT_EQ(code_of([](Draft& d) { return delete_tenant(d, kRootId); }), Code::kPermissionDenied);
}

TEST_F(StoreTest, LimitsHold) {
  must([](Draft& d) { return status_of(create_access_key(d, kRootId, {.user = "alice"})); });
  EXPECT_EQ(
      code_of([](Draft& d) { return status_of(create_access_key(d, kRootId, {.user = "alice"})); }),
      Code::kResourceExhausted);
  // Service accounts have a bound of their own.
  must([](Draft& d) {
    return status_of(create_access_key(d, kRootId, {.user = "alice", .is_service_account = true}));
  });
  const std::string padding(kManagedPolicyBytesMax, 'x');
  NewPolicy large;
  large.name = "large";
  large.document = R"({"Version":"2012-10-17","Statement":[{"Sid":")" + padding +
                   R"(","Effect":"Allow","Action":"s3:*","Resource":"*"}]})";
  EXPECT_EQ(code_of([&](Draft& d) { return status_of(create_policy(d, kRootId, large)); }),
            Code::kResourceExhausted);
  for (size_t i = 0; i < kPolicyVersionsMax - 2; ++i) {
    must([](Draft& d) {
      return status_of(
          create_policy_version(d, kRootId, shared_policy(), std::string(kReadAnything), false));
    });
  }
  EXPECT_EQ(code_of([](Draft& d) {
              return status_of(create_policy_version(d, kRootId, shared_policy(),
                                                     std::string(kReadAnything), false));
            }),
            Code::kResourceExhausted);
}

TEST_F(StoreTest, BadInputIsRefused) {
  for (const std::string name : {"", "a b", "a/b", "ü", "a\n"}) {
    EXPECT_EQ(code_of([&](Draft& d) { return status_of(create_user(d, kRootId, {.name = name})); }),
              Code::kInvalidArgument)
        << name;
  }
  for (const std::string path : {"", "x", "/x", "x/", "/a//b/", "/a b/"}) {
    EXPECT_EQ(code_of([&](Draft& d) {
                return status_of(create_user(d, kRootId, {.name = "new", .path = path}));
              }),
              Code::kInvalidArgument)
        << path;
  }
  EXPECT_EQ(code_of([](Draft& d) { return put_inline_policy(d, kRootId, kAlice, "bad", "{}"); }),
            Code::kInvalidArgument);
  EXPECT_EQ(code_of([](Draft& d) { return attach_policy(d, kRootId, kAlice, "nonsense"); }),
            Code::kInvalidArgument);
  EXPECT_EQ(code_of([](Draft& d) {
              return attach_policy(d, kRootId, kAlice, policy_arn(kRootId, "/", "absent"));
            }),
            Code::kNotFound);
  // A policy of another account does not exist here.
  EXPECT_EQ(
      code_of([](Draft& d) { return attach_policy(d, other_tenant(), kAlice, shared_policy()); }),
      Code::kNotFound);
  for (const std::string url : {"ftp://x", "http://x", "https://", "https://a?b", "https://a@b"}) {
    EXPECT_EQ(code_of([&](Draft& d) {
                return status_of(create_provider(d, kRootId, url, {}, {}, false));
              }),
              Code::kInvalidArgument)
        << url;
  }
}

TEST_F(StoreTest, AnAccessKeyIsOfOneAccountOnly) {
  EXPECT_EQ(code_of([](Draft& d) {
              NewKey key;
              key.user = "alice";
              key.access_key = "ALICEKEY";
              key.secret = "another-secret";
              return status_of(create_access_key(d, other_tenant(), key));
            }),
            Code::kAlreadyExists);
  EXPECT_EQ(
      code_of([](Draft& d) { return delete_access_key(d, other_tenant(), "alice", "ALICEKEY"); }),
      Code::kNotFound);
  EXPECT_EQ(code_of([](Draft& d) { return delete_access_key(d, kRootId, "bob", "ALICEKEY"); }),
            Code::kNotFound);
}

TEST_F(StoreTest, ARemovedTenantTakesEverythingWithIt) {
  must([](Draft& d) { return status_of(create_access_key(d, other_tenant(), {.user = "alice"})); });
  const std::string key = account(other_tenant()).keys.begin()->first;
  must([](Draft& d) { return delete_tenant(d, other_tenant()); });
  open();
  EXPECT_EQ(store->directory()->account(other_tenant()), nullptr);
  EXPECT_EQ(store->directory()->access_key(key), nullptr);
}

// S34: nothing of a row can be read on the disk, and no row opens under another key.
TEST_F(StoreTest, RowsAreSealedAndBoundToTheirKeys) {
  catalog::ScanRequest request;
  request.begin = rows::all();
  request.end = catalog::prefix_end(request.begin);
  const auto page = reactor->run(catalog.scan(request, nullptr));
  ASSERT_TRUE(page.has_value());
  ASSERT_GT(page->entries.size(), 10U);
  for (const catalog::Entry& row : page->entries) {
    EXPECT_EQ(row.value.find("alices-secret"), std::string::npos);
    EXPECT_EQ(row.value.find("s3:Get"), std::string::npos);
    EXPECT_TRUE(rows::open(*keys, row.key, row.value).has_value());
    EXPECT_FALSE(rows::open(*keys, row.key + "x", row.value).has_value());
  }
}

}  // namespace
}  // namespace cairn::iam
