#include "object/lister_walk.h"

namespace cairn::object {

io::Task<Status> Walk::fetch() {
  while (!has_row() && !at_end()) {
    if (started_ && position_ > 0) scan_entries_ = std::min(scan_entries_ * 2, scan_entries_max_);
    started_ = true;
    request_.limit_entries = scan_entries_;
    page_ = co_await io::or_return(context_.catalog.scan(request_, snapshot_));
    position_ = 0;
    if (!page_.entries.empty()) request_.begin = page_.entries.back().key + '\0';
  }
  co_return Status{};
}

Walk::Item Walk::take() {
  Item item;
  item.common_prefix = common_prefix_of(page_.entries[position_].key);
  item.entry = &page_.entries[position_++];
  if (item.common_prefix.empty()) return item;
  item.entry = nullptr;

  // Past everything under the prefix: in this page, or else by a seek.
  const std::string behind = catalog::prefix_end(root_ + item.common_prefix);
  while (position_ < page_.entries.size() && page_.entries[position_].key < behind) ++position_;
  if (position_ == page_.entries.size() && page_.more) {
    page_ = {};
    position_ = 0;
    started_ = false;
    scan_entries_ = std::min(kScanEntriesMin, scan_entries_max_);
    request_.begin = std::max(request_.begin, behind);
    if (behind.empty() || request_.begin >= request_.end) started_ = true;
  }
  return item;
}

std::string begin_after(const std::string& root, std::string_view start_after,
                        std::string_view prefix, std::string_view delimiter) {
  if (start_after.empty()) return root;
  const bool is_common_prefix =
      !delimiter.empty() && start_after.starts_with(prefix) && start_after.size() > prefix.size() &&
      start_after.find(delimiter, prefix.size()) == start_after.size() - delimiter.size() &&
      start_after.size() >= prefix.size() + delimiter.size();
  std::string row = root + std::string(start_after);
  if (is_common_prefix) return catalog::prefix_end(std::move(row));
  // Behind every version of the key: its rows go on with NUL, and no key holds one.
  row.push_back('\x01');
  return row;
}

}  // namespace cairn::object
