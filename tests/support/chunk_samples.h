// Chunks for tests of stores: content, id and owner follow from a number.
#pragma once

#include <algorithm>
#include <atomic>

#include "base/random.h"
#include "storage/chunk_store.h"

namespace cairn::testing_support {

inline storage::ChunkId sample_id(uint64_t number) {
  SeededRandom random(number * 2 + 1);
  storage::ChunkId id;
  random.fill(id.bytes);
  return id;
}

inline storage::OwnerId sample_owner(uint64_t number) {
  storage::OwnerId owner;
  store_le(owner.bytes.data(), number + 1);
  return owner;
}

// Random blocks of 4 KiB, all different: one is drawn, the others are it with a number in front.
inline Bytes sample_bytes(uint64_t number, size_t size_bytes) {
  constexpr size_t kBlock = 4096;
  SeededRandom random(number * 2);
  Bytes bytes(size_bytes);
  random.fill(MutableBytes(bytes).first(std::min(size_bytes, kBlock)));
  for (size_t at = kBlock; at < size_bytes; at += kBlock) {
    std::copy_n(bytes.begin(), std::min(kBlock, size_bytes - at),
                bytes.begin() + static_cast<ptrdiff_t>(at));
    if (size_bytes - at >= 8) store_le(bytes.data() + at, number * 1000000 + at);
  }
  return bytes;
}

inline Bytes sample_header(uint64_t number) {
  return sample_bytes(number + 1000000, 100 + number % 3000);
}

inline storage::SealedChunk sample_chunk(uint64_t number, size_t payload_bytes) {
  return {sample_header(number), Buffer::copy_of(sample_bytes(number, payload_bytes))};
}

// Answers from a set that the test edits; counts the questions.
class SampleReferences final : public storage::ReferenceSource {
 public:
  io::Task<Result<bool>> is_referenced(storage::ChunkId id) override {
    ++questions_count;
    if (failing) co_return fail(Code::kUnavailable, "the catalog does not answer");
    co_return std::ranges::find(referenced, id) != referenced.end();
  }
  std::vector<storage::ChunkId> referenced;
  bool failing = false;
  std::atomic<uint64_t> questions_count = 0;  // Asked by several cores.
};

}  // namespace cairn::testing_support
