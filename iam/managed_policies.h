// The managed policies that come with the server, under AWS's names and ARNs: the few of AWS's own
// that make sense for an object store, so that `attach-user-policy` of a script works as it is.
// Immutable; any thread.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "iam/model.h"

namespace cairn::iam {

// In order of name.
std::span<const std::shared_ptr<const ManagedPolicy>> builtin_policies();
// By ARN (arn:aws:iam::aws:policy/NAME); null when there is none.
std::shared_ptr<const ManagedPolicy> builtin_policy(std::string_view arn);
std::string builtin_policy_arn(const ManagedPolicy& policy);

}  // namespace cairn::iam
