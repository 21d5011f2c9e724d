// Checks recorded histories of several keys: linear_check < HISTORIES
//
// A line is an operation: KEY KIND OUTCOME VALUE EXPECTED START END, with KIND one of read, write,
// create, replace, OUTCOME one of done, refused, unknown, and numbers as in checker.h (VALUE 0 =
// absent, END 0 = none). Prints how many keys were checked and what the first illegal one saw.
// Exits with 0 when every history is legal, 1 when one is not, 2 when the input is no history.
#include <cstdio>
#include <iostream>
#include <map>
#include <sstream>
#include <string>

#include "tests/linear/checker.h"

namespace {

using cairn::linear::History;
using cairn::linear::Operation;

bool parse_kind(const std::string& word, Operation::Kind& kind) {
  static const std::map<std::string, Operation::Kind> kKinds{
      {"read", Operation::Kind::kRead},
      {"write", Operation::Kind::kWrite},
      {"create", Operation::Kind::kCreate},
      {"replace", Operation::Kind::kReplace}};
  const auto found = kKinds.find(word);
  if (found != kKinds.end()) kind = found->second;
  return found != kKinds.end();
}

bool parse_outcome(const std::string& word, Operation::Outcome& outcome) {
  static const std::map<std::string, Operation::Outcome> kOutcomes{
      {"done", Operation::Outcome::kDone},
      {"refused", Operation::Outcome::kRefused},
      {"unknown", Operation::Outcome::kUnknown}};
  const auto found = kOutcomes.find(word);
  if (found != kOutcomes.end()) outcome = found->second;
  return found != kOutcomes.end();
}

bool parse_line(const std::string& line, std::map<std::string, History>& histories) {
  std::istringstream in(line);
  std::string key;
  std::string kind;
  std::string outcome;
  Operation operation;
  in >> key >> kind >> outcome >> operation.value >> operation.expected >> operation.start >>
      operation.end;
  if (!in || !parse_kind(kind, operation.kind) || !parse_outcome(outcome, operation.outcome)) {
    return false;
  }
  if (operation.end == 0) operation.end = cairn::linear::kNoEnd;
  histories[key].push_back(operation);
  return true;
}

}  // namespace

int main() {
  std::map<std::string, History> histories;
  std::string line;
  size_t lines_count = 0;
  while (std::getline(std::cin, line)) {
    ++lines_count;
    if (parse_line(line, histories)) continue;
    std::fprintf(stderr, "line %zu is no operation: %s\n", lines_count, line.c_str());
    return 2;
  }
  size_t illegal_count = 0;
  for (const auto& [key, history] : histories) {
    if (history.size() > cairn::linear::kOperationsMax) {
      std::fprintf(stderr, "key %s has more than %zu operations\n", key.c_str(),
                   cairn::linear::kOperationsMax);
      return 2;
    }
    const cairn::linear::Verdict verdict = cairn::linear::check(history);
    if (verdict == cairn::linear::Verdict::kLegal) continue;
    if (++illegal_count > 1) continue;
    const bool is_hard = verdict == cairn::linear::Verdict::kTooHard;
    std::printf("key %s: %s\n%s", key.c_str(), is_hard ? "too hard to tell" : "illegal",
                cairn::linear::to_text(history).c_str());
  }
  std::printf("keys %zu operations %zu illegal %zu\n", histories.size(), lines_count,
              illegal_count);
  return illegal_count == 0 ? 0 : 1;
}
