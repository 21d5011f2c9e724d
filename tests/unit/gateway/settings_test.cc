// The document of a gateway bucket: what was written is read again, what is wrong is named, and the
// secret opens only where it was sealed for.
#include "gateway/settings.h"

#include <gmock/gmock.h>

namespace cairn::gateway {
namespace {

using testing::HasSubstr;

Settings some() {
  Settings settings;
  settings.endpoint = "https://s3.example.com";
  settings.region = "eu-west-3";
  settings.bucket = "team \"models\"";
  settings.prefix = "a/b";
  settings.addressing = transfer::Addressing::kPath;
  settings.ca_path = "/etc/ca.pem";
  settings.ttl = milliseconds(1500);
  settings.stale_if_error = seconds(3600);
  settings.read_only = true;
  settings.access_key = "AKID";
  return settings;
}

TEST(GatewaySettings, AreReadAsTheyWereWritten) {
  const Settings before = some();
  const Result<Settings> after = parse_settings(write_settings(before));
  ASSERT_TRUE(after.has_value()) << after.error().message;
  EXPECT_EQ(after->endpoint, before.endpoint);
  EXPECT_EQ(after->region, before.region);
  EXPECT_EQ(after->bucket, before.bucket);
  EXPECT_EQ(after->prefix, before.prefix);
  EXPECT_EQ(after->addressing, before.addressing);
  EXPECT_EQ(after->ca_path, before.ca_path);
  EXPECT_EQ(after->ttl, before.ttl);
  EXPECT_EQ(after->stale_if_error, before.stale_if_error);
  EXPECT_TRUE(after->read_only);
  EXPECT_EQ(after->access_key, "AKID");
  EXPECT_EQ(write_settings(*after), write_settings(before));
}

TEST(GatewaySettings, SayWhatIsWrong) {
  const auto why = [](const Settings& settings) {
    const Status status = check_settings(settings);
    return status ? std::string() : status.error().message;
  };
  EXPECT_EQ(why(some()), "");
  Settings wrong = some();
  wrong.bucket.clear();
  EXPECT_THAT(why(wrong), HasSubstr("upstream-bucket"));
  wrong = some();
  wrong.endpoint = "s3.example.com/path";
  EXPECT_THAT(why(wrong), HasSubstr("endpoint"));
  wrong = some();
  wrong.prefix.assign(600, 'p');
  EXPECT_THAT(why(wrong), HasSubstr("prefix"));
  wrong = some();
  wrong.ttl = seconds(30 * 24 * 3600);
  EXPECT_THAT(why(wrong), HasSubstr("ttl"));
  for (const std::string_view document :
       {"", "[]", "{}", "{\"version\":\"2\"}", "{\"version\":\"1\",\"bucket\":7}", "\xFF"}) {
    EXPECT_FALSE(parse_settings(document).has_value()) << document;
  }
  EXPECT_FALSE(parse_settings(std::string(kSettingsBytesMax + 1, ' ')).has_value());
}

TEST(GatewaySettings, ASecretOpensForItsEndpointAndKeyAlone) {
  SeededRandom random(5);
  crypto::KeyRing ring(crypto::SecretKey::generate(random));
  for (const uint64_t tenant : {1, 2}) {
    ASSERT_TRUE(ring.create_version(crypto::TenantId{tenant}, random).has_value());
  }
  const crypto::TenantId tenant{1};
  Settings settings = some();
  ASSERT_TRUE(seal_secret(settings, *ring.current(tenant), "hush", random).has_value());
  EXPECT_EQ(write_settings(settings).find("hush"), std::string::npos);
  EXPECT_EQ(open_secret(settings, ring, tenant).value(), "hush");
  EXPECT_FALSE(open_secret(settings, ring, crypto::TenantId{2}).has_value());
  Settings moved = settings;
  moved.endpoint = "https://evil.example.com";
  EXPECT_FALSE(open_secret(moved, ring, tenant).has_value());
  moved = settings;
  moved.access_key = "OTHER";
  EXPECT_FALSE(open_secret(moved, ring, tenant).has_value());
  EXPECT_FALSE(seal_secret(settings, *ring.current(tenant), "", random).has_value());
}

}  // namespace
}  // namespace cairn::gateway
