#include "server/config.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "server/home.h"
#include "tests/support/temporary_directory.h"

namespace cairn::server {
namespace {

TEST(Config, EverySettingHasDistinctNamesAndHelp) {
  std::set<std::string> names;
  for (const Setting& setting : settings()) {
    EXPECT_TRUE(names.insert(setting.toml_key()).second) << setting.name;
    EXPECT_FALSE(setting.help.empty()) << setting.name;
    EXPECT_NE(setting.apply, nullptr) << setting.name;
  }
}

TEST(Config, NamesOfOneSettingInAllSources) {
  const auto row = std::ranges::find(settings(), "admin-listen", &Setting::name);
  ASSERT_NE(row, settings().end());
  EXPECT_EQ(row->toml_key(), "admin_listen");
  EXPECT_EQ(row->environment_variable(), "CAIRN_ADMIN_LISTEN");
}

TEST(Config, FlagsBeatEnvironmentBeatsFileBeatsDefault) {
  const testing_support::TemporaryDirectory directory;
  const std::string path = directory.path() + "/cairn.toml";
  std::ofstream(path) << "data = '/file'\nlisten = '1.1.1.1:1'\nregion = 'file'\ncores = 3\n";
  ConfigSources sources;
  sources.file = path;
  sources.environment = [](const std::string& name) -> std::optional<std::string> {
    if (name == "CAIRN_LISTEN") return "2.2.2.2:2";
    if (name == "CAIRN_REGION") return "environment";
    return std::nullopt;
  };
  sources.flags = {{"region", "flag"}};
  const Result<Config> config = load_config(sources);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->data, "/file");
  EXPECT_EQ(config->cores_count, 3U);
  EXPECT_EQ(config->listen, "2.2.2.2:2");
  EXPECT_EQ(config->region, "flag");
  EXPECT_EQ(config->admin_listen, "127.0.0.1:9001");
}

TEST(Config, TomlKnowsEveryType) {
  Config config;
  const Status applied = apply_toml(config,
                                    "pin_cores = true\nmemory = '512MiB'\ngc_interval_ms = 20\n"
                                    "base_domains = ['a.example', 'b.example']\n",
                                    "test");
  ASSERT_TRUE(applied) << applied.error().message;
  EXPECT_TRUE(config.pin_cores);
  EXPECT_EQ(config.memory_bytes, 512 * MiB);
  EXPECT_EQ(config.gc_interval_ms, 20U);
  EXPECT_EQ(config.base_domains, (std::vector<std::string>{"a.example", "b.example"}));
}

TEST(Config, WrongFilesAreRefusedByName) {
  const std::pair<std::string, std::string> cases[] = {
      {"lisen = ':1'", "lisen: there is no such setting"},
      {"admin-listen = ':1'", "admin-listen: there is no such setting"},
      {"[listen]\nport = 1", "listen: expected a string"},
      {"cores = 0", "cores: expected a number from 1"},
      {"cores = -1", "cores: expected a number"},
      {"cores = 1.5", "cores: expected a string, a number"},
      {"pin_cores = 'yes'", "expected true or false"},
      {"base_domains = 'a'", "expected an array of strings"},
      {"base_domains = [1]", "expected an array of strings"},
      {"memory = '1KiB'", "needs at least"},
      {"tier = ['ram:1KiB']", "needs at least 16MiB"},
      {"tier = ['disk:1GiB']", "expected disk:DIRECTORY:SIZE"},
      {"tier = ['disk:/a:1GiB', 'ram:1GiB']", "only the first tier"},
      {"[[tier]]\nkind = 'tape'\nsize = '1GiB'", "expected ram:SIZE or disk"},
      {"[[tier]]\nkind = 'ram'\nsize = 5", "size: expected a string"},
      {"log_level = 'loud'", "expected debug"},
      {"listen = ", "line 1"}};
  for (const auto& [text, message] : cases) {
    Config config;
    const Status applied = apply_toml(config, text, "cairn.toml");
    ASSERT_FALSE(applied) << text;
    EXPECT_EQ(applied.error().code, Code::kInvalidArgument);
    EXPECT_TRUE(applied.error().message.starts_with("cairn.toml")) << applied.error().message;
    EXPECT_NE(applied.error().message.find(message), std::string::npos) << applied.error().message;
  }
}

TEST(Config, WhatBelongsTogether) {
  ConfigSources sources;
  const Result<Config> no_data = load_config(sources);
  ASSERT_FALSE(no_data);
  EXPECT_NE(no_data.error().message.find("--data"), std::string::npos);
  sources.flags = {{"data", "/d"}, {"tls-cert", "c.pem"}};
  EXPECT_FALSE(load_config(sources));
  sources.flags["tls-key"] = "k.pem";
  EXPECT_TRUE(load_config(sources));
}

TEST(Config, AHomeIsABucketAndAPrefix) {
  const auto parts = [](const char* text) {
    const Result<HomePlace> place = parse_home(text);
    return place ? place->bucket + "|" + place->prefix : std::string("refused");
  };
  EXPECT_EQ(parts("s3:bucket"), "bucket|");
  EXPECT_EQ(parts("s3:bucket/"), "bucket|");
  EXPECT_EQ(parts("s3:bucket/a"), "bucket|a/");
  EXPECT_EQ(parts("s3:bucket/a/b/"), "bucket|a/b/");
  for (const char* text : {"", "bucket", "s3:", "s3:/a", "s3:bucket//a", "gs:bucket/a"}) {
    EXPECT_EQ(parts(text), "refused") << text;
  }
  EXPECT_EQ(parts(("s3:b/" + std::string(600, 'a')).c_str()), "refused");
}

TEST(Config, TiersAreTheSameInEveryForm) {
  TierConfig ram;
  ram.size_bytes = 8 * GiB;
  TierConfig disk{TierConfig::Kind::kDisk, 1 * TiB, "/nvme:0/cache"};
  Config config;
  ASSERT_TRUE(apply_toml(config,
                         "[[tier]]\nkind = 'ram'\nsize = '8GiB'\n"
                         "[[tier]]\nkind = 'disk'\npath = '/nvme:0/cache'\nsize = '1TiB'\n",
                         "test"));
  EXPECT_EQ(config.tiers, (std::vector<TierConfig>{ram, disk}));
  EXPECT_EQ(parse_tiers("ram:8GiB,disk:/nvme:0/cache:1TiB").value(), config.tiers);
  EXPECT_TRUE(parse_tiers("none").value().empty());
  ASSERT_TRUE(apply_toml(config,
                         "[[tier]]\nkind = 'disk'\npath = '/a'\nsize = '1TiB'\n"
                         "write-budget = '80MiB/s'\nfirst-miss = '100%'\n",
                         "test"));
  EXPECT_EQ(config.tiers, parse_tiers("disk:/a:1TiB:write-budget=80MiB/s:first-miss=100%").value());
  ASSERT_EQ(config.tiers.size(), 1U);
  EXPECT_EQ(config.tiers[0].write_bytes_per_second, 80 * MiB);
  EXPECT_EQ(config.tiers[0].first_miss_percent, 100U);
  EXPECT_EQ(parse_tiers("ram:1GiB:tenant-share=10%").value()[0].tenant_share_percent, 10U);
  EXPECT_EQ(tenant_share_bytes(parse_tiers("ram:1GiB:tenant-share=50%").value()[0]), 512 * MiB);
  EXPECT_EQ(tenant_share_bytes(parse_tiers("ram:1GiB").value()[0]), std::nullopt);
  EXPECT_EQ(default_tiers().size(), 1U);
}

TEST(Config, WrongDiskTiersAreRefused) {
  for (const char* text :
       {"disk", "disk:", "disk:1GiB", "disk:/x", "disk::1GiB", "disk:/x:1MiB", "disk:/x:9TiB",
        "disk:/x:1GiB:", "disk:/x:1GiB:speed=1", "disk:/x:1GiB:write-budget=80MiB",
        "disk:/x:1GiB:write-budget=0/s", "disk:/x:1GiB:first-miss=101%", "disk:/x:first-miss=1%",
        "disk:/x:1GiB,disk:/x:2GiB", "ram:1GiB:write-budget=1MiB/s", "ram:1GiB:tenant-share=0%",
        "ram:1GiB:", "disk:/x:1GiB,ram:1GiB", "tape:/x:1GiB"}) {
    const Result<std::vector<TierConfig>> tiers = parse_tiers(text);
    ASSERT_FALSE(tiers) << text;
    EXPECT_EQ(tiers.error().code, Code::kInvalidArgument) << text;
  }
  Config config;
  const Status applied =
      apply_toml(config, "[[tier]]\nkind = 'disk'\nsize = 1\npath = '/x'", "cairn.toml");
  ASSERT_FALSE(applied);
  EXPECT_NE(applied.error().message.find("size: expected a string"), std::string::npos);
}

TEST(Config, Sizes) {
  EXPECT_EQ(parse_size("4096").value_or(0), 4096U);
  EXPECT_EQ(parse_size("3GiB").value_or(0), 3 * GiB);
  for (const char* text : {"", "GiB", "-1", "1GB", "1.5GiB", "99999999999TiB", "1 GiB"}) {
    EXPECT_FALSE(parse_size(text)) << text;
  }
}

}  // namespace
}  // namespace cairn::server
