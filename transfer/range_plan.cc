#include "transfer/range_plan.h"

#include <algorithm>

#include "base/assert.h"
#include "crypto/crc64.h"

namespace cairn::transfer {

RangePlan::RangePlan(uint64_t size_bytes, const std::vector<DonePiece>& done)
    : size_bytes_(size_bytes) {
  for (const DonePiece& piece : done) {
    if (piece.range.size_bytes > 0 && piece.range.inside(size_bytes)) {
      done_.emplace(piece.range.offset_bytes, piece);
    }
  }
  uint64_t at = 0;
  for (auto next = done_.begin(); next != done_.end();) {
    const ByteRange& range = next->second.range;
    if (range.offset_bytes < at) {
      next = done_.erase(next);
      continue;
    }
    if (range.offset_bytes > at) open_.push_back({at, range.offset_bytes - at});
    at = range.end_bytes();
    done_bytes_ += range.size_bytes;
    ++next;
  }
  if (at < size_bytes) open_.push_back({at, size_bytes - at});
  std::ranges::reverse(open_);
}

std::optional<ByteRange> RangePlan::take(uint64_t size_max_bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (open_.empty() || failure_) return std::nullopt;
  ByteRange& rest = open_.back();
  const ByteRange taken{rest.offset_bytes, std::min(rest.size_bytes, size_max_bytes)};
  rest.offset_bytes += taken.size_bytes;
  rest.size_bytes -= taken.size_bytes;
  if (rest.size_bytes == 0) open_.pop_back();
  return taken;
}

bool RangePlan::finish(const DonePiece& piece) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!done_.emplace(piece.range.offset_bytes, piece).second) return false;
  done_bytes_ += piece.range.size_bytes;
  return true;
}

bool RangePlan::all_taken() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return open_.empty();
}

bool RangePlan::all_done() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return done_bytes_ == size_bytes_;
}

uint64_t RangePlan::done_bytes() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return done_bytes_;
}

uint64_t RangePlan::open_bytes() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  uint64_t sum_bytes = 0;
  for (const ByteRange& range : open_) sum_bytes += range.size_bytes;
  return sum_bytes;
}

uint64_t RangePlan::crc64() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  ASSERT(done_bytes_ == size_bytes_);
  uint64_t crc = 0;
  for (const auto& [offset, piece] : done_) {
    crc = crypto::combine_crc_words(crypto::kCrc64NvmePolynomial, crc, piece.crc64,
                                    piece.range.size_bytes);
  }
  return crc;
}

void RangePlan::fail(Failure failure) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!failure_) failure_ = std::move(failure);
}

bool RangePlan::has_failed() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return failure_.has_value();
}

std::optional<Failure> RangePlan::failure() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return failure_;
}

}  // namespace cairn::transfer
