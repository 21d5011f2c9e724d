#include "io/task.h"

#include <array>
#include <cstdlib>
#include <utility>

namespace cairn::io::detail {
namespace {

// Frames up to kClassesCount * kClassBytes are recycled; a list keeps at most kListMax of them.
constexpr size_t kClassBytes = 128;
constexpr size_t kClassesCount = 32;
constexpr size_t kListMax = 256;

struct FreeFrame {
  FreeFrame* next;
};

// No destructor: a frame may be freed while the thread's other locals are being destroyed, when a
// list with one would be gone already. `closed` then sends frames to the heap.
struct FreeLists {
  std::array<FreeFrame*, kClassesCount> heads{};
  std::array<size_t, kClassesCount> counts{};
  bool cleaner_armed = false;
  bool closed = false;
};
constinit thread_local FreeLists t_free_lists;

struct Cleaner {
  ~Cleaner() {
    t_free_lists.closed = true;
    for (FreeFrame* frame : t_free_lists.heads) {
      while (frame != nullptr) std::free(std::exchange(frame, frame->next));
    }
    t_free_lists.heads = {};
  }
  // Makes this thread's instance, so that its destructor runs when the thread ends.
  void arm() const { t_free_lists.cleaner_armed = true; }
};
thread_local const Cleaner t_cleaner;

// Under ASan every frame comes from the heap, so that a use after free is seen.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kRecycles = false;
#elif defined(__has_feature)
constexpr bool kRecycles = !__has_feature(address_sanitizer);
#else
constexpr bool kRecycles = true;
#endif

size_t class_of(size_t size_bytes) {
  return (size_bytes - 1) / kClassBytes;
}

}  // namespace

void* allocate_frame(size_t size_bytes) {
  const size_t index = class_of(size_bytes);
  if (kRecycles && index < kClassesCount) {
    FreeLists& lists = t_free_lists;
    if (FreeFrame* frame = lists.heads[index]; frame != nullptr) {
      lists.heads[index] = frame->next;
      --lists.counts[index];
      return frame;
    }
    size_bytes = (index + 1) * kClassBytes;
  }
  void* memory = std::malloc(size_bytes);
  ASSERT(memory != nullptr);
  return memory;
}

void free_frame(void* frame, size_t size_bytes) noexcept {
  const size_t index = class_of(size_bytes);
  FreeLists& lists = t_free_lists;
  if (!kRecycles || index >= kClassesCount || lists.counts[index] >= kListMax || lists.closed) {
    std::free(frame);
    return;
  }
  if (!lists.cleaner_armed) t_cleaner.arm();
  auto* free_frame = static_cast<FreeFrame*>(frame);
  free_frame->next = lists.heads[index];
  lists.heads[index] = free_frame;
  ++lists.counts[index];
}

}  // namespace cairn::io::detail
