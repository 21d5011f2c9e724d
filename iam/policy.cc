#include "iam/policy.h"

#include <algorithm>

#include "iam/policy_compile.h"

namespace cairn::iam {
namespace {

// Whether the statement speaks of the request's action, when the action has no number.
bool has_action(const CompiledStatement& statement, std::string_view action) {
  const bool named = std::ranges::any_of(
      statement.actions, [&](const Pattern& pattern) { return pattern.matches(action); });
  return named != statement.not_action;
}

bool has_resource(const CompiledPolicy& policy, const CompiledStatement& statement,
                  const Request& request) {
  if (!statement.has_resource) return true;
  const Pattern::Match match = policy.resources.match(statement.resources, request);
  if (!statement.not_resource) return match == Pattern::Match::kYes;
  // What is excepted from an Allow is not known, so nothing is allowed.
  if (match == Pattern::Match::kUnresolved && !statement.is_deny) return false;
  return match != Pattern::Match::kYes;
}

// How far the statement speaks of the caller: kNone, kAllowAccount or kAllow.
Verdict has_principal(const CompiledStatement& statement, const Request& request) {
  if (!statement.has_principal) return Verdict::kAllow;
  const PrincipalMatcher::Match match = statement.principals.match(request.principal());
  // An account excepts its root user; its other users are excepted by name only, as in AWS.
  if (statement.not_principal) {
    return match == PrincipalMatcher::Match::kYes ? Verdict::kNone : Verdict::kAllow;
  }
  switch (match) {
    case PrincipalMatcher::Match::kNo: return Verdict::kNone;
    case PrincipalMatcher::Match::kAccount: return Verdict::kAllowAccount;
    case PrincipalMatcher::Match::kYes: return Verdict::kAllow;
  }
  return Verdict::kNone;
}

Verdict evaluate_statement(const CompiledPolicy& policy, const CompiledStatement& statement,
                           const Request& request) {
  const Verdict reach = has_principal(statement, request);
  if (reach == Verdict::kNone || !has_resource(policy, statement, request)) return Verdict::kNone;
  for (const Condition& condition : statement.conditions) {
    if (!condition.holds(*request.keys, statement.is_deny)) return Verdict::kNone;
  }
  return statement.is_deny ? Verdict::kDeny : reach;
}

}  // namespace

Policy::Policy(std::unique_ptr<const CompiledPolicy> compiled) : compiled_(std::move(compiled)) {}
Policy::~Policy() = default;

Result<std::shared_ptr<const Policy>> Policy::parse(std::string_view json, PolicyKind kind,
                                                    std::string_view bucket) {
  const Result<PolicyText> text = parse_policy_text(json);
  if (!text) return std::unexpected(text.error());
  Result<std::unique_ptr<const CompiledPolicy>> compiled = compile_policy(*text, kind, bucket);
  if (!compiled) return std::unexpected(compiled.error());
  return std::shared_ptr<const Policy>(new Policy(std::move(*compiled)));
}

Verdict Policy::evaluate(const Request& request) const {
  if (request.action_index == Request::kActionNotLookedUp) {
    const std::optional<size_t> found = find_action(request.action);
    request.action_index = found ? static_cast<int16_t>(*found) : Request::kActionUnknown;
  }
  const int16_t index = request.action_index;
  Verdict strongest = Verdict::kNone;
  for (size_t i = 0; i < compiled_->statements.size(); ++i) {
    const bool speaks_of_it = index >= 0 ? compiled_->s3_actions[i].has(static_cast<size_t>(index))
                                         : has_action(compiled_->statements[i], request.action);
    if (!speaks_of_it) continue;
    strongest =
        std::max(strongest, evaluate_statement(*compiled_, compiled_->statements[i], request));
    if (strongest == Verdict::kDeny) break;
  }
  return strongest;
}

bool Policy::reads_object_tags() const {
  return compiled_->reads_object_tags;
}

bool Policy::is_public() const {
  return compiled_->is_public;
}

std::vector<std::string> Policy::named_principals() const {
  std::vector<std::string> out;
  for (const CompiledStatement& statement : compiled_->statements) {
    const std::vector<std::string>& arns = statement.principals.arns();
    out.insert(out.end(), arns.begin(), arns.end());
  }
  return out;
}

}  // namespace cairn::iam
