// Which source wins, what a profile file may look like, and that it is kept from others. Method:
// real files and a given environment; every precedence stated in profile.h has a case.
#include "cli/profile.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "cli/ini_file.h"
#include "tests/support/temporary_directory.h"

namespace cairn::cli {
namespace {

namespace fs = std::filesystem;

class ProfileTest : public testing::Test {
 protected:
  void SetUp() override { variables_["HOME"] = home(); }
  std::string home() const { return directory_.path(); }
  void write(const std::string& name, const std::string& text, mode_t mode = 0600) {
    const std::string path = home() + "/" + name;
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path) << text;
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
  }
  Result<Profile> resolve(const ProfileFlags& flags = {}) {
    warnings_.clear();
    return resolve_profile(
        flags,
        [this](const std::string& variable) -> std::optional<std::string> {
          const auto found = variables_.find(variable);
          if (found == variables_.end()) return std::nullopt;
          return found->second;
        },
        warnings_);
  }

  testing_support::TemporaryDirectory directory_;
  std::map<std::string, std::string> variables_;
  std::vector<std::string> warnings_;
};

TEST_F(ProfileTest, WithoutAnythingALocalServerIsMeant) {
  const Profile profile = resolve().value();
  EXPECT_EQ(profile.endpoint, "http://127.0.0.1:9000");
  EXPECT_TRUE(profile.has_default_endpoint);
  EXPECT_EQ(profile.region, "us-east-1");
  EXPECT_FALSE(profile.has_credentials());
}

TEST_F(ProfileTest, FlagsThenEnvironmentThenOurFileThenThoseOfAws) {
  write(".aws/config", "[default]\nregion = aws\nendpoint_url = http://aws:1\n");
  write(".aws/credentials",
        "[default]\naws_access_key_id = A\naws_secret_access_key = a\naws_session_token = t\n");
  Profile profile = resolve().value();
  EXPECT_EQ(profile.endpoint, "http://aws:1");
  EXPECT_EQ(profile.access_key, "A");
  EXPECT_EQ(profile.session_token, "t");

  write(".config/cairn/config",
        "[default]\nendpoint = http://ours:2/\naccess_key = B\nsecret_key = b\n");
  profile = resolve().value();
  EXPECT_EQ(profile.endpoint, "http://ours:2");
  EXPECT_EQ(profile.region, "aws");
  EXPECT_EQ(profile.access_key, "B");
  EXPECT_EQ(profile.secret_key, "b");
  EXPECT_EQ(profile.session_token, "") << "the token of other credentials";

  variables_["AWS_ENDPOINT_URL"] = "http://environment:3";
  variables_["AWS_DEFAULT_REGION"] = "region-4";
  variables_["AWS_ACCESS_KEY_ID"] = "C";
  variables_["AWS_SECRET_ACCESS_KEY"] = "c";
  profile = resolve().value();
  EXPECT_EQ(profile.endpoint, "http://environment:3");
  EXPECT_EQ(profile.region, "region-4");
  EXPECT_EQ(profile.access_key, "C");
  variables_["AWS_ENDPOINT_URL_S3"] = "http://environment:5";
  variables_["AWS_REGION"] = "region-5";
  profile = resolve().value();
  EXPECT_EQ(profile.endpoint, "http://environment:5");
  EXPECT_EQ(profile.region, "region-5");

  ProfileFlags flags;
  flags.endpoint = "http://flag:6";
  EXPECT_EQ(resolve(flags).value().endpoint, "http://flag:6");
  EXPECT_EQ(resolve(flags).value().access_key, "C");
}

TEST_F(ProfileTest, AProfileThatAFlagNamesOutweighsTheEnvironment) {
  write(".config/cairn/config",
        "[lab]\nendpoint = http://lab:1\naccess_key = L\nsecret_key = l\n[keyless]\nregion = r\n");
  variables_["AWS_ENDPOINT_URL"] = "http://environment:3";
  variables_["AWS_ACCESS_KEY_ID"] = "C";
  variables_["AWS_SECRET_ACCESS_KEY"] = "c";
  ProfileFlags flags;
  flags.profile = "lab";
  EXPECT_EQ(resolve(flags).value().endpoint, "http://lab:1");
  EXPECT_EQ(resolve(flags).value().access_key, "L");
  flags.profile = "keyless";
  EXPECT_FALSE(resolve(flags).value().has_credentials()) << "never those of the environment";
  variables_["AWS_PROFILE"] = "lab";
  EXPECT_EQ(resolve().value().access_key, "C");
  flags.profile = "absent";
  EXPECT_EQ(resolve(flags).error().code, Code::kNotFound);
}

TEST_F(ProfileTest, NestedSettingsAndServicesOfAwsAreRead) {
  write(".aws/config",
        "# comment\n[profile one]\ns3 =\n  endpoint_url = http://nested:1\n"
        "  addressing_style = virtual\nregion = r1\n\n[profile two]\nservices = mine\n"
        "[services mine]\ns3 =\n    endpoint_url = https://services.example\n");
  variables_["AWS_PROFILE"] = "one";
  Profile profile = resolve().value();
  EXPECT_EQ(profile.endpoint, "http://nested:1");
  EXPECT_EQ(profile.addressing, "virtual");
  EXPECT_EQ(profile.region, "r1");
  variables_["AWS_PROFILE"] = "two";
  EXPECT_EQ(resolve().value().endpoint, "https://services.example");
}

TEST_F(ProfileTest, OurFileIsRefusedWhenOthersMayReadIt) {
  write(".config/cairn/config", "[default]\nregion = r\n", 0640);
  const Result<Profile> profile = resolve();
  ASSERT_FALSE(profile);
  EXPECT_EQ(profile.error().code, Code::kPermissionDenied);
  EXPECT_NE(profile.error().message.find("chmod 600"), std::string::npos);
  fs::remove(home() + "/.config/cairn/config");
  write(".aws/credentials", "[default]\n", 0644);
  EXPECT_TRUE(resolve());
  EXPECT_EQ(warnings_.size(), 1U);
}

TEST_F(ProfileTest, BadFilesAreNamedWithoutTheirText) {
  write(".config/cairn/config", "[default]\nsecret_key hush\n");
  const Result<Profile> profile = resolve();
  ASSERT_FALSE(profile);
  EXPECT_NE(profile.error().message.find("line 2"), std::string::npos);
  EXPECT_EQ(profile.error().message.find("hush"), std::string::npos);
  write(".config/cairn/config", "[default]\naccess_key = half\n");
  EXPECT_EQ(resolve().error().code, Code::kInvalidArgument);
}

TEST_F(ProfileTest, OnlyOriginsAreEndpoints) {
  EXPECT_EQ(checked_endpoint("https://h:1/").value(), "https://h:1");
  for (const char* bad : {"h:1", "ftp://h", "http://u:p@h", "http://h/path", "http://h?q", ""}) {
    EXPECT_FALSE(checked_endpoint(bad)) << bad;
  }
}

TEST_F(ProfileTest, SavedProfilesComeBackAndLeaveOthersAlone) {
  const std::string path = home() + "/new/folder/config";
  Profile one;
  one.name = "one";
  one.access_key = "K";
  one.secret_key = "s=e c#r;et";
  one.endpoint = "https://one";
  ASSERT_TRUE(save_profile(path, one));
  Profile two;
  two.name = "two";
  ASSERT_TRUE(save_profile(path, two));
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  variables_["CAIRN_CONFIG_FILE"] = path;
  variables_["AWS_PROFILE"] = "one";
  EXPECT_EQ(resolve().value().secret_key, one.secret_key);
  EXPECT_EQ(resolve().value().endpoint, "https://one");
}

TEST(IniFile, BoundsHold) {
  EXPECT_FALSE(IniFile::parse(std::string(kIniBytesMax + 1, '\n')));
  EXPECT_FALSE(IniFile::parse("[a]\nb=" + std::string(kIniLineBytesMax, 'x')));
  EXPECT_FALSE(IniFile::parse("b=1"));
  EXPECT_FALSE(IniFile::parse("[a"));
  EXPECT_FALSE(IniFile::parse("[a]\n=1"));
}

}  // namespace
}  // namespace cairn::cli
