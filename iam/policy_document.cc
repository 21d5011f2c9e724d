#include "iam/policy_document.h"

#include <nlohmann/json.hpp>
#include <set>

#include "iam/policy.h"

namespace cairn::iam {
namespace {

using Json = nlohmann::json;

std::unexpected<Error> malformed(std::string message) {
  return fail(Code::kInvalidArgument, std::move(message));
}

std::unexpected<Error> bad_json() {
  return malformed("This policy contains invalid Json");
}

// Reads JSON with the checks that a tree no longer shows: depth and keys that occur twice.
Result<Json> read_json(std::string_view text) {
  std::vector<std::set<std::string>> open;
  std::string duplicate;
  bool too_deep = false;
  const auto watch = [&](int, Json::parse_event_t event, Json& value) {
    switch (event) {
      case Json::parse_event_t::object_start:
      case Json::parse_event_t::array_start:
        open.emplace_back();
        too_deep = too_deep || open.size() > kPolicyDepthMax;
        break;
      case Json::parse_event_t::object_end:
      case Json::parse_event_t::array_end:
        if (!open.empty()) open.pop_back();
        break;
      case Json::parse_event_t::key: {
        const auto& name = value.get_ref<const std::string&>();
        if (!open.empty() && !open.back().insert(name).second) duplicate = name;
        break;
      }
      case Json::parse_event_t::value: break;
    }
    return true;
  };
  Json json = Json::parse(text, watch, /*allow_exceptions=*/false);
  if (json.is_discarded() || too_deep) return bad_json();
  if (!duplicate.empty()) return malformed("Duplicate field " + duplicate);
  return json;
}

class Reader {
 public:
  Result<PolicyText> read(const Json& json);

 private:
  Result<StatementText> read_statement(const Json& json);
  Status read_field(const std::string& name, const Json& value, StatementText& out);
  Status read_principal(const Json& value, StatementText& out);
  Status read_conditions(const Json& value, StatementText& out);
  // A string or a list of strings; `what` is the message when it is neither, or empty.
  Result<std::vector<std::string>> read_list(const Json& value, std::string_view what);
  // The same for values of conditions, which may be numbers and booleans.
  Result<std::vector<std::string>> read_values(const Json& value);
  bool count(size_t more) {
    values_count_ += more;
    return values_count_ <= kPolicyValuesMax;
  }

  size_t values_count_ = 0;
};

Result<std::vector<std::string>> Reader::read_list(const Json& value, std::string_view what) {
  std::vector<std::string> out;
  if (value.is_string()) {
    out.push_back(value.get<std::string>());
  } else if (value.is_array()) {
    for (const Json& item : value) {
      if (!item.is_string()) return malformed(std::string(what));
      out.push_back(item.get<std::string>());
    }
  }
  if (out.empty() || !count(out.size())) return malformed(std::string(what));
  for (const std::string& text : out) {
    if (text.empty()) return malformed(std::string(what));
  }
  return out;
}

Result<std::vector<std::string>> Reader::read_values(const Json& value) {
  std::vector<std::string> out;
  const auto add = [&](const Json& item) {
    if (item.is_string()) {
      out.push_back(item.get<std::string>());
    } else if (item.is_boolean() || item.is_number()) {
      out.push_back(item.dump());
    } else {
      return false;
    }
    return true;
  };
  bool good = true;
  if (value.is_array()) {
    for (const Json& item : value) good = good && add(item);
  } else {
    good = add(value);
  }
  if (!good || out.empty() || !count(out.size())) return bad_json();
  return out;
}

Status Reader::read_principal(const Json& value, StatementText& out) {
  constexpr std::string_view kBad = "Invalid principal in policy";
  if (value.is_string()) {
    if (value.get_ref<const std::string&>() != "*") return malformed(std::string(kBad));
    out.principals.push_back({"*", "*"});
    return {};
  }
  if (!value.is_object() || value.empty()) return malformed(std::string(kBad));
  for (const auto& [kind, named] : value.items()) {
    if (kind != "AWS" && kind != "CanonicalUser" && kind != "Federated" && kind != "Service") {
      return malformed(std::string(kBad));
    }
    Result<std::vector<std::string>> names = read_list(named, kBad);
    if (!names) return std::unexpected(names.error());
    for (std::string& name : *names) out.principals.push_back({kind, std::move(name)});
  }
  return {};
}

Status Reader::read_conditions(const Json& value, StatementText& out) {
  if (!value.is_object()) return bad_json();
  for (const auto& [name, keys] : value.items()) {
    if (!keys.is_object()) return bad_json();
    for (const auto& [key, values] : keys.items()) {
      Result<std::vector<std::string>> read = read_values(values);
      if (!read) return std::unexpected(read.error());
      out.conditions.push_back({name, key, std::move(*read)});
    }
  }
  return {};
}

Status Reader::read_field(const std::string& name, const Json& value, StatementText& out) {
  if (name == "Sid" || name == "Effect") {
    if (!value.is_string()) return bad_json();
    (name == "Sid" ? out.sid : out.effect) = value.get<std::string>();
    return {};
  }
  const bool is_not = name.starts_with("Not");
  const std::string_view plain = is_not ? std::string_view(name).substr(3) : name;
  if (plain == "Principal") {
    if (out.has_principal) return malformed("Statement has both Principal and NotPrincipal");
    out.has_principal = true;
    out.not_principal = is_not;
    return read_principal(value, out);
  }
  if (plain == "Action" || plain == "Resource") {
    const bool is_action = plain == "Action";
    bool& has = is_action ? out.has_action : out.has_resource;
    if (has) return malformed("Statement has both " + std::string(plain) + " and its negation");
    has = true;
    (is_action ? out.not_action : out.not_resource) = is_not;
    Result<std::vector<std::string>> list =
        read_list(value, is_action ? "Policy has invalid action" : "Policy has invalid resource");
    if (!list) return std::unexpected(list.error());
    (is_action ? out.actions : out.resources) = std::move(*list);
    return {};
  }
  if (name == "Condition") return read_conditions(value, out);
  return malformed("Unknown field " + name);
}

Result<StatementText> Reader::read_statement(const Json& json) {
  if (!json.is_object()) return bad_json();
  StatementText out;
  for (const auto& [name, value] : json.items()) {
    const Status read = read_field(name, value, out);
    if (!read) return std::unexpected(read.error());
  }
  if (out.effect.empty()) {
    return malformed("Missing required field Effect cannot be empty!");
  }
  if (out.effect != "Allow" && out.effect != "Deny") {
    return malformed("Invalid effect: " + out.effect);
  }
  if (!out.has_action) return malformed("Missing required field Action cannot be empty!");
  return out;
}

Result<PolicyText> Reader::read(const Json& json) {
  if (!json.is_object()) return bad_json();
  PolicyText out;
  const Json* statements = nullptr;
  for (const auto& [name, value] : json.items()) {
    if (name == "Statement") {
      statements = &value;
    } else if (name == "Version" || name == "Id") {
      if (!value.is_string()) return bad_json();
      (name == "Version" ? out.version : out.id) = value.get<std::string>();
    } else {
      return malformed("Unknown field " + name);
    }
  }
  if (statements == nullptr) return malformed("Missing required field Statement");
  if (!statements->is_array() && !statements->is_object()) return bad_json();
  if (statements->empty()) return malformed("Could not parse the policy: Statement is empty!");
  if (statements->is_object()) {
    Result<StatementText> one = read_statement(*statements);
    if (!one) return std::unexpected(one.error());
    out.statements.push_back(std::move(*one));
    return out;
  }
  if (statements->size() > kPolicyStatementsMax) return malformed("Policy has too many statements");
  std::set<std::string> sids;
  for (const Json& item : *statements) {
    Result<StatementText> one = read_statement(item);
    if (!one) return std::unexpected(one.error());
    if (!one->sid.empty() && !sids.insert(one->sid).second) {
      return malformed("Statement IDs (SID) in a single policy must be unique.");
    }
    out.statements.push_back(std::move(*one));
  }
  return out;
}

}  // namespace

Result<PolicyText> parse_policy_text(std::string_view json) {
  if (json.size() > kPolicyBytesMax) {
    return malformed("Policy exceeds the maximum allowed document size.");
  }
  if (!json.starts_with('{')) {
    return malformed("Policies must be valid JSON and the first byte must be '{'");
  }
  Result<Json> tree = read_json(json);
  if (!tree) return std::unexpected(tree.error());
  return Reader().read(*tree);
}

}  // namespace cairn::iam
