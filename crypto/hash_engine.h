// Hashes the blocks of many concurrent streams side by side (PERFORMANCE.md lever 1): MD5 in 8
// (AVX2) or 16 (AVX-512) lanes, SHA-256 in 2 to 4 interleaved SHA-NI streams; portable code
// elsewhere, same values. Has no idea of reactors: the caller queues blocks and calls run().
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "crypto/digest.h"

namespace cairn::crypto {

// State of one MD5 or SHA-256 stream. Trivially relocatable only while no block of it is queued.
class Md5Stream {
 public:
  Md5Stream();
  std::array<uint8_t, 16> finish();  // REQUIRES: no block queued.

 private:
  friend class HashEngine;
  std::array<uint32_t, 4> state_;
  std::array<uint8_t, 64> tail_{};
  uint64_t size_bytes_ = 0;
};

class Sha256Stream {
 public:
  Sha256Stream();
  Sha256Value finish();  // REQUIRES: no block queued.

 private:
  friend class HashEngine;
  std::array<uint32_t, 8> state_;
  std::array<uint8_t, 64> tail_{};
  uint64_t size_bytes_ = 0;
};

// Used on one thread. A stream may have several blocks queued; they are hashed in order. The memory
// of a block must stay until run() has returned.
class HashEngine {
 public:
  HashEngine();
  void add(Md5Stream& stream, BytesView block);
  void add(Sha256Stream& stream, BytesView block);
  // A whole independent message (a segment): its SHA-256 is stored in *out by run().
  void add_message(BytesView message, Sha256Value* out);
  bool has_work() const;
  // Hashes everything queued.
  void run();

 private:
  struct Md5Job {
    Md5Stream* stream;
    BytesView block;
  };
  struct Sha256Job {
    Sha256Stream* stream;  // Null for a whole message.
    BytesView block;
    Sha256Value* out;
  };
  std::vector<Md5Job> md5_jobs_;
  std::vector<Sha256Job> sha256_jobs_;
};

}  // namespace cairn::crypto
