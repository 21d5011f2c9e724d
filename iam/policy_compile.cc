#include "iam/policy_compile.h"

#include <algorithm>

#include "iam/condition_keys.h"
#include "iam/text.h"

namespace cairn::iam {
namespace {

constexpr std::string_view kObjectTagKey = "s3:existingobjecttag/";
constexpr size_t kArnColons = 5;

std::unexpected<Error> malformed(std::string message) {
  return fail(Code::kInvalidArgument, std::move(message));
}

std::unexpected<Error> invalid_action() {
  return malformed("Policy has invalid action");
}

std::unexpected<Error> invalid_resource() {
  return malformed("Policy has invalid resource");
}

// Compiles one statement. Errors name the first thing that is wrong, in the order in which S3
// looks: principal, action, resource, condition, and at last whether these belong together.
class StatementCompiler {
 public:
  StatementCompiler(const StatementText& text, PolicyKind kind, std::string_view bucket,
                    bool variables)
      : text_(text), kind_(kind), bucket_(bucket), variables_(variables) {}

  Status compile(CompiledStatement& out, ActionSet& s3_actions, ResourceTable& resources);

 private:
  Status check_parts() const;
  Status compile_principals(CompiledStatement& out) const;
  Status compile_actions(CompiledStatement& out, ActionSet& s3_actions) const;
  Status check_action(const std::string& action, const Pattern& pattern) const;
  Status compile_resources(CompiledStatement& out, ResourceTable& table);
  Status check_bucket_resource(std::string_view resource);
  Status compile_conditions(CompiledStatement& out) const;
  Status check_key(const Condition& condition, const ConditionText& text) const;
  Status check_actions_fit(const CompiledStatement& compiled) const;

  const StatementText& text_;
  const PolicyKind kind_;
  const std::string_view bucket_;
  const bool variables_;
  // What the resources of a kBucket statement can be.
  bool names_bucket_ = false;
  bool names_object_ = false;
};

Status StatementCompiler::check_parts() const {
  const bool wants_principal = kind_ == PolicyKind::kBucket || kind_ == PolicyKind::kTrust;
  if (wants_principal && (!text_.has_principal || text_.principals.empty())) {
    return malformed("Missing required field Principal cannot be empty!");
  }
  if (!wants_principal && text_.has_principal) {
    return malformed("Policy document should not specify a principal.");
  }
  if (kind_ == PolicyKind::kTrust && text_.has_resource) {
    return malformed("Has prohibited field Resource");
  }
  if (kind_ != PolicyKind::kTrust && !text_.has_resource) {
    return malformed("Missing required field Resource cannot be empty!");
  }
  if (text_.not_principal && text_.effect == "Allow") {
    return malformed(
        "Allow with NotPrincipal is not supported. Use Principal with Allow, or Deny "
        "with NotPrincipal.");
  }
  return {};
}

Status StatementCompiler::compile_principals(CompiledStatement& out) const {
  out.has_principal = text_.has_principal;
  out.not_principal = text_.not_principal;
  if (!text_.has_principal) return {};
  Result<PrincipalMatcher> matcher = PrincipalMatcher::compile(text_.principals);
  if (!matcher) return std::unexpected(matcher.error());
  out.principals = std::move(*matcher);
  return {};
}

Status StatementCompiler::check_action(const std::string& action, const Pattern& pattern) const {
  if (action == "*") return {};
  const size_t colon = action.find(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == action.size()) {
    return invalid_action();
  }
  const std::string_view service = std::string_view(action).substr(0, colon);
  if (service.find_first_of("*?") != std::string_view::npos) return invalid_action();
  if (kind_ == PolicyKind::kTrust) {
    if (!equal_folded(service, "sts")) return invalid_action();
    return {};
  }
  if (kind_ != PolicyKind::kBucket) return {};
  const bool speaks_of_buckets = std::ranges::any_of(known_actions(), [&](const ActionInfo& info) {
    return info.target != ActionTarget::kAccount && pattern.matches(info.name);
  });
  if (!speaks_of_buckets) return invalid_action();
  return {};
}

Status StatementCompiler::compile_actions(CompiledStatement& out, ActionSet& s3_actions) const {
  out.not_action = text_.not_action;
  const std::span<const ActionInfo> known = known_actions();
  for (const std::string& action : text_.actions) {
    Result<Pattern> pattern =
        Pattern::compile(action, {.wildcards = true, .variables = false, .ignores_case = true});
    if (!pattern) return invalid_action();
    const Status checked = check_action(action, *pattern);
    if (!checked) return checked;
    for (size_t i = 0; i < known.size(); ++i) {
      if (pattern->matches(known[i].name)) s3_actions.add(i);
    }
    out.actions.push_back(std::move(*pattern));
  }
  if (out.not_action) s3_actions.invert();
  return {};
}

// A bucket's policy speaks of that bucket only, in whatever words match its name.
Status StatementCompiler::check_bucket_resource(std::string_view resource) {
  if (!resource.starts_with(kS3Arn)) return invalid_resource();
  const std::string_view rest = resource.substr(kS3Arn.size());
  const size_t slash = rest.find('/');
  const std::string_view bucket = rest.substr(0, slash);
  const Result<Pattern> pattern =
      Pattern::compile(bucket, {.wildcards = true, .variables = variables_});
  if (!pattern || pattern->has_variables()) return invalid_resource();
  const bool is_star = bucket.find('*') != std::string_view::npos;
  // A star in the bucket's place may also stand for a part of the key.
  if (!bucket_.empty() && !pattern->matches(bucket_) &&
      !(is_star && bucket_.starts_with(pattern->literal_prefix()))) {
    return invalid_resource();
  }
  if (slash == std::string_view::npos || is_star) names_bucket_ = true;
  if (slash != std::string_view::npos || is_star) names_object_ = true;
  return {};
}

Status StatementCompiler::compile_resources(CompiledStatement& out, ResourceTable& table) {
  out.has_resource = text_.has_resource;
  out.not_resource = text_.not_resource;
  for (const std::string& resource : text_.resources) {
    if (kind_ == PolicyKind::kBucket) {
      const Status checked = check_bucket_resource(resource);
      if (!checked) return checked;
    } else if (resource != "*" &&
               (!resource.starts_with("arn:") ||
                std::ranges::count(resource, ':') < static_cast<ptrdiff_t>(kArnColons))) {
      return malformed("Resource " + resource + " must be in ARN format or \"*\".");
    }
    Result<Pattern> pattern =
        Pattern::compile(resource, {.wildcards = true, .variables = variables_});
    if (!pattern) return invalid_resource();
    table.add(std::move(*pattern), out.resources);
  }
  return {};
}

Status StatementCompiler::check_key(const Condition& condition, const ConditionText& text) const {
  const std::string& key = condition.key();
  const size_t colon = key.find(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == key.size()) {
    return malformed("Policy has an invalid condition key");
  }
  if (kind_ != PolicyKind::kBucket) return {};
  if (!is_bucket_policy_key(key)) return malformed("Policy has an invalid condition key");
  for (const std::string& action : text_.actions) {
    const std::optional<size_t> known = find_action(action);
    if (!text_.not_action && known && !key_applies_to(key, known_actions()[*known].name)) {
      return malformed(
          "Conditions do not apply to combination of actions and resources in statement");
    }
  }
  if (key != "aws:sourceip" || equal_folded(text.name, "Null")) return {};
  const bool are_addresses = std::ranges::all_of(
      text.values, [](const std::string& value) { return parse_ip_network(value).has_value(); });
  if (!are_addresses) return malformed("Invalid IP address in Conditions");
  return {};
}

Status StatementCompiler::compile_conditions(CompiledStatement& out) const {
  for (const ConditionText& text : text_.conditions) {
    Result<Condition> condition = Condition::compile(text.name, text.key, text.values, variables_);
    if (!condition) return std::unexpected(condition.error());
    const Status checked = check_key(*condition, text);
    if (!checked) return checked;
    out.conditions.push_back(std::move(*condition));
  }
  return {};
}

Status StatementCompiler::check_actions_fit(const CompiledStatement& compiled) const {
  if (kind_ != PolicyKind::kBucket || text_.not_action || text_.not_resource) return {};
  for (const Pattern& action : compiled.actions) {
    const bool fits = std::ranges::any_of(known_actions(), [&](const ActionInfo& info) {
      const bool named = info.target == ActionTarget::kBucket
                             ? names_bucket_
                             : info.target == ActionTarget::kObject && names_object_;
      return named && action.matches(info.name);
    });
    if (!fits) return malformed("Action does not apply to any resource(s) in statement");
  }
  return {};
}

Status StatementCompiler::compile(CompiledStatement& out, ActionSet& s3_actions,
                                  ResourceTable& resources) {
  out.is_deny = text_.effect == "Deny";
  Status status = check_parts();
  if (status) status = compile_principals(out);
  if (status) status = compile_actions(out, s3_actions);
  if (status) status = compile_resources(out, resources);
  if (status) status = compile_conditions(out);
  if (status) status = check_actions_fit(out);
  return status;
}

bool is_public(const CompiledStatement& statement) {
  if (statement.is_deny || !statement.has_principal) return false;
  if (!statement.principals.is_everybody()) return false;
  return std::ranges::none_of(statement.conditions, [](const Condition& condition) {
    return narrows_everybody(condition.key()) && condition.is_narrow();
  });
}

bool reads_object_tags(const CompiledPolicy& policy) {
  const auto mentions = [](const auto& part) { return part.mentions(kObjectTagKey); };
  return std::ranges::any_of(policy.resources.patterns(), mentions) ||
         std::ranges::any_of(policy.statements, [&](const CompiledStatement& statement) {
           return std::ranges::any_of(statement.conditions, mentions);
         });
}

}  // namespace

Result<std::unique_ptr<const CompiledPolicy>> compile_policy(const PolicyText& text,
                                                             PolicyKind kind,
                                                             std::string_view bucket) {
  if (!text.version.empty() && text.version != "2012-10-17" && text.version != "2008-10-17") {
    return malformed("The policy must contain a valid version string");
  }
  const bool variables = text.version == "2012-10-17";
  auto out = std::make_unique<CompiledPolicy>();
  out->statements.resize(text.statements.size());
  out->s3_actions.resize(text.statements.size());
  for (size_t i = 0; i < text.statements.size(); ++i) {
    StatementCompiler compiler(text.statements[i], kind, bucket, variables);
    const Status compiled =
        compiler.compile(out->statements[i], out->s3_actions[i], out->resources);
    if (!compiled) return std::unexpected(compiled.error());
    out->is_public = out->is_public || is_public(out->statements[i]);
  }
  out->reads_object_tags = reads_object_tags(*out);
  return std::unique_ptr<const CompiledPolicy>(std::move(out));
}

}  // namespace cairn::iam
