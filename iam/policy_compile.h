// The compiled form of a policy: what Policy evaluates. Immutable.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "iam/actions.h"
#include "iam/condition.h"
#include "iam/pattern.h"
#include "iam/policy.h"
#include "iam/policy_document.h"
#include "iam/principal_match.h"
#include "iam/resource_match.h"

namespace cairn::iam {

struct CompiledStatement {
  bool is_deny = false;
  bool not_action = false;
  bool not_resource = false;
  bool has_principal = false;
  bool not_principal = false;
  bool has_resource = false;
  ResourceRange resources;
  std::vector<Condition> conditions;
  PrincipalMatcher principals;
  std::vector<Pattern> actions;  // As written, for actions without a number.
};

struct CompiledPolicy {
  // The S3 actions that each statement speaks of, NotAction resolved. Apart from the statements and
  // close together: most requests look no further.
  std::vector<ActionSet> s3_actions;
  std::vector<CompiledStatement> statements;
  ResourceTable resources;
  bool reads_object_tags = false;
  bool is_public = false;
};

// kInvalidArgument with S3's message.
Result<std::unique_ptr<const CompiledPolicy>> compile_policy(const PolicyText& text,
                                                             PolicyKind kind,
                                                             std::string_view bucket);

}  // namespace cairn::iam
