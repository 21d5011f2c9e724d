// Preloaded into a server by tests (clock.py): its wall clock is wrong by as many seconds as the
// file says that CAIRN_TEST_CLOCK names, an int64 in the machine's order of bytes, at any moment.
// The monotonic clock stays right, as it does when an administrator or NTP sets the time.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace {

const volatile int64_t* map_shift() {
  const char* const path = std::getenv("CAIRN_TEST_CLOCK");  // NOLINT(concurrency-mt-unsafe)
  const int file = path == nullptr ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return nullptr;
  void* const mapped = mmap(nullptr, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
  close(file);
  return mapped == MAP_FAILED ? nullptr : static_cast<const volatile int64_t*>(mapped);
}

int64_t shift_seconds() {
  static const volatile int64_t* const shift = map_shift();
  return shift == nullptr ? 0 : *shift;
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t id, timespec* at) noexcept {
  using Real = int (*)(clockid_t, timespec*);
  static const auto real = reinterpret_cast<Real>(dlsym(RTLD_NEXT, "clock_gettime"));
  const int result = real(id, at);
  const bool is_wall = id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE;
  if (result == 0 && is_wall) at->tv_sec += shift_seconds();
  return result;
}

time_t time(time_t* into) noexcept {
  timespec at{};
  clock_gettime(CLOCK_REALTIME, &at);
  if (into != nullptr) *into = at.tv_sec;
  return at.tv_sec;
}

int gettimeofday(timeval* into, void* /*zone*/) noexcept {
  timespec at{};
  clock_gettime(CLOCK_REALTIME, &at);
  into->tv_sec = at.tv_sec;
  into->tv_usec = at.tv_nsec / 1000;
  return 0;
}

}  // extern "C"
