#include "iam/managed_policies.h"

#include <algorithm>
#include <vector>

#include "base/encoding.h"
#include "crypto/digest.h"
#include "iam/names.h"

namespace cairn::iam {
namespace {

constexpr std::string_view kArnStart = "arn:aws:iam::aws:policy/";

struct Text {
  std::string_view name;
  std::string_view description;
  std::string_view actions;  // JSON.
};

// The texts of AWS's managed policies of these names, without the services that are not here.
constexpr Text kTexts[] = {
    {"AdministratorAccess", "Full access to everything.", "\"*\""},
    {"AmazonS3FullAccess", "Full access to all buckets.", "[\"s3:*\",\"s3-object-lambda:*\"]"},
    {"AmazonS3ReadOnlyAccess", "Read-only access to all buckets.",
     "[\"s3:Get*\",\"s3:List*\",\"s3:Describe*\",\"s3-object-lambda:Get*\","
     "\"s3-object-lambda:List*\"]"},
    {"IAMFullAccess", "Full access to users, groups, roles and policies.", "\"iam:*\""},
    {"IAMReadOnlyAccess", "Read-only access to users, groups, roles and policies.",
     "[\"iam:Get*\",\"iam:List*\",\"iam:GenerateCredentialReport\","
     "\"iam:SimulateCustomPolicy\",\"iam:SimulatePrincipalPolicy\"]"},
};

std::shared_ptr<const ManagedPolicy> make(const Text& text) {
  auto policy = std::make_shared<ManagedPolicy>();
  policy->name = text.name;
  // The same id in every store, made of the name.
  const std::string digest = to_hex(crypto::sha256(as_bytes(text.name)));
  policy->id = std::string(kPolicyIdPrefix);
  for (size_t i = 0; i < 17; ++i) {
    const char digit = digest[i];
    policy->id += digit >= 'a' ? static_cast<char>(digit - 'a' + 'A')
                               : static_cast<char>('G' + (digit - '0'));
  }
  policy->description = text.description;
  std::string document =
      "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":";
  document.append(text.actions).append(",\"Resource\":\"*\"}]}");
  policy->versions.push_back({1, std::move(document), {}});
  policy->default_version = 1;
  policy->last_version = 1;
  return policy;
}

const std::vector<std::shared_ptr<const ManagedPolicy>>& all() {
  static const std::vector<std::shared_ptr<const ManagedPolicy>> policies = [] {
    std::vector<std::shared_ptr<const ManagedPolicy>> made;
    for (const Text& text : kTexts) made.push_back(make(text));
    return made;
  }();
  return policies;
}

}  // namespace

std::span<const std::shared_ptr<const ManagedPolicy>> builtin_policies() {
  return all();
}

std::shared_ptr<const ManagedPolicy> builtin_policy(std::string_view arn) {
  if (!arn.starts_with(kArnStart)) return nullptr;
  const std::string_view name = arn.substr(kArnStart.size());
  const auto found = std::ranges::find(
      all(), name, [](const auto& policy) -> std::string_view { return policy->name; });
  return found == all().end() ? nullptr : *found;
}

std::string builtin_policy_arn(const ManagedPolicy& policy) {
  return std::string(kArnStart) + policy.name;
}

}  // namespace cairn::iam
