// --include and --exclude, as aws-cli has them: globs over the path relative to the source, applied
// in the order given; the last that matches decides, and what none matches is included.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cairn::cli {

inline constexpr size_t kFiltersMax = 1000;
inline constexpr size_t kGlobBytesMax = 4096;

// `*` any run (also of '/'), `?` one byte, `[a-z]`, `[!a-z]`. Linear in text times pattern.
bool glob_matches(std::string_view pattern, std::string_view text);
// kInvalidArgument when it is too long or has an open '['.
Status check_glob(std::string_view pattern);

class Filters {
 public:
  Status add(bool includes, std::string pattern);
  bool accept(std::string_view relative_path) const;
  bool empty() const { return rules_.empty(); }

 private:
  struct Rule {
    bool includes = false;
    std::string pattern;
  };
  std::vector<Rule> rules_;
};

}  // namespace cairn::cli
