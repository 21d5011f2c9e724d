// ASCII case folding, as the policy language compares names. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cairn::iam {

constexpr char folded(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

// Less than, equal to or greater than 0, as memcmp, with upper case folded to lower.
constexpr int compare_folded(std::string_view a, std::string_view b) {
  const size_t shared = a.size() < b.size() ? a.size() : b.size();
  for (size_t i = 0; i < shared; ++i) {
    const auto left = static_cast<unsigned char>(folded(a[i]));
    const auto right = static_cast<unsigned char>(folded(b[i]));
    if (left != right) return left < right ? -1 : 1;
  }
  if (a.size() == b.size()) return 0;
  return a.size() < b.size() ? -1 : 1;
}

constexpr bool equal_folded(std::string_view a, std::string_view b) {
  return a.size() == b.size() && compare_folded(a, b) == 0;
}

inline std::string fold(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = folded(c);
  return out;
}

// A condition key as Policy keeps it: folded up to the first '/', as written behind it (names of
// tags have a case).
inline std::string fold_key(std::string_view key) {
  std::string out(key);
  for (size_t i = 0; i < out.size() && out[i] != '/'; ++i) out[i] = folded(out[i]);
  return out;
}

}  // namespace cairn::iam
