#include "io/os_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>

#include "base/assert.h"
#include "io/blocking.h"
#include "io/io_pieces.h"
#include "io/perform.h"

namespace cairn::io {
namespace {

// The kernel gives back EINTR or EAGAIN under pressure (signals, no memory for a request); more in
// a row than this is a failure.
constexpr int kRetriesMax = 16;

bool is_passing(int32_t result) {
  return result == -EINTR || result == -EAGAIN;
}

constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;

Result<struct stat> stat_of(int fd) {
  struct stat found{};
  if (::fstat(fd, &found) != 0) return std::unexpected(errno_error(errno, "fstat"));
  return found;
}

}  // namespace

OsFile::~OsFile() {
  ASSERT(!fd_);
}

Result<UniqueFd> OsFile::open_blocking(const std::string& path, const OpenOptions& options) {
  const mode_t mode = options.public_mode ? 0666 : 0600;
  int flags = O_CLOEXEC | (options.write ? O_RDWR : O_RDONLY);
  if (options.create) flags |= O_CREAT;
  if (options.exclusive) flags |= O_EXCL;
  if (options.truncate) flags |= O_TRUNC;
  if (options.no_follow) flags |= O_NOFOLLOW;
  UniqueFd fd(::open(path.c_str(), flags | (options.direct ? O_DIRECT : 0), mode));
  // EINVAL is how a file system says that it has no direct I/O; the file may exist by now.
  if (!fd && errno == EINVAL && options.direct) {
    fd.reset(::open(path.c_str(), flags & ~O_EXCL, mode));
  }
  if (!fd) return std::unexpected(errno_error(errno, "open " + path));
  return fd;
}

Task<Result<size_t>> OsFile::read_some(MutableBytes into, uint64_t offset_bytes) {
  int32_t read = -EAGAIN;
  for (int attempt = 0; attempt < kRetriesMax && is_passing(read); ++attempt) {
    Perform operation(OperationKind::kRead, fd_.get());
    operation.data = into;
    operation.offset_bytes = offset_bytes;
    read = co_await operation;
  }
  if (read < 0) co_return std::unexpected(errno_error(-read, "read"));
  co_return static_cast<size_t>(read);
}

Task<Result<size_t>> OsFile::write_some(std::span<const BytesView> pieces, uint64_t offset_bytes) {
  const IoPieces all(pieces);
  if (all.empty()) co_return size_t{0};
  std::array<iovec, IoPieces::kWindowMax> window;
  int32_t written = -EAGAIN;
  for (int attempt = 0; attempt < kRetriesMax && is_passing(written); ++attempt) {
    Perform operation(OperationKind::kWrite, fd_.get());
    operation.pieces = all.window(window);
    operation.offset_bytes = offset_bytes;
    written = co_await operation;
  }
  if (written < 0) co_return std::unexpected(errno_error(-written, "write"));
  co_return static_cast<size_t>(written);
}

Task<Status> OsFile::sync_data() {
  Perform operation(OperationKind::kSyncData, fd_.get());
  const int32_t result = co_await operation;
  if (result < 0) co_return std::unexpected(operation.failure("fdatasync"));
  co_return Status();
}

Task<Status> OsFile::change_allocation(int mode, uint64_t offset_bytes, uint64_t size_bytes,
                                       std::string_view what) {
  Perform operation(OperationKind::kAllocate, fd_.get());
  operation.flags = mode;
  operation.offset_bytes = offset_bytes;
  operation.size_bytes = size_bytes;
  const int32_t result = co_await operation;
  if (result < 0) co_return std::unexpected(operation.failure(what));
  co_return Status();
}

Task<Status> OsFile::allocate(uint64_t offset_bytes, uint64_t size_bytes) {
  return change_allocation(0, offset_bytes, size_bytes, "allocate");
}

Task<Status> OsFile::punch_hole(uint64_t offset_bytes, uint64_t size_bytes) {
  return change_allocation(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset_bytes, size_bytes,
                           "punch hole");
}

Task<Status> OsFile::truncate(uint64_t size_bytes) {
  const auto work = [fd = fd_.get(), size_bytes]() -> Status {
    if (::ftruncate(fd, static_cast<off_t>(size_bytes)) == 0) return {};
    return std::unexpected(errno_error(errno, "truncate"));
  };
  Status done = co_await or_return(blocking_pool().run(work));
  co_return done;
}

Task<Result<uint64_t>> OsFile::size() {
  const struct stat found = co_await or_return(stat_of(fd_.get()));
  co_return static_cast<uint64_t>(found.st_size);
}

Result<FileStatus> file_status_of(int fd) {
  const Result<struct stat> found = stat_of(fd);
  if (!found) return std::unexpected(found.error());
  const timespec& modified = found->st_mtim;
  return FileStatus{.size_bytes = static_cast<uint64_t>(found->st_size),
                    .modified_ns = modified.tv_sec * kNanosecondsPerSecond + modified.tv_nsec,
                    .inode = found->st_ino};
}

Task<Result<FileStatus>> OsFile::status() {
  const FileStatus found = co_await or_return(file_status_of(fd_.get()));
  co_return found;
}

Task<Result<uint64_t>> OsFile::next_data(uint64_t offset_bytes) {
  const auto work = [fd = fd_.get(), offset_bytes]() -> Result<uint64_t> {
    const off_t at = ::lseek(fd, static_cast<off_t>(offset_bytes), SEEK_DATA);
    if (at >= 0) return static_cast<uint64_t>(at);
    if (errno == ENXIO) return fail(Code::kNotFound, "no data at or behind the offset");
    return std::unexpected(errno_error(errno, "seek data"));
  };
  Result<uint64_t> found = co_await or_return(blocking_pool().run(work));
  co_return found;
}

Task<Result<uint64_t>> OsFile::allocated_bytes() {
  constexpr uint64_t kStatBlockBytes = 512;
  const struct stat found = co_await or_return(stat_of(fd_.get()));
  co_return static_cast<uint64_t>(found.st_blocks) * kStatBlockBytes;
}

Task<void> OsFile::close() {
  ASSERT(fd_);
  fd_.reset();
  co_return;
}

}  // namespace cairn::io
