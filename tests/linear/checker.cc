#include "tests/linear/checker.h"

#include <algorithm>
#include <bitset>
#include <unordered_set>
#include <utility>

namespace cairn::linear {
namespace {

using Done = std::bitset<kOperationsMax>;

// What is left to order, and the key's value so far.
struct Node {
  Done ordered;
  uint64_t value = kAbsent;
  friend bool operator==(const Node&, const Node&) = default;
};
struct NodeHash {
  size_t operator()(const Node& node) const {
    return std::hash<Done>()(node.ordered) * 31 + std::hash<uint64_t>()(node.value);
  }
};

// The value after the operation; nullopt when its answer would be wrong.
std::optional<uint64_t> apply(const Operation& operation, uint64_t value) {
  const bool refused = operation.outcome == Operation::Outcome::kRefused;
  const bool unknown = operation.outcome == Operation::Outcome::kUnknown;
  bool holds = true;
  switch (operation.kind) {
    case Operation::Kind::kRead:
      if (unknown || operation.value == value) return value;
      return std::nullopt;
    case Operation::Kind::kWrite: return operation.value;
    case Operation::Kind::kCreate: holds = value == kAbsent; break;
    case Operation::Kind::kReplace: holds = value == operation.expected; break;
  }
  if (unknown) return holds ? operation.value : value;
  if (holds == refused) return std::nullopt;
  return holds ? operation.value : value;
}

class Search {
 public:
  Search(const History& history, size_t states_max) : history_(history), states_max_(states_max) {
    std::ranges::sort(history_, {}, &Operation::start);
  }

  Verdict run() {
    std::vector<Node> open{{}};
    while (!open.empty()) {
      const Node node = open.back();
      open.pop_back();
      if (is_complete(node)) return Verdict::kLegal;
      const int64_t horizon = first_end(node);
      for (size_t i = 0; i < history_.size() && history_[i].start <= horizon; ++i) {
        if (node.ordered[i]) continue;
        const std::optional<uint64_t> value = apply(history_[i], node.value);
        if (!value) continue;
        Node next{node.ordered, *value};
        next.ordered.set(i);
        if (seen_.insert(next).second) open.push_back(next);
      }
      if (seen_.size() > states_max_) return Verdict::kTooHard;
    }
    return Verdict::kIllegal;
  }

 private:
  bool is_complete(const Node& node) const {
    for (size_t i = 0; i < history_.size(); ++i) {
      if (!node.ordered[i] && history_[i].outcome != Operation::Outcome::kUnknown) return false;
    }
    return true;
  }
  // What begins after an operation ended cannot be ordered before it.
  int64_t first_end(const Node& node) const {
    int64_t end = kNoEnd;
    for (size_t i = 0; i < history_.size() && history_[i].start <= end; ++i) {
      if (!node.ordered[i]) end = std::min(end, history_[i].end);
    }
    return end;
  }

  History history_;
  const size_t states_max_;
  std::unordered_set<Node, NodeHash> seen_;
};

}  // namespace

Verdict check(const History& history, size_t states_max) {
  if (history.size() > kOperationsMax) return Verdict::kTooHard;
  return Search(history, states_max).run();
}

std::optional<std::string> find_version_offence(const History& history) {
  for (const Operation& a : history) {
    if (a.version == 0 || a.outcome != Operation::Outcome::kDone) continue;
    for (const Operation& b : history) {
      if (b.version == 0 || b.outcome != Operation::Outcome::kDone) continue;
      if (a.version == b.version && a.value != b.value) {
        return "version " + std::to_string(a.version) + " has two values";
      }
      if (a.end < b.start && b.version < a.version) {
        return "version " + std::to_string(b.version) + " came after " + std::to_string(a.version);
      }
    }
  }
  return std::nullopt;
}

std::string to_text(const History& history) {
  static constexpr std::string_view kKinds[] = {"read", "write", "create", "replace"};
  static constexpr std::string_view kOutcomes[] = {"done", "refused", "unknown"};
  std::string text;
  for (const Operation& operation : history) {
    text += std::to_string(operation.start) + " .. ";
    text += operation.end == kNoEnd ? "?" : std::to_string(operation.end);
    text += " " + std::string(kKinds[static_cast<size_t>(operation.kind)]) + " ";
    if (operation.kind == Operation::Kind::kReplace) {
      text += std::to_string(operation.expected) + " by ";
    }
    text += std::to_string(operation.value) + " ";
    text += std::string(kOutcomes[static_cast<size_t>(operation.outcome)]) + " version " +
            std::to_string(operation.version) + "\n";
  }
  return text;
}

}  // namespace cairn::linear
