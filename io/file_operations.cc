#include "io/file_operations.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/units.h"

namespace cairn::io {
namespace {

constexpr size_t kThreadsCount = 8;
constexpr size_t kQueueDepthMax = 65536;
// Keeps results inside 32 bits; callers loop over short results.
constexpr size_t kTransferMax = 1 * GiB;

int64_t call_once(const Operation& operation) {
  const auto offset = static_cast<off_t>(operation.offset_bytes);
  switch (operation.kind) {
    case OperationKind::kRead:
      return ::pread(operation.fd, operation.data.data(),
                     std::min(operation.data.size(), kTransferMax), offset);
    case OperationKind::kWrite:
      return ::pwritev(operation.fd, operation.pieces.data(),
                       static_cast<int>(operation.pieces.size()), offset);
    case OperationKind::kSyncData: return ::fdatasync(operation.fd);
    case OperationKind::kAllocate:
      return ::fallocate(operation.fd, operation.flags, offset,
                         static_cast<off_t>(operation.size_bytes));
    default: errno = EINVAL; return -1;
  }
}

}  // namespace

int32_t carry_out_file_operation(const Operation& operation) {
  for (;;) {
    const int64_t result = call_once(operation);
    if (result >= 0) return static_cast<int32_t>(result);
    if (errno != EINTR) return -errno;
  }
}

Workers& file_workers() {
  static Workers workers("cairn-file", kThreadsCount, kQueueDepthMax);
  return workers;
}

}  // namespace cairn::io
