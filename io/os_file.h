// A File of the operating system: data through the calling reactor's backend, the rest by calls
// that do not block or that run in the blocking pool.
#pragma once

#include <memory>

#include "io/file.h"
#include "io/unique_fd.h"

namespace cairn::io {

// fstat(2).
Result<FileStatus> file_status_of(int fd);

class OsFile final : public File {
 public:
  explicit OsFile(UniqueFd fd) : fd_(std::move(fd)) {}
  ~OsFile() override;
  OsFile(const OsFile&) = delete;
  OsFile& operator=(const OsFile&) = delete;

  // Blocks. Runs on a pool thread.
  static Result<UniqueFd> open_blocking(const std::string& path, const OpenOptions& options);

  Task<Result<size_t>> read_some(MutableBytes into, uint64_t offset_bytes) override;
  Task<Result<size_t>> write_some(std::span<const BytesView> pieces,
                                  uint64_t offset_bytes) override;
  Task<Status> sync_data() override;
  Task<Status> allocate(uint64_t offset_bytes, uint64_t size_bytes) override;
  Task<Status> punch_hole(uint64_t offset_bytes, uint64_t size_bytes) override;
  Task<Status> truncate(uint64_t size_bytes) override;
  Task<Result<uint64_t>> size() override;
  Task<Result<FileStatus>> status() override;
  Task<Result<uint64_t>> next_data(uint64_t offset_bytes) override;
  Task<Result<uint64_t>> allocated_bytes() override;
  Task<void> close() override;

 private:
  Task<Status> change_allocation(int mode, uint64_t offset_bytes, uint64_t size_bytes,
                                 std::string_view what);
  UniqueFd fd_;
};

}  // namespace cairn::io
