// One line of a Condition block: an operator, a key, the values (IAM User Guide, "Condition
// operators", "Conditions with multiple context keys or values"). Immutable once compiled.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "iam/pattern.h"
#include "iam/request.h"
#include "iam/values.h"

namespace cairn::iam {

class Condition {
 public:
  // `name` is the operator as written ("ForAnyValue:StringLikeIfExists"). kInvalidArgument with
  // S3's message: "Invalid Condition type : X", "Invalid IP address in Conditions", "Invalid value
  // in Conditions".
  static Result<Condition> compile(std::string_view name, std::string_view key,
                                   const std::vector<std::string>& values, bool variables);

  // Whether the request meets it. `is_deny` says what the statement does: a variable without a
  // value fails an Allow, and in a Deny is a value that nothing matches.
  bool holds(const RequestKeys& keys, bool is_deny) const;

  const std::string& key() const { return key_; }
  bool mentions(std::string_view prefix) const;
  // Whether it holds only for requests whose key has one of finitely many values, or an address in
  // networks that are not most of the internet (S3's meaning of "public").
  bool is_narrow() const;

 private:
  enum class Type : uint8_t { kString, kNumeric, kDate, kBool, kBinary, kIp, kArn, kNull };
  enum class Relation : uint8_t { kEqual, kLess, kLessEqual, kGreater, kGreaterEqual };
  enum class Quantifier : uint8_t { kOne, kForAny, kForAll };
  struct Operator;

  // Six parts of an ARN, each matched for itself; fewer when the pattern is a lone `*`.
  using ArnPattern = std::vector<Pattern>;
  enum class Outcome : uint8_t { kNo, kYes, kUnresolved };

  static const Operator* find_operator(std::string_view name);
  Status add_value(std::string_view value, bool variables, bool wildcards, bool ignores_case);
  // Whether a value of the request matches one of the policy's.
  Outcome matches_any(const std::string& value, const RequestKeys& keys) const;
  Outcome matches_network(const std::optional<IpNetwork>& address) const;
  Outcome match_patterns(std::string_view value, const RequestKeys& keys) const;
  Outcome match_arns(std::string_view value, const RequestKeys& keys) const;
  bool holds_for_null(bool is_present) const;
  // `match_of(i)` is the Outcome of the i-th of `count` values.
  template <typename MatchOf>
  bool holds_for_values(size_t count, bool is_deny, MatchOf match_of) const;

  template <typename T>
  std::vector<T>& list() {
    if (!std::holds_alternative<std::vector<T>>(values_)) values_.emplace<std::vector<T>>();
    return std::get<std::vector<T>>(values_);
  }
  template <typename T>
  std::span<const T> all() const {
    const auto* const found = std::get_if<std::vector<T>>(&values_);
    return found == nullptr ? std::span<const T>() : std::span<const T>(*found);
  }

  // Most conditions of a request do not hold, and all of them are looked at: what that takes stands
  // in front and within one cache line.
  Type type_ = Type::kString;
  Relation relation_ = Relation::kEqual;
  Quantifier quantifier_ = Quantifier::kOne;
  bool is_negated_ = false;
  bool if_exists_ = false;
  uint8_t key_number_ = 0;             // number_of_key().
  std::array<bool, 2> booleans_ = {};  // Of kBool and kNull: whether false and true are among them.
  // The values of all other types.
  std::variant<std::vector<Pattern>, std::vector<ArnPattern>, std::vector<double>,
               std::vector<WallTime>, std::vector<Bytes>, std::vector<IpNetwork>>
      values_;
  std::string key_;
};

}  // namespace cairn::iam
