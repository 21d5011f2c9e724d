#include "cli/filters.h"

#include <algorithm>
#include <optional>

namespace cairn::cli {
namespace {

// The set at pattern[at] == '[': whether `c` is in it and where it ends. nullopt: never closed.
struct SetMatch {
  bool matches = false;
  size_t end = 0;  // Behind ']'.
};
std::optional<SetMatch> match_set(std::string_view pattern, size_t at, char c) {
  size_t i = at + 1;
  const bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  if (negated) ++i;
  bool found = false;
  // A ']' that comes first is a member.
  for (bool first = true; i < pattern.size(); first = false) {
    if (pattern[i] == ']' && !first) return SetMatch{found != negated, i + 1};
    const char low = pattern[i];
    const bool is_range = i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']';
    const char high = is_range ? pattern[i + 2] : low;
    const auto value = static_cast<unsigned char>(c);
    if (static_cast<unsigned char>(low) <= value && value <= static_cast<unsigned char>(high)) {
      found = true;
    }
    i += is_range ? 3 : 1;
  }
  return std::nullopt;
}

}  // namespace

// Greedy with one point to go back to: a later `*` makes the earlier ones final.
bool glob_matches(std::string_view pattern, std::string_view text) {
  size_t p = 0;
  size_t t = 0;
  size_t star = std::string_view::npos;
  size_t star_text = 0;
  while (t < text.size() || p < pattern.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
      continue;
    }
    if (p < pattern.size() && t < text.size()) {
      size_t next = p + 1;
      bool matches = pattern[p] == '?' || pattern[p] == text[t];
      if (pattern[p] == '[') {
        const std::optional<SetMatch> set = match_set(pattern, p, text[t]);
        if (set) {
          matches = set->matches;
          next = set->end;
        }
      }
      if (matches) {
        p = next;
        ++t;
        continue;
      }
    }
    if (star == std::string_view::npos || star_text >= text.size()) return false;
    p = star + 1;
    t = ++star_text;
  }
  return true;
}

Status check_glob(std::string_view pattern) {
  if (pattern.empty()) return fail(Code::kInvalidArgument, "an empty pattern matches nothing");
  if (pattern.size() > kGlobBytesMax) {
    return fail(Code::kInvalidArgument, "a pattern has at most 4096 bytes");
  }
  for (size_t i = 0; i < pattern.size();) {
    if (pattern[i] != '[') {
      ++i;
      continue;
    }
    const std::optional<SetMatch> set = match_set(pattern, i, 'x');
    if (!set) {
      return fail(Code::kInvalidArgument,
                  "the pattern \"" + std::string(pattern) + "\" has a '[' without ']'");
    }
    i = set->end;
  }
  return {};
}

Status Filters::add(bool includes, std::string pattern) {
  const Status valid = check_glob(pattern);
  if (!valid) return valid;
  if (rules_.size() >= kFiltersMax) {
    return fail(Code::kInvalidArgument, "more than 1000 --include and --exclude");
  }
  rules_.push_back({includes, std::move(pattern)});
  return {};
}

bool Filters::accept(std::string_view relative_path) const {
  for (auto rule = rules_.rbegin(); rule != rules_.rend(); ++rule) {
    if (glob_matches(rule->pattern, relative_path)) return rule->includes;
  }
  return true;
}

}  // namespace cairn::cli
