#include "s3/bucket_rules.h"

#include "s3/call.h"

namespace cairn::s3 {
namespace {

// The kinds of BucketCache. A document that does not parse is kept as such, never as unset: what
// is not understood must not allow.
struct PolicyKind {
  static constexpr std::string_view kDocument = kPolicyDocument;
  struct Parsed {
    std::shared_ptr<const iam::Policy> policy;  // Null = damaged.
  };
  static std::shared_ptr<const Parsed> parse(const std::string& document) {
    auto parsed = std::make_shared<Parsed>();
    auto policy = iam::Policy::parse(document, iam::PolicyKind::kBucket);
    if (policy) parsed->policy = std::move(*policy);
    return parsed;
  }
};

struct AclKind {
  static constexpr std::string_view kDocument = kAclDocument;
  struct Parsed {
    std::shared_ptr<const Acl> acl;  // Null = damaged.
  };
  static std::shared_ptr<const Parsed> parse(const std::string& document) {
    auto parsed = std::make_shared<Parsed>();
    auto acl = parse_stored_acl(document, {});
    if (acl && !document.empty()) parsed->acl = std::make_shared<const Acl>(std::move(*acl));
    return parsed;
  }
};

struct BlockKind {
  static constexpr std::string_view kDocument = kPublicAccessBlockDocument;
  using Parsed = PublicAccessBlock;
  static std::shared_ptr<const Parsed> parse(const std::string& document) {
    return std::make_shared<const Parsed>(parse_stored_public_access_block(document));
  }
};

constexpr std::pair<Ownership, std::string_view> kOwnerships[] = {
    {Ownership::kBucketOwnerEnforced, "BucketOwnerEnforced"},
    {Ownership::kBucketOwnerPreferred, "BucketOwnerPreferred"},
    {Ownership::kObjectWriter, "ObjectWriter"},
};

constexpr std::pair<std::string_view, bool PublicAccessBlock::*> kSettings[] = {
    {"BlockPublicAcls", &PublicAccessBlock::block_public_acls},
    {"IgnorePublicAcls", &PublicAccessBlock::ignore_public_acls},
    {"BlockPublicPolicy", &PublicAccessBlock::block_public_policy},
    {"RestrictPublicBuckets", &PublicAccessBlock::restrict_public_buckets},
};

}  // namespace

std::string_view to_string(Ownership ownership) {
  return kOwnerships[static_cast<size_t>(ownership)].second;
}

std::optional<Ownership> parse_ownership(std::string_view name) {
  for (const auto& [value, text] : kOwnerships) {
    if (name == text) return value;
  }
  return std::nullopt;
}

bool* find_setting(PublicAccessBlock& block, std::string_view name) {
  for (const auto& [known, member] : kSettings) {
    if (name == known) return &(block.*member);
  }
  return nullptr;
}

// Documents are stored as format_public_access_block() wrote them.
PublicAccessBlock parse_stored_public_access_block(std::string_view document) {
  PublicAccessBlock block;
  for (const auto& [name, member] : kSettings) {
    const std::string on = "<" + std::string(name) + ">true<";
    block.*member = document.find(on) != std::string_view::npos;
  }
  return block;
}

std::string format_public_access_block(const PublicAccessBlock& block) {
  std::string out;
  XmlWriter xml(out);
  xml.declaration();
  xml.open_root("PublicAccessBlockConfiguration");
  for (const auto& [name, member] : kSettings) xml.element(name, block.*member);
  xml.close("PublicAccessBlockConfiguration");
  return out;
}

Ownership ownership_of(const DoorContext& context, const object::BucketInfo& bucket) {
  const std::string* const document = bucket.config->document(kOwnershipDocument);
  if (document == nullptr) return context.object_ownership;
  // What is not known leaves lists out of account, which allows the least.
  if (*document == kNoOwnershipControls) return Ownership::kObjectWriter;
  return parse_ownership(*document).value_or(Ownership::kBucketOwnerEnforced);
}

BucketRules rules_of(const DoorContext& context, const object::BucketInfo& bucket) {
  BucketRules rules;
  rules.ownership = ownership_of(context, bucket);
  if (bucket.config->documents.empty()) return rules;
  BucketCache& cache = *context.bucket_cache;
  if (const auto block = cache.get<BlockKind>(bucket)) rules.block = *block;
  if (const auto parsed = cache.get<PolicyKind>(bucket)) {
    rules.policy = parsed->policy;
    rules.is_damaged = parsed->policy == nullptr;
  }
  if (!rules.acls_count()) return rules;
  if (const auto parsed = cache.get<AclKind>(bucket)) {
    rules.acl = parsed->acl;
    rules.is_damaged = rules.is_damaged || parsed->acl == nullptr;
  }
  return rules;
}

}  // namespace cairn::s3
