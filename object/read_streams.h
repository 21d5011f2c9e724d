// What clients will ask for next of an object that they read by ranges, told by what they asked
// for: ranges that follow each other (one client or several side by side; the header of a
// safetensors file, then its tensors), and ranges at equal distances. The first bytes of a large
// object are mostly a header's length: then the header is next.
//
// Pure but for its lock: times are passed in. Thread rule: any reactor.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/units.h"
#include "crypto/sealing.h"

namespace cairn::object {

class ReadStreams {
 public:
  static constexpr uint64_t kRangeBytesMax = 64 * MiB;  // Longer ones have a window of their own.
  static constexpr uint64_t kAheadBytesMax = 32 * MiB;  // Behind the last range of a stream.
  static constexpr uint64_t kAheadBytesMin = 1 * MiB;
  static constexpr uint64_t kHeaderBytes = 1 * MiB;     // Read where the front is looked at.
  static constexpr uint64_t kFrontBytesMax = 64 * KiB;  // Of a range that looks at the front.
  static constexpr uint64_t kObjectBytesMin = 8 * MiB;  // Of an object with such a header.
  static constexpr uint64_t kStrideBytesMax = 256 * MiB;
  static constexpr unsigned kStridesAhead = 2;
  static constexpr unsigned kInOrderMin = 2;  // Ranges that followed another one.
  static constexpr Duration kForgotten = seconds(60);

  struct Key {
    crypto::ChunkId first;  // Of the object.
    uint64_t size_bytes = 0;
    friend bool operator==(const Key&, const Key&) = default;
  };

  // A client asks for `range`. What to read before it is asked for; mostly nothing.
  std::vector<ByteRange> note(const Key& object, ByteRange range, Instant now);

 private:
  struct Stream {
    Key object;
    Instant used;
    uint64_t last_begin = 0;
    uint64_t end_max = 0;
    uint64_t ahead_until = 0;  // Behind it nothing was told to be read yet.
    int64_t stride = 0;
    unsigned in_order = 0;
    unsigned strides = 0;
    bool known = false;
  };
  static constexpr size_t kSetsCount = 64;
  static constexpr size_t kStreamsPerSet = 8;

  Stream& stream_of(const Key& object, Instant now);
  static void see(Stream& stream, ByteRange range);
  static std::vector<ByteRange> guess(Stream& stream, ByteRange range);

  std::mutex mutex_;  // Guards the rest; never held across a wait.
  std::array<std::array<Stream, kStreamsPerSet>, kSetsCount> sets_{};
};

}  // namespace cairn::object
