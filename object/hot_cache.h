// A bounded cache of verified records for one core: least recently used out first, entries
// validated against Generations at every hit. Used on one reactor.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "object/generations.h"

namespace cairn::object {

template <typename Record>
class HotCache {
 public:
  HotCache(const Generations& generations, uint64_t capacity_bytes)
      : generations_(generations), capacity_bytes_(capacity_bytes) {}

  // Null when absent or when a commit has touched the row's slot since.
  std::shared_ptr<const Record> find(std::string_view row_key) {
    const auto at = index_.find(row_key);
    if (at == index_.end()) return nullptr;
    if (at->second->word != generations_.word(row_key)) {
      erase(at->second);
      return nullptr;
    }
    entries_.splice(entries_.begin(), entries_, at->second);
    return at->second->record;
  }

  // `word` is the generation of the row before the record was read from the catalog.
  void insert(std::string row_key, uint64_t word, std::shared_ptr<const Record> record,
              uint64_t size_bytes) {
    if (Generations::commit_running(word)) return;
    const auto at = index_.find(row_key);
    if (at != index_.end()) erase(at->second);
    size_bytes += row_key.size() + kEntryOverheadBytes;
    entries_.push_front({std::move(row_key), word, std::move(record), size_bytes});
    index_.emplace(entries_.front().row_key, entries_.begin());
    used_bytes_ += size_bytes;
    while (used_bytes_ > capacity_bytes_) erase(std::prev(entries_.end()));
  }

  uint64_t used_bytes() const { return used_bytes_; }

 private:
  static constexpr uint64_t kEntryOverheadBytes = 160;
  struct Entry {
    std::string row_key;
    uint64_t word;
    std::shared_ptr<const Record> record;
    uint64_t size_bytes;
  };
  using Position = typename std::list<Entry>::iterator;
  void erase(Position at) {
    used_bytes_ -= at->size_bytes;
    index_.erase(std::string_view(at->row_key));
    entries_.erase(at);
  }

  const Generations& generations_;
  const uint64_t capacity_bytes_;
  uint64_t used_bytes_ = 0;
  std::list<Entry> entries_;                              // Most recently used first.
  std::unordered_map<std::string_view, Position> index_;  // Keys point into entries_.
};

}  // namespace cairn::object
