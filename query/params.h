// The parameters of AWS's query protocol: name=value pairs of a form, decoded, by name.
// Immutable once parsed; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"

namespace cairn::query {

// A policy of 10 KiB, every byte percent-encoded, and room for the rest.
inline constexpr size_t kFormBytesMax = 128 * KiB;
inline constexpr size_t kParamsMax = 512;
inline constexpr size_t kListMax = 200;  // Members of one list.

class Params {
 public:
  // application/x-www-form-urlencoded. kInvalidArgument on a bad escape, a name given twice, or
  // more than kParamsMax pairs.
  static Result<Params> parse(std::string_view form);

  std::optional<std::string_view> find(std::string_view name) const;
  // Empty when absent.
  std::string_view get(std::string_view name) const { return find(name).value_or(""); }
  std::string text(std::string_view name) const { return std::string(get(name)); }
  std::optional<std::string> optional_text(std::string_view name) const {
    return find(name).transform([](std::string_view value) { return std::string(value); });
  }
  // `NAME.member.1` and so on, without gaps; `suffix` stands behind the number ("arn" in
  // PolicyArns.member.1.arn).
  std::vector<std::string> list(std::string_view name, std::string_view suffix = {}) const;
  // `NAME.member.1.Key` and `.Value`.
  std::map<std::string, std::string> tags(std::string_view name) const;
  // Whether two members of such a list have one key, in whatever case: tags() would drop one.
  bool has_repeated_tag_key(std::string_view name) const;

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

// The whole of `text`, in decimal.
std::optional<uint64_t> parse_number(std::string_view text);

}  // namespace cairn::query
