#include "transfer/chunker.h"

#include <algorithm>

#include "base/assert.h"
#include "transfer/chunker_scan.h"

namespace cairn::transfer {
namespace {

constexpr unsigned kBitsMax = 16;
// Segment and chunk tests look at different bits, so that the one says nothing about the other.
constexpr unsigned kChunkBitsShift = 32;

uint64_t low_bits(unsigned count) {
  return (uint64_t{1} << count) - 1;
}

bool ordered(uint64_t least, uint64_t target, uint64_t most) {
  return detail::kWindowBytes <= least && least <= target && target <= most;
}

size_t find(ScanPath path, const uint8_t* data, size_t from, size_t to, uint64_t mask) {
#if defined(__x86_64__)
  if (path == ScanPath::kAvx512Gfni) return detail::find_avx512(data, from, to, mask);
  if (path == ScanPath::kAvx2) return detail::find_avx2(data, from, to, mask);
#endif
  ASSERT(path == ScanPath::kPortable);
  return detail::find_portable(data, from, to, mask);
}

}  // namespace

bool ChunkerParameters::valid() const {
  return ordered(segment_bytes_min, segment_bytes_target, segment_bytes_max) &&
         ordered(chunk_bytes_min, chunk_bytes_target, chunk_bytes_max) &&
         segment_bytes_max <= chunk_bytes_max - chunk_bytes_min &&
         segment_bits_before <= kBitsMax && segment_bits_after <= kBitsMax &&
         chunk_bits_before <= kBitsMax && chunk_bits_after <= kBitsMax;
}

bool scan_path_available(ScanPath path) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (path == ScanPath::kAvx2) return __builtin_cpu_supports("avx2") != 0;
  if (path == ScanPath::kAvx512Gfni) {
    return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
           __builtin_cpu_supports("avx512vbmi") != 0 && __builtin_cpu_supports("gfni") != 0;
  }
#endif
  return path == ScanPath::kPortable;
}

ScanPath fastest_scan_path() {
  static const ScanPath fastest = [] {
    if (scan_path_available(ScanPath::kAvx512Gfni)) return ScanPath::kAvx512Gfni;
    if (scan_path_available(ScanPath::kAvx2)) return ScanPath::kAvx2;
    return ScanPath::kPortable;
  }();
  return fastest;
}

Chunker::Chunker(const ChunkerParameters& parameters, ScanPath path)
    : parameters_(parameters), path_(path) {
  ASSERT(parameters.valid());
  ASSERT(scan_path_available(path));
}

void Chunker::feed(BytesView bytes, std::vector<Cut>& cuts) {
  for (size_t from = 0; from < bytes.size();) from = scan(bytes, from, cuts);
  position_ += bytes.size();
  remember(bytes);
}

void Chunker::finish(std::vector<Cut>& cuts) {
  if (position_ != chunk_begin_) cuts.push_back({position_, true});
  segment_begin_ = position_;
  chunk_begin_ = position_;
  chunk_segments_ = 0;
}

void Chunker::cut(bool chunk_too, std::vector<Cut>& cuts) {
  if (position_ == segment_begin_) return;
  add_cut(position_, chunk_too && position_ - chunk_begin_ >= parameters_.chunk_bytes_min, cuts);
}

// Goes on in the current segment at bytes[from] and returns where to continue: behind the cut that
// was found, or the end. Offsets inside `bytes` are stream offsets minus position_.
size_t Chunker::scan(BytesView bytes, size_t from, std::vector<Cut>& cuts) {
  const uint64_t at = position_ + from;
  const uint64_t end = position_ + bytes.size();
  const uint64_t first = std::max(at, segment_begin_ + parameters_.segment_bytes_min - 1);
  const uint64_t target = segment_begin_ + parameters_.segment_bytes_target - 1;
  const uint64_t last = segment_begin_ + parameters_.segment_bytes_max - 1;

  uint64_t hash = 0;
  const auto search = [&](uint64_t begin, uint64_t stop, unsigned bits) {
    if (begin >= stop) return false;
    const size_t to = static_cast<size_t>(stop - position_);
    const size_t found = find_in(bytes, static_cast<size_t>(begin - position_), to, bits, hash);
    if (found == to) return false;
    end_segment(position_ + found + 1, true, hash, cuts);
    return true;
  };
  if (search(first, std::min(end, target), parameters_.segment_bits_before) ||
      search(std::max(first, target), std::min(end, last), parameters_.segment_bits_after)) {
    return static_cast<size_t>(segment_begin_ - position_);
  }
  if (end <= last) return bytes.size();
  end_segment(last + 1, false, 0, cuts);
  return static_cast<size_t>(segment_begin_ - position_);
}

// Position in `bytes` of the first cut in [from, to), or `to`; `hash` is the window hash there. The
// windows of the first bytes reach into history_, so those are scanned in a copy.
size_t Chunker::find_in(BytesView bytes, size_t from, size_t to, unsigned bits,
                        uint64_t& hash) const {
  const uint64_t mask = low_bits(bits);
  if (from < kHistoryBytes) {
    std::array<uint8_t, 2 * kHistoryBytes> joined;
    const size_t stop = std::min(to, kHistoryBytes);
    std::copy(history_.begin(), history_.end(), joined.begin());
    std::copy_n(bytes.begin(), stop, joined.begin() + kHistoryBytes);
    const size_t found =
        find(path_, joined.data(), kHistoryBytes + from, kHistoryBytes + stop, mask);
    if (found < kHistoryBytes + stop) {
      hash = detail::window_hash(joined.data() + found);
      return found - kHistoryBytes;
    }
    from = stop;
  }
  const size_t found = find(path_, bytes.data(), from, to, mask);
  if (found < to) hash = detail::window_hash(bytes.data() + found);
  return found;
}

// A chunk ends at a segment end whose hash says so; at a segment of maximal size there is no hash
// to ask (it would be the same along a run of equal bytes).
void Chunker::end_segment(uint64_t end, bool by_content, uint64_t hash, std::vector<Cut>& cuts) {
  const uint64_t chunk_bytes = end - chunk_begin_;
  const unsigned bits = chunk_bytes < parameters_.chunk_bytes_target ? parameters_.chunk_bits_before
                                                                     : parameters_.chunk_bits_after;
  const bool wanted = by_content && chunk_bytes >= parameters_.chunk_bytes_min &&
                      ((hash >> kChunkBitsShift) & low_bits(bits)) == 0;
  add_cut(end, wanted, cuts);
}

// The chunk also ends where one more segment might not fit.
void Chunker::add_cut(uint64_t end, bool chunk_wanted, std::vector<Cut>& cuts) {
  ++chunk_segments_;
  const bool full =
      end - chunk_begin_ + parameters_.segment_bytes_max > parameters_.chunk_bytes_max ||
      chunk_segments_ >= parameters_.chunk_segments_max;
  cuts.push_back({end, chunk_wanted || full});
  segment_begin_ = end;
  if (!chunk_wanted && !full) return;
  chunk_begin_ = end;
  chunk_segments_ = 0;
}

void Chunker::remember(BytesView bytes) {
  const size_t taken = std::min(bytes.size(), kHistoryBytes);
  std::move(history_.begin() + static_cast<ptrdiff_t>(taken), history_.end(), history_.begin());
  std::copy(bytes.end() - static_cast<ptrdiff_t>(taken), bytes.end(),
            history_.end() - static_cast<ptrdiff_t>(taken));
}

}  // namespace cairn::transfer
