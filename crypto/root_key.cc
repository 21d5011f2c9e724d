// Loading and creating of the root key. No message here may hold what a file, variable or command
// contained.
#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "base/encoding.h"
#include "crypto/key_ring.h"
#include "crypto/root_key_command.h"
#include "crypto/secret_memory.h"

namespace cairn::crypto {
namespace {

constexpr size_t kKeyTextBytes = 2 * kSecretBytes;
constexpr size_t kKeyFileBytesMax = 256;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

// 64 hex digits, white space around them ignored.
Result<SecretKey> parse_key(std::string_view text, std::string_view source) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  if (text.size() == kKeyTextBytes) {
    std::optional<Bytes> bytes = from_hex(text);
    if (bytes) {
      SecretKey key{BytesView(*bytes)};
      OPENSSL_cleanse(bytes->data(), bytes->size());
      return key;
    }
  }
  return fail(Code::kInvalidArgument,
              std::string(source) + " does not hold a root key: 64 hex digits are expected");
}

// Others must not be able to read or replace the file.
Status check_private(int fd, const std::string& path) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) return std::unexpected(errno_error(errno, path));
  if (!S_ISREG(info.st_mode)) {
    return fail(Code::kInvalidArgument, "the root key file " + path + " is not a regular file");
  }
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return fail(Code::kPermissionDenied,
                "the root key file " + path + " is open to other users; run: chmod 600 " + path);
  }
  if (info.st_uid != ::geteuid() && info.st_uid != 0) {
    return fail(Code::kPermissionDenied, "the root key file " + path + " belongs to another user");
  }
  return {};
}

Result<SecretKey> read_key_file(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return std::unexpected(errno_error(errno, "the root key file " + path));
  const Status is_private = check_private(file.get(), path);
  if (!is_private) return std::unexpected(is_private.error());
  std::array<char, kKeyFileBytesMax> text;
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(errno_error(errno, "the root key file " + path));
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  Result<SecretKey> key = parse_key({text.data(), size}, "the file " + path);
  OPENSSL_cleanse(text.data(), text.size());
  return key;
}

Status write_and_flush(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::write(fd, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return std::unexpected(errno_error(errno, "cannot write the root key file"));
    text.remove_prefix(static_cast<size_t>(put));
  }
  if (::fsync(fd) != 0) {
    return std::unexpected(errno_error(errno, "cannot flush the root key file"));
  }
  return {};
}

Status flush_directory(const std::string& path) {
  const Descriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0 || ::fsync(directory.get()) != 0) {
    return std::unexpected(errno_error(errno, "cannot flush the directory " + path));
  }
  return {};
}

// Writes a temporary file, flushes it and links it to its name, which fails when the name exists: a
// crash leaves either no key file or a whole one, and two starts never overwrite each other's key.
Status store_key_file(const std::string& path, const SecretKey& key, Random& random) {
  std::array<uint8_t, 8> suffix;
  random.fill(suffix);
  const std::string temporary = path + ".new-" + to_hex(suffix);
  const Descriptor file(
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (file.get() < 0) {
    return std::unexpected(errno_error(errno, "cannot create the root key file " + path));
  }
  std::string text = to_hex(key.view());
  text.push_back('\n');
  Status status = write_and_flush(file.get(), text);
  OPENSSL_cleanse(text.data(), text.size());
  if (status && ::link(temporary.c_str(), path.c_str()) != 0) {
    status = std::unexpected(errno_error(errno, "cannot create the root key file " + path));
  }
  ::unlink(temporary.c_str());
  if (!status) return status;
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return flush_directory(parent.empty() ? "." : parent);
}

Result<RootKey> load_from_file(const std::string& path, bool create, Random& random) {
  Result<SecretKey> found = read_key_file(path);
  if (found) return RootKey{.key = std::move(*found), .created = false};
  if (found.error().code != Code::kNotFound || !create) return std::unexpected(found.error());
  SecretKey key = SecretKey::generate(random);
  const Status stored = store_key_file(path, key, random);
  if (stored) return RootKey{.key = std::move(key), .created = true};
  if (stored.error().code != Code::kAlreadyExists) return std::unexpected(stored.error());
  // Another process was faster; its key counts.
  found = read_key_file(path);
  if (!found) return std::unexpected(found.error());
  return RootKey{.key = std::move(*found), .created = false};
}

Result<RootKey> load_from_environment(const std::string& name) {
  char* value = std::getenv(name.c_str());
  if (value == nullptr) {
    return fail(Code::kNotFound, "the environment variable " + name + " holds no root key");
  }
  Result<SecretKey> key = parse_key(value, "the environment variable " + name);
  // The bytes are the ones that /proc/PID/environ shows, so removing the name is not enough.
  OPENSSL_cleanse(value, std::string_view(value).size());
  ::unsetenv(name.c_str());
  if (!key) return std::unexpected(key.error());
  return RootKey{.key = std::move(*key), .created = false};
}

Result<RootKey> load_from_command(std::string_view command_line) {
  Result<std::string> output = run_key_command(command_line);
  if (!output) return std::unexpected(output.error());
  Result<SecretKey> key = parse_key(*output, "the output of the root key command");
  OPENSSL_cleanse(output->data(), output->size());
  if (!key) return std::unexpected(key.error());
  return RootKey{.key = std::move(*key), .created = false};
}

}  // namespace

Result<RootKey> load_root_key(const RootKeySource& source, Random& random) {
  const std::string_view spec = source.spec;
  const size_t colon = spec.find(':');
  const std::string_view kind = spec.substr(0, colon);
  const std::string_view rest =
      colon == std::string_view::npos ? std::string_view() : spec.substr(colon + 1);
  if (!rest.empty() && kind == "file") {
    return load_from_file(std::string(rest), source.create_file, random);
  }
  if (!rest.empty() && kind == "env") return load_from_environment(std::string(rest));
  if (!rest.empty() && kind == "command") return load_from_command(rest);
  // Somebody may have put the key itself here, so the text is not repeated.
  return fail(Code::kInvalidArgument,
              "the root key source must be file:PATH, env:NAME or command:ARGV");
}

}  // namespace cairn::crypto
