// One policy in AWS's JSON language (IAM User Guide, "Grammar of the IAM JSON policy language"):
// parsed with bounds, compiled to a form that evaluates without allocating, immutable. Any thread.
//
// Stricter than AWS where silence is dangerous: unknown fields, duplicate keys and unknown
// operators are refused (RELIABILITY.md S12).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "iam/request.h"

namespace cairn::iam {

// Where a policy is attached decides what its grammar must and must not have.
enum class PolicyKind : uint8_t {
  kIdentity,  // User, group, role, boundary: Resource, no Principal.
  kSession,   // As kIdentity; passed when a session is made.
  kBucket,    // Principal and Resource within one bucket; S3 actions only.
  kTrust,     // Of a role: Principal, sts: actions, no Resource.
};

// Bounds of the parser, in bytes of JSON, levels of nesting, and entries.
inline constexpr size_t kPolicyBytesMax = 20 * 1024;    // S3's bound of a bucket policy.
inline constexpr size_t kManagedPolicyBytesMax = 6144;  // IAM's, without white space.
inline constexpr size_t kSessionPolicyBytesMax = 2048;  // STS's.
inline constexpr size_t kPolicyDepthMax = 8;
inline constexpr size_t kPolicyStatementsMax = 256;
inline constexpr size_t kPolicyValuesMax = 2048;  // Of all lists of the policy together.

// Ordered by strength: the strongest of several verdicts counts.
enum class Verdict : uint8_t {
  kNone,          // No statement applies.
  kAllowAccount,  // Allowed to the caller's account, which decides for itself whom it lets use it.
  kAllow,
  kDeny,
};

struct CompiledPolicy;  // policy_compile.h

class Policy {
 public:
  // `bucket` names the bucket of a kBucket policy; empty for one that is stored already, whose
  // resources were checked when it was put. Fails with kInvalidArgument and a message in
  // S3's words (MalformedPolicy).
  static Result<std::shared_ptr<const Policy>> parse(std::string_view json, PolicyKind kind,
                                                     std::string_view bucket = {});
  ~Policy();
  Policy(const Policy&) = delete;
  Policy& operator=(const Policy&) = delete;

  Verdict evaluate(const Request& request) const;

  // Whether a condition or variable needs s3:ExistingObjectTag, which costs a read of the object.
  bool reads_object_tags() const;
  // Whether a statement allows to everybody, without a condition that narrows it to fixed callers
  // (S3's meaning of "public"; kBucket only).
  bool is_public() const;
  // The users, roles and sessions that statements name as principals, by ARN.
  std::vector<std::string> named_principals() const;

 private:
  explicit Policy(std::unique_ptr<const CompiledPolicy> compiled);
  std::unique_ptr<const CompiledPolicy> compiled_;
};

}  // namespace cairn::iam
