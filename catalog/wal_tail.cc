#include "catalog/wal_tail.h"

#include <fmt/format.h>
#include <isa-l/crc.h>

#include <algorithm>
#include <optional>

namespace cairn::catalog {
namespace {

enum FragmentType : uint8_t { kZero = 0, kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

inline constexpr uint64_t kSectorBytes = 512;
inline constexpr uint32_t kCrcMaskDelta = 0xa282ead8;

struct Fragment {
  uint64_t offset = 0;
  uint64_t size = 0;  // With the header.
  FragmentType type = kZero;
};

bool crc_matches(BytesView header_and_data) {
  const BytesView covered = header_and_data.subspan(6);
  const uint32_t crc = ~crc32_iscsi(const_cast<unsigned char*>(covered.data()),
                                    static_cast<int>(covered.size()), 0xFFFFFFFFU);
  const uint32_t masked = ((crc >> 15) | (crc << 17)) + kCrcMaskDelta;
  return masked == load_le<uint32_t>(header_and_data.data());
}

uint64_t block_end(BytesView log, uint64_t offset) {
  return std::min<uint64_t>(log.size(), offset / kLogBlockBytes * kLogBlockBytes + kLogBlockBytes);
}

// The valid fragment at `offset`, if there is one.
std::optional<Fragment> fragment_at(BytesView log, uint64_t offset) {
  const uint64_t end = block_end(log, offset);
  if (end - offset < kLogHeaderBytes) return std::nullopt;
  const uint8_t type = log[offset + 6];
  const uint64_t size = kLogHeaderBytes + load_le<uint16_t>(&log[offset + 4]);
  if (type < kFull || type > kLast || size > end - offset) return std::nullopt;
  if (!crc_matches(log.subspan(offset, size))) return std::nullopt;
  return Fragment{.offset = offset, .size = size, .type = static_cast<FragmentType>(type)};
}

// A fragment never starts in the last six bytes of a block.
uint64_t skip_block_trailer(uint64_t offset) {
  const uint64_t left = kLogBlockBytes - offset % kLogBlockBytes;
  return left < kLogHeaderBytes ? offset + left : offset;
}

bool all_zero(BytesView bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte == 0; });
}

// True when some sector of the piece [offset, end) was never written.
bool lacks_a_sector(BytesView log, uint64_t offset, uint64_t end) {
  while (offset < end) {
    const uint64_t next = std::min(end, (offset / kSectorBytes + 1) * kSectorBytes);
    if (all_zero(log.subspan(offset, next - offset))) return true;
    offset = next;
  }
  return false;
}

// True when a record begins behind `offset`: then what lies before it had been synced. Inside the
// block of the defect the chain of lengths is lost, so every position is tried there.
bool record_begins_after(BytesView log, uint64_t offset) {
  const uint64_t end = block_end(log, offset);
  for (uint64_t at = offset + 1; at < end; ++at) {
    const std::optional<Fragment> found = fragment_at(log, at);
    if (found && found->size > kLogHeaderBytes && found->type <= kFirst) return true;
  }
  for (uint64_t block = end; block < log.size(); block += kLogBlockBytes) {
    uint64_t at = block;
    while (at < block_end(log, block)) {
      const std::optional<Fragment> found = fragment_at(log, at);
      if (!found) break;
      if (found->type <= kFirst) return true;
      at += found->size;
      if (at == block_end(log, block)) break;
    }
  }
  return false;
}

// Where the piece of a defect that one write would have filled ends: its stated length, or the
// block's end when the header itself is missing.
uint64_t defect_end(BytesView log, uint64_t offset) {
  const uint64_t end = block_end(log, offset);
  if (end - offset < kLogHeaderBytes) return end;
  const uint64_t size = kLogHeaderBytes + load_le<uint16_t>(&log[offset + 4]);
  return log[offset + 6] == kZero || size > end - offset ? end : offset + size;
}

std::unexpected<Error> damaged(uint64_t offset) {
  return fail(Code::kCorruption,
              fmt::format("the log is damaged at byte {} and later records exist; restore it from "
                          "a backup, nothing was changed",
                          offset));
}

}  // namespace

Result<uint64_t> find_log_end(BytesView log) {
  uint64_t offset = 0;
  uint64_t whole = 0;  // Behind the last complete record.
  bool inside = false;
  for (;;) {
    offset = skip_block_trailer(offset);
    if (offset >= log.size()) return whole;
    const std::optional<Fragment> fragment = fragment_at(log, offset);
    if (!fragment) break;
    const bool continues = fragment->type == kMiddle || fragment->type == kLast;
    if (continues != inside) return damaged(offset);
    offset += fragment->size;
    inside = fragment->type == kFirst || fragment->type == kMiddle;
    if (!inside) whole = offset;
  }
  if (record_begins_after(log, offset)) return damaged(offset);
  const bool cut_short =
      offset + kLogHeaderBytes > log.size() ||
      offset + kLogHeaderBytes + load_le<uint16_t>(&log[offset + 4]) > log.size();
  if (!cut_short && !lacks_a_sector(log, offset, defect_end(log, offset))) return damaged(offset);
  return whole;
}

}  // namespace cairn::catalog
