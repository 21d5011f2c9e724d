#include "server/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <utility>

#include "base/encoding.h"
#include "base/random.h"

namespace cairn::server {
namespace {

namespace fs = std::filesystem;

// What may lie in a directory that is about to become a data directory.
constexpr std::array<std::string_view, 5> kAllowedBefore = {"LOCK", "keys", "credentials",
                                                            "lost+found", "FORMAT.new"};

// A descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

Status write_all(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return std::unexpected(errno_error(errno, "write " + path));
    text.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

Status sync_directory(const std::string& path) {
  const Descriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0) return std::unexpected(errno_error(errno, "open " + path));
  if (::fsync(directory.get()) != 0) return std::unexpected(errno_error(errno, "fsync " + path));
  return {};
}

Status make_directory(const std::string& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return {};
  fs::create_directories(path, error);
  if (error) return std::unexpected(errno_error(error.value(), "create directory " + path));
  if (::chmod(path.c_str(), 0700) != 0) {
    return std::unexpected(errno_error(errno, "chmod " + path));
  }
  return sync_directory(fs::absolute(path).parent_path().string());
}

Result<int> take_lock(const std::string& path) {
  Descriptor lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (lock.get() < 0) return std::unexpected(errno_error(errno, "open " + path));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return std::unexpected(errno_error(errno, "lock " + path));
    const Result<std::string> holder = read_small_file(path, 32);
    return fail(Code::kUnavailable,
                "the data directory is in use by another cairn process (" + path + ", process " +
                    (holder && !holder->empty() ? holder->substr(0, holder->find('\n'))
                                                : std::string("unknown")) +
                    "); stop that one first");
  }
  if (::ftruncate(lock.get(), 0) != 0) return std::unexpected(errno_error(errno, path));
  const Status written = write_all(lock.get(), std::to_string(::getpid()) + "\n", path);
  if (!written) return std::unexpected(written.error());
  return lock.release();
}

Status check_is_ours(const std::string& path) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(path, error)) {
    const std::string name = entry.path().filename().string();
    bool allowed = false;
    for (const std::string_view candidate : kAllowedBefore) allowed |= name == candidate;
    if (!allowed) {
      return fail(Code::kFailedPrecondition,
                  path + " holds '" + name +
                      "' but no FORMAT file: it is not a Cairn data "
                      "directory, or a damaged one; give an empty directory or restore FORMAT");
    }
  }
  if (error) return std::unexpected(errno_error(error.value(), "list " + path));
  return {};
}

Status check_format(const std::string& path) {
  const std::string format_path = path + "/FORMAT";
  const Result<std::string> text = read_small_file(format_path, 64);
  if (!text && text.error().code == Code::kNotFound) {
    const Status ours = check_is_ours(path);
    if (!ours) return ours;
    return write_private_file(format_path, "cairn " + std::to_string(kFormatVersion) + "\n");
  }
  if (!text) return std::unexpected(text.error());
  uint32_t version = 0;
  const std::string_view prefix = "cairn ";
  const bool well_formed =
      text->starts_with(prefix) && text->ends_with('\n') &&
      std::from_chars(text->data() + prefix.size(), text->data() + text->size() - 1, version).ptr ==
          text->data() + text->size() - 1;
  if (!well_formed || version == 0) {
    return fail(Code::kCorruption, format_path + " is damaged: it must read 'cairn " +
                                       std::to_string(kFormatVersion) + "'");
  }
  if (version > kFormatVersion) {
    return fail(Code::kUnsupported, path + " was written by a newer Cairn (format " +
                                        std::to_string(version) + ", this one reads up to " +
                                        std::to_string(kFormatVersion) +
                                        "); start that version instead");
  }
  return {};
}

}  // namespace

Result<std::string> read_small_file(const std::string& path, size_t bytes_max) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return std::unexpected(errno_error(errno, "open " + path));
  std::string text(bytes_max, '\0');
  size_t filled = 0;
  while (filled < bytes_max) {
    const ssize_t got = ::read(file.get(), text.data() + filled, bytes_max - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(errno_error(errno, "read " + path));
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  text.resize(filled);
  return text;
}

Status sync_parent_directory(const std::string& path) {
  return sync_directory(fs::absolute(path).parent_path().string());
}

Status write_private_file(const std::string& path, std::string_view text) {
  const std::string temporary = path + ".new";
  Descriptor file(
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.get() < 0) return std::unexpected(errno_error(errno, "create " + temporary));
  if (::fchmod(file.get(), 0600) != 0) return std::unexpected(errno_error(errno, temporary));
  const Status written = write_all(file.get(), text, temporary);
  if (!written) return written;
  if (::fsync(file.get()) != 0) return std::unexpected(errno_error(errno, "fsync " + temporary));
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    return std::unexpected(errno_error(errno, "rename " + temporary));
  }
  return sync_parent_directory(path);
}

Result<DataDirectory> DataDirectory::open(std::string path) {
  const Status made = make_directory(path);
  if (!made) return std::unexpected(made.error());
  const Result<int> lock = take_lock(path + "/LOCK");
  if (!lock) return std::unexpected(lock.error());
  DataDirectory directory(std::move(path), *lock);
  const Status format = check_format(directory.path_);
  if (!format) return std::unexpected(format.error());
  const Status keys = make_directory(directory.path_ + "/keys");
  if (!keys) return std::unexpected(keys.error());
  return directory;
}

bool DataDirectory::is_bound() const {
  std::error_code error;
  return fs::exists(catalog_bond_path(), error);
}

bool DataDirectory::has_data() const {
  std::error_code error;
  return fs::exists(catalog_path(), error) || fs::exists(volume_path(), error) || is_bound();
}

Result<std::string> DataDirectory::node_id() const {
  constexpr size_t kIdBytes = 16;
  const std::string path = path_ + "/NODE";
  Result<std::string> known = read_small_file(path, 4 * kIdBytes);
  if (known && known->size() == 2 * kIdBytes) return known;
  if (known) return fail(Code::kCorruption, path + " must hold 32 hex digits");
  if (known.error().code != Code::kNotFound) return known;
  std::array<uint8_t, kIdBytes> bytes;
  system_random().fill(bytes);
  std::string id = to_hex(bytes);
  const Status written = write_private_file(path, id);
  if (!written) return std::unexpected(written.error());
  return id;
}

bool DataDirectory::has_placements() const {
  std::error_code error;
  return fs::exists(placements_path(), error);
}

DataDirectory::DataDirectory(DataDirectory&& other) noexcept
    : path_(std::move(other.path_)), lock_fd_(std::exchange(other.lock_fd_, -1)) {}

DataDirectory::~DataDirectory() {
  if (lock_fd_ >= 0) ::close(lock_fd_);
}

}  // namespace cairn::server
