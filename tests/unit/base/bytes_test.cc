// Property: buffers are aligned, move without copying, and give their memory back exactly once;
// ranges never overflow.
#include <gtest/gtest.h>

#include <limits>
#include <utility>

#include "base/buffer.h"
#include "base/units.h"

namespace cairn {
namespace {

class CountingOwner final : public BufferOwner {
 public:
  void release(uint8_t* data, size_t capacity_bytes) noexcept override {
    released_data = data;
    released_bytes += capacity_bytes;
  }
  uint8_t* released_data = nullptr;
  size_t released_bytes = 0;
};

TEST(Buffer, HeapMemoryIsAlignedAndRoundedUp) {
  const Buffer buffer = Buffer::allocate(5000);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % kIoAlignment, 0U);
  EXPECT_EQ(buffer.capacity(), 8192U);
  EXPECT_EQ(buffer.size(), 0U);
}

TEST(Buffer, AdoptedMemoryReturnsToItsOwnerOnce) {
  CountingOwner owner;
  uint8_t memory[64];
  {
    Buffer first = Buffer::adopt(memory, sizeof(memory), owner);
    Buffer second = std::move(first);
    Buffer third;
    third = std::move(second);
    EXPECT_EQ(owner.released_bytes, 0U);
  }
  EXPECT_EQ(owner.released_bytes, sizeof(memory));
  EXPECT_EQ(owner.released_data, memory);
}

TEST(Buffer, AppendTakesWhatFits) {
  Buffer buffer = Buffer::allocate(4096);
  const Bytes many(5000, 7);
  EXPECT_EQ(buffer.append(many), 4096U);
  EXPECT_EQ(buffer.append(many), 0U);
  EXPECT_TRUE(buffer.spare().empty());
}

TEST(ByteRange, InsideHoldsForHostileValues) {
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  EXPECT_TRUE((ByteRange{0, 10}).inside(10));
  EXPECT_TRUE((ByteRange{10, 0}).inside(10));
  EXPECT_FALSE((ByteRange{1, 10}).inside(10));
  EXPECT_FALSE((ByteRange{5, kMax}).inside(10));
  EXPECT_FALSE((ByteRange{kMax, 5}).inside(10));
}

TEST(Bytes, EndianStoresAreWhatTheySay) {
  uint8_t raw[4];
  store_be<uint32_t>(raw, 0x01020304);
  EXPECT_EQ(raw[0], 1);
  EXPECT_EQ(load_be<uint32_t>(raw), 0x01020304U);
  EXPECT_EQ(load_le<uint32_t>(raw), 0x04030201U);
}

}  // namespace
}  // namespace cairn
