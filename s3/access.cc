#include "s3/access.h"

#include <algorithm>
#include <array>

#include "iam/account.h"
#include "iam/decision.h"
#include "s3/request_keys.h"
#include "s3/requester_pays.h"

namespace cairn::s3 {
namespace {

// The actions of one request.
class Actions {
 public:
  void add(std::string_view action) { list_.at(count_++) = action; }
  std::span<const std::string_view> view() const { return {list_.data(), count_}; }

 private:
  std::array<std::string_view, 8> list_;
  size_t count_ = 0;
};

// Actions whose object exists before: its owner, its list and its tags have a say.
bool needs_existing_object(std::string_view action) {
  if (action.starts_with("s3:GetObject")) return true;
  static constexpr std::string_view kActions[] = {
      "s3:PutObjectAcl",        "s3:PutObjectVersionAcl",     "s3:PutObjectTagging",
      "s3:DeleteObjectTagging", "s3:PutObjectVersionTagging", "s3:DeleteObjectVersionTagging",
      "s3:PutObjectRetention",  "s3:PutObjectLegalHold",      "s3:RestoreObject"};
  return std::ranges::find(kActions, action) != std::end(kActions);
}

bool any_reads_object_tags(const iam::Principal* caller, const BucketRules& rules) {
  if (rules.policy != nullptr && rules.policy->reads_object_tags()) return true;
  if (caller == nullptr) return false;
  const auto reads = [](const auto& policy) { return policy->reads_object_tags(); };
  return std::ranges::any_of(caller->policies, reads) ||
         std::ranges::any_of(caller->session_policies, reads) ||
         (caller->boundary != nullptr && caller->boundary->reads_object_tags());
}

// Whether a list grants something to more than `owner`: only then is the right to set it asked for.
bool asks_for_acl(const Call& call) {
  const std::string_view canned = call.header("x-amz-acl").value_or("private");
  if (canned.starts_with("public-") || canned == "authenticated-read" ||
      canned == "log-delivery-write") {
    return true;
  }
  const std::string own = "id=" + iam::canonical_id(call.bucket.tenant);
  for (const std::string_view name :
       {"x-amz-grant-full-control", "x-amz-grant-read", "x-amz-grant-write", "x-amz-grant-read-acp",
        "x-amz-grant-write-acp"}) {
    const auto header = call.header(name);
    if (!header) continue;
    std::string grantee(trimmed(*header));
    std::erase(grantee, '"');
    if (grantee != own) return true;
  }
  return false;
}

bool is_true(const Call& call, std::string_view header) {
  return equal_ignoring_case(call.header(header).value_or(""), "true");
}

// What the headers of a write ask for beyond storing bytes.
void add_write_actions(const Call& call, Actions& actions) {
  if (call.header("x-amz-tagging")) actions.add("s3:PutObjectTagging");
  if (asks_for_acl(call)) actions.add("s3:PutObjectAcl");
  if (call.header("x-amz-object-lock-mode") || call.header("x-amz-object-lock-retain-until-date")) {
    actions.add("s3:PutObjectRetention");
  }
  if (call.header("x-amz-object-lock-legal-hold")) actions.add("s3:PutObjectLegalHold");
}

void add_create_bucket_actions(const Call& call, Actions& actions) {
  if (is_true(call, "x-amz-bucket-object-lock-enabled")) {
    actions.add("s3:PutBucketObjectLockConfiguration");
    actions.add("s3:PutBucketVersioning");
  }
  if (call.header("x-amz-object-ownership")) actions.add("s3:PutBucketOwnershipControls");
  if (asks_for_acl(call)) actions.add("s3:PutBucketAcl");
  if (!call.request_tags.empty()) actions.add("s3:PutBucketTagging");
}

// A part brings nothing but bytes: what the object will be was asked for when its upload began. The
// row says so, not the parameter: any other write may carry an uploadId that means nothing.
bool is_of_upload(const Route& route) {
  return route.query == "uploadId" || route.query == "partNumber";
}

Actions actions_of(const Call& call) {
  Actions actions;
  const std::string_view action = call.route->action;
  const bool has_version = !call.param("versionId").empty();
  actions.add(versioned_action(action, has_version));
  if (action == "s3:GetObjectAttributes") {
    actions.add(versioned_action("s3:GetObject", has_version));
  }
  if (action == "s3:PutObject" && !is_of_upload(*call.route)) add_write_actions(call, actions);
  if (action == "s3:CreateBucket") add_create_bucket_actions(call, actions);
  const bool may_bypass = action == "s3:DeleteObject" || action == "s3:PutObjectRetention";
  if (may_bypass && is_true(call, "x-amz-bypass-governance-retention")) {
    actions.add("s3:BypassGovernanceRetention");
  }
  return actions;
}

// What the decision is about.
struct Matter {
  const object::BucketInfo* bucket = nullptr;  // Null = the account.
  std::string_view key;
  const object::ObjectInfo* object = nullptr;  // Null = there is none, or it has no say.
};

// The root of the bucket's account can always repair the bucket's policy.
bool repairs_policy(const iam::Principal* caller, const Matter& matter, std::string_view action) {
  return caller != nullptr && caller->kind == iam::PrincipalKind::kRoot &&
         caller->session_policies.empty() && matter.bucket->tenant == caller->account &&
         (action == "s3:GetBucketPolicy" || action == "s3:PutBucketPolicy" ||
          action == "s3:DeleteBucketPolicy");
}

iam::Verdict policy_verdict(const iam::Request& request, const BucketRules& rules,
                            crypto::TenantId bucket_owner, bool is_foreign_object) {
  if (rules.policy == nullptr) return iam::Verdict::kNone;
  const iam::Verdict verdict = rules.policy->evaluate(request);
  if (verdict == iam::Verdict::kDeny) return verdict;
  // A bucket's policy gives away what is its owner's only.
  if (is_foreign_object) return iam::Verdict::kNone;
  const iam::Principal* const caller = request.principal();
  const bool is_outside = caller == nullptr || caller->account != bucket_owner;
  if (is_outside && rules.block.restrict_public_buckets && rules.policy->is_public()) {
    return iam::Verdict::kNone;
  }
  return verdict;
}

std::string resource_of(const Matter& matter, const Call& call) {
  std::string arn = "arn:aws:s3:::";
  if (matter.bucket != nullptr) {
    arn.append(matter.bucket->name);
    if (!matter.key.empty()) arn.append("/").append(matter.key);
  } else {
    arn.append(call.target.bucket.empty() ? "*" : call.target.bucket);
  }
  return arn;
}

iam::Decision judge(const Call& call, const S3Keys& keys, const BucketRules& rules,
                    const Matter& matter, std::string_view action, std::string_view resource) {
  const iam::Principal* const caller = call.caller();
  const iam::Request request{.action = action, .resource = resource, .keys = &keys};
  if (matter.bucket == nullptr) {
    if (caller == nullptr) return iam::Decision::kDenyImplicit;
    return iam::decide(request, caller->account, iam::Verdict::kNone);
  }
  if (repairs_policy(caller, matter, action)) return iam::Decision::kAllow;
  if (rules.is_damaged) return iam::Decision::kDenyExplicit;

  const crypto::TenantId bucket_owner = matter.bucket->tenant;
  crypto::TenantId owner = bucket_owner;
  iam::Verdict listed = iam::Verdict::kNone;
  if (rules.acls_count()) {
    const bool ignores_public = rules.block.ignore_public_acls;
    if (rules.acl != nullptr) {
      // Who writes an object says who may read it: its list comes with the right to write.
      const bool is_new = action == "s3:PutObjectAcl" && call.route->action == "s3:PutObject";
      listed = evaluate_acl(*rules.acl, AclOf::kBucket, is_new ? "s3:PutObject" : action, caller,
                            ignores_public);
    }
    if (matter.object != nullptr) {
      const std::optional<Acl> acl = parse_stored_acl(matter.object->acl, bucket_owner);
      if (!acl) return iam::Decision::kDenyExplicit;
      owner = acl->owner;
      listed = std::max(listed, evaluate_acl(*acl, AclOf::kObject, action, caller, ignores_public));
    }
  }
  const iam::Verdict verdict = policy_verdict(request, rules, bucket_owner, owner != bucket_owner);
  return iam::decide(request, owner, std::max(verdict, listed));
}

// Credentials that were verified, but say nothing of what their owner may do.
bool is_unknown_caller(const Call& call) {
  return call.auth.identity.has_value() && call.auth.identity->principal == nullptr;
}

S3Status refused_if(bool refused) {
  if (refused) return s3_fail(S3Code::kAccessDenied);
  return {};
}

// The object that has a say; none where there is none.
io::Task<S3Result<std::optional<object::ObjectInfo>>> find_object(const Call& call,
                                                                  object::BucketInfo bucket,
                                                                  std::string key,
                                                                  std::string version_id) {
  Result<object::ObjectInfo> found =
      co_await call.objects().head(bucket, key, std::move(version_id));
  if (found) co_return std::optional<object::ObjectInfo>(std::move(*found));
  const bool is_absent =
      found.error().code == Code::kNotFound || found.error().code == Code::kFailedPrecondition;
  if (is_absent) co_return std::optional<object::ObjectInfo>();
  co_return std::unexpected(translate_named(call, found.error(), bucket.name, key));
}

// What is missing is told to those who may list, whoever may read what is there.
S3Error refusal_of_missing(const Call& call, const object::BucketInfo& bucket,
                           std::string_view key) {
  S3Error missing;
  missing.code = S3Code::kNoSuchKey;
  missing.fields = {{"Key", std::string(key)}};
  return hide_missing(call, bucket, std::move(missing));
}

}  // namespace

std::string_view versioned_action(std::string_view action, bool has_version) {
  if (!has_version) return action;
  static constexpr std::pair<std::string_view, std::string_view> kVersioned[] = {
      {"s3:GetObject", "s3:GetObjectVersion"},
      {"s3:GetObjectAcl", "s3:GetObjectVersionAcl"},
      {"s3:GetObjectAttributes", "s3:GetObjectVersionAttributes"},
      {"s3:GetObjectTagging", "s3:GetObjectVersionTagging"},
      {"s3:PutObjectAcl", "s3:PutObjectVersionAcl"},
      {"s3:PutObjectTagging", "s3:PutObjectVersionTagging"},
      {"s3:DeleteObject", "s3:DeleteObjectVersion"},
      {"s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging"},
  };
  for (const auto& [plain, versioned] : kVersioned) {
    if (plain == action) return versioned;
  }
  return action;
}

S3Status check_expected_owner(const Call& call, std::string_view name,
                              const object::BucketInfo& bucket) {
  const std::optional<std::string_view> expected = call.header(name);
  if (!expected || *expected == iam::account_number(bucket.tenant) ||
      *expected == iam::canonical_id(bucket.tenant)) {
    return {};
  }
  return s3_fail(S3Code::kAccessDenied);
}

io::Task<S3Status> authorize_route(Call& call) {
  if (is_unknown_caller(call)) co_return s3_fail(S3Code::kAccessDenied);
  const Actions actions = actions_of(call);
  Matter matter;
  BucketRules rules;
  std::optional<object::ObjectInfo> object;
  // A form's bucket is found by its handler.
  if (call.route->needs_bucket || !call.bucket.name.empty()) {
    matter.bucket = &call.bucket;
    matter.key = call.target.key;
    rules = rules_of(call.context, call.bucket);
    const bool asks_object = !matter.key.empty() && needs_existing_object(call.route->action) &&
                             (rules.acls_count() || any_reads_object_tags(call.caller(), rules));
    if (asks_object) {
      S3Result<std::optional<object::ObjectInfo>> found =
          co_await find_object(call, call.bucket, call.target.key, call.version_id());
      object = co_await or_fail(std::move(found));
      if (object) matter.object = &*object;
    }
    const S3Keys keys(call, &call.bucket, matter.object, call.param("versionId"));
    const std::string resource = resource_of(matter, call);
    for (const std::string_view action : actions.view()) {
      const iam::Decision decision = judge(call, keys, rules, matter, action, resource);
      if (decision == iam::Decision::kAllow) continue;
      if (asks_object && !object && decision == iam::Decision::kDenyImplicit) {
        co_return std::unexpected(refusal_of_missing(call, call.bucket, call.target.key));
      }
      co_return s3_fail(S3Code::kAccessDenied);
    }
    co_return S3Status();
  }
  const S3Keys keys(call, nullptr, nullptr, {});
  const std::string resource = resource_of(matter, call);
  const bool refused = std::ranges::any_of(actions.view(), [&](std::string_view action) {
    return judge(call, keys, rules, matter, action, resource) != iam::Decision::kAllow;
  });
  co_return refused_if(refused);
}

S3Status authorize_now(const Call& call, std::string_view action, const object::BucketInfo& bucket,
                       std::string_view key, std::string_view version_id) {
  if (is_unknown_caller(call)) return s3_fail(S3Code::kAccessDenied);
  const Matter matter{&bucket, key, nullptr};
  const S3Keys keys(call, &bucket, nullptr, version_id);
  const BucketRules rules = rules_of(call.context, bucket);
  return refused_if(judge(call, keys, rules, matter, action, resource_of(matter, call)) !=
                    iam::Decision::kAllow);
}

io::Task<S3Status> authorize(const Call& call, Asked asked) {
  if (is_unknown_caller(call)) co_return s3_fail(S3Code::kAccessDenied);
  const BucketRules rules = rules_of(call.context, asked.bucket);
  std::optional<object::ObjectInfo> object;
  const bool asks_object = !asked.key.empty() && needs_existing_object(asked.action) &&
                           (rules.acls_count() || any_reads_object_tags(call.caller(), rules));
  if (asks_object) {
    S3Result<std::optional<object::ObjectInfo>> found =
        co_await find_object(call, asked.bucket, asked.key, asked.version_id);
    object = co_await or_fail(std::move(found));
  }
  const Matter matter{&asked.bucket, asked.key, object ? &*object : nullptr};
  const S3Keys keys(call, &asked.bucket, matter.object, asked.version_id);
  const std::string resource = resource_of(matter, call);
  const iam::Decision decision = judge(call, keys, rules, matter, asked.action, resource);
  if (asks_object && !object && decision == iam::Decision::kDenyImplicit) {
    co_return std::unexpected(refusal_of_missing(call, asked.bucket, asked.key));
  }
  co_return refused_if(decision != iam::Decision::kAllow);
}

S3Error hide_missing(const Call& call, const object::BucketInfo& bucket, S3Error error) {
  if (error.code != S3Code::kNoSuchKey && error.code != S3Code::kNoSuchVersion) return error;
  const bool may_list = authorize_now(call, "s3:ListBucket", bucket, {}).has_value();
  return may_list ? std::move(error) : S3Error{S3Code::kAccessDenied, {}, {}};
}

io::Task<S3Result<object::BucketInfo>> open_source_bucket(const Call& call, CopySource source) {
  Result<object::BucketInfo> found = co_await call.find_bucket(source.bucket);
  if (!found) {
    co_return std::unexpected(translate_named(call, found.error(), source.bucket, source.key));
  }
  Asked asked;
  asked.action = versioned_action("s3:GetObject", source.version_id.has_value());
  asked.bucket = *found;
  asked.key = std::move(source.key);
  asked.version_id = source.version_id.value_or("");
  const S3Status allowed = co_await authorize(call, std::move(asked));
  if (!allowed) co_return std::unexpected(allowed.error());
  co_await or_fail(check_expected_owner(call, "x-amz-source-expected-bucket-owner", *found));
  co_await or_fail(check_requester(call, *found));
  co_return std::move(*found);
}

}  // namespace cairn::s3
