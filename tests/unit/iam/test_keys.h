// Condition keys from a table, for tests.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "iam/request.h"

namespace cairn::iam {

class TableKeys final : public RequestKeys {
 public:
  using Table = std::map<std::string, std::vector<std::string>, std::less<>>;
  explicit TableKeys(Table table, const Principal* principal = nullptr)
      : RequestKeys(principal, WallTime{1'767'323'045'000}), table_(std::move(table)) {}
  size_t fetches() const { return fetches_; }

 private:
  bool fetch(std::string_view key, std::vector<std::string>& values) const override {
    ++fetches_;
    const auto found = table_.find(key);
    if (found == table_.end()) return false;
    values = found->second;
    return true;
  }
  Table table_;
  mutable size_t fetches_ = 0;
};

}  // namespace cairn::iam
