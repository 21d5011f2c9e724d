#include "io/buddy_arena.h"

#include <sys/mman.h>

#include "base/assert.h"

namespace cairn::io {
namespace {

constexpr size_t kHugePageBytes = 2 * MiB;

// Maps one byte range aligned to a huge page by mapping more and trimming both ends.
uint8_t* map_aligned(size_t size_bytes) {
  const size_t mapped_bytes = size_bytes + kHugePageBytes;
  void* const mapped = ::mmap(nullptr, mapped_bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  auto* const start = static_cast<uint8_t*>(mapped);
  const size_t skip =
      (kHugePageBytes - reinterpret_cast<uintptr_t>(start) % kHugePageBytes) % kHugePageBytes;
  if (skip != 0) ::munmap(start, skip);
  const size_t rest = mapped_bytes - skip - size_bytes;
  if (rest != 0) ::munmap(start + skip + size_bytes, rest);
  return start + skip;
}

}  // namespace

std::unique_ptr<BuddyArena> BuddyArena::create() {
  uint8_t* const base = map_aligned(kSizeBytes);
  if (base == nullptr) return nullptr;
  // Advice: without huge pages everything works, slower. Key material passes through these buffers,
  // so they stay out of core dumps.
  ::madvise(base, kSizeBytes, MADV_HUGEPAGE);
  ::madvise(base, kSizeBytes, MADV_DONTDUMP);
  return std::unique_ptr<BuddyArena>(new BuddyArena(base));
}

BuddyArena::BuddyArena(uint8_t* base) : base_(base) {
  heads_.fill(kNone);
  free_order_.fill(kNotFree);
  push(0, kOrdersCount - 1);
}

BuddyArena::~BuddyArena() {
  ::munmap(base_, kSizeBytes);
}

void BuddyArena::push(size_t block, int order) {
  uint16_t& head = heads_[static_cast<size_t>(order)];
  free_order_[block] = static_cast<uint8_t>(order);
  next_[block] = head;
  previous_[block] = kNone;
  if (head != kNone) previous_[head] = static_cast<uint16_t>(block);
  head = static_cast<uint16_t>(block);
}

void BuddyArena::unlink(size_t block, int order) {
  ASSERT(free_order_[block] == order);
  free_order_[block] = kNotFree;
  if (previous_[block] != kNone) {
    next_[previous_[block]] = next_[block];
  } else {
    heads_[static_cast<size_t>(order)] = next_[block];
  }
  if (next_[block] != kNone) previous_[next_[block]] = previous_[block];
}

uint8_t* BuddyArena::allocate(int order) {
  int from = order;
  while (from < kOrdersCount && heads_[static_cast<size_t>(from)] == kNone) ++from;
  if (from == kOrdersCount) return nullptr;
  const size_t block = heads_[static_cast<size_t>(from)];
  unlink(block, from);
  while (from > order) {
    --from;
    push(block + (size_t{1} << from), from);
  }
  return base_ + block * kBlockBytes;
}

void BuddyArena::free(uint8_t* data, int order) {
  ASSERT(owns(data));
  size_t block = static_cast<size_t>(data - base_) / kBlockBytes;
  ASSERT(free_order_[block] == kNotFree);
  while (order < kOrdersCount - 1) {
    const size_t buddy = block ^ (size_t{1} << order);
    if (free_order_[buddy] != order) break;
    unlink(buddy, order);
    block &= ~(size_t{1} << order);
    ++order;
  }
  push(block, order);
}

}  // namespace cairn::io
