// Coherence of the per-core record caches: a word per slot of row keys, shared by all cores.
//
// A word counts the finished and the running commits of its slot. A cached record is valid while
// the word is exactly what it was before the record was read, and no commit was running then: from
// before a commit can become visible until it has returned, nobody hits and nobody fills. So no
// reader sees an old record after another reader, or the writer, has seen the new one.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include "object/limits.h"

namespace cairn::object {

// Thread rule: any thread.
class Generations {
 public:
  Generations() : words_(kGenerationsCount) {}

  uint64_t word(std::string_view row_key) const {
    return words_[slot_of(row_key)].load(std::memory_order_seq_cst);
  }
  // A word that no cached record is valid under.
  static constexpr uint64_t kNeverValid = 1;
  static bool commit_running(uint64_t word) { return (word & kRunningMask) != 0; }

  // Spans a commit that changes `row_keys`.
  class [[nodiscard]] CommitSpan {
   public:
    explicit CommitSpan(Generations& owner) : owner_(owner) {}
    CommitSpan(const CommitSpan&) = delete;
    CommitSpan& operator=(const CommitSpan&) = delete;
    ~CommitSpan() {
      for (const size_t slot : slots_) owner_.words_[slot].fetch_add(kFinished - 1);
    }
    void add(std::string_view row_key) {
      slots_.push_back(slot_of(row_key));
      owner_.words_[slots_.back()].fetch_add(1);
    }

   private:
    Generations& owner_;
    std::vector<size_t> slots_;
  };

 private:
  static constexpr uint64_t kFinished = uint64_t{1} << 24;
  static constexpr uint64_t kRunningMask = kFinished - 1;
  static size_t slot_of(std::string_view row_key) {
    return std::hash<std::string_view>{}(row_key) % kGenerationsCount;
  }
  std::vector<std::atomic<uint64_t>> words_;
};

}  // namespace cairn::object
