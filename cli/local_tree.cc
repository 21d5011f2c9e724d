#include "cli/local_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "io/unique_fd.h"

namespace cairn::cli {
namespace {

constexpr size_t kComponentBytesMax = 255;  // NAME_MAX of Linux file systems.

WallTime wall_time(const timespec& time) {
  return {static_cast<int64_t>(time.tv_sec) * 1000 + time.tv_nsec / 1'000'000};
}

LocalFile described(std::string relative_path, const struct stat& status) {
  return {std::move(relative_path), static_cast<uint64_t>(status.st_size),
          wall_time(status.st_mtim), status.st_mode & 07777U};
}

// Files of unfinished downloads (transfer/file_names.h).
bool is_name_of_download(std::string_view name) {
  return name.starts_with('.') &&
         (name.ends_with(".cairn-partial") || name.ends_with(".cairn-journal"));
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

class Walk {
 public:
  Walk(Links links, LocalTree& tree) : links_(links), tree_(tree) {}

  Status enter(int parent, const char* name, const std::string& relative) {
    const int fd = ::openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
      if (ancestors_.empty()) return std::unexpected(errno_error(errno, name));
      tree_.warnings.push_back(relative + ": " + errno_error(errno, "not read").message);
      return {};
    }
    const std::unique_ptr<DIR, CloseDirectory> directory(::fdopendir(fd));
    if (directory == nullptr) return std::unexpected(errno_error(errno, relative));
    struct stat status{};
    if (::fstat(fd, &status) != 0) return std::unexpected(errno_error(errno, relative));
    const Identity identity{status.st_dev, status.st_ino};
    if (std::ranges::find(ancestors_, identity) != ancestors_.end()) {
      tree_.warnings.push_back(relative + ": contains itself; not entered again");
      return {};
    }
    if (ancestors_.size() >= kTreeDepthMax) {
      return fail(Code::kResourceExhausted, relative + ": more than 256 directories deep");
    }
    ancestors_.push_back(identity);
    const Status read = read_entries(*directory, fd, relative);
    ancestors_.pop_back();
    return read;
  }

 private:
  struct Identity {
    dev_t device;
    ino_t inode;
    friend bool operator==(const Identity&, const Identity&) = default;
  };

  Status read_entries(DIR& directory, int fd, const std::string& relative) {
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(&directory);
      if (entry == nullptr) break;
      const std::string name = entry->d_name;
      if (name == "." || name == ".." || is_name_of_download(name)) continue;
      const std::string path = relative.empty() ? name : relative + "/" + name;
      const Status visited = visit(fd, name, path);
      if (!visited) return visited;
    }
    if (errno != 0) return std::unexpected(errno_error(errno, relative));
    return {};
  }

  Status visit(int fd, const std::string& name, const std::string& path) {
    struct stat status{};
    if (::fstatat(fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno != ENOENT) {
        tree_.warnings.push_back(path + ": " + errno_error(errno, "not read").message);
      }
      return {};
    }
    if (S_ISLNK(status.st_mode)) {
      if (links_ == Links::kSkip) return {};
      if (::fstatat(fd, name.c_str(), &status, 0) != 0) {
        tree_.warnings.push_back(path + ": a symbolic link that leads nowhere; skipped");
        return {};
      }
    }
    if (S_ISDIR(status.st_mode)) return enter(fd, name.c_str(), path);
    if (!S_ISREG(status.st_mode)) {
      tree_.warnings.push_back(path + ": neither a file nor a directory; skipped");
      return {};
    }
    if (tree_.files.size() >= kTreeFilesMax) {
      return fail(Code::kResourceExhausted, "more than 20 million files in one command");
    }
    tree_.files.push_back(described(path, status));
    return {};
  }

  const Links links_;
  LocalTree& tree_;
  std::vector<Identity> ancestors_;  // Of the directory being read, outermost first.
};

enum class Missing : unsigned char { kMake, kFail };

// Walks the components one by one by descriptor; none of them may be a symbolic link.
Result<std::string> path_inside(const std::string& directory, std::string_view relative,
                                Missing missing) {
  const Status valid = check_relative_path(relative);
  if (!valid) return std::unexpected(valid.error());
  io::UniqueFd at(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!at) return std::unexpected(errno_error(errno, directory));
  std::string path = directory;
  for (;;) {
    const size_t slash = relative.find('/');
    const std::string name(relative.substr(0, slash));
    if (!path.ends_with('/')) path += '/';
    path += name;
    if (slash == std::string_view::npos) return path;
    relative.remove_prefix(slash + 1);
    if (missing == Missing::kMake && ::mkdirat(at.get(), name.c_str(), 0777) != 0 &&
        errno != EEXIST) {
      return std::unexpected(errno_error(errno, "cannot make the directory " + path));
    }
    io::UniqueFd next(
        ::openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next) {
      const int error_number = errno;
      struct stat status{};
      const bool is_link = ::fstatat(at.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                           S_ISLNK(status.st_mode);
      if (is_link) {
        return fail(Code::kPermissionDenied,
                    path + " is a symbolic link, which is not followed inside a target directory");
      }
      if (error_number == ENOTDIR) {
        return fail(Code::kAlreadyExists, path + " is a file where a directory is needed");
      }
      return std::unexpected(errno_error(error_number, path));
    }
    at = std::move(next);
  }
}

}  // namespace

Result<LocalTree> walk_directory(const std::string& directory, Links links) {
  LocalTree tree;
  Walk walk(links, tree);
  const Status walked = walk.enter(AT_FDCWD, directory.c_str(), "");
  if (!walked) return std::unexpected(walked.error());
  std::ranges::sort(tree.files, {}, &LocalFile::relative_path);
  return tree;
}

Result<LocalFile> stat_file(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return std::unexpected(errno_error(errno, path));
  if (S_ISDIR(status.st_mode)) {
    return fail(Code::kInvalidArgument, path + " is a directory: give -r to take all of it");
  }
  if (!S_ISREG(status.st_mode)) return fail(Code::kInvalidArgument, path + " is not a file");
  return described(path, status);
}

bool is_directory(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

Status check_relative_path(std::string_view relative) {
  const auto refuse = [&](std::string_view why) {
    return fail(Code::kInvalidArgument, "the key \"" + std::string(relative) +
                                            "\" cannot be a file here: it " + std::string(why));
  };
  if (relative.empty()) return refuse("is empty");
  if (relative.find('\0') != std::string_view::npos) return refuse("holds a NUL");
  if (relative.front() == '/') return refuse("begins with '/'");
  if (relative.back() == '/') return refuse("ends with '/'");
  for (std::string_view rest = relative;;) {
    const size_t slash = rest.find('/');
    const std::string_view component = rest.substr(0, slash);
    if (component.empty()) return refuse("has an empty component (\"//\")");
    if (component == "." || component == "..") return refuse("has a \".\" or \"..\" component");
    if (component.size() > kComponentBytesMax) return refuse("has a component over 255 bytes");
    if (is_name_of_download(component)) return refuse("has a name that downloads use themselves");
    if (slash == std::string_view::npos) return {};
    rest.remove_prefix(slash + 1);
  }
}

Result<std::string> make_path_inside(const std::string& directory, std::string_view relative) {
  return path_inside(directory, relative, Missing::kMake);
}

Result<std::string> find_path_inside(const std::string& directory, std::string_view relative) {
  return path_inside(directory, relative, Missing::kFail);
}

Status set_modified(const std::string& path, WallTime modified) {
  const timespec time{modified.unix_ms / 1000, modified.unix_ms % 1000 * 1'000'000};
  const timespec times[] = {time, time};
  if (::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) == 0) return {};
  return std::unexpected(errno_error(errno, path));
}

}  // namespace cairn::cli
