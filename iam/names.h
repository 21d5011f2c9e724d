// Names, ids and ARNs of what an account holds: which are legal, how they are made and compared
// (IAM User Guide, "IAM identifiers"). Pure functions; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"
#include "base/result.h"
#include "crypto/key_ring.h"
#include "iam/model.h"

namespace cairn::iam {

inline constexpr size_t kNameBytesMax = 64;       // Users and roles.
inline constexpr size_t kLongNameBytesMax = 128;  // Groups and policies.
inline constexpr size_t kPathBytesMax = 512;
inline constexpr size_t kTagKeyBytesMax = 128;
inline constexpr size_t kTagValueBytesMax = 256;
inline constexpr size_t kDescriptionBytesMax = 1000;
inline constexpr size_t kProviderUrlBytesMax = 255;
inline constexpr size_t kSessionNameBytesMin = 2;
inline constexpr size_t kSessionNameBytesMax = 64;

// Order of names without regard to ASCII case.
struct NameLess {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const;
};
bool same_name(std::string_view a, std::string_view b);
std::string lower_name(std::string_view name);

// kInvalidArgument in the words of IAM's ValidationError; `what` is "userName" and the like.
Status check_name(std::string_view name, std::string_view what, size_t bytes_max);
Status check_path(std::string_view path);
Status check_tags(const Tags& tags);
// Keys are the same in whatever case: a new one replaces its like.
void merge_tags(Tags& into, const Tags& more);
Status check_description(std::string_view text);
Status check_session_name(std::string_view name);

// What the first four letters of a unique id say.
inline constexpr std::string_view kUserIdPrefix = "AIDA";
inline constexpr std::string_view kGroupIdPrefix = "AGPA";
inline constexpr std::string_view kRoleIdPrefix = "AROA";
inline constexpr std::string_view kPolicyIdPrefix = "ANPA";
inline constexpr std::string_view kAccessKeyPrefix = "AKIA";
inline constexpr std::string_view kSessionKeyPrefix = "ASIA";

// 21 characters: the prefix and 85 random bits in base 32.
std::string make_unique_id(std::string_view prefix, Random& random);
// 20 characters.
std::string make_access_key(std::string_view prefix, Random& random);
// 40 characters, 238 random bits.
std::string make_secret(Random& random);

std::string group_arn(TenantId account, std::string_view path, std::string_view name);
std::string policy_arn(TenantId account, std::string_view path, std::string_view name);
std::string provider_arn(TenantId account, std::string_view url);
std::string federated_user_arn(TenantId account, std::string_view name);

// An ARN of the iam or sts service, taken apart.
struct IamArn {
  std::string_view service;         // "iam" or "sts"
  std::optional<TenantId> account;  // Unset for "aws": the policies that come with the server.
  std::string_view type;            // "user", "role", "policy", "oidc-provider", "root", ...
  std::string path;                 // "/" or "/a/b/"
  std::string_view name;            // Behind the path; of an oidc-provider its URL.
};
// nullopt when it is none. Views into `arn`.
std::optional<IamArn> parse_iam_arn(std::string_view arn);

}  // namespace cairn::iam
