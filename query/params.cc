#include "query/params.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "iam/names.h"
#include "s3/uri.h"

namespace cairn::query {

Result<Params> Params::parse(std::string_view form) {
  const auto bad = [](std::string message) {
    return fail(Code::kInvalidArgument, std::move(message));
  };
  if (form.size() > kFormBytesMax) return bad("The form is longer than 128 KiB.");
  Params out;
  size_t count = 0;
  while (!form.empty()) {
    const size_t end = std::min(form.find('&'), form.size());
    const std::string_view piece = form.substr(0, end);
    form.remove_prefix(std::min(end + 1, form.size()));
    if (piece.empty()) continue;
    if (++count > kParamsMax) return bad("The form has more than 512 parameters.");
    const size_t equals = std::min(piece.find('='), piece.size());
    const std::string_view raw_value = piece.substr(std::min(equals + 1, piece.size()));
    std::optional<std::string> name = s3::percent_decode(piece.substr(0, equals), s3::Plus::kSpace);
    std::optional<std::string> value = s3::percent_decode(raw_value, s3::Plus::kSpace);
    if (!name || !value || !s3::is_valid_utf8(*name) || !s3::is_valid_utf8(*value)) {
      return bad("The form is not properly encoded.");
    }
    // What was judged must be what is used: a second value would be another request.
    const bool is_new = out.values_.emplace(std::move(*name), std::move(*value)).second;
    if (!is_new) return bad("A parameter is given twice.");
  }
  return out;
}

std::optional<std::string_view> Params::find(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return std::nullopt;
  return found->second;
}

std::vector<std::string> Params::list(std::string_view name, std::string_view suffix) const {
  std::vector<std::string> out;
  for (size_t i = 1; i <= kListMax; ++i) {
    std::string member = std::string(name) + ".member." + std::to_string(i);
    if (!suffix.empty()) member.append(".").append(suffix);
    const std::optional<std::string_view> value = find(member);
    if (!value) break;
    out.emplace_back(*value);
  }
  return out;
}

std::map<std::string, std::string> Params::tags(std::string_view name) const {
  std::map<std::string, std::string> out;
  for (size_t i = 1; i <= kListMax; ++i) {
    const std::string member = std::string(name) + ".member." + std::to_string(i);
    const std::optional<std::string_view> key = find(member + ".Key");
    if (!key) break;
    out.insert_or_assign(std::string(*key), text(member + ".Value"));
  }
  return out;
}

bool Params::has_repeated_tag_key(std::string_view name) const {
  std::set<std::string> keys;
  for (const std::string& key : list(name, "Key")) {
    if (!keys.insert(iam::lower_name(key)).second) return true;
  }
  return false;
}

std::optional<uint64_t> parse_number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace cairn::query
