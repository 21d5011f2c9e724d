#include "transfer/container.h"

#include <algorithm>

#include "base/assert.h"

namespace cairn::transfer {

std::unique_ptr<ContainerScanner> make_container_scanner(BytesView first) {
  ASSERT(first.size() >= kSniffBytes);
  const std::string_view text = as_text(first);
  if (text.starts_with("PK\x03\x04")) return detail::make_zip_scanner();
  if (text.starts_with("GGUF")) return detail::make_gguf_scanner();
  // Eight bytes of length, of which the upper ones are zero, and the brace of the header's JSON.
  if (first[8] == '{' && load_le<uint64_t>(first.data()) <= 100 * MiB) {
    return detail::make_safetensors_scanner();
  }
  return detail::make_tar_scanner();
}

namespace detail {

Mark mark_of(uint64_t size_bytes) {
  if (size_bytes >= kLargeUnitBytes) return Mark::kLarge;
  return size_bytes >= kUnitBytesMin ? Mark::kUnit : Mark::kSmall;
}

ContainerScanner::Step FieldScanner::step(BytesView bytes) {
  Step step;
  if (pass_bytes_ > 0) {
    step.size_bytes = static_cast<size_t>(std::min<uint64_t>(pass_bytes_, bytes.size()));
    pass_bytes_ -= step.size_bytes;
    if (pass_bytes_ == 0) step.mark = pass_mark_;
  } else if (is_searching_) {
    step.size_bytes = search(bytes);
  } else {
    step.size_bytes = std::min(field_bytes_ - field_.size(), bytes.size());
    field_.insert(field_.end(), bytes.begin(),
                  bytes.begin() + static_cast<ptrdiff_t>(step.size_bytes));
  }
  position_bytes_ += step.size_bytes;
  while (field_.size() == field_bytes_ && pass_bytes_ == 0 && !is_searching_ && !is_done_) {
    step.mark = std::max(step.mark, take_field());
  }
  return step;
}

void FieldScanner::expect(size_t field_bytes) {
  field_.clear();
  field_bytes_ = field_bytes;
}

void FieldScanner::pass_over(uint64_t size_bytes, Mark mark_behind) {
  pass_bytes_ = size_bytes;
  pass_mark_ = mark_behind;
}

void FieldScanner::end_search(BytesView begun) {
  is_searching_ = false;
  field_.assign(begun.begin(), begun.end());
}

void MarkList::add_unit(uint64_t begin_bytes, uint64_t end_bytes) {
  const Mark mark = mark_of(end_bytes - begin_bytes);
  entries_.push_back({begin_bytes, mark});
  if (mark != Mark::kSmall) entries_.push_back({end_bytes, Mark::kUnit});
}

void MarkList::finish() {
  std::ranges::sort(entries_, [](const Entry& a, const Entry& b) {
    return a.offset_bytes != b.offset_bytes ? a.offset_bytes < b.offset_bytes : a.mark > b.mark;
  });
}

bool MarkList::next(uint64_t position_bytes, uint64_t& offset_bytes, Mark& mark) {
  while (next_ < entries_.size() && entries_[next_].offset_bytes <= position_bytes) ++next_;
  if (next_ == entries_.size()) return false;
  offset_bytes = entries_[next_].offset_bytes;
  mark = entries_[next_].mark;
  return true;
}

}  // namespace detail
}  // namespace cairn::transfer
