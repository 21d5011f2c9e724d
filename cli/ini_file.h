// The INI dialect of AWS's credentials and config files, which Cairn's own profile file uses too:
// `[section]`, `name = value`, comments that begin a line with '#' or ';', and indented lines
// below a name with an empty value as its nested settings ("s3.endpoint_url").
// Bounded: see the constants. What does not parse is an error that names the line, never its text,
// for the line may hold a secret.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"

namespace cairn::cli {

inline constexpr size_t kIniBytesMax = 1 * MiB;
inline constexpr size_t kIniLineBytesMax = 16 * KiB;
inline constexpr size_t kIniEntriesMax = 10'000;

using IniSection = std::map<std::string, std::string, std::less<>>;

class IniFile {
 public:
  static Result<IniFile> parse(std::string_view text);

  // Null when there is no such section. A section that comes twice is one: later values win.
  const IniSection* section(std::string_view name) const;
  std::vector<std::string> section_names() const;

  void set(std::string_view section, std::string_view name, std::string_view value);
  // Every section with its plain (not nested) settings; comments are not kept.
  std::string text() const;

 private:
  std::map<std::string, IniSection, std::less<>> sections_;
};

}  // namespace cairn::cli
