// Directories and the opening of files, by blocking calls in the blocking pool.
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>

#include "io/blocking.h"
#include "io/os_file.h"

namespace cairn::io {
namespace {

std::unexpected<Error> last_error(const std::string& what) {
  return std::unexpected(errno_error(errno, what));
}

Status make_directory(const std::string& path) {
  constexpr mode_t kPrivate = 0700;
  if (::mkdir(path.c_str(), kPrivate) == 0) return {};
  const int error = errno;
  struct stat found{};
  // Anything but EEXIST (a parent that is read-only, say) does not matter when it is there.
  if (::stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode)) return {};
  return std::unexpected(errno_error(error, "create directory " + path));
}

Status make_directories(const std::string& path) {
  if (path.empty()) return fail(Code::kInvalidArgument, "a directory needs a name");
  for (size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    if (Status made = make_directory(path.substr(0, slash)); !made) return made;
  }
  return make_directory(path);
}

Result<std::vector<std::string>> list_names(const std::string& directory) {
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(directory.c_str()), ::closedir);
  if (stream == nullptr) return last_error("list " + directory);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* const entry = ::readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  if (errno != 0) return last_error("list " + directory);
  std::sort(names.begin(), names.end());
  return names;
}

Status sync_entries(const std::string& directory) {
  const UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return last_error("sync directory " + directory);
  return {};
}

Result<SpaceInfo> space_of(const std::string& path) {
  struct statvfs found{};
  if (::statvfs(path.c_str(), &found) != 0) return last_error("space of " + path);
  return SpaceInfo{.total_bytes = uint64_t{found.f_blocks} * found.f_frsize,
                   .available_bytes = uint64_t{found.f_bavail} * found.f_frsize};
}

// The lock belongs to the open file description and goes with the descriptor.
class OsFileLock final : public FileLock {
 public:
  explicit OsFileLock(UniqueFd fd) : fd_(std::move(fd)) {}

 private:
  UniqueFd fd_;
};

Result<std::unique_ptr<FileLock>> lock_file(const std::string& path) {
  constexpr mode_t kPrivate = 0600;
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kPrivate));
  if (!fd) return last_error("lock " + path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return last_error("lock " + path);
    return fail(Code::kUnavailable, path + " is locked by another process");
  }
  return std::make_unique<OsFileLock>(std::move(fd));
}

Status read_all(int fd, Buffer& into, const std::string& path) {
  size_t done = 0;
  while (done < into.size()) {
    const ssize_t read = ::read(fd, into.data() + done, into.size() - done);
    if (read < 0 && errno == EINTR) continue;
    if (read < 0) return last_error("read " + path);
    if (read == 0) return fail(Code::kFailedPrecondition, path + " became shorter");
    done += static_cast<size_t>(read);
  }
  return {};
}

Result<FileContents> read_contents(const std::string& path, size_t size_max_bytes) {
  const Result<UniqueFd> fd = OsFile::open_blocking(path, {});
  if (!fd) return std::unexpected(fd.error());
  const Result<FileStatus> status = file_status_of(fd->get());
  if (!status) return std::unexpected(status.error());
  if (status->size_bytes > size_max_bytes) {
    return fail(Code::kOutOfRange, path + " is larger than expected");
  }
  const auto size_bytes = static_cast<size_t>(status->size_bytes);
  FileContents contents{Buffer::allocate(std::max<size_t>(size_bytes, 1)), *status};
  contents.bytes.resize(size_bytes);
  if (Status read = read_all(fd->get(), contents.bytes, path); !read) {
    return std::unexpected(read.error());
  }
  return contents;
}

Status write_contents(const std::string& path, BytesView bytes) {
  const OpenOptions options{
      .write = true, .create = true, .truncate = true, .public_mode = true, .no_follow = true};
  const Result<UniqueFd> fd = OsFile::open_blocking(path, options);
  if (!fd) return std::unexpected(fd.error());
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd->get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return last_error("write " + path);
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return {};
}

Status replace_contents(const std::string& path, const std::string& temporary, BytesView bytes) {
  Status done = write_contents(temporary, bytes);
  if (done && ::rename(temporary.c_str(), path.c_str()) != 0) {
    done = last_error("rename " + temporary + " to " + path);
  }
  if (!done) ::unlink(temporary.c_str());
  return done;
}

// Runs `work`, which returns some Result, in the blocking pool.
template <typename Work>
Task<std::invoke_result_t<Work>> in_pool(Work work) {
  std::invoke_result_t<Work> result = co_await or_return(blocking_pool().run(std::move(work)));
  co_return result;
}

class OsFileSystem final : public FileSystem {
 public:
  Task<Result<std::unique_ptr<File>>> open(std::string path, OpenOptions options) override {
    return in_pool([path = std::move(path), options]() -> Result<std::unique_ptr<File>> {
      Result<UniqueFd> fd = OsFile::open_blocking(path, options);
      if (!fd) return std::unexpected(std::move(fd.error()));
      return std::make_unique<OsFile>(std::move(*fd));
    });
  }
  Task<Status> create_directories(std::string path) override {
    return in_pool([path = std::move(path)] { return make_directories(path); });
  }
  Task<Result<std::vector<std::string>>> list(std::string directory) override {
    return in_pool([directory = std::move(directory)] { return list_names(directory); });
  }
  Task<Status> rename(std::string from, std::string to) override {
    return in_pool([from = std::move(from), to = std::move(to)]() -> Status {
      if (::rename(from.c_str(), to.c_str()) == 0) return {};
      return last_error("rename " + from + " to " + to);
    });
  }
  Task<Status> unlink(std::string path) override {
    return in_pool([path = std::move(path)]() -> Status {
      if (::unlink(path.c_str()) == 0) return {};
      return last_error("unlink " + path);
    });
  }
  Task<Status> sync_directory(std::string directory) override {
    return in_pool([directory = std::move(directory)] { return sync_entries(directory); });
  }
  Task<Result<SpaceInfo>> space(std::string path) override {
    return in_pool([path = std::move(path)] { return space_of(path); });
  }
  // One trip to a thread instead of one per call: small files come by the thousand.
  Task<Result<FileContents>> read_file(std::string path, size_t size_max_bytes) override {
    return in_pool(
        [path = std::move(path), size_max_bytes] { return read_contents(path, size_max_bytes); });
  }
  Task<Status> write_file(std::string path, std::string temporary, BytesView bytes) override {
    return in_pool([path = std::move(path), temporary = std::move(temporary), bytes] {
      return replace_contents(path, temporary, bytes);
    });
  }
  Task<Result<std::unique_ptr<FileLock>>> lock(std::string path) override {
    return in_pool([path = std::move(path)] { return lock_file(path); });
  }
};

}  // namespace

FileSystem& system_file_system() {
  static OsFileSystem file_system;
  return file_system;
}

}  // namespace cairn::io
