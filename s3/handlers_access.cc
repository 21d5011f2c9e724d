// Configurations that say who may use a bucket: policy, public access block, ownership controls.
#include <algorithm>

#include "s3/access.h"
#include "s3/acl.h"
#include "s3/handlers.h"
#include "s3/xml_reader.h"
#include "s3/xml_writer.h"

namespace cairn::s3::handlers {
namespace {

// Message of a change that the public access block forbids; no client sees it.
constexpr std::string_view kBlocked = "blocked by the public access block";
constexpr std::string_view kHasList = "the bucket has an access control list";

io::Task<S3Status> store_document(Call& call, std::string_view name, std::string text) {
  const auto change = [name, &text](object::BucketConfig& config) {
    config.documents[std::string(name)] = text;
    return Status();
  };
  Result<object::BucketInfo> changed =
      co_await call.objects().change_bucket(call.bucket.tenant, call.bucket.name, change);
  co_await or_fail(translated(call, std::move(changed)));
  co_return S3Status();
}

io::Task<S3Status> remove_document(Call& call, std::string_view name) {
  const auto change = [name](object::BucketConfig& config) {
    config.documents.erase(std::string(name));
    return Status();
  };
  Result<object::BucketInfo> changed =
      co_await call.objects().change_bucket(call.bucket.tenant, call.bucket.name, change);
  co_await or_fail(translated(call, std::move(changed)));
  co_return S3Status();
}

}  // namespace

Reply get_bucket_policy(Call& call) {
  const std::string* const policy = call.bucket.config->document(kPolicyDocument);
  if (policy == nullptr) co_return co_await unset(call, S3Code::kNoSuchBucketPolicy);
  http::ResponseHead head = call.make_head(200);
  head.add("Content-Type", "application/json");
  static_cast<void>(co_await call.exchange.respond(head, as_bytes(*policy)));
  co_return S3Status();
}

Reply put_bucket_policy(Call& call) {
  const auto policy = iam::Policy::parse(call.document, iam::PolicyKind::kBucket, call.bucket.name);
  if (!policy) {
    co_return s3_fail(S3Code::kMalformedPolicy, policy.error().message);
  }
  const Accounts* const accounts = call.context.accounts;
  const bool names_nobody =
      accounts != nullptr &&
      std::ranges::any_of((*policy)->named_principals(),
                          [&](const std::string& arn) { return accounts->names_nobody(arn); });
  if (names_nobody) co_return s3_fail(S3Code::kMalformedPolicy, "Invalid principal in policy");
  // The block is looked at in the change itself: it may have come a moment ago.
  const bool is_public = (*policy)->is_public();
  const auto change = [&call, is_public](object::BucketConfig& config) -> Status {
    const std::string* const block = config.document(kPublicAccessBlockDocument);
    if (is_public && block != nullptr &&
        parse_stored_public_access_block(*block).block_public_policy) {
      return fail(Code::kPermissionDenied, std::string(kBlocked));
    }
    config.documents[std::string(kPolicyDocument)] = call.document;
    return {};
  };
  Result<object::BucketInfo> changed =
      co_await call.objects().change_bucket(call.bucket.tenant, call.bucket.name, change);
  co_await or_fail(translated(call, std::move(changed)));
  co_return co_await call.respond_empty(204);
}

Reply delete_bucket_policy(Call& call) {
  const S3Status removed = co_await remove_document(call, kPolicyDocument);
  if (!removed) co_return std::unexpected(removed.error());
  co_return co_await call.respond_empty(204);
}

Reply get_bucket_policy_status(Call& call) {
  if (call.bucket.config->document(kPolicyDocument) == nullptr) {
    co_return co_await unset(call, S3Code::kNoSuchBucketPolicy);
  }
  const BucketRules rules = rules_of(call.context, call.bucket);
  std::string body;
  XmlWriter xml(body);
  xml.declaration();
  xml.open_root("PolicyStatus");
  xml.element("IsPublic", rules.policy != nullptr && rules.policy->is_public());
  xml.close("PolicyStatus");
  co_return co_await call.respond_xml(std::move(body));
}

Reply get_public_access_block(Call& call) {
  const std::string* const block = call.bucket.config->document(kPublicAccessBlockDocument);
  if (block == nullptr) {
    co_return co_await unset(call, S3Code::kNoSuchPublicAccessBlockConfiguration);
  }
  std::string body = *block;
  co_return co_await call.respond_xml(std::move(body));
}

Reply put_public_access_block(Call& call) {
  const auto settings = co_await or_fail(parse_public_access_block(call.document));
  PublicAccessBlock block;
  for (const auto& [name, value] : settings) {
    bool* const place = find_setting(block, name);
    if (place == nullptr) co_return s3_fail(S3Code::kMalformedXML);
    *place = value;
  }
  const S3Status stored =
      co_await store_document(call, kPublicAccessBlockDocument, format_public_access_block(block));
  if (!stored) co_return std::unexpected(stored.error());
  co_return co_await call.respond_empty(200);
}

Reply delete_public_access_block(Call& call) {
  const S3Status removed = co_await remove_document(call, kPublicAccessBlockDocument);
  if (!removed) co_return std::unexpected(removed.error());
  co_return co_await call.respond_empty(204);
}

// The server's own default is told where it is S3's; another one is no configuration of the bucket.
Reply get_ownership_controls(Call& call) {
  const std::string* const stored = call.bucket.config->document(kOwnershipDocument);
  const Ownership ownership = ownership_of(call.context, call.bucket);
  const bool is_unset = stored == nullptr ? ownership != Ownership::kBucketOwnerEnforced
                                          : *stored == kNoOwnershipControls;
  if (is_unset) co_return co_await unset(call, S3Code::kOwnershipControlsNotFoundError);
  std::string body;
  XmlWriter xml(body);
  xml.declaration();
  xml.open_root("OwnershipControls");
  xml.open("Rule");
  xml.element("ObjectOwnership", to_string(ownership));
  xml.close("Rule");
  xml.close("OwnershipControls");
  co_return co_await call.respond_xml(std::move(body));
}

Reply put_ownership_controls(Call& call) {
  const std::string name = co_await or_fail(parse_ownership_controls(call.document));
  const std::optional<Ownership> ownership = parse_ownership(name);
  if (!ownership) co_return s3_fail(S3Code::kMalformedXML);
  const crypto::TenantId owner = call.bucket.tenant;
  // Lists that give something to others would stop to count in silence.
  const auto change = [&name, ownership, owner](object::BucketConfig& config) -> Status {
    const std::string* const text = config.document(kAclDocument);
    if (*ownership == Ownership::kBucketOwnerEnforced && text != nullptr) {
      const std::optional<Acl> acl = parse_stored_acl(*text, owner);
      if (!acl || acl->grants != private_acl(owner).grants) {
        return fail(Code::kFailedPrecondition, std::string(kHasList));
      }
    }
    config.documents[std::string(kOwnershipDocument)] = name;
    return {};
  };
  Result<object::BucketInfo> changed =
      co_await call.objects().change_bucket(call.bucket.tenant, call.bucket.name, change);
  if (!changed && changed.error().message == kHasList) {
    co_return s3_fail(S3Code::kInvalidBucketAclWithObjectOwnership);
  }
  co_await or_fail(translated(call, std::move(changed)));
  co_return co_await call.respond_empty(200);
}

Reply delete_ownership_controls(Call& call) {
  const S3Status stored =
      co_await store_document(call, kOwnershipDocument, std::string(kNoOwnershipControls));
  if (!stored) co_return std::unexpected(stored.error());
  co_return co_await call.respond_empty(204);
}

}  // namespace cairn::s3::handlers
