// Whether rows with certain prefixes of a shared catalog changed since they were last read: for
// whoever keeps in memory what they say.
//
// Who reads the rows anew takes changes_count() before and gives it to note_read() afterwards.
// After catch_up() of the catalog is_behind() knows of all that it waited for. Thread rule: any
// thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "catalog/catalog.h"

namespace cairn::catalog {

class RowWatch final : private ChangeObserver {
 public:
  // `catalog` outlives it. What is read after the construction is watched.
  RowWatch(Catalog& catalog, std::vector<std::string> prefixes)
      : catalog_(catalog), prefixes_(std::move(prefixes)) {
    catalog_.add_observer(*this);
  }
  ~RowWatch() override { catalog_.remove_observer(*this); }
  RowWatch(const RowWatch&) = delete;
  RowWatch& operator=(const RowWatch&) = delete;

  uint64_t changes_count() const { return changes_count_.load(std::memory_order_acquire); }
  bool is_behind() const { return changes_count() != read_count_.load(std::memory_order_acquire); }
  void note_read(uint64_t changes_count) { read_count_.store(changes_count); }

 private:
  void before_apply(std::span<const RowChange> /*changes*/) override {}
  void after_apply(std::span<const RowChange> changes) override {
    const bool is_ours = std::ranges::any_of(changes, [this](const RowChange& change) {
      return std::ranges::any_of(prefixes_, [&change](const std::string& prefix) {
        return change.key.starts_with(prefix);
      });
    });
    if (is_ours) changes_count_.fetch_add(1, std::memory_order_release);
  }
  void before_replace() override {}
  void after_replace() override { changes_count_.fetch_add(1, std::memory_order_release); }

  Catalog& catalog_;
  const std::vector<std::string> prefixes_;
  std::atomic<uint64_t> changes_count_{0};
  std::atomic<uint64_t> read_count_{0};
};

}  // namespace cairn::catalog
