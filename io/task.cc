#include "io/task.h"

#include <array>
#include <cstdlib>

namespace cairn::io::detail {
namespace {

// Frames up to kClassesCount * kClassBytes are recycled; a list keeps at most kListMax of them.
constexpr size_t kClassBytes = 128;
constexpr size_t kClassesCount = 32;
constexpr size_t kListMax = 256;

struct FreeFrame {
  FreeFrame* next;
};

struct FreeLists {
  std::array<FreeFrame*, kClassesCount> heads{};
  std::array<size_t, kClassesCount> counts{};

  ~FreeLists() {
    for (FreeFrame* frame : heads) {
      while (frame != nullptr) std::free(std::exchange(frame, frame->next));
    }
  }
};

thread_local FreeLists t_free_lists;

size_t class_of(size_t size_bytes) {
  return (size_bytes - 1) / kClassBytes;
}

}  // namespace

void* allocate_frame(size_t size_bytes) {
  const size_t index = class_of(size_bytes);
  if (index < kClassesCount) {
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
  if (index >= kClassesCount || lists.counts[index] >= kListMax) {
    std::free(frame);
    return;
  }
  auto* free_frame = static_cast<FreeFrame*>(frame);
  free_frame->next = lists.heads[index];
  lists.heads[index] = free_frame;
  ++lists.counts[index];
}

}  // namespace cairn::io::detail
