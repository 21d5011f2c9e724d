// Hashes the blocks of many concurrent streams side by side (PERFORMANCE.md lever 1): MD5 in 8
// (AVX2) or 16 (AVX-512) lanes, SHA-256 in up to 3 interleaved SHA-NI streams; portable code
// elsewhere, same values. Has no idea of reactors: the caller queues blocks and calls run().
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "crypto/digest.h"

namespace cairn::crypto {

struct HashKernel;
class HashEngine;

// More jobs than this are not kept waiting: add() then hashes what is queued first.
inline constexpr size_t kHashJobsMax = 4096;

// State of one MD5 stream. Trivially relocatable only while no block of it is queued.
class Md5Stream {
 public:
  using Value = std::array<uint8_t, 16>;
  Md5Stream();
  Value finish();  // REQUIRES: no block queued.

 private:
  friend class HashEngine;
  std::array<uint32_t, 4> state_;
  std::array<uint8_t, 64> tail_{};
  uint64_t size_bytes_ = 0;
  uint32_t last_job_ = 0;  // 1 + the index of its newest queued job; 0 when none is queued.
};

// State of one SHA-256 stream. Trivially relocatable only while no block of it is queued.
class Sha256Stream {
 public:
  using Value = Sha256Value;
  Sha256Stream();
  Value finish();  // REQUIRES: no block queued.

 private:
  friend class HashEngine;
  std::array<uint32_t, 8> state_;
  std::array<uint8_t, 64> tail_{};
  uint64_t size_bytes_ = 0;
  uint32_t last_job_ = 0;  // As in Md5Stream.
};

// Used on one thread. A stream may have several blocks queued; they are hashed in order. The memory
// of a block must stay until run() has returned.
class HashEngine {
 public:
  // The fastest kernels of this processor.
  HashEngine();
  // Given kernels (tests and benchmarks).
  HashEngine(const HashKernel& md5, const HashKernel& sha256);

  void add(Md5Stream& stream, BytesView block);
  void add(Sha256Stream& stream, BytesView block);
  // A whole independent message (a segment): its SHA-256 is stored in *out by run().
  void add_message(BytesView message, Sha256Value* out);
  bool has_work() const;
  // Hashes everything queued.
  void run();

 private:
  // The jobs of one stream are chained by index and take one lane one after the other.
  template <typename Stream>
  struct Job {
    Stream* stream = nullptr;  // Null for a whole message.
    BytesView block;
    Sha256Value* out = nullptr;
    uint32_t next = 0;  // 1 + the index of the stream's next job; 0 at the end.
  };
  struct Chain {
    uint32_t first_job = 0;
    uint64_t size_bytes = 0;
  };
  template <typename Stream>
  struct Queue {
    std::vector<Job<Stream>> jobs;
    std::vector<Chain> chains;
  };
  template <typename Stream>
  class Lane;

  template <typename Stream>
  void add_to(Queue<Stream>& queue, Stream& stream, BytesView block);
  template <typename Stream>
  static void run_queue(Queue<Stream>& queue, const HashKernel& kernel);

  const HashKernel* md5_kernel_;
  const HashKernel* sha256_kernel_;
  Queue<Md5Stream> md5_;
  Queue<Sha256Stream> sha256_;
};

}  // namespace cairn::crypto
