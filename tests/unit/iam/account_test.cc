// Property: names of accounts and principals have AWS's form and are read back.
#include "iam/account.h"

#include <gtest/gtest.h>

#include "iam/actions.h"
#include "iam/values.h"

namespace cairn::iam {
namespace {

TEST(Account, NumbersHaveTwelveDigitsBothWays) {
  EXPECT_EQ(account_number(crypto::kRootTenant), "000000000001");
  EXPECT_EQ(parse_account_number("000000000123"), crypto::TenantId{123});
  for (const char* text : {"", "1", "00000000000a", "0000000000001", "-00000000001"}) {
    EXPECT_FALSE(parse_account_number(text)) << text;
  }
}

TEST(Account, ArnsNameThePrincipal) {
  const crypto::TenantId account{7};
  EXPECT_EQ(root_arn(account), "arn:aws:iam::000000000007:root");
  EXPECT_EQ(user_arn(account, "/", "bob"), "arn:aws:iam::000000000007:user/bob");
  EXPECT_EQ(user_arn(account, "/a/b/", "bob"), "arn:aws:iam::000000000007:user/a/b/bob");
  EXPECT_EQ(role_arn(account, "", "r"), "arn:aws:iam::000000000007:role/r");
  EXPECT_EQ(assumed_role_arn(account, "r", "s"), "arn:aws:sts::000000000007:assumed-role/r/s");
}

TEST(Account, CanonicalIdsAreSixtyFourDigitsAndDiffer) {
  EXPECT_EQ(canonical_id(crypto::TenantId{1}).size(), 64U);
  EXPECT_NE(canonical_id(crypto::TenantId{1}), canonical_id(crypto::TenantId{2}));
}

TEST(Actions, AreFoundInAnyCase) {
  const auto found = find_action("S3:getobject");
  ASSERT_TRUE(found);
  EXPECT_EQ(known_actions()[*found].name, "s3:GetObject");
  EXPECT_FALSE(find_action("s3:GetObjec"));
  EXPECT_FALSE(find_action("iam:CreateUser"));
}

TEST(Values, NetworksContainWhatTheyShould) {
  const auto contains = [](const char* network, const char* address) {
    return parse_ip_network(network)->contains(*parse_ip_network(address));
  };
  EXPECT_TRUE(contains("10.0.0.0/8", "10.255.0.1"));
  EXPECT_FALSE(contains("10.0.0.0/8", "11.0.0.1"));
  EXPECT_TRUE(contains("10.0.0.0/8", "::ffff:10.0.0.1"));
  EXPECT_TRUE(contains("192.168.1.4/30", "192.168.1.7"));
  EXPECT_FALSE(contains("192.168.1.4/30", "192.168.1.8"));
  EXPECT_TRUE(contains("0.0.0.0/0", "1.2.3.4"));
  EXPECT_FALSE(contains("::/0", "1.2.3.4"));
  EXPECT_TRUE(contains("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(contains("2001:db8::/33", "2001:db8:8000::1"));
  for (const char* bad :
       {"", "10.0.0", "10.0.0.0/33", "10.0.0.0/", "::/129", "10.0.0.0/8/8", "x"}) {
    EXPECT_FALSE(parse_ip_network(bad)) << bad;
  }
}

TEST(Values, DatesOfEveryForm) {
  const auto ms = [](const char* text) { return parse_policy_date(text)->unix_ms; };
  EXPECT_EQ(ms("1970-01-02"), 86'400'000);
  EXPECT_EQ(ms("2026-01-02T03:04:05Z"), 1'767'323'045'000);
  EXPECT_EQ(ms("2026-01-02T03:04:05.25Z"), 1'767'323'045'250);
  EXPECT_EQ(ms("2026-01-02T04:04:05+01:00"), 1'767'323'045'000);
  EXPECT_EQ(ms("1767323045"), 1'767'323'045'000);
  EXPECT_EQ(format_policy_date(WallTime{1'767'323'045'999}), "2026-01-02T03:04:05Z");
  for (const char* bad : {"", "2026", "2026-13-01", "2026-02-30", "2026-01-02T25:00:00Z", "-5",
                          "2026-01-02T03:04:05Zx", "2026-01-02T03:04:05+1"}) {
    EXPECT_FALSE(parse_policy_date(bad)) << bad;
  }
}

}  // namespace
}  // namespace cairn::iam
