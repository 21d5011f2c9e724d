#include "s3/acl.h"

#include <algorithm>
#include <charconv>

#include "iam/account.h"
#include "s3/call.h"
#include "s3/xml_reader.h"

namespace cairn::s3 {
namespace {

constexpr std::string_view kXsi = "http://www.w3.org/2001/XMLSchema-instance";
constexpr std::string_view kOwnerField = "owner=";
constexpr size_t kCanonicalIdSize = 64;

struct PermissionName {
  Permission value;
  std::string_view name;
  std::string_view header;
};
constexpr PermissionName kPermissions[] = {
    {Permission::kFullControl, "FULL_CONTROL", "x-amz-grant-full-control"},
    {Permission::kRead, "READ", "x-amz-grant-read"},
    {Permission::kWrite, "WRITE", "x-amz-grant-write"},
    {Permission::kReadAcp, "READ_ACP", "x-amz-grant-read-acp"},
    {Permission::kWriteAcp, "WRITE_ACP", "x-amz-grant-write-acp"},
};

struct GroupName {
  Grantee value;
  std::string_view stored;
  std::string_view uri;
};
constexpr GroupName kGroups[] = {
    {Grantee::kEverybody, "all", "http://acs.amazonaws.com/groups/global/AllUsers"},
    {Grantee::kAuthenticated, "authenticated",
     "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"},
    {Grantee::kLogDelivery, "log", "http://acs.amazonaws.com/groups/s3/LogDelivery"},
};

std::string_view name_of(Permission permission) {
  return kPermissions[static_cast<size_t>(permission)].name;
}

std::optional<Permission> find_permission(std::string_view name) {
  const auto* const found = std::ranges::find(kPermissions, name, &PermissionName::name);
  if (found == std::end(kPermissions)) return std::nullopt;
  return found->value;
}

const GroupName& group_of(Grantee grantee) {
  return *std::ranges::find(kGroups, grantee, &GroupName::value);
}

bool is_canonical_id(std::string_view text) {
  return text.size() == kCanonicalIdSize &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// A grantee by id, checked against the accounts there are.
S3Result<Grant> account_grant(const Call& call, std::string_view id, Permission permission) {
  const Accounts* const accounts = call.context.accounts;
  if (!is_canonical_id(id) || (accounts != nullptr && !accounts->find(id))) {
    return invalid_argument("Invalid id", "CanonicalUser/ID", id);
  }
  return Grant{Grantee::kAccount, std::string(id), permission};
}

S3Result<Grant> group_grant(std::string_view uri, Permission permission) {
  const auto* const found = std::ranges::find(kGroups, uri, &GroupName::uri);
  if (found == std::end(kGroups)) return invalid_argument("Invalid group uri", "Group/URI", uri);
  return Grant{found->value, {}, permission};
}

// Left out by clients that do without namespaces.
bool is_grantee_type(std::string_view type) {
  static constexpr std::string_view kTypes[] = {"", "CanonicalUser", "Group",
                                                "AmazonCustomerByEmail"};
  return std::ranges::find(kTypes, type) != std::end(kTypes);
}

// S3 gives grants by e-mail address up: 405 since October 2025 (S3.md 2.3).
std::unexpected<S3Error> email_refused() {
  return s3_fail(S3Code::kMethodNotAllowed,
                 "Grants by e-mail address are not supported any more. Use the canonical id.");
}

// Grants of one x-amz-grant-* header: id="...", uri="..." in any number.
S3Status parse_grant_header(const Call& call, std::string_view header, Permission permission,
                            std::vector<Grant>& grants) {
  while (!header.empty()) {
    const size_t end = std::min(header.find(','), header.size());
    const std::string_view item = trimmed(header.substr(0, end));
    header.remove_prefix(std::min(end + 1, header.size()));
    const size_t equals = item.find('=');
    const std::string_view kind = trimmed(item.substr(0, equals));
    std::string_view value =
        equals == std::string_view::npos ? "" : trimmed(item.substr(equals + 1));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    if (equal_ignoring_case(kind, "emailAddress")) return email_refused();
    const bool by_id = equal_ignoring_case(kind, "id");
    if ((!by_id && !equal_ignoring_case(kind, "uri")) || value.empty() ||
        grants.size() == kAclGrantsStoredMax) {
      return invalid_argument("Argument format not recognized", name_of(permission), item);
    }
    S3Result<Grant> grant =
        by_id ? account_grant(call, value, permission) : group_grant(value, permission);
    if (!grant) return std::unexpected(std::move(grant.error()));
    grants.push_back(std::move(*grant));
  }
  return {};
}

// The grants of a canned list beside the owner's full control.
S3Result<std::vector<Grant>> canned_grants(const Call& call, std::string_view name,
                                           const std::string& bucket_owner_id, bool is_own) {
  const auto group = [](Grantee grantee, Permission permission) {
    return Grant{grantee, {}, permission};
  };
  const bool is_bucket = call.target.key.empty();
  if (name == "private" || name == "aws-exec-read") return std::vector<Grant>{};
  if (name == "public-read") return std::vector{group(Grantee::kEverybody, Permission::kRead)};
  if (name == "public-read-write") {
    return std::vector{group(Grantee::kEverybody, Permission::kRead),
                       group(Grantee::kEverybody, Permission::kWrite)};
  }
  if (name == "authenticated-read") {
    return std::vector{group(Grantee::kAuthenticated, Permission::kRead)};
  }
  if (name == "log-delivery-write" && is_bucket) {
    return std::vector{group(Grantee::kLogDelivery, Permission::kWrite),
                       group(Grantee::kLogDelivery, Permission::kReadAcp)};
  }
  if (name == "bucket-owner-read" || name == "bucket-owner-full-control") {
    // For a bucket, and for the bucket owner's own object, this is what the owner has anyway.
    if (is_bucket || is_own) return std::vector<Grant>{};
    const Permission permission =
        name == "bucket-owner-read" ? Permission::kRead : Permission::kFullControl;
    return std::vector{Grant{Grantee::kAccount, bucket_owner_id, permission}};
  }
  return invalid_argument("", "x-amz-acl", name);
}

bool covers(Permission granted, Permission needed) {
  return granted == Permission::kFullControl || granted == needed;
}

// The permission that stands for an action; nullopt when lists do not speak of it.
std::optional<Permission> permission_for(AclOf of, std::string_view action) {
  struct Row {
    AclOf of;
    std::string_view action;
    Permission permission;
  };
  static constexpr Row kRows[] = {
      {AclOf::kObject, "s3:GetObject", Permission::kRead},
      {AclOf::kObject, "s3:GetObjectVersion", Permission::kRead},
      {AclOf::kObject, "s3:GetObjectAcl", Permission::kReadAcp},
      {AclOf::kObject, "s3:GetObjectVersionAcl", Permission::kReadAcp},
      {AclOf::kObject, "s3:PutObjectAcl", Permission::kWriteAcp},
      {AclOf::kObject, "s3:PutObjectVersionAcl", Permission::kWriteAcp},
      {AclOf::kBucket, "s3:ListBucket", Permission::kRead},
      {AclOf::kBucket, "s3:ListBucketVersions", Permission::kRead},
      {AclOf::kBucket, "s3:ListBucketMultipartUploads", Permission::kRead},
      {AclOf::kBucket, "s3:PutObject", Permission::kWrite},
      {AclOf::kBucket, "s3:DeleteObject", Permission::kWrite},
      {AclOf::kBucket, "s3:AbortMultipartUpload", Permission::kWrite},
      {AclOf::kBucket, "s3:ListMultipartUploadParts", Permission::kWrite},
      {AclOf::kBucket, "s3:GetBucketAcl", Permission::kReadAcp},
      {AclOf::kBucket, "s3:PutBucketAcl", Permission::kWriteAcp},
  };
  for (const Row& row : kRows) {
    if (row.of == of && row.action == action) return row.permission;
  }
  return std::nullopt;
}

}  // namespace

bool Acl::is_public() const {
  return std::ranges::any_of(grants, [](const Grant& grant) {
    return grant.grantee == Grantee::kEverybody || grant.grantee == Grantee::kAuthenticated;
  });
}

bool Acl::grants_only(std::string_view canonical_id) const {
  return std::ranges::all_of(grants, [&](const Grant& grant) {
    return grant.grantee == Grantee::kAccount && grant.canonical_id == canonical_id;
  });
}

Acl private_acl(crypto::TenantId owner) {
  return {owner, {{Grantee::kAccount, iam::canonical_id(owner), Permission::kFullControl}}};
}

std::string format_acl(const Acl& acl) {
  std::string out(kOwnerField);
  out += std::to_string(acl.owner.value);
  for (const Grant& grant : acl.grants) {
    out.append("\n").append(name_of(grant.permission)).append(" ");
    out.append(grant.grantee == Grantee::kAccount ? std::string_view(grant.canonical_id)
                                                  : group_of(grant.grantee).stored);
  }
  return out;
}

std::optional<Acl> parse_stored_acl(std::string_view text, crypto::TenantId owner) {
  if (text.empty()) return private_acl(owner);
  Acl acl;
  if (!text.starts_with(kOwnerField)) return std::nullopt;
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view number = text.substr(kOwnerField.size(), end - kOwnerField.size());
  const char* const last = number.data() + number.size();
  const auto [stop, error] = std::from_chars(number.data(), last, acl.owner.value);
  if (error != std::errc() || stop != last) return std::nullopt;
  text.remove_prefix(std::min(end + 1, text.size()));
  while (!text.empty()) {
    const size_t line_end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, line_end);
    text.remove_prefix(std::min(line_end + 1, text.size()));
    const size_t space = line.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    const std::optional<Permission> permission = find_permission(line.substr(0, space));
    const std::string_view grantee = line.substr(space + 1);
    if (!permission || acl.grants.size() == kAclGrantsStoredMax) return std::nullopt;
    const auto* const group = std::ranges::find(kGroups, grantee, &GroupName::stored);
    if (group != std::end(kGroups)) {
      acl.grants.push_back({group->value, {}, *permission});
    } else if (is_canonical_id(grantee)) {
      acl.grants.push_back({Grantee::kAccount, std::string(grantee), *permission});
    } else {
      return std::nullopt;
    }
  }
  return acl;
}

S3Result<std::optional<Acl>> parse_acl_headers(const Call& call, crypto::TenantId owner,
                                               crypto::TenantId bucket_owner) {
  std::vector<Grant> grants;
  bool has_grants = false;
  for (const PermissionName& permission : kPermissions) {
    const auto header = call.header(permission.header);
    if (!header) continue;
    has_grants = true;
    const S3Status parsed = parse_grant_header(call, *header, permission.value, grants);
    if (!parsed) return std::unexpected(parsed.error());
  }
  const auto canned = call.header("x-amz-acl");
  if (!canned && !has_grants) return std::optional<Acl>();
  if (canned && has_grants) {
    return s3_fail(S3Code::kInvalidRequest,
                   "Specifying both Canned ACLs and Header Grants is not allowed");
  }
  if (has_grants) return std::optional<Acl>(Acl{owner, std::move(grants)});
  Acl acl = private_acl(owner);
  S3Result<std::vector<Grant>> more =
      canned_grants(call, *canned, iam::canonical_id(bucket_owner), owner == bucket_owner);
  if (!more) return std::unexpected(std::move(more.error()));
  acl.grants.insert(acl.grants.end(), more->begin(), more->end());
  return std::optional<Acl>(std::move(acl));
}

S3Result<Acl> parse_acl_document(const Call& call, crypto::TenantId owner) {
  S3Result<AclDocument> document = parse_acl(call.document);
  if (!document) {
    // Lists have an error of their own for what other documents call MalformedXML.
    if (document.error().code == S3Code::kMalformedXML) return s3_fail(S3Code::kMalformedACLError);
    return std::unexpected(std::move(document.error()));
  }
  if (!is_canonical_id(document->owner_id)) {
    return invalid_argument("Invalid id", "CanonicalUser/ID", document->owner_id);
  }
  if (document->owner_id != iam::canonical_id(owner)) {
    return s3_fail(S3Code::kAccessDenied);
  }
  Acl acl{owner, {}};
  for (const AclGrant& given : document->grants) {
    const std::optional<Permission> permission = find_permission(given.permission);
    if (!permission || !is_grantee_type(given.type)) return s3_fail(S3Code::kMalformedACLError);
    if (!given.email.empty()) return email_refused();
    if (given.id.empty() == given.uri.empty()) return s3_fail(S3Code::kMalformedACLError);
    S3Result<Grant> grant = given.uri.empty() ? account_grant(call, given.id, *permission)
                                              : group_grant(given.uri, *permission);
    if (!grant) return std::unexpected(std::move(grant.error()));
    acl.grants.push_back(std::move(*grant));
  }
  return acl;
}

std::string acl_document(const Call& call, const Acl& acl) {
  std::string body;
  XmlWriter xml(body);
  xml.declaration();
  xml.open_root("AccessControlPolicy");
  const Owner owner = owner_of(acl.owner);
  xml.open("Owner");
  xml.element("ID", owner.id);
  xml.element("DisplayName", owner.display_name);
  xml.close("Owner");
  xml.open("AccessControlList");
  for (const Grant& grant : acl.grants) {
    const bool is_account = grant.grantee == Grantee::kAccount;
    xml.open("Grant");
    body.append("<Grantee xmlns:xsi=\"").append(kXsi).append("\" xsi:type=\"");
    body.append(is_account ? "CanonicalUser" : "Group").append("\">");
    if (is_account) {
      xml.element("ID", grant.canonical_id);
      const Accounts* const accounts = call.context.accounts;
      const auto known = grant.canonical_id == owner.id
                             ? std::optional(acl.owner)
                             : (accounts ? accounts->find(grant.canonical_id) : std::nullopt);
      if (known) xml.element("DisplayName", iam::account_display_name(*known));
    } else {
      xml.element("URI", group_of(grant.grantee).uri);
    }
    xml.close("Grantee");
    xml.element("Permission", name_of(grant.permission));
    xml.close("Grant");
  }
  xml.close("AccessControlList");
  xml.close("AccessControlPolicy");
  return body;
}

iam::Verdict evaluate_acl(const Acl& acl, AclOf of, std::string_view action,
                          const iam::Principal* caller, bool ignores_public) {
  const std::optional<Permission> needed = permission_for(of, action);
  if (!needed) return iam::Verdict::kNone;
  iam::Verdict verdict = iam::Verdict::kNone;
  for (const Grant& grant : acl.grants) {
    if (!covers(grant.permission, *needed)) continue;
    switch (grant.grantee) {
      case Grantee::kEverybody:
        if (!ignores_public) return iam::Verdict::kAllow;
        break;
      case Grantee::kAuthenticated:
        if (!ignores_public && caller != nullptr) return iam::Verdict::kAllow;
        break;
      case Grantee::kAccount:
        // A grant is made to an account: its users need their own policies besides.
        if (caller != nullptr && grant.canonical_id == caller->canonical_id) {
          verdict = iam::Verdict::kAllowAccount;
        }
        break;
      case Grantee::kLogDelivery: break;
    }
  }
  return verdict;
}

}  // namespace cairn::s3
