// Chunker: cuts a byte stream into segments (unit of dedup) and chunks (unit of storage) by
// content.
//
// One windowed hash decides every cut (chunker_scan.h), so a cut depends only on the 64 bytes
// before it and on where the segment and the chunk began: never on how the stream was split into
// feed() calls, nor on the code path that the CPU allows. Normalised chunking of level 2 (FastCDC,
// Xia et al. 2016): a stricter test before the target size, a looser one after it.
//
// Pure CPU, no I/O, no allocation besides the caller's vector. Not thread-safe; one per stream.
// Invariants: min <= segment <= max and min <= chunk <= max, except for the last one of a stream;
// every chunk end is a segment end.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/units.h"

namespace cairn::transfer {

// Names the hash, the default parameters below and the boundaries of container.h. A change of any
// loses dedup against older data, so it gets a new number; a client cuts for a server only where
// both have the same.
inline constexpr uint32_t kChunkerVersion = 2;

// Sizes in bytes; `*_bits_*` are the bits of the second hash stage that must be zero, on top of the
// 14 bits of the first (chunker_scan.h). Normalised chunking: stricter before the target than
// behind it, so that the mean of random data is near the target.
struct ChunkerParameters {
  uint64_t segment_bytes_min = 16 * KiB;
  uint64_t segment_bytes_target = 64 * KiB;
  uint64_t segment_bytes_max = 256 * KiB;
  unsigned segment_bits_before = 2;
  unsigned segment_bits_after = 0;
  uint64_t chunk_bytes_min = 1 * MiB;
  uint64_t chunk_bytes_target = 4 * MiB;
  uint64_t chunk_bytes_max = 8 * MiB - 32 * KiB;  // With a segment table it fills 8 MiB.
  unsigned chunk_bits_before = 6;                 // Per segment end, not per byte.
  unsigned chunk_bits_after = 4;
  size_t chunk_segments_max = 512;  // Reached only where cut() leaves short ones.

  // Whether a Chunker takes these values: 64 <= min <= target <= max and bits <= 16 on both levels,
  // and a segment of maximal size fits a chunk.
  bool valid() const;
};

// The end of a segment as an offset in the stream; `ends_chunk` when a chunk ends there too.
struct Cut {
  uint64_t end_bytes = 0;
  bool ends_chunk = false;
  friend bool operator==(const Cut&, const Cut&) = default;
};

// Code paths of the scan; all give the same cuts.
enum class ScanPath : uint8_t { kPortable, kAvx2, kAvx512Gfni };
bool scan_path_available(ScanPath path);
ScanPath fastest_scan_path();

class Chunker {
 public:
  // REQUIRES: parameters.valid() and scan_path_available(path).
  explicit Chunker(const ChunkerParameters& parameters = {}, ScanPath path = fastest_scan_path());

  // Takes the next bytes of the stream and appends the cuts found in them to `cuts`, ascending: at
  // most bytes.size() / segment_bytes_min + 1. A cut is reported as soon as its last byte was fed.
  void feed(BytesView bytes, std::vector<Cut>& cuts);
  // Ends the stream: appends the end of the last chunk, unless it was reported already. Its last
  // segment may have been reported (it ended by content, not its chunk): then this cut repeats that
  // end and ends no further segment. The next feed() would begin a new segment and chunk.
  void finish(std::vector<Cut>& cuts);

  // Ends the segment at what was fed so far, whatever its size, unless it is empty: the caller
  // knows that the content has a boundary there. With `chunk_too` the chunk ends as well, once it
  // has its minimal size.
  void cut(bool chunk_too, std::vector<Cut>& cuts);

  uint64_t fed_bytes() const { return position_; }
  uint64_t open_segment_bytes() const { return position_ - segment_begin_; }

 private:
  static constexpr size_t kHistoryBytes = 63;  // The hash's window without its last byte.

  size_t scan(BytesView bytes, size_t from, std::vector<Cut>& cuts);
  size_t find_in(BytesView bytes, size_t from, size_t to, unsigned bits, uint64_t& hash) const;
  void end_segment(uint64_t end, bool by_content, uint64_t hash, std::vector<Cut>& cuts);
  void add_cut(uint64_t end, bool chunk_wanted, std::vector<Cut>& cuts);
  void remember(BytesView bytes);

  const ChunkerParameters parameters_;
  const ScanPath path_;
  uint64_t position_ = 0;       // Bytes fed so far.
  uint64_t segment_begin_ = 0;  // Offset in the stream.
  uint64_t chunk_begin_ = 0;
  size_t chunk_segments_ = 0;  // Complete ones of the open chunk.
  // The last bytes before position_, right-aligned; meaningful as far as the stream reaches back.
  std::array<uint8_t, kHistoryBytes> history_{};
};

}  // namespace cairn::transfer
