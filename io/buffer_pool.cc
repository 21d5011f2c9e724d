#include "io/buffer_pool.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <deque>
#include <vector>

#include "base/assert.h"
#include "io/buddy_arena.h"
#include "io/mailbox.h"
#include "io/reactor.h"
#include "io/until_watch.h"

#if defined(__SANITIZE_ADDRESS__) || (defined(__has_feature) && __has_feature(address_sanitizer))
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(data, size) static_cast<void>(data)
#define ASAN_UNPOISON_MEMORY_REGION(data, size) static_cast<void>(data)
#endif

namespace cairn::io {
namespace {

constexpr size_t kLargestBytes = BuddyArena::kSizeBytes;

// Identifies the thread: the address of a thread-local is unique among live threads.
const void* this_thread_mark() {
  static thread_local const char mark = 0;
  return &mark;
}

int order_of(size_t capacity_bytes) {
  const size_t blocks =
      (std::max<size_t>(capacity_bytes, 1) + BuddyArena::kBlockBytes - 1) / BuddyArena::kBlockBytes;
  return static_cast<int>(std::bit_width(blocks - 1));
}
size_t bytes_of(int order) {
  return BuddyArena::kBlockBytes << order;
}

// Freed memory on its way home; written into that memory itself.
struct Returned {
  Returned* next;
  size_t capacity_bytes;
};

}  // namespace

// Local frees go to per-order caches (hot memory first) and to the arenas when a cache is full;
// frees of other threads go through a lock-free stack that the owner empties before it gives up.
struct BufferPool::State final : BufferOwner, std::enable_shared_from_this<BufferPool::State> {
  explicit State(uint64_t cap) : cap_bytes(cap) {}
  ~State() {
    for (const auto& arena : arenas) {
      ASAN_UNPOISON_MEMORY_REGION(arena->base(), BuddyArena::kSizeBytes);
    }
  }

  class Waiter;

  uint8_t* allocate(int order);
  uint8_t* allocate_in_arenas(int order);
  uint8_t* take_cached(int order);
  void flush_caches();
  void free_local(uint8_t* data, int order);
  void take_returned();
  void serve_waiters();
  Buffer make_buffer(int order);
  void release(uint8_t* data, size_t capacity_bytes) noexcept override;
  void release_elsewhere(uint8_t* data, size_t capacity_bytes) noexcept;

  const uint64_t cap_bytes;
  uint64_t taken_bytes = 0;    // In the hands of users and of the kernel.
  uint64_t standby_bytes = 0;  // Of those, the kernel's.

  static constexpr size_t kCacheBytesMax = 1 * MiB;  // Per order.
  std::array<std::vector<uint8_t*>, BuddyArena::kOrdersCount> caches;
  std::vector<std::unique_ptr<BuddyArena>> arenas;  // By address.

  std::deque<Waiter*> waiters;

  // Between threads.
  std::atomic<const void*> owner_thread{nullptr};
  std::atomic<Returned*> returned{nullptr};
  // Set while somebody waits: then the first foreign release wakes the owner.
  std::atomic<bool> wanted{false};
  std::shared_ptr<Mailbox> owner_mailbox;  // Written before `wanted` is set.
};

// A task that waits for memory, in arrival order.
class BufferPool::State::Waiter final : public Parked {
 public:
  Waiter(State& state, int order, Until until) : Parked(until), order_(order), state_(state) {
    state_.waiters.push_back(this);
  }
  ~Waiter() override = default;
  int order() const { return order_; }
  void hand_over(Buffer granted) {
    buffer = std::move(granted);
    wake();
  }
  Buffer buffer;

 private:
  void on_parked_give_up() noexcept override {
    std::erase(state_.waiters, this);
    state_.serve_waiters();  // The next may fit where this one did not.
  }
  const int order_;
  State& state_;
};

uint8_t* BufferPool::State::take_cached(int order) {
  std::vector<uint8_t*>& cache = caches[static_cast<size_t>(order)];
  if (cache.empty()) return nullptr;
  uint8_t* const data = cache.back();
  cache.pop_back();
  return data;
}

void BufferPool::State::flush_caches() {
  for (int order = 0; order < BuddyArena::kOrdersCount; ++order) {
    while (uint8_t* const data = take_cached(order)) {
      const auto arena = std::find_if(arenas.begin(), arenas.end(),
                                      [&](const auto& candidate) { return candidate->owns(data); });
      ASSERT(arena != arenas.end());
      (*arena)->free(data, order);
    }
  }
}

uint8_t* BufferPool::State::allocate_in_arenas(int order) {
  // The lowest arena with room: long-lived buffers gather there and the others empty out.
  for (const auto& arena : arenas) {
    if (uint8_t* const data = arena->allocate(order)) return data;
  }
  return nullptr;
}

uint8_t* BufferPool::State::allocate(int order) {
  if (uint8_t* const data = take_cached(order)) return data;
  if (uint8_t* const data = allocate_in_arenas(order)) return data;
  flush_caches();
  if (uint8_t* const data = allocate_in_arenas(order)) return data;
  // One arena above the cap makes up for fragmentation; what is in use never exceeds the cap.
  const size_t arenas_max = (cap_bytes + BuddyArena::kSizeBytes - 1) / BuddyArena::kSizeBytes + 1;
  if (arenas.size() >= arenas_max) return nullptr;
  std::unique_ptr<BuddyArena> arena = BuddyArena::create();
  if (arena == nullptr) return nullptr;
  ASAN_POISON_MEMORY_REGION(arena->base(), BuddyArena::kSizeBytes);
  uint8_t* const data = arena->allocate(order);
  const auto place = std::find_if(arenas.begin(), arenas.end(),
                                  [&](const auto& other) { return other->base() > arena->base(); });
  arenas.insert(place, std::move(arena));
  return data;
}

// An empty Buffer without memory when the cap is reached.
Buffer BufferPool::State::make_buffer(int order) {
  if (taken_bytes + bytes_of(order) > cap_bytes) take_returned();
  if (taken_bytes + bytes_of(order) > cap_bytes) return {};
  uint8_t* const data = allocate(order);
  if (data == nullptr) return {};
  ASAN_UNPOISON_MEMORY_REGION(data, bytes_of(order));
  taken_bytes += bytes_of(order);
  return Buffer::adopt(data, bytes_of(order), *this);
}

void BufferPool::State::free_local(uint8_t* data, int order) {
  ASAN_POISON_MEMORY_REGION(data, bytes_of(order));
  taken_bytes -= bytes_of(order);
  std::vector<uint8_t*>& cache = caches[static_cast<size_t>(order)];
  if ((cache.size() + 1) * bytes_of(order) <= kCacheBytesMax) {
    cache.push_back(data);
    return;
  }
  const auto arena = std::find_if(arenas.begin(), arenas.end(),
                                  [&](const auto& candidate) { return candidate->owns(data); });
  ASSERT(arena != arenas.end());
  (*arena)->free(data, order);
}

void BufferPool::State::take_returned() {
  Returned* item = returned.exchange(nullptr, std::memory_order_seq_cst);
  while (item != nullptr) {
    const Returned taken = *item;
    free_local(reinterpret_cast<uint8_t*>(item), order_of(taken.capacity_bytes));
    item = taken.next;
  }
}

void BufferPool::State::serve_waiters() {
  while (!waiters.empty()) {
    Waiter& first = *waiters.front();
    Buffer buffer = make_buffer(first.order());
    if (buffer.data() == nullptr) return;
    waiters.pop_front();
    first.hand_over(std::move(buffer));
  }
  wanted.store(false, std::memory_order_relaxed);
}

void BufferPool::State::release(uint8_t* data, size_t capacity_bytes) noexcept {
  if (owner_thread.load(std::memory_order_relaxed) != this_thread_mark()) {
    release_elsewhere(data, capacity_bytes);
    return;
  }
  free_local(data, order_of(capacity_bytes));
  if (!waiters.empty()) serve_waiters();
}

void BufferPool::State::release_elsewhere(uint8_t* data, size_t capacity_bytes) noexcept {
  // Kept alive: once the memory is on the stack the owner may drop the last reference.
  const std::shared_ptr<State> self = shared_from_this();
  auto* const item = reinterpret_cast<Returned*>(data);
  item->capacity_bytes = capacity_bytes;
  item->next = returned.load(std::memory_order_relaxed);
  while (!returned.compare_exchange_weak(item->next, item, std::memory_order_seq_cst,
                                         std::memory_order_relaxed)) {
  }
  // Pairs with acquire(): it sets `wanted` and then looks at the stack once more.
  if (wanted.load(std::memory_order_seq_cst) && wanted.exchange(false, std::memory_order_seq_cst)) {
    owner_mailbox->post([self] {
      self->take_returned();
      if (!self->waiters.empty()) self->wanted.store(true, std::memory_order_seq_cst);
      self->take_returned();
      self->serve_waiters();
    });
  }
}

BufferPool::BufferPool(uint64_t cap_bytes) : state_(std::make_shared<State>(cap_bytes)) {}

BufferPool::~BufferPool() {
  state_->take_returned();
  ASSERT(state_->taken_bytes == 0 && state_->waiters.empty());
}

Result<Buffer> BufferPool::try_acquire(size_t capacity_bytes) {
  if (capacity_bytes > kLargestBytes) {
    return fail(Code::kInvalidArgument, "a pool buffer has at most 16 MiB");
  }
  State& state = *state_;
  state.owner_thread.store(this_thread_mark(), std::memory_order_relaxed);
  if (state.waiters.empty()) {
    Buffer buffer = state.make_buffer(order_of(capacity_bytes));
    if (buffer.data() != nullptr) return buffer;
  }
  return fail(Code::kResourceExhausted, "the I/O buffer pool is at its cap");
}

Task<Result<Buffer>> BufferPool::acquire(size_t capacity_bytes, Until until) {
  Result<Buffer> at_once = try_acquire(capacity_bytes);
  if (at_once || at_once.error().code != Code::kResourceExhausted) co_return at_once;
  State& state = *state_;
  const int order = order_of(capacity_bytes);
  if (bytes_of(order) > state.cap_bytes) {
    co_return fail(Code::kInvalidArgument, "the buffer is larger than the whole pool");
  }
  if (state.owner_mailbox == nullptr) state.owner_mailbox = Reactor::current().mailbox();
  State::Waiter waiter(state, order, until);
  state.wanted.store(true, std::memory_order_seq_cst);
  // Whatever came back before `wanted` was set woke nobody.
  state.take_returned();
  state.serve_waiters();
  const std::optional<Code> gave_up = co_await waiter;
  if (gave_up) co_return fail(*gave_up, "gave up waiting for an I/O buffer");
  co_return std::move(waiter.buffer);
}

uint64_t BufferPool::cap_bytes() const {
  return state_->cap_bytes;
}

uint64_t BufferPool::used_bytes() const {
  state_->take_returned();
  return state_->taken_bytes - state_->standby_bytes;
}

void BufferPool::add_standby(int64_t change_bytes) {
  state_->standby_bytes += static_cast<uint64_t>(change_bytes);
}

}  // namespace cairn::io
