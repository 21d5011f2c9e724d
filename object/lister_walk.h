// What all listings share: a walk over the rows of keys that groups them by common prefix.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "catalog/catalog.h"
#include "io/task.h"
#include "object/context.h"
#include "object/limits.h"

namespace cairn::object {

// Walks the rows under a prefix and tells keys from common prefixes.
class Walk {
 public:
  // Keys come from rows in [begin, end); `root` is what rows have before the key. With a snapshot,
  // which outlives the walk, they are those of its moment; no scan is longer than `scan_max`.
  Walk(Context& context, std::string root, std::string prefix, std::string delimiter,
       std::string begin, size_t limit, const catalog::Snapshot* snapshot = nullptr,
       size_t scan_max = kScanEntriesMax)
      : context_(context),
        root_(std::move(root)),
        prefix_(std::move(prefix)),
        delimiter_(std::move(delimiter)),
        snapshot_(snapshot),
        scan_entries_max_(scan_max),
        scan_entries_(std::clamp(delimiter_.empty() ? limit + 1 : kScanEntriesMin,
                                 std::min(kScanEntriesMin, scan_max), scan_max)) {
    request_.begin = root_ + prefix_;
    if (request_.begin < begin) request_.begin = std::move(begin);
    request_.end = catalog::prefix_end(root_ + prefix_);
  }

  struct Item {
    const catalog::Entry* entry = nullptr;  // Of a key; until the next take() or fetch().
    std::string common_prefix;              // Empty for a key.
  };
  // Rows come by the page and are taken one by one without a wait:
  //     if (!walk.has_row()) co_await io::or_return(walk.fetch());
  //     if (!walk.has_row()) break;
  //     const Walk::Item item = walk.take();
  bool has_row() const { return position_ < page_.entries.size(); }
  bool at_end() const { return !has_row() && started_ && !page_.more; }
  // Reads until there is a row, or nothing more. REQUIRES: !has_row().
  io::Task<Status> fetch();
  // The next key or common prefix. REQUIRES: has_row().
  Item take();

 private:
  // The common prefix that the row's key falls under; empty when none.
  std::string common_prefix_of(std::string_view row) const {
    if (delimiter_.empty()) return {};
    // What follows the key's NUL (a version, an upload id) is no part of the key.
    const std::string_view key =
        row.substr(root_.size(), row.find('\0', root_.size()) - root_.size());
    const size_t at = key.find(delimiter_, prefix_.size());
    if (at == std::string_view::npos) return {};
    return std::string(key.substr(0, at + delimiter_.size()));
  }
  Context& context_;
  const std::string root_;
  const std::string prefix_;
  const std::string delimiter_;
  const catalog::Snapshot* const snapshot_;  // May be null.
  const size_t scan_entries_max_;
  size_t scan_entries_;
  catalog::ScanRequest request_;
  catalog::ScanPage page_;
  size_t position_ = 0;
  bool started_ = false;
};

// The first row that a listing after `start_after` may show; under `root`, see Walk.
std::string begin_after(const std::string& root, std::string_view start_after,
                        std::string_view prefix, std::string_view delimiter);

}  // namespace cairn::object
