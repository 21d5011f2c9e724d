// A policy as its JSON says it: checked for form (known fields, no duplicates, types, bounds), not
// yet for sense. Plain values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cairn::iam {

struct PrincipalText {
  std::string kind;  // "AWS", "CanonicalUser", "Federated", "Service"; "*" for a lone "*".
  std::string value;
};

struct ConditionText {
  std::string name;  // "StringLike"
  std::string key;
  std::vector<std::string> values;
};

struct StatementText {
  std::string sid;
  std::string effect;
  bool has_principal = false;  // Principal or NotPrincipal.
  bool not_principal = false;
  std::vector<PrincipalText> principals;
  bool has_action = false;
  bool not_action = false;
  std::vector<std::string> actions;
  bool has_resource = false;
  bool not_resource = false;
  std::vector<std::string> resources;
  std::vector<ConditionText> conditions;
};

struct PolicyText {
  std::string version;  // Empty when not given.
  std::string id;
  std::vector<StatementText> statements;
};

// kInvalidArgument with S3's message.
Result<PolicyText> parse_policy_text(std::string_view json);

}  // namespace cairn::iam
