#include "iam/condition.h"

#include <algorithm>

#include "base/encoding.h"
#include "iam/condition_keys.h"
#include "iam/text.h"

namespace cairn::iam {
namespace {

constexpr size_t kArnParts = 6;
// Networks of more addresses than these are most of the internet.
constexpr uint8_t kNarrowV4Bits = 96 + 8;
constexpr uint8_t kNarrowV6Bits = 32;

std::unexpected<Error> bad_value() {
  return fail(Code::kInvalidArgument, "Invalid value in Conditions");
}

// Splits at the first five colons outside of "${...}".
std::vector<std::string_view> split_arn(std::string_view text, bool variables) {
  std::vector<std::string_view> parts;
  size_t begin = 0;
  for (size_t i = 0; i < text.size() && parts.size() + 1 < kArnParts; ++i) {
    if (variables && text.substr(i).starts_with("${")) {
      i = std::min(text.find('}', i), text.size());
    } else if (text[i] == ':') {
      parts.push_back(text.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  parts.push_back(text.substr(begin));
  return parts;
}

template <typename T>
bool compares(const T& given, const T& wanted, int relation) {
  switch (relation) {
    case 0: return given == wanted;
    case 1: return given < wanted;
    case 2: return given <= wanted;
    case 3: return given > wanted;
    default: return given >= wanted;
  }
}

}  // namespace

struct Condition::Operator {
  std::string_view name;  // Folded.
  Type type;
  Relation relation = Relation::kEqual;
  bool is_negated = false;
  bool wildcards = false;
  bool ignores_case = false;
};

const Condition::Operator* Condition::find_operator(std::string_view name) {
  static constexpr Operator kOperators[] = {
      {"stringequals", Type::kString},
      {"stringnotequals", Type::kString, Relation::kEqual, true},
      {"stringequalsignorecase", Type::kString, Relation::kEqual, false, false, true},
      {"stringnotequalsignorecase", Type::kString, Relation::kEqual, true, false, true},
      {"stringlike", Type::kString, Relation::kEqual, false, true},
      {"stringnotlike", Type::kString, Relation::kEqual, true, true},
      {"numericequals", Type::kNumeric},
      {"numericnotequals", Type::kNumeric, Relation::kEqual, true},
      {"numericlessthan", Type::kNumeric, Relation::kLess},
      {"numericlessthanequals", Type::kNumeric, Relation::kLessEqual},
      {"numericgreaterthan", Type::kNumeric, Relation::kGreater},
      {"numericgreaterthanequals", Type::kNumeric, Relation::kGreaterEqual},
      {"dateequals", Type::kDate},
      {"datenotequals", Type::kDate, Relation::kEqual, true},
      {"datelessthan", Type::kDate, Relation::kLess},
      {"datelessthanequals", Type::kDate, Relation::kLessEqual},
      {"dategreaterthan", Type::kDate, Relation::kGreater},
      {"dategreaterthanequals", Type::kDate, Relation::kGreaterEqual},
      {"bool", Type::kBool},
      {"binaryequals", Type::kBinary},
      {"ipaddress", Type::kIp},
      {"notipaddress", Type::kIp, Relation::kEqual, true},
      {"arnequals", Type::kArn, Relation::kEqual, false, true},
      {"arnlike", Type::kArn, Relation::kEqual, false, true},
      {"arnnotequals", Type::kArn, Relation::kEqual, true, true},
      {"arnnotlike", Type::kArn, Relation::kEqual, true, true},
      {"null", Type::kNull},
  };
  const auto* const found = std::ranges::find(kOperators, name, &Operator::name);
  return found == std::end(kOperators) ? nullptr : found;
}

Status Condition::add_value(std::string_view value, bool variables, bool wildcards,
                            bool ignores_case) {
  const PatternRules rules{wildcards, variables, ignores_case};
  switch (type_) {
    case Type::kString: {
      Result<Pattern> pattern = Pattern::compile(value, rules);
      if (!pattern) return std::unexpected(pattern.error());
      list<Pattern>().push_back(std::move(*pattern));
      return {};
    }
    case Type::kArn: {
      const std::vector<std::string_view> parts = split_arn(value, variables);
      if (parts.size() != kArnParts && value != "*") return bad_value();
      ArnPattern arn;
      for (const std::string_view part : parts) {
        Result<Pattern> pattern = Pattern::compile(part, rules);
        if (!pattern) return std::unexpected(pattern.error());
        arn.push_back(std::move(*pattern));
      }
      list<ArnPattern>().push_back(std::move(arn));
      return {};
    }
    case Type::kNumeric: {
      const std::optional<double> number = parse_decimal(value);
      if (!number) return bad_value();
      list<double>().push_back(*number);
      return {};
    }
    case Type::kDate: {
      const std::optional<WallTime> date = parse_policy_date(value);
      if (!date) return bad_value();
      list<WallTime>().push_back(*date);
      return {};
    }
    case Type::kBool:
    case Type::kNull: {
      const std::optional<bool> boolean = parse_policy_bool(value);
      if (!boolean) return bad_value();
      booleans_[*boolean ? 1 : 0] = true;
      return {};
    }
    case Type::kBinary: {
      std::optional<Bytes> bytes = from_base64(value);
      if (!bytes) return bad_value();
      list<Bytes>().push_back(std::move(*bytes));
      return {};
    }
    case Type::kIp: {
      const std::optional<IpNetwork> network = parse_ip_network(value);
      if (!network) return fail(Code::kInvalidArgument, "Invalid IP address in Conditions");
      list<IpNetwork>().push_back(*network);
      return {};
    }
  }
  return bad_value();
}

Result<Condition> Condition::compile(std::string_view name, std::string_view key,
                                     const std::vector<std::string>& values, bool variables) {
  Condition condition;
  condition.key_ = fold_key(key);
  condition.key_number_ = number_of_key(condition.key_);
  const std::string folded_name = fold(name);
  std::string_view rest = folded_name;
  if (rest.starts_with("foranyvalue:")) {
    condition.quantifier_ = Quantifier::kForAny;
    rest.remove_prefix(std::string_view("foranyvalue:").size());
  } else if (rest.starts_with("forallvalues:")) {
    condition.quantifier_ = Quantifier::kForAll;
    rest.remove_prefix(std::string_view("forallvalues:").size());
  }
  if (rest.ends_with("ifexists")) {
    condition.if_exists_ = true;
    rest.remove_suffix(std::string_view("ifexists").size());
  }
  const Operator* found = find_operator(rest);
  const bool null_with_more = found != nullptr && found->type == Type::kNull &&
                              (condition.if_exists_ || condition.quantifier_ != Quantifier::kOne);
  if (found == nullptr || null_with_more) {
    return fail(Code::kInvalidArgument, "Invalid Condition type : " + std::string(name));
  }
  condition.type_ = found->type;
  condition.relation_ = found->relation;
  condition.is_negated_ = found->is_negated;
  for (const std::string& value : values) {
    const Status added =
        condition.add_value(value, variables, found->wildcards, found->ignores_case);
    if (!added) return std::unexpected(added.error());
  }
  return condition;
}

Condition::Outcome Condition::match_patterns(std::string_view value,
                                             const RequestKeys& keys) const {
  Outcome outcome = Outcome::kNo;
  for (const Pattern& pattern : all<Pattern>()) {
    const Pattern::Match match = pattern.match(value, keys);
    if (match == Pattern::Match::kYes) return Outcome::kYes;
    if (match == Pattern::Match::kUnresolved) outcome = Outcome::kUnresolved;
  }
  return outcome;
}

Condition::Outcome Condition::match_arns(std::string_view value, const RequestKeys& keys) const {
  const std::vector<std::string_view> parts = split_arn(value, false);
  Outcome outcome = Outcome::kNo;
  for (const ArnPattern& arn : all<ArnPattern>()) {
    if (arn.size() == 1) return Outcome::kYes;
    if (parts.size() != arn.size()) continue;
    bool differs = false;
    bool unresolved = false;
    for (size_t i = 0; i < arn.size(); ++i) {
      const Pattern::Match match = arn[i].match(parts[i], keys);
      differs = differs || match == Pattern::Match::kNo;
      unresolved = unresolved || match == Pattern::Match::kUnresolved;
    }
    if (differs) continue;
    if (!unresolved) return Outcome::kYes;
    outcome = Outcome::kUnresolved;
  }
  return outcome;
}

Condition::Outcome Condition::matches_any(const std::string& value, const RequestKeys& keys) const {
  const auto yes_if = [](bool is_match) { return is_match ? Outcome::kYes : Outcome::kNo; };
  const int relation = static_cast<int>(relation_);
  switch (type_) {
    case Type::kString: return match_patterns(value, keys);
    case Type::kArn: return match_arns(value, keys);
    case Type::kNumeric: {
      const std::optional<double> given = parse_decimal(value);
      return yes_if(given && std::ranges::any_of(all<double>(), [&](double wanted) {
                      return compares(*given, wanted, relation);
                    }));
    }
    case Type::kDate: {
      const std::optional<WallTime> given = parse_policy_date(value);
      return yes_if(given && std::ranges::any_of(all<WallTime>(), [&](WallTime wanted) {
                      return compares(given->unix_ms, wanted.unix_ms, relation);
                    }));
    }
    case Type::kBool: {
      const std::optional<bool> given = parse_policy_bool(value);
      return yes_if(given && booleans_[*given ? 1 : 0]);
    }
    case Type::kBinary: {
      const std::optional<Bytes> given = from_base64(value);
      return yes_if(given && std::ranges::find(all<Bytes>(), *given) != all<Bytes>().end());
    }
    case Type::kIp:
    case Type::kNull: break;
  }
  return Outcome::kNo;
}

Condition::Outcome Condition::matches_network(const std::optional<IpNetwork>& address) const {
  const bool is_match =
      address && std::ranges::any_of(all<IpNetwork>(), [&](const IpNetwork& network) {
        return network.contains(*address);
      });
  return is_match ? Outcome::kYes : Outcome::kNo;
}

bool Condition::holds_for_null(bool is_present) const {
  return booleans_[is_present ? 0 : 1];
}

template <typename MatchOf>
bool Condition::holds_for_values(size_t count, bool is_deny, MatchOf match_of) const {
  if (count == 0) {
    if (if_exists_ || quantifier_ == Quantifier::kForAll) return true;
    // Nothing differs from nothing; but no value is not "any value that differs".
    return is_negated_ && quantifier_ == Quantifier::kOne;
  }
  bool any = false;
  bool all = true;
  for (size_t i = 0; i < count; ++i) {
    const Outcome outcome = match_of(i);
    if (outcome == Outcome::kUnresolved && !is_deny) return false;
    const bool is_good = (outcome == Outcome::kYes) != is_negated_;
    any = any || is_good;
    all = all && is_good;
  }
  if (quantifier_ == Quantifier::kForAll) return all;
  if (quantifier_ == Quantifier::kForAny) return any;
  // Several values without a quantifier: "is one of" needs one match, "is none of" needs none.
  return is_negated_ ? all : any;
}

bool Condition::holds(const RequestKeys& keys, bool is_deny) const {
  if (type_ == Type::kIp) {
    const auto* const given = keys.find_addresses(key_, key_number_);
    return holds_for_values(given == nullptr ? 0 : given->size(), is_deny,
                            [&](size_t i) { return matches_network((*given)[i]); });
  }
  const auto* const given = keys.find(key_, key_number_);
  if (type_ == Type::kNull) return holds_for_null(given != nullptr && !given->empty());
  return holds_for_values(given == nullptr ? 0 : given->size(), is_deny,
                          [&](size_t i) { return matches_any((*given)[i], keys); });
}

bool Condition::mentions(std::string_view prefix) const {
  const auto in = [&](const Pattern& pattern) { return pattern.mentions(prefix); };
  return key_.starts_with(prefix) || std::ranges::any_of(all<Pattern>(), in) ||
         std::ranges::any_of(all<ArnPattern>(),
                             [&](const ArnPattern& arn) { return std::ranges::any_of(arn, in); });
}

bool Condition::is_narrow() const {
  if (is_negated_ || if_exists_ || quantifier_ != Quantifier::kOne) return false;
  const auto is_fixed = [](const Pattern& pattern) { return pattern.is_fixed(); };
  switch (type_) {
    case Type::kString: return std::ranges::all_of(all<Pattern>(), is_fixed);
    case Type::kArn:
      return std::ranges::all_of(all<ArnPattern>(), [&](const ArnPattern& arn) {
        return std::ranges::all_of(arn, is_fixed);
      });
    case Type::kIp:
      return std::ranges::all_of(all<IpNetwork>(), [](const IpNetwork& network) {
        return network.prefix_bits >= (network.is_v4 ? kNarrowV4Bits : kNarrowV6Bits);
      });
    default: return false;
  }
}

}  // namespace cairn::iam
