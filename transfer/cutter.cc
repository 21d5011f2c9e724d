#include "transfer/cutter.h"

#include <algorithm>

#include "base/assert.h"

namespace cairn::transfer {

void Cutter::feed(BytesView bytes, std::vector<Cut>& cuts) {
  while (!bytes.empty()) {
    Mark mark = Mark::kNone;
    size_t size = bytes.size();
    if (first_bytes_ < kSniffBytes) {
      size = sniff(bytes);
    } else if (scanner_ != nullptr) {
      size = scan(bytes, mark);
    }
    chunker_.feed(bytes.first(size), cuts);
    if (mark != Mark::kNone) cut(mark, cuts);
    bytes = bytes.subspan(size);
  }
}

// No container has a boundary within its first bytes.
size_t Cutter::sniff(BytesView bytes) {
  const size_t size = std::min(kSniffBytes - first_bytes_, bytes.size());
  std::copy_n(bytes.begin(), size, first_.begin() + static_cast<ptrdiff_t>(first_bytes_));
  first_bytes_ += size;
  if (first_bytes_ < kSniffBytes) return size;
  scanner_ = make_container_scanner(first_);
  BytesView rest = first_;
  while (!rest.empty() && scanner_ != nullptr) {
    const ContainerScanner::Step step = scanner_->step(rest);
    ASSERT(step.mark == Mark::kNone);
    rest = rest.subspan(step.size_bytes);
    if (scanner_->is_done()) scanner_.reset();
  }
  return size;
}

// To the next boundary in `bytes`, or their end.
size_t Cutter::scan(BytesView bytes, Mark& mark) {
  size_t size = 0;
  while (size < bytes.size() && mark == Mark::kNone) {
    const ContainerScanner::Step step = scanner_->step(bytes.subspan(size));
    size += step.size_bytes;
    mark = step.mark;
    if (scanner_->is_done()) {
      scanner_.reset();
      return mark == Mark::kNone ? bytes.size() : size;
    }
  }
  return size;
}

void Cutter::cut(Mark mark, std::vector<Cut>& cuts) {
  if (mark == Mark::kSmall && chunker_.open_segment_bytes() < segment_bytes_min_) return;
  chunker_.cut(mark == Mark::kLarge, cuts);
}

}  // namespace cairn::transfer
