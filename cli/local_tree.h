// The files under a directory, and the way from a key to a file that stays inside one.
//
// Reading follows symbolic links to files and directories (as aws-cli does) unless told not to; a
// directory that contains itself through a link is entered once. Writing never follows a link below
// the target directory: a key can only make files inside it.
// Blocking; no thread rule.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace cairn::cli {

inline constexpr size_t kTreeFilesMax = 20'000'000;
inline constexpr size_t kTreeDepthMax = 256;

struct LocalFile {
  std::string relative_path;  // With '/'; the rest of a key.
  uint64_t size_bytes = 0;
  WallTime modified;
  uint32_t mode = 0;  // Permission bits.
};

struct LocalTree {
  std::vector<LocalFile> files;       // Sorted by the bytes of relative_path, as keys are listed.
  std::vector<std::string> warnings;  // What was passed over: sockets, unreadable directories.
};

enum class Links : unsigned char { kFollow, kSkip };

// kNotFound, kInvalidArgument (not a directory), kResourceExhausted beyond kTreeFilesMax.
Result<LocalTree> walk_directory(const std::string& directory, Links links);
// One file; kNotFound, kInvalidArgument for a directory or something special.
Result<LocalFile> stat_file(const std::string& path);
bool is_directory(const std::string& path);

// Whether `relative` may be made into a file below a directory: no "..", ".", empty or overlong
// component, no leading or trailing '/', no NUL, no name that unfinished downloads have.
// kInvalidArgument says why not.
Status check_relative_path(std::string_view relative);
// Makes the directories on the way to `relative` below `directory` and returns the path of the
// file. kPermissionDenied when a component is a symbolic link, kAlreadyExists when it is a file.
// `relative` is checked first.
Result<std::string> make_path_inside(const std::string& directory, std::string_view relative);
// The same without making anything; kNotFound when a directory is not there.
Result<std::string> find_path_inside(const std::string& directory, std::string_view relative);

Status set_modified(const std::string& path, WallTime modified);

}  // namespace cairn::cli
