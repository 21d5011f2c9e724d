#include "iam/pattern.h"

#include <algorithm>

#include "iam/text.h"

namespace cairn::iam {
namespace {

constexpr size_t kVariablesMax = 64;  // Of one pattern.

std::string_view without_blanks(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

bool is_continuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

// Bytes of the character that starts at `at`: the byte and what continues it.
size_t character_size(std::string_view text, size_t at) {
  size_t size = 1;
  while (size < 4 && at + size < text.size() && is_continuation(text[at + size])) ++size;
  return size;
}

}  // namespace

// `inside` is what stands between "${" and "}".
Status Pattern::add_variable(std::string_view inside) {
  if (inside == "*" || inside == "?" || inside == "$") {
    elements_.push_back(static_cast<unsigned char>(inside.front()));
    return {};
  }
  Variable variable;
  const size_t comma = inside.find(',');
  const std::string_view name = without_blanks(inside.substr(0, comma));
  if (name.empty() || variables_.size() == kVariablesMax) {
    return fail(Code::kInvalidArgument, "Invalid policy variable");
  }
  if (comma != std::string_view::npos) {
    const std::string_view fallback = without_blanks(inside.substr(comma + 1));
    if (fallback.size() < 2 || fallback.front() != '\'' || fallback.back() != '\'') {
      return fail(Code::kInvalidArgument, "Invalid default value of a policy variable");
    }
    variable.has_fallback = true;
    variable.fallback = fallback.substr(1, fallback.size() - 2);
  }
  variable.key = fold_key(name);
  elements_.push_back(static_cast<Element>(kVariable + variables_.size()));
  variables_.push_back(std::move(variable));
  return {};
}

Result<Pattern> Pattern::compile(std::string_view text, PatternRules rules) {
  Pattern pattern;
  pattern.ignores_case_ = rules.ignores_case;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (rules.variables && c == '$' && i + 1 < text.size() && text[i + 1] == '{') {
      const size_t end = text.find('}', i);
      if (end == std::string_view::npos) {
        return fail(Code::kInvalidArgument, "A policy variable has no closing brace");
      }
      const Status added = pattern.add_variable(text.substr(i + 2, end - i - 2));
      if (!added) return std::unexpected(added.error());
      i = end;
    } else if (rules.wildcards && c == '*') {
      // A run of stars is one.
      if (pattern.elements_.empty() || pattern.elements_.back() != kAny) {
        pattern.elements_.push_back(kAny);
      }
    } else if (rules.wildcards && c == '?') {
      pattern.elements_.push_back(kOne);
    } else {
      pattern.elements_.push_back(static_cast<unsigned char>(rules.ignores_case ? folded(c) : c));
    }
  }
  std::vector<Element>& elements = pattern.elements_;
  const auto end_of_prefix =
      std::ranges::find_if(elements, [](Element element) { return element >= kAny; });
  for (auto it = elements.begin(); it != end_of_prefix; ++it) {
    pattern.prefix_ += static_cast<char>(*it);
  }
  if (end_of_prefix == elements.end()) {
    pattern.form_ = Form::kExact;
  } else if (*end_of_prefix == kAny && end_of_prefix + 1 == elements.end()) {
    pattern.form_ = Form::kPrefix;
  } else {
    pattern.form_ = Form::kGeneral;
  }
  if (pattern.form_ != Form::kGeneral) elements.clear();
  return pattern;
}

// Replaces variables by the letters of their values. False when one has none, or several.
bool Pattern::substitute(const RequestKeys& keys, std::vector<Element>& out) const {
  for (const Element element : elements_) {
    if (element < kVariable) {
      out.push_back(element);
      continue;
    }
    const Variable& variable = variables_[element - kVariable];
    const std::vector<std::string>* values = keys.find(variable.key);
    const std::string* value = nullptr;
    if (values != nullptr && values->size() == 1) {
      value = &values->front();
    } else if (values == nullptr && variable.has_fallback) {
      value = &variable.fallback;
    }
    if (value == nullptr) return false;
    for (const char c : *value) {
      out.push_back(static_cast<unsigned char>(ignores_case_ ? folded(c) : c));
    }
  }
  return true;
}

// Greedy with one point to come back to: the last star. Linear times the number of stars at worst
// quadratic in the lengths, both bounded by the policy and the key.
bool Pattern::match_elements(const std::vector<Element>& elements, std::string_view text) const {
  size_t at = 0;
  size_t position = 0;
  size_t star = elements.size();  // None yet.
  size_t star_position = 0;
  while (position < text.size()) {
    const Element element = at < elements.size() ? elements[at] : kVariable;
    const char c = ignores_case_ ? folded(text[position]) : text[position];
    if (element == kAny) {
      star = at++;
      star_position = position;
    } else if (element == kOne) {
      ++at;
      position += character_size(text, position);
    } else if (element == static_cast<unsigned char>(c)) {
      ++at;
      ++position;
    } else if (star < elements.size()) {
      at = star + 1;
      position = ++star_position;
    } else {
      return false;
    }
  }
  while (at < elements.size() && elements[at] == kAny) ++at;
  return at == elements.size();
}

Pattern::Match Pattern::match(std::string_view text, const RequestKeys& keys) const {
  if (variables_.empty()) return matches(text) ? Match::kYes : Match::kNo;
  std::vector<Element> resolved;
  resolved.reserve(elements_.size() + 64);
  if (!substitute(keys, resolved)) return Match::kUnresolved;
  return match_elements(resolved, text) ? Match::kYes : Match::kNo;
}

bool Pattern::matches(std::string_view text) const {
  if (text.size() < prefix_.size()) return false;
  if (form_ == Form::kExact && text.size() != prefix_.size()) return false;
  // Most that differ do so in the first letter, which spares the call.
  if (!ignores_case_ && !prefix_.empty() && text.front() != prefix_.front()) return false;
  const std::string_view start = text.substr(0, prefix_.size());
  if (ignores_case_ ? !equal_folded(start, prefix_) : start != prefix_) return false;
  return form_ != Form::kGeneral || match_elements(elements_, text);
}

bool Pattern::mentions(std::string_view prefix) const {
  return std::ranges::any_of(
      variables_, [&](const Variable& variable) { return variable.key.starts_with(prefix); });
}

}  // namespace cairn::iam
