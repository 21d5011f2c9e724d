// What all listings share: a walk over the rows of keys that groups them by common prefix.
#pragma once

#include <algorithm>
#include <optional>
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
  // Keys come from rows in [begin, end); `root` is what rows have before the key.
  Walk(Context& context, std::string root, std::string prefix, std::string delimiter,
       std::string begin, size_t limit)
      : context_(context),
        root_(std::move(root)),
        prefix_(std::move(prefix)),
        delimiter_(std::move(delimiter)),
        scan_entries_(std::clamp(delimiter_.empty() ? limit + 1 : kScanEntriesMin, kScanEntriesMin,
                                 kScanEntriesMax)) {
    request_.begin = root_ + prefix_;
    if (request_.begin < begin) request_.begin = std::move(begin);
    request_.end = catalog::prefix_end(root_ + prefix_);
  }

  struct Item {
    catalog::Entry entry;       // The first row of a common prefix.
    std::string common_prefix;  // Empty for a key.
  };
  // The next key or common prefix; nullopt at the end.
  io::Task<Result<std::optional<Item>>> next();

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
  io::Task<Status> scan();

  Context& context_;
  const std::string root_;
  const std::string prefix_;
  const std::string delimiter_;
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
