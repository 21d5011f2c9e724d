#include "server/quota_admin.h"

#include <fmt/format.h>

#include <charconv>

#include "base/bytes.h"
#include "base/encoding.h"
#include "base/log.h"
#include "s3/uri.h"
#include "server/config.h"

namespace cairn::server {
namespace {

using object::Quota;
using object::QuotaOwner;
using object::QuotaScope;

constexpr size_t kAccessKeyBytesMax = 128;
constexpr size_t kArnBytesMax = 2048;

struct Limit {
  std::string_view name;
  uint64_t Quota::* member;
};
constexpr Limit kLimits[] = {{"size", &Quota::size_bytes},
                             {"objects", &Quota::versions_count},
                             {"requests", &Quota::requests_per_second},
                             {"bytes-in", &Quota::bytes_in_per_second},
                             {"bytes-out", &Quota::bytes_out_per_second}};

void append_member(std::string& out, std::string_view name, std::string_view text) {
  out.append("\"").append(name).append("\":\"");
  log::append_json_escaped(out, text);
  out += '"';
}

void append_quota(std::string& out, const Quota& quota) {
  out += "\"quota\":{";
  bool first = true;
  for (const Limit& limit : kLimits) {
    if (quota.*limit.member == 0) continue;
    fmt::format_to(std::back_inserter(out), "{}\"{}\":{}", first ? "" : ",", limit.name,
                   quota.*limit.member);
    first = false;
  }
  out += '}';
}

std::string_view scope_name(QuotaScope scope) {
  switch (scope) {
    case QuotaScope::kBucket: return "bucket";
    case QuotaScope::kTenant: return "tenant";
    case QuotaScope::kUser: return "user";
    case QuotaScope::kKey: break;
  }
  return "key";
}

// By name, or by number.
Result<crypto::TenantId> find_tenant(const iam::Store& accounts, std::string_view name) {
  if (name == "root") return crypto::kRootTenant;
  const std::shared_ptr<const iam::Directory> directory = accounts.directory();
  const iam::Account* account = directory->account_named(name);
  if (account != nullptr) return account->tenant->id;
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size() || number == 0) {
    return fail(Code::kInvalidArgument, "name: there is no such tenant");
  }
  return crypto::TenantId{number};
}

Result<s3::Query> parse_query(std::string_view text) {
  s3::S3Result<s3::Query> query = s3::parse_query(text);
  if (!query) return fail(Code::kInvalidArgument, "the parameters do not parse");
  return std::move(*query);
}

Result<Quota> changed(Quota quota, const s3::Query& query) {
  for (const Limit& limit : kLimits) {
    const std::optional<std::string_view> given = query.find(limit.name);
    if (!given) continue;
    const Result<uint64_t> value = parse_size(*given);
    if (!value || *value > uint64_t{1} << 62) {
      return fail(Code::kInvalidArgument, std::string(limit.name) +
                                              ": expected a number or a size "
                                              "such as 10GiB; 0 = no limit");
    }
    quota.*limit.member = *value;
  }
  return quota;
}

}  // namespace

io::Task<Result<QuotaAdmin::Named>> QuotaAdmin::find(std::string scope, std::string name) {
  Named named;
  if (scope == "bucket") {
    const object::BucketInfo bucket = co_await io::or_return(objects_.find_bucket(name));
    named.owner = QuotaOwner::bucket(bucket.id);
    named.usage = objects_.usage().of_bucket(bucket.id);
    named.has_usage = true;
  } else if (scope == "tenant") {
    const crypto::TenantId tenant = co_await io::or_return(find_tenant(accounts_, name));
    named.owner = QuotaOwner::tenant(tenant);
    named.usage = objects_.usage().of_tenant(tenant);
    named.has_usage = true;
  } else if (scope == "user") {
    if (!name.starts_with("arn:aws:") || name.size() > kArnBytesMax) {
      co_return fail(Code::kInvalidArgument, "name: expected the ARN of a user or a role");
    }
    named.owner = QuotaOwner::user(name);
    named.usage = objects_.usage().of_user(name);
    named.has_usage = true;
  } else if (scope == "key") {
    if (name.empty() || name.size() > kAccessKeyBytesMax) {
      co_return fail(Code::kInvalidArgument, "name: expected an access key");
    }
    named.owner = QuotaOwner::access_key(name);
  } else {
    co_return fail(Code::kInvalidArgument, "scope: expected bucket, tenant, user or key");
  }
  append_member(named.text, "scope", scope);
  named.text += ',';
  append_member(named.text, "name", name);
  co_return named;
}

io::Task<Result<std::string>> QuotaAdmin::show(std::string text) {
  const s3::Query query = co_await io::or_return(parse_query(text));
  if (query.has("scope")) {
    const Named named = co_await io::or_return(find(std::string(query.find("scope").value_or("")),
                                                    std::string(query.find("name").value_or(""))));
    std::string out = "{" + named.text + ",";
    append_quota(out, quotas_.get(named.owner));
    if (named.has_usage) {
      const bool known = objects_.usage().is_counted();
      out += fmt::format(",\"usage\":{{\"known\":{},\"size\":{},\"objects\":{}}}", known,
                         named.usage.size_bytes, named.usage.versions_count);
    }
    co_return out + "}\n";
  }
  std::string out = "{\"quotas\":[";
  bool first = true;
  for (const auto& [owner, quota] : quotas_.all()) {
    out += first ? "{" : ",{";
    first = false;
    append_member(out, "scope", scope_name(owner.scope));
    out += ',';
    if (owner.scope == QuotaScope::kKey || owner.scope == QuotaScope::kUser) {
      append_member(out, "name", owner.id);
    } else {
      // Of a bucket the number that its rows go by: its name may be another bucket's by now.
      fmt::format_to(std::back_inserter(out), "\"id\":\"{}\"",
                     load_be<uint64_t>(as_bytes(owner.id).data()));
    }
    out += ',';
    append_quota(out, quota);
    out += '}';
  }
  co_return out + "]}\n";
}

io::Task<Result<std::string>> QuotaAdmin::set(std::string text) {
  const s3::Query query = co_await io::or_return(parse_query(text));
  const Named named = co_await io::or_return(find(std::string(query.find("scope").value_or("")),
                                                  std::string(query.find("name").value_or(""))));
  const Quota quota = co_await io::or_return(changed(quotas_.get(named.owner), query));
  const bool has_only_rates = named.owner.scope == QuotaScope::kKey;
  if (has_only_rates && (quota.size_bytes != 0 || quota.versions_count != 0)) {
    co_return fail(Code::kInvalidArgument,
                   "size and objects are limits of buckets, tenants and users, not of access keys");
  }
  co_await io::or_return(quotas_.set(named.owner, quota));
  std::string out = "{" + named.text + ",";
  append_quota(out, quota);
  co_return out + "}\n";
}

}  // namespace cairn::server
