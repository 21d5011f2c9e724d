// Tenant keys: versions, what stays the same across them, wrapping and rewrapping; the root key
// from its three sources; no key material in any message.
#include "crypto/key_ring.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/encoding.h"
#include "crypto/root_key_command.h"

namespace cairn::crypto {
namespace {

constexpr TenantId kTenant{7};
constexpr const char* kKeyHex = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kMlockIsIgnored = true;
#elif defined(__has_feature)
constexpr bool kMlockIsIgnored =
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kMlockIsIgnored = false;
#endif

std::string hex(const SecretKey& key) {
  return to_hex(key.view());
}

class KeyRingTest : public ::testing::Test {
 protected:
  SecretKey root() const { return SecretKey(Bytes(32, 0x33)); }
  SeededRandom random_{31};
};

TEST_F(KeyRingTest, VersionsHaveTheirOwnKeysButShareTheIdKey) {
  KeyRing ring(root());
  EXPECT_EQ(ring.current(kTenant), nullptr);
  const Result<std::string> first = ring.create_version(kTenant, random_);
  const Result<std::string> second = ring.create_version(kTenant, random_);
  ASSERT_TRUE(first.has_value() && second.has_value());
  const auto one = ring.version(kTenant, 1);
  const auto two = ring.version(kTenant, 2);
  ASSERT_TRUE(one != nullptr && two != nullptr);
  EXPECT_EQ(hex(one->id), hex(two->id));
  EXPECT_NE(hex(one->enc), hex(two->enc));
  EXPECT_NE(hex(one->mac), hex(two->mac));
  EXPECT_NE(hex(one->enc), hex(one->mac));
  EXPECT_EQ(ring.versions(kTenant), (std::vector<uint32_t>{1, 2}));
  EXPECT_EQ(ring.version(kTenant, 3), nullptr);
}

TEST_F(KeyRingTest, ANewVersionIsUsedOnlyOnceItIsActive) {
  KeyRing ring(root());
  ASSERT_TRUE(ring.create_version(kTenant, random_).has_value());
  EXPECT_EQ(ring.current(kTenant)->version, 1U);
  ASSERT_TRUE(ring.create_version(kTenant, random_).has_value());
  EXPECT_EQ(ring.current(kTenant)->version, 1U);
  ASSERT_TRUE(ring.activate(kTenant, 2).has_value());
  EXPECT_EQ(ring.current(kTenant)->version, 2U);
  ASSERT_TRUE(ring.activate(kTenant, 1).has_value());
  EXPECT_EQ(ring.current(kTenant)->version, 2U);
  EXPECT_EQ(ring.activate(kTenant, 3).error().code, Code::kNotFound);
  EXPECT_EQ(ring.activate(TenantId{8}, 1).error().code, Code::kNotFound);
}

TEST_F(KeyRingTest, WrappedKeysGiveTheSameKeysInAnyOrder) {
  KeyRing ring(root());
  const std::string first = *ring.create_version(kTenant, random_);
  const std::string second = *ring.create_version(kTenant, random_);
  KeyRing loaded(root());
  ASSERT_TRUE(loaded.add_wrapped(kTenant, 2, as_bytes(second)).has_value());
  ASSERT_TRUE(loaded.add_wrapped(kTenant, 1, as_bytes(first)).has_value());
  EXPECT_EQ(loaded.current(kTenant)->version, 2U);
  for (const uint32_t version : {1U, 2U}) {
    EXPECT_EQ(hex(loaded.version(kTenant, version)->enc), hex(ring.version(kTenant, version)->enc));
    EXPECT_EQ(hex(loaded.version(kTenant, version)->id), hex(ring.version(kTenant, version)->id));
    EXPECT_EQ(hex(loaded.version(kTenant, version)->mac), hex(ring.version(kTenant, version)->mac));
  }
}

TEST_F(KeyRingTest, RefusesAnotherRootKeyInPlainWords) {
  KeyRing ring(root());
  const std::string wrapped = *ring.create_version(kTenant, random_);
  KeyRing other(SecretKey(Bytes(32, 0x34)));
  const Status status = other.add_wrapped(kTenant, 1, as_bytes(wrapped));
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, Code::kPermissionDenied);
  EXPECT_EQ(status.error().message, "the root key does not match this data directory");
  EXPECT_EQ(other.current(kTenant), nullptr);
}

TEST_F(KeyRingTest, RefusesDamagedAndMisplacedWrappedKeys) {
  KeyRing ring(root());
  const std::string wrapped = *ring.create_version(kTenant, random_);
  for (size_t at = 0; at < wrapped.size(); ++at) {
    std::string damaged = wrapped;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    EXPECT_FALSE(KeyRing(root()).add_wrapped(kTenant, 1, as_bytes(damaged)).has_value()) << at;
  }
  for (size_t size = 0; size < wrapped.size(); ++size) {
    const std::string_view cut = std::string_view(wrapped).substr(0, size);
    EXPECT_FALSE(KeyRing(root()).add_wrapped(kTenant, 1, as_bytes(cut)).has_value());
  }
  EXPECT_EQ(KeyRing(root()).add_wrapped(kTenant, 2, as_bytes(wrapped)).error().code,
            Code::kCorruption);
  EXPECT_EQ(KeyRing(root()).add_wrapped(TenantId{8}, 1, as_bytes(wrapped)).error().code,
            Code::kCorruption);
  // A version of another ring's tenant of the same number does not mix with ours.
  KeyRing foreign(root());
  ASSERT_TRUE(foreign.create_version(kTenant, random_).has_value());
  const std::string foreign_second = *foreign.create_version(kTenant, random_);
  EXPECT_EQ(ring.add_wrapped(kTenant, 2, as_bytes(foreign_second)).error().code, Code::kCorruption);
}

TEST_F(KeyRingTest, RewrapsUnderANewRootWithoutChangingTheKeys) {
  KeyRing ring(root());
  const std::string before = *ring.create_version(kTenant, random_);
  const SecretKey new_root(Bytes(32, 0x77));
  const Result<std::string> after = ring.rewrap(kTenant, 1, new_root);
  ASSERT_TRUE(after.has_value());
  EXPECT_NE(*after, before);
  KeyRing rotated{SecretKey(new_root.view())};
  ASSERT_TRUE(rotated.add_wrapped(kTenant, 1, as_bytes(*after)).has_value());
  EXPECT_EQ(hex(rotated.current(kTenant)->enc), hex(ring.current(kTenant)->enc));
  EXPECT_EQ(hex(rotated.current(kTenant)->id), hex(ring.current(kTenant)->id));
  EXPECT_EQ(rotated.add_wrapped(kTenant, 1, as_bytes(before)).error().code,
            Code::kPermissionDenied);
  EXPECT_EQ(ring.rewrap(kTenant, 2, new_root).error().code, Code::kNotFound);
  EXPECT_EQ(ring.rewrap(TenantId{8}, 1, new_root).error().code, Code::kNotFound);

  ring.replace_root(SecretKey(new_root.view()));
  const std::string second = *ring.create_version(kTenant, random_);
  EXPECT_TRUE(rotated.add_wrapped(kTenant, 2, as_bytes(second)).has_value());
}

TEST_F(KeyRingTest, SecretsMoveAndStartAsZeroes) {
  SecretKey key(Bytes(32, 0x55));
  SecretKey moved(std::move(key));
  EXPECT_EQ(hex(moved), to_hex(Bytes(32, 0x55)));
  SecretKey target;
  EXPECT_EQ(hex(target), to_hex(Bytes(32, 0)));
  target = std::move(moved);
  EXPECT_EQ(hex(target), to_hex(Bytes(32, 0x55)));
  const uint8_t* memory = target.view().data();
  {
    const SecretKey taken = std::move(target);
  }
  // The slot is back in the arena, cleansed, and the next key gets it.
  const SecretKey next;
  EXPECT_EQ(next.view().data(), memory);
  EXPECT_EQ(hex(next), to_hex(Bytes(32, 0)));
}

TEST_F(KeyRingTest, SecretsAreLockedAndLeftOutOfDumps) {
  const SecretKey key(Bytes(32, 0x56));
  const auto address = reinterpret_cast<uintptr_t>(key.view().data());
  std::ifstream maps("/proc/self/smaps");
  std::string line;
  bool inside = false;
  bool found = false;
  while (std::getline(maps, line)) {
    uintptr_t begin = 0;
    uintptr_t end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2) {
      inside = address >= begin && address < end;
    } else if (inside && line.starts_with("VmFlags:")) {
      found = true;
      // Address Sanitizer turns mlock() into nothing.
      if (!kMlockIsIgnored) EXPECT_NE(line.find(" lo"), std::string::npos) << line;
      EXPECT_NE(line.find(" dd"), std::string::npos) << line;
    }
  }
  EXPECT_TRUE(found);
}

class RootKeyTest : public ::testing::Test {
 protected:
  RootKeyTest() {
    std::string name = "/tmp/cairn-root-key-XXXXXX";
    directory_ = ::mkdtemp(name.data());
    path_ = directory_ / "root.key";
  }
  ~RootKeyTest() override { std::filesystem::remove_all(directory_); }
  Result<RootKey> load(const std::string& spec, bool create = false) {
    return load_root_key({.spec = spec, .create_file = create}, random_);
  }
  void write(std::string_view text, mode_t mode) {
    std::ofstream(path_) << text;
    ASSERT_EQ(::chmod(path_.c_str(), mode), 0);
  }

  std::filesystem::path directory_;
  std::filesystem::path path_;
  SeededRandom random_{41};
};

TEST_F(RootKeyTest, CreatesAPrivateFileOnceAndReadsItAgain) {
  const std::string spec = "file:" + path_.string();
  EXPECT_EQ(load(spec).error().code, Code::kNotFound);
  const Result<RootKey> made = load(spec, true);
  ASSERT_TRUE(made.has_value()) << made.error().message;
  EXPECT_TRUE(made->created);
  struct stat info{};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  EXPECT_EQ(info.st_nlink, 1U);
  const Result<RootKey> again = load(spec, true);
  ASSERT_TRUE(again.has_value());
  EXPECT_FALSE(again->created);
  EXPECT_EQ(hex(again->key), hex(made->key));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 1);
}

TEST_F(RootKeyTest, RefusesAFileThatOthersMayRead) {
  for (const mode_t mode : {0640, 0604, 0660, 0610}) {
    write(kKeyHex, mode);
    const Result<RootKey> loaded = load("file:" + path_.string(), true);
    ASSERT_FALSE(loaded.has_value());
    EXPECT_EQ(loaded.error().code, Code::kPermissionDenied);
    EXPECT_NE(loaded.error().message.find("chmod 600"), std::string::npos);
  }
  write(kKeyHex, 0400);
  EXPECT_EQ(hex(load("file:" + path_.string())->key), kKeyHex);
}

TEST_F(RootKeyTest, RefusesBadContentWithoutRepeatingIt) {
  const std::string almost = std::string(kKeyHex).substr(1);
  for (const std::string& text : {std::string(), almost, almost + "zz",
                                  std::string(kKeyHex) + kKeyHex, std::string(500, 'a')}) {
    write(text, 0600);
    const Result<RootKey> loaded = load("file:" + path_.string(), true);
    ASSERT_FALSE(loaded.has_value());
    EXPECT_EQ(loaded.error().code, Code::kInvalidArgument);
    EXPECT_EQ(loaded.error().message.find("112233"), std::string::npos);
    EXPECT_EQ(loaded.error().message.find("aaaa"), std::string::npos);
  }
  for (const std::string& spec : {std::string(kKeyHex), "hex:" + std::string(kKeyHex),
                                  std::string("file:"), std::string("env:"), std::string()}) {
    const Result<RootKey> loaded = load(spec);
    ASSERT_FALSE(loaded.has_value());
    EXPECT_EQ(loaded.error().code, Code::kInvalidArgument);
    EXPECT_EQ(loaded.error().message.find("112233"), std::string::npos);
  }
  EXPECT_EQ(load("file:" + directory_.string()).error().code, Code::kInvalidArgument);
}

TEST_F(RootKeyTest, ReadsAVariableOnceAndWipesIt) {
  ASSERT_EQ(::setenv("CAIRN_TEST_ROOT_KEY", kKeyHex, 1), 0);
  const char* value = ::getenv("CAIRN_TEST_ROOT_KEY");
  const Result<RootKey> loaded = load("env:CAIRN_TEST_ROOT_KEY");
  ASSERT_TRUE(loaded.has_value());
  EXPECT_EQ(hex(loaded->key), kKeyHex);
  EXPECT_EQ(::getenv("CAIRN_TEST_ROOT_KEY"), nullptr);
  EXPECT_EQ(value[0], '\0');
  EXPECT_EQ(load("env:CAIRN_TEST_ROOT_KEY").error().code, Code::kNotFound);
}

TEST_F(RootKeyTest, RunsACommandWithoutAShell) {
  const Result<RootKey> loaded = load("command:/bin/echo " + std::string(kKeyHex));
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  EXPECT_EQ(hex(loaded->key), kKeyHex);
  EXPECT_EQ(load("command:/bin/echo $(id)").error().code, Code::kInvalidArgument);
  EXPECT_EQ(load("command:/bin/false").error().code, Code::kUnavailable);
  EXPECT_EQ(load("command:/no/such/program").error().code, Code::kNotFound);
  EXPECT_EQ(load("command:  ").error().code, Code::kInvalidArgument);
}

TEST_F(RootKeyTest, BoundsTheCommandsOutputAndTime) {
  const Result<std::string> endless = run_key_command("/usr/bin/yes " + std::string(kKeyHex));
  ASSERT_FALSE(endless.has_value());
  EXPECT_EQ(endless.error().code, Code::kInvalidArgument);
  const Result<std::string> slow = run_key_command("/bin/sleep 600", 50);
  ASSERT_FALSE(slow.has_value());
  EXPECT_EQ(slow.error().code, Code::kDeadlineExceeded);
}

}  // namespace
}  // namespace cairn::crypto
