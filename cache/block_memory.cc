#include "cache/block_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>

#include "base/assert.h"

namespace cairn::cache {
namespace {

using io::BuddyArena;

int order_of(size_t size_bytes) {
  const size_t blocks =
      (std::max<size_t>(size_bytes, 1) + BuddyArena::kBlockBytes - 1) / BuddyArena::kBlockBytes;
  return static_cast<int>(std::bit_width(blocks - 1));
}

}  // namespace

BlockMemory::BlockMemory(uint64_t capacity_bytes)
    : arenas_max_((capacity_bytes + BuddyArena::kSizeBytes - 1) / BuddyArena::kSizeBytes) {
  arenas_.reserve(arenas_max_);
}

BlockMemory::~BlockMemory() = default;

uint64_t BlockMemory::allocated_bytes(size_t size_bytes) {
  return BuddyArena::kBlockBytes << order_of(size_bytes);
}

Buffer BlockMemory::try_allocate(size_t size_bytes) {
  if (size_bytes > BuddyArena::kSizeBytes) return {};
  const int order = order_of(size_bytes);
  const size_t capacity_bytes = BuddyArena::kBlockBytes << order;
  const std::lock_guard lock(mutex_);
  // The lowest arena with room, so that runs of the largest size stay whole elsewhere.
  for (const auto& arena : arenas_) {
    uint8_t* const data = arena->allocate(order);
    if (data != nullptr) return Buffer::adopt(data, capacity_bytes, *this);
  }
  if (arenas_.size() >= arenas_max_) return {};
  std::unique_ptr<BuddyArena> arena = BuddyArena::create();
  if (arena == nullptr) return {};
  // Pages are locked as they are first touched, so that a large tier does not delay the start.
  if (::mlock2(arena->base(), BuddyArena::kSizeBytes, MLOCK_ONFAULT) != 0) locked_ = false;
  uint8_t* const data = arena->allocate(order);
  const auto place = std::ranges::find_if(
      arenas_, [&](const auto& other) { return other->base() > arena->base(); });
  arenas_.insert(place, std::move(arena));
  return Buffer::adopt(data, capacity_bytes, *this);
}

BuddyArena* BlockMemory::arena_of(const uint8_t* data) {
  const auto above =
      std::ranges::upper_bound(arenas_, data, {}, [](const auto& arena) { return arena->base(); });
  ASSERT(above != arenas_.begin());
  BuddyArena* const arena = std::prev(above)->get();
  ASSERT(arena->owns(data));
  return arena;
}

void BlockMemory::release(uint8_t* data, size_t capacity_bytes) noexcept {
  const std::lock_guard lock(mutex_);
  arena_of(data)->free(data, order_of(capacity_bytes));
}

}  // namespace cairn::cache
