#include "catalog/etcd/node_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>

#include "base/bytes.h"
#include "base/random.h"

namespace cairn::catalog::etcd {
namespace {

inline constexpr size_t kNameBytes = 16;  // 8 random bytes in hexadecimal digits.

std::string draw_name() {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  uint64_t number = system_random().next_u64();
  std::string name(kNameBytes, '0');
  for (char& digit : name) {
    digit = kDigits[number & 0xF];
    number >>= 4;
  }
  return name;
}

}  // namespace

// The name stands in the file that is locked. A torn name is drawn anew: nothing rests on it but
// the slots of commits that nobody waits for any more.
Result<std::unique_ptr<NodeDirectory>> NodeDirectory::open(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return std::unexpected(errno_error(error.value(), "create " + path));
  const std::string file = path + "/NODE";
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return std::unexpected(errno_error(errno, "open " + file));
  std::array<char, kNameBytes> name{};
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    ::close(fd);
    return fail(Code::kUnavailable, "another process uses the directory of this node: " + path);
  }
  std::string node;
  if (::pread(fd, name.data(), name.size(), 0) == static_cast<ssize_t>(name.size())) {
    node.assign(name.data(), name.size());
  } else {
    node = draw_name();
    if (::pwrite(fd, node.data(), node.size(), 0) != static_cast<ssize_t>(node.size()) ||
        ::fsync(fd) != 0) {
      const int number = errno;
      ::close(fd);
      return std::unexpected(errno_error(number, "write " + file));
    }
  }
  return std::unique_ptr<NodeDirectory>(new NodeDirectory(fd, std::move(node)));
}

NodeDirectory::~NodeDirectory() {
  ::close(lock_fd_);
}

}  // namespace cairn::catalog::etcd
