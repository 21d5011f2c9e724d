#include "cli/ini_file.h"

#include <algorithm>

namespace cairn::cli {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::unexpected<Error> bad_line(size_t number, std::string_view problem) {
  return fail(Code::kInvalidArgument,
              "line " + std::to_string(number) + ": " + std::string(problem));
}

}  // namespace

Result<IniFile> IniFile::parse(std::string_view text) {
  if (text.size() > kIniBytesMax) return fail(Code::kInvalidArgument, "is larger than 1 MiB");
  IniFile file;
  IniSection* section = nullptr;
  std::string parent;  // The setting whose nested lines may follow.
  size_t entries_count = 0;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view raw = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (raw.size() > kIniLineBytesMax) return bad_line(number, "is longer than 16 KiB");
    const std::string_view line = trimmed(raw);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (++entries_count > kIniEntriesMax) return bad_line(number, "more than 10000 settings");
    const bool is_indented = raw.front() == ' ' || raw.front() == '\t';
    if (line.front() == '[' && !is_indented) {
      const size_t close = line.find(']');
      if (close == std::string_view::npos) return bad_line(number, "has a '[' without ']'");
      section = &file.sections_[std::string(trimmed(line.substr(1, close - 1)))];
      parent.clear();
      continue;
    }
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos) return bad_line(number, "expected name = value");
    if (section == nullptr) return bad_line(number, "expected a [section] first");
    const std::string name(trimmed(line.substr(0, equals)));
    const std::string value(trimmed(line.substr(equals + 1)));
    if (name.empty()) return bad_line(number, "expected a name before '='");
    if (is_indented && !parent.empty()) {
      (*section)[parent + "." + name] = value;
      continue;
    }
    (*section)[name] = value;
    parent = value.empty() ? name : "";
  }
  return file;
}

const IniSection* IniFile::section(std::string_view name) const {
  const auto found = sections_.find(name);
  return found == sections_.end() ? nullptr : &found->second;
}

std::vector<std::string> IniFile::section_names() const {
  std::vector<std::string> names;
  for (const auto& [name, section] : sections_) names.push_back(name);
  return names;
}

void IniFile::set(std::string_view section, std::string_view name, std::string_view value) {
  auto& settings = sections_[std::string(section)];
  if (value.empty()) {
    settings.erase(std::string(name));
  } else {
    settings[std::string(name)] = value;
  }
}

std::string IniFile::text() const {
  std::string out;
  for (const auto& [name, section] : sections_) {
    out.append(out.empty() ? "" : "\n").append("[").append(name).append("]\n");
    for (const auto& [setting, value] : section) {
      if (setting.find('.') == std::string::npos) {
        out.append(setting).append(" = ").append(value).append("\n");
      }
    }
  }
  return out;
}

}  // namespace cairn::cli
