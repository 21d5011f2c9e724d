// Is a recorded history of one key linearizable?
//
// Wing and Gong's search with Lowe's memo (the method of porcupine): an order of the operations is
// looked for that respects real time and in which every answer is right. Keys are independent, so
// each has a history of its own. An operation without a known outcome may take effect at any moment
// after it began, or never. RELIABILITY: values are unique, 0 stands for "absent".
// Thread rule: pure functions.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace cairn::linear {

inline constexpr int64_t kNoEnd = std::numeric_limits<int64_t>::max();
inline constexpr uint64_t kAbsent = 0;
inline constexpr size_t kOperationsMax = 512;  // Of one key.

struct Operation {
  enum class Kind : unsigned char {
    kRead,     // Answers `value`.
    kWrite,    // The key becomes `value`; kAbsent deletes it.
    kCreate,   // If the key is absent it becomes `value`.
    kReplace,  // If the key is `expected` it becomes `value`.
  };
  enum class Outcome : unsigned char {
    kDone,
    kRefused,  // The condition did not hold.
    kUnknown,  // May have happened, may yet, or never. Has no end.
  };
  Kind kind = Kind::kRead;
  Outcome outcome = Outcome::kDone;
  uint64_t value = kAbsent;
  uint64_t expected = kAbsent;
  uint64_t version = 0;  // That the answer carried; 0 = none. Not used by the search.
  int64_t start = 0;
  int64_t end = kNoEnd;
};
using History = std::vector<Operation>;

enum class Verdict : unsigned char {
  kLegal,
  kIllegal,
  kTooHard,  // The search met its limit: counts as a failure.
};

Verdict check(const History& history, size_t states_max = 5'000'000);

// Versions of one key never go back in real time, and one version has one value. A sentence about
// the first offence.
std::optional<std::string> find_version_offence(const History& history);

// One line for each operation, for a person who looks into a failure.
std::string to_text(const History& history);

}  // namespace cairn::linear
