// Which ranges of a file are still to be moved, which are, and what they contain. Thread rule: any
// thread; a lock is held for one look-up.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "base/units.h"
#include "transfer/s3_failure.h"

namespace cairn::transfer {

// A range that is where it belongs, and the CRC-64/NVME of its bytes.
struct DonePiece {
  ByteRange range;
  uint64_t crc64 = 0;
};

class RangePlan {
 public:
  // `done` = ranges of an earlier run; those that overlap an earlier one are dropped.
  RangePlan(uint64_t size_bytes, const std::vector<DonePiece>& done);

  // The next range that nobody has, of at most `size_max_bytes`. nullopt = all are taken.
  std::optional<ByteRange> take(uint64_t size_max_bytes);
  // True for the first who brings this range; false when it is there already (a hedged twin).
  bool finish(const DonePiece& piece);

  bool all_taken() const;
  bool all_done() const;
  uint64_t done_bytes() const;
  // Bytes that nobody has taken yet.
  uint64_t open_bytes() const;
  // Of the whole file, by joining. REQUIRES: all_done().
  uint64_t crc64() const;

  // The first failure stays; whoever works on the plan ends soon after.
  void fail(Failure failure);
  bool has_failed() const;
  std::optional<Failure> failure() const;

 private:
  const uint64_t size_bytes_;
  mutable std::mutex mutex_;
  std::vector<ByteRange> open_;         // Later ranges first: taken from the back.
  std::map<uint64_t, DonePiece> done_;  // By offset.
  uint64_t done_bytes_ = 0;
  std::optional<Failure> failure_;
};

}  // namespace cairn::transfer
