#include "object/read_streams.h"

#include <algorithm>
#include <utility>

namespace cairn::object {

// The object's own, or the one of its set that was used longest ago.
ReadStreams::Stream& ReadStreams::stream_of(const Key& object, Instant now) {
  std::array<Stream, kStreamsPerSet>& set = sets_[object.first.bytes[0] % kSetsCount];
  Stream* oldest = set.data();
  for (Stream& each : set) {
    const bool fresh = each.known && now - each.used < kForgotten;
    if (fresh && each.object == object) return each;
    if (!each.known || (oldest->known && each.used < oldest->used)) oldest = &each;
  }
  *oldest = Stream();
  oldest->object = object;
  return *oldest;
}

void ReadStreams::see(Stream& stream, ByteRange range) {
  const uint64_t begin = range.offset_bytes;
  const uint64_t end = begin + range.size_bytes;
  if (stream.known) {
    // Clients that fetch several ranges side by side ask for them in nearly this order.
    const uint64_t slack = std::min(range.size_bytes, kAheadBytesMax / 4);
    const bool follows = begin + slack * 4 >= stream.end_max && begin <= stream.end_max + slack &&
                         end > stream.end_max;
    stream.in_order = follows ? stream.in_order + 1 : 0;
    const auto stride = static_cast<int64_t>(begin - stream.last_begin);
    const bool repeats = !follows && stride == stream.stride && stride > 0 &&
                         stride <= static_cast<int64_t>(kStrideBytesMax);
    stream.strides = repeats ? stream.strides + 1 : 0;
    stream.stride = stride;
    stream.end_max = follows ? std::max(stream.end_max, end) : end;
    if (!follows) stream.ahead_until = 0;
  } else {
    stream.end_max = end;
  }
  stream.known = true;
  stream.last_begin = begin;
}

std::vector<ByteRange> ReadStreams::guess(Stream& stream, ByteRange range) {
  const uint64_t object_bytes = stream.object.size_bytes;
  std::vector<ByteRange> ahead;
  const auto add = [&](uint64_t begin, uint64_t end) {
    end = std::min(end, object_bytes);
    if (begin < end) ahead.push_back({begin, end - begin});
  };
  if (range.offset_bytes == 0 && range.size_bytes <= kFrontBytesMax &&
      object_bytes >= kObjectBytesMin && stream.in_order == 0) {
    add(range.size_bytes, kHeaderBytes);
    return ahead;
  }
  if (stream.strides >= kInOrderMin) {
    const uint64_t first = stream.strides == kInOrderMin ? 1 : kStridesAhead;
    for (uint64_t i = first; i <= kStridesAhead; ++i) {
      const uint64_t begin = range.offset_bytes + i * static_cast<uint64_t>(stream.stride);
      add(begin, begin + range.size_bytes);
    }
    return ahead;
  }
  if (stream.in_order < kInOrderMin) return ahead;
  const unsigned doublings = std::min(stream.in_order - kInOrderMin, 5U);
  const uint64_t depth =
      std::min(std::max(range.size_bytes, kAheadBytesMin) << doublings, kAheadBytesMax);
  const uint64_t from = std::max(stream.ahead_until, stream.end_max);
  const uint64_t until = std::min(stream.end_max + depth, object_bytes);
  // In reads that are worth one, not with every range a little.
  if (from >= until || (until < object_bytes && until - from < depth / 2)) return ahead;
  add(from, until);
  stream.ahead_until = until;
  return ahead;
}

std::vector<ByteRange> ReadStreams::note(const Key& object, ByteRange range, Instant now) {
  if (range.size_bytes == 0 || range.size_bytes >= kRangeBytesMax ||
      range.size_bytes >= object.size_bytes) {
    return {};
  }
  const std::lock_guard guard(mutex_);
  Stream& stream = stream_of(object, now);
  see(stream, range);
  stream.used = now;
  return guess(stream, range);
}

}  // namespace cairn::object
