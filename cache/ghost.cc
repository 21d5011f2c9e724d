#include "cache/ghost.h"

#include <algorithm>
#include <bit>

#include "base/assert.h"

namespace cairn::cache {
namespace {

constexpr size_t kSlotsOfBucket = 16;
constexpr uint64_t kSlotBytes = 6;
constexpr unsigned kBucketBitsMin = 2;
constexpr unsigned kBucketBitsMax = 28;
constexpr unsigned kDoublingsMax = 12;  // Each takes a bit from the tags.
// A table is too small when more than a sixteenth of it was given up alive within a sweep.
constexpr uint64_t kCrowdedShare = 16;
// Every slot is visited in so many turns: well before 16-bit turns come round.
constexpr uint64_t kTurnsOfSweep = 16384;

unsigned bits_for(uint64_t entries) {
  const uint64_t buckets = entries / (kSlotsOfBucket / 2) + 1;  // Half full at first.
  return std::clamp(static_cast<unsigned>(std::bit_width(buckets)), kBucketBitsMin,
                    kBucketBitsMax - kDoublingsMax);
}

}  // namespace

Ghost::Ghost(uint64_t horizon_bytes, uint64_t expected_entries, uint64_t bytes_max, Duration gap)
    : turn_bytes_(std::max<uint64_t>(horizon_bytes / kTurnsOfHorizon, 1)),
      bytes_max_(bytes_max),
      half_gap_nanoseconds_(std::max<int64_t>(gap.nanoseconds / 2, 1)),
      first_bucket_bits_(bits_for(expected_entries)),
      bucket_bits_(first_bucket_bits_),
      tags_(kSlotsOfBucket << bucket_bits_),
      turns_(kSlotsOfBucket << bucket_bits_) {}

size_t Ghost::bucket_of(uint64_t fingerprint) const {
  return static_cast<size_t>(fingerprint >> (64 - bucket_bits_));
}

// The 24 bits behind those that chose the bucket in the first table, so that a doubled table finds
// its further bits there. In the upper three bytes, never 0.
uint32_t Ghost::tag_of(uint64_t fingerprint) const {
  const auto tag = static_cast<uint32_t>(fingerprint >> (32 - first_bucket_bits_)) & ~0xFFU;
  return tag == 0 ? 0x100 : tag;
}

uint32_t Ghost::half_gap(Instant now) const {
  return static_cast<uint32_t>(now.nanoseconds / half_gap_nanoseconds_) & 0xFF;
}

bool Ghost::fresh(size_t slot) const {
  return tags_[slot] != 0 && static_cast<uint16_t>(turn_ - turns_[slot]) <= kTurnsOfHorizon;
}

size_t Ghost::find(uint64_t fingerprint) const {
  const size_t first = bucket_of(fingerprint) * kSlotsOfBucket;
  const uint32_t tag = tag_of(fingerprint);
  for (size_t slot = first; slot < first + kSlotsOfBucket; ++slot) {
    if ((tags_[slot] & ~0xFFU) == tag && fresh(slot)) return slot;
  }
  return kNoSlot;
}

bool Ghost::recall(uint64_t fingerprint, Instant now) {
  const size_t slot = find(fingerprint);
  if (slot == kNoSlot) return false;
  if (((half_gap(now) - tags_[slot]) & 0xFF) < 2) return false;
  tags_[slot] = 0;
  --entries_count_;
  return true;
}

void Ghost::remember(uint64_t fingerprint, uint64_t size_bytes, Instant now) {
  advance(size_bytes);
  const size_t known = find(fingerprint);
  if (known != kNoSlot) {
    turns_[known] = turn_;  // Its half gap stays: what does not count must not restart the clock.
    return;
  }
  const size_t first = bucket_of(fingerprint) * kSlotsOfBucket;
  size_t chosen = first;
  for (size_t slot = first; slot < first + kSlotsOfBucket; ++slot) {
    if (!fresh(slot)) {
      chosen = slot;
      break;
    }
    const auto age = static_cast<uint16_t>(turn_ - turns_[slot]);
    if (age > static_cast<uint16_t>(turn_ - turns_[chosen])) chosen = slot;
  }
  if (fresh(chosen)) ++crowded_count_;
  if (tags_[chosen] == 0) ++entries_count_;
  tags_[chosen] = tag_of(fingerprint) | half_gap(now);
  turns_[chosen] = turn_;
  if (crowded_count_ * kCrowdedShare > tags_.size()) grow();
}

void Ghost::advance(uint64_t size_bytes) {
  remembered_bytes_ += size_bytes;
  const uint64_t turns = remembered_bytes_ / turn_bytes_;
  if (turns == 0) return;
  remembered_bytes_ -= turns * turn_bytes_;
  turn_ = static_cast<uint16_t>(turn_ + std::min<uint64_t>(turns, kTurnsOfHorizon + 1));
  sweep(std::min(turns, kTurnsOfSweep));
}

void Ghost::sweep(uint64_t turns) {
  sweep_debt_ += turns * (tags_.size() / kSlotsOfBucket);
  for (; sweep_debt_ >= kTurnsOfSweep; sweep_debt_ -= kTurnsOfSweep) {
    for (size_t slot = sweep_at_; slot < sweep_at_ + kSlotsOfBucket; ++slot) {
      if (tags_[slot] == 0 || fresh(slot)) continue;
      tags_[slot] = 0;
      --entries_count_;
    }
    sweep_at_ += kSlotsOfBucket;
    if (sweep_at_ < tags_.size()) continue;
    sweep_at_ = 0;
    crowded_count_ = 0;
  }
}

void Ghost::grow() {
  crowded_count_ = 0;
  const bool allowed = bucket_bits_ < first_bucket_bits_ + kDoublingsMax &&
                       tags_.size() * 2 * kSlotBytes <= bytes_max_;
  if (!allowed) return;
  const unsigned tag_bit = 31 - (bucket_bits_ - first_bucket_bits_);
  std::vector<uint32_t> tags(tags_.size() * 2);
  std::vector<uint16_t> turns(tags_.size() * 2);
  for (size_t slot = 0; slot < tags_.size(); ++slot) {
    const size_t bucket = slot / kSlotsOfBucket;
    const size_t half = (tags_[slot] >> tag_bit) & 1;
    const size_t to = (bucket * 2 + half) * kSlotsOfBucket + slot % kSlotsOfBucket;
    tags[to] = tags_[slot];
    turns[to] = turns_[slot];
  }
  tags_ = std::move(tags);
  turns_ = std::move(turns);
  ++bucket_bits_;
  sweep_at_ = 0;
}

}  // namespace cairn::cache
