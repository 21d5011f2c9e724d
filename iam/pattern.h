// Text with wildcards and policy variables (IAM User Guide, "IAM policy elements: variables and
// tags"): `*` is any text, `?` one character (a whole UTF-8 sequence), ${key} the value of a
// condition key with no wildcards in it, ${key, 'text'} with a default, ${*} ${?} ${$} those
// characters themselves. Immutable once compiled; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "iam/request.h"

namespace cairn::iam {

struct PatternRules {
  bool wildcards = true;  // Else `*` and `?` are letters.
  bool variables = true;  // Else "${" is text, as in policies of version 2008-10-17.
  bool ignores_case = false;
};

class Pattern {
 public:
  // kInvalidArgument on a variable that has no end or no name.
  static Result<Pattern> compile(std::string_view text, PatternRules rules);

  enum class Match : uint8_t {
    kNo,
    kYes,
    kUnresolved,  // A variable has no single value in this request: nothing can match.
  };
  Match match(std::string_view text, const RequestKeys& keys) const;
  // For patterns without variables.
  bool matches(std::string_view text) const;

  bool has_variables() const { return !variables_.empty(); }
  bool is_fixed() const { return form_ == Form::kExact; }    // Neither wildcards nor variables.
  bool is_prefix() const { return form_ == Form::kPrefix; }  // Text, and one `*` at its end.
  // Whether a variable is a key that starts with `prefix`.
  bool mentions(std::string_view prefix) const;
  // The text in front of the first wildcard or variable, folded if the case is ignored.
  std::string_view literal_prefix() const { return prefix_; }

 private:
  // One element: a byte, kAny, kOne, or kVariable + its index.
  using Element = uint16_t;
  static constexpr Element kAny = 256;
  static constexpr Element kOne = 257;
  static constexpr Element kVariable = 512;
  enum class Form : uint8_t { kExact, kPrefix, kGeneral };
  struct Variable {
    std::string key;
    std::string fallback;
    bool has_fallback = false;
  };

  Status add_variable(std::string_view inside);
  bool substitute(const RequestKeys& keys, std::vector<Element>& out) const;
  bool match_elements(const std::vector<Element>& elements, std::string_view text) const;

  Form form_ = Form::kExact;
  bool ignores_case_ = false;
  std::string prefix_;
  std::vector<Element> elements_;  // All of it; empty unless kGeneral.
  std::vector<Variable> variables_;
};

}  // namespace cairn::iam
