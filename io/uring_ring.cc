#include "io/uring_ring.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "base/assert.h"

namespace cairn::io {
namespace {

// Completions may outnumber submissions: multishot accepts, and everything that waits for long.
constexpr unsigned kCompletionsPerEntry = 4;

// liburing maps and unmaps ring memory by raw system calls. TSan does not see them and takes a ring
// of one thread for another's earlier one at the same address; this tells it the order.
void order_ring_memory() {
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
  static std::atomic<int> rings_count{0};
  rings_count.fetch_add(1, std::memory_order_acq_rel);
#endif
#endif
}

}  // namespace

UringRing::~UringRing() {
  if (!open_) return;
  order_ring_memory();
  ::io_uring_queue_exit(&ring_);
}

int UringRing::open(unsigned entries, const UringFeatures& features) {
  ASSERT(!open_);
  io_uring_params params{};
  params.flags = IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE | IORING_SETUP_R_DISABLED;
  params.cq_entries = entries * kCompletionsPerEntry;
  if (features.defer_taskrun) {
    params.flags |=
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
  } else if (features.coop_taskrun) {
    params.flags |= IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
  }
  const int result = ::io_uring_queue_init_params(entries, &ring_, &params);
  order_ring_memory();
  open_ = result == 0;
  return -result;
}

int UringRing::enable() {
  // By hand: liburing 2.3 declares io_uring_enable_rings and its shared library lacks it.
  const long result =
      ::syscall(__NR_io_uring_register, ring_.ring_fd, IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
  return result < 0 ? errno : 0;
}

bool UringRing::supports_buffer_rings() {
  constexpr unsigned kEntries = 8;
  constexpr size_t kBytes = 4096;
  void* const memory =
      ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<uintptr_t>(memory);
  registration.ring_entries = kEntries;
  const bool supported = ::io_uring_register_buf_ring(&ring_, &registration, 0) == 0;
  if (supported) ::io_uring_unregister_buf_ring(&ring_, registration.bgid);
  ::munmap(memory, kBytes);
  return supported;
}

}  // namespace cairn::io
