#include "server/data_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "server/credentials.h"
#include "tests/support/temporary_directory.h"

namespace cairn::server {
namespace {

using testing_support::TemporaryDirectory;

mode_t mode_of(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 0777 : 0;
}

TEST(DataDirectory, IsMadeWithFormatAndLock) {
  const TemporaryDirectory parent;
  const std::string path = parent.sub("a/b");
  {
    const Result<DataDirectory> directory = DataDirectory::open(path);
    ASSERT_TRUE(directory) << directory.error().message;
    EXPECT_EQ(read_small_file(path + "/FORMAT", 64).value_or(""), "cairn 1\n");
    EXPECT_EQ(mode_of(path), 0700U);
    EXPECT_FALSE(directory->has_data());
    const Result<DataDirectory> second = DataDirectory::open(path);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Code::kUnavailable);
    EXPECT_NE(second.error().message.find(std::to_string(::getpid())), std::string::npos);
  }
  EXPECT_TRUE(DataDirectory::open(path));
}

TEST(DataDirectory, RefusesNewerDamagedAndForeign) {
  const TemporaryDirectory parent;
  const std::pair<std::string, Code> cases[] = {{"cairn 2\n", Code::kUnsupported},
                                                {"cairn 0\n", Code::kCorruption},
                                                {"cairn 1", Code::kCorruption},
                                                {"cairn 1x\n", Code::kCorruption},
                                                {"", Code::kCorruption}};
  for (const auto& [text, code] : cases) {
    const std::string path = parent.sub("format");
    std::filesystem::create_directory(path);
    std::ofstream(path + "/FORMAT") << text;
    const Result<DataDirectory> directory = DataDirectory::open(path);
    ASSERT_FALSE(directory) << text;
    EXPECT_EQ(directory.error().code, code) << directory.error().message;
    std::filesystem::remove_all(path);
  }
  const std::string foreign = parent.sub("foreign");
  std::filesystem::create_directory(foreign);
  std::ofstream(foreign + "/photo.jpg") << "x";
  const Result<DataDirectory> directory = DataDirectory::open(foreign);
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().code, Code::kFailedPrecondition);
  EXPECT_NE(directory.error().message.find("photo.jpg"), std::string::npos);
}

TEST(Credentials, AreMadeOncePrivateAndReadAgain) {
  const TemporaryDirectory parent;
  const std::string path = parent.sub("credentials");
  const Result<RootCredentials> made = load_root_credentials(path, system_random());
  ASSERT_TRUE(made);
  EXPECT_TRUE(made->created);
  EXPECT_EQ(mode_of(path), 0600U);
  EXPECT_EQ(made->secret_key.size(), 40U);
  const Result<RootCredentials> again = load_root_credentials(path, system_random());
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->created);
  EXPECT_EQ(again->access_key, made->access_key);
  EXPECT_EQ(again->secret_key, made->secret_key);
  ::chmod(path.c_str(), 0640);
  EXPECT_EQ(load_root_credentials(path, system_random()).error().code, Code::kPermissionDenied);
}

TEST(Credentials, EnvironmentWinsAndIsWiped) {
  const TemporaryDirectory parent;
  ::setenv(kAccessKeyVariable, "from-environment", 1);
  ::setenv(kSecretKeyVariable, "secret-from-environment", 1);
  const char* memory = ::getenv(kSecretKeyVariable);
  const Result<RootCredentials> pair =
      load_root_credentials(parent.sub("credentials"), system_random());
  ASSERT_TRUE(pair);
  EXPECT_EQ(pair->access_key, "from-environment");
  EXPECT_EQ(pair->secret_key, "secret-from-environment");
  EXPECT_EQ(::getenv(kSecretKeyVariable), nullptr);
  EXPECT_EQ(*memory, '\0');
  EXPECT_FALSE(std::filesystem::exists(parent.sub("credentials")));
}

TEST(Credentials, HalfAPairOrUnusableKeysAreErrors) {
  const TemporaryDirectory parent;
  const std::pair<const char*, const char*> cases[] = {{"only-access", ""},
                                                       {"ab", "long-enough-secret"},
                                                       {"access", "short"},
                                                       {"a b c", "12345678"}};
  for (const auto& [access_key, secret_key] : cases) {
    ::setenv(kAccessKeyVariable, access_key, 1);
    ::setenv(kSecretKeyVariable, secret_key, 1);
    const Result<RootCredentials> pair =
        load_root_credentials(parent.sub("credentials"), system_random());
    ASSERT_FALSE(pair) << access_key;
    EXPECT_EQ(pair.error().code, Code::kInvalidArgument);
    EXPECT_TRUE(*secret_key == '\0' || pair.error().message.find(secret_key) == std::string::npos);
  }
}

}  // namespace
}  // namespace cairn::server
