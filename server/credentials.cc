#include "server/credentials.h"

#include <sys/stat.h>

#include <cstdlib>
#include <cstring>

#include "server/data_directory.h"

namespace cairn::server {
namespace {

constexpr std::string_view kAccessKeyLine = "AWS_ACCESS_KEY_ID=";
constexpr std::string_view kSecretKeyLine = "AWS_SECRET_ACCESS_KEY=";
constexpr size_t kAccessKeyBytesMin = 3;
constexpr size_t kSecretKeyBytesMin = 8;
constexpr size_t kKeyBytesMax = 128;
constexpr size_t kCredentialsBytesMax = 4096;

// `count` characters of `alphabet`; below() keeps the bias under 2^-56.
std::string random_text(Random& random, std::string_view alphabet, size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) text += alphabet[random.below(alphabet.size())];
  return text;
}

Status check_pair(const RootCredentials& pair, const std::string& where) {
  for (const std::string* key : {&pair.access_key, &pair.secret_key}) {
    for (const char c : *key) {
      if (c <= ' ' || c > '~') {
        return fail(Code::kInvalidArgument, where + ": keys are printable ASCII without spaces");
      }
    }
  }
  if (pair.access_key.size() < kAccessKeyBytesMin || pair.access_key.size() > kKeyBytesMax) {
    return fail(Code::kInvalidArgument, where + ": the access key needs 3 to 128 characters");
  }
  if (pair.secret_key.size() < kSecretKeyBytesMin || pair.secret_key.size() > kKeyBytesMax) {
    return fail(Code::kInvalidArgument, where + ": the secret key needs 8 to 128 characters");
  }
  return {};
}

Result<RootCredentials> parse_file(const std::string& path, std::string_view text) {
  RootCredentials pair;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    if (line.starts_with(kAccessKeyLine)) pair.access_key = line.substr(kAccessKeyLine.size());
    if (line.starts_with(kSecretKeyLine)) pair.secret_key = line.substr(kSecretKeyLine.size());
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  const Status usable = check_pair(pair, path);
  if (!usable) return std::unexpected(usable.error());
  return pair;
}

Result<RootCredentials> create_file(const std::string& path, Random& random) {
  RootCredentials pair;
  pair.access_key = "CAIRN" + random_text(random, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 15);
  pair.secret_key =
      random_text(random, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 40);
  pair.created = true;
  const std::string text = std::string(kAccessKeyLine) + pair.access_key + "\n" +
                           std::string(kSecretKeyLine) + pair.secret_key + "\n";
  const Status written = write_private_file(path, text);
  if (!written) return std::unexpected(written.error());
  return pair;
}

}  // namespace

std::string take_environment_secret(const char* name) {
  char* value = std::getenv(name);
  if (value == nullptr) return {};
  std::string taken(value);
  explicit_bzero(value, taken.size());
  ::unsetenv(name);
  return taken;
}

Result<RootCredentials> load_root_credentials(const std::string& path, Random& random) {
  RootCredentials given;
  given.access_key = take_environment_secret(kAccessKeyVariable);
  given.secret_key = take_environment_secret(kSecretKeyVariable);
  if (!given.access_key.empty() || !given.secret_key.empty()) {
    const std::string where =
        std::string(kAccessKeyVariable) + " and " + std::string(kSecretKeyVariable);
    if (given.access_key.empty() || given.secret_key.empty()) {
      return fail(Code::kInvalidArgument, where + " belong together: set both or none");
    }
    const Status usable = check_pair(given, where);
    if (!usable) return std::unexpected(usable.error());
    return given;
  }
  Result<RootCredentials> stored = read_credentials(path);
  if (!stored && stored.error().code == Code::kNotFound) return create_file(path, random);
  return stored;
}

Result<RootCredentials> read_credentials(const std::string& path) {
  const Result<std::string> text = read_small_file(path, kCredentialsBytesMax);
  if (!text) return std::unexpected(text.error());
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0 || (status.st_mode & 077) != 0) {
    return fail(Code::kPermissionDenied,
                path + " may be read by others: run chmod 600 on it and change the keys");
  }
  return parse_file(path, *text);
}

}  // namespace cairn::server
