#include "server/gateway_admin.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "gateway/settings.h"
#include "s3/elsewhere.h"
#include "s3/uri.h"

namespace cairn::server {
namespace {

using gateway::Settings;
using Json = nlohmann::json;

constexpr size_t kBucketsPerPage = 1000;

std::unexpected<Error> bad(std::string message) {
  return fail(Code::kInvalidArgument, std::move(message));
}

Result<crypto::TenantId> tenant_of(const s3::Query& form) {
  const std::string_view text = form.find("tenant").value_or("1");
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number == 0) {
    return bad("tenant is a number");
  }
  return crypto::TenantId{number};
}

Status take_span(const s3::Query& form, std::string_view name, Duration& into) {
  const auto text = form.find(name);
  if (!text) return {};
  const Result<Duration> span = parse_span(*text);
  if (!span) return bad(std::string(name) + ": " + span.error().message);
  into = *span;
  return {};
}

// What the form says over what stands.
Result<Settings> changed(Settings settings, const s3::Query& form) {
  const std::pair<std::string_view, std::string*> texts[] = {{"endpoint", &settings.endpoint},
                                                             {"region", &settings.region},
                                                             {"upstream-bucket", &settings.bucket},
                                                             {"prefix", &settings.prefix},
                                                             {"ca", &settings.ca_path}};
  for (const auto& [name, into] : texts) {
    if (const auto value = form.find(name)) *into = *value;
  }
  if (Status good = take_span(form, "ttl", settings.ttl); !good) {
    return std::unexpected(good.error());
  }
  if (Status good = take_span(form, "stale-if-error", settings.stale_if_error); !good) {
    return std::unexpected(good.error());
  }
  if (const auto value = form.find("read-only")) {
    if (*value != "true" && *value != "false") return bad("read-only: expected true or false");
    settings.read_only = *value == "true";
  }
  if (const auto value = form.find("addressing")) {
    const Result<transfer::Addressing> addressing = gateway::parse_addressing(*value);
    if (!addressing) return std::unexpected(addressing.error());
    settings.addressing = *addressing;
  }
  return settings;
}

// Keys that are given, or none; what was sealed for another place has to be given again.
Status take_keys(Settings& settings, const Settings& before, const s3::Query& form,
                 const crypto::TenantKeys& keys) {
  const auto access_key = form.find("access-key");
  const auto secret_key = form.find("secret-key");
  if (access_key.has_value() != secret_key.has_value()) {
    return bad("access-key and secret-key belong together");
  }
  if (!access_key) {
    if (before.access_key.empty() || settings.endpoint == before.endpoint) return {};
    return bad("give the keys for the new endpoint: those of the old one are not sent elsewhere");
  }
  settings.access_key = *access_key;
  settings.sealed_secret.clear();
  if (settings.access_key.empty()) return {};
  return gateway::seal_secret(settings, keys, *secret_key, system_random());
}

Json shown(const object::BucketInfo& bucket, const Settings& settings) {
  const auto ms = [](Duration span) { return span.nanoseconds / 1'000'000; };
  return {{"bucket", bucket.name},
          {"tenant", bucket.tenant.value},
          {"endpoint", settings.endpoint},
          {"region", settings.region},
          {"upstream_bucket", settings.bucket},
          {"prefix", settings.prefix},
          {"addressing", gateway::addressing_name(settings.addressing)},
          {"ttl_ms", ms(settings.ttl)},
          {"stale_if_error_ms", ms(settings.stale_if_error)},
          {"read_only", settings.read_only},
          {"access_key", settings.access_key}};
}

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

io::Task<Result<std::string>> list(GatewayAdmin admin) {
  Json rows = Json::array();
  std::optional<uint64_t> after;
  while (true) {
    const std::vector<object::BucketInfo> page =
        co_await io::or_return(admin.objects.all_buckets(after, kBucketsPerPage));
    for (const object::BucketInfo& bucket : page) {
      after = bucket.id;
      if (!s3::is_elsewhere(bucket)) continue;
      const Result<Settings> settings =
          gateway::parse_settings(*bucket.config->document(s3::kElsewhereDocument));
      if (settings) rows.push_back(shown(bucket, *settings));
      if (!settings) rows.push_back({{"bucket", bucket.name}, {"error", settings.error().message}});
    }
    if (page.size() < kBucketsPerPage) break;
  }
  co_return text_of({{"gateways", rows}});
}

// The gateway bucket of that name; nullopt when there is no bucket.
io::Task<Result<std::optional<object::BucketInfo>>> find(GatewayAdmin admin,
                                                         crypto::TenantId tenant,
                                                         std::string name) {
  Result<object::BucketInfo> found = co_await admin.objects.bucket(tenant, name);
  if (!found && found.error().code == Code::kNotFound) co_return std::nullopt;
  object::BucketInfo bucket = co_await io::or_return(std::move(found));
  if (s3::is_elsewhere(bucket)) co_return std::move(bucket);
  co_return fail(Code::kAlreadyExists,
                 "the bucket " + name + " is there and is no gateway: choose another name");
}

io::Task<Result<std::string>> add(GatewayAdmin admin, s3::Query form) {
  const crypto::TenantId tenant = co_await io::or_return(tenant_of(form));
  const std::string name(form.find("bucket").value_or(""));
  if (const s3::S3Status good = s3::check_bucket_name(name); !good) {
    co_return bad("bucket: expected the name of a bucket");
  }
  const std::shared_ptr<const crypto::TenantKeys> keys = admin.keys.current(tenant);
  if (keys == nullptr) co_return bad("there is no such tenant");
  const std::optional<object::BucketInfo> there = co_await io::or_return(find(admin, tenant, name));
  Settings before;
  if (there) {
    before = co_await io::or_return(
        gateway::parse_settings(*there->config->document(s3::kElsewhereDocument)));
  }
  Settings settings = co_await io::or_return(changed(before, form));
  co_await io::or_return(take_keys(settings, before, form, *keys));
  co_await io::or_return(gateway::check_settings(settings));
  const std::string document = gateway::write_settings(settings);
  object::BucketInfo bucket;
  if (there) {
    bucket = co_await io::or_return(
        admin.objects.change_bucket(tenant, name, [document](object::BucketConfig& config) {
          config.documents.insert_or_assign(std::string(s3::kElsewhereDocument), document);
          return Status();
        }));
  } else {
    object::CreateBucketOptions options;
    options.is_isolated = admin.accounts.directory()->is_isolated(tenant);
    options.config.documents.emplace(s3::kElsewhereDocument, document);
    bucket = co_await io::or_return(admin.objects.create_bucket(tenant, name, std::move(options)));
  }
  co_return text_of(shown(bucket, settings));
}

io::Task<Result<std::string>> remove(GatewayAdmin admin, s3::Query form) {
  const crypto::TenantId tenant = co_await io::or_return(tenant_of(form));
  const std::string name(form.find("bucket").value_or(""));
  const std::optional<object::BucketInfo> there = co_await io::or_return(find(admin, tenant, name));
  if (!there) co_return fail(Code::kNotFound, "there is no gateway bucket " + name);
  co_await io::or_return(admin.objects.delete_bucket(tenant, name));
  admin.gateways.forget(*there);
  co_return text_of({{"removed", name}});
}

}  // namespace

Result<Duration> parse_span(std::string_view text) {
  static constexpr std::pair<std::string_view, int64_t> kUnits[] = {
      {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  int64_t scale = unit.empty() ? 1000 : 0;
  for (const auto& [name, milliseconds_count] : kUnits) {
    if (unit == name) scale = milliseconds_count;
  }
  constexpr uint64_t kNumberMax = 1'000'000'000;
  if (error != std::errc() || scale == 0 || number > kNumberMax) {
    return bad("expected a time as in 60s, 500ms, 5m, 2h or 1d");
  }
  return milliseconds(static_cast<int64_t>(number) * scale);
}

io::Task<Result<std::string>> run_gateway_command(GatewayAdmin admin, std::string name,
                                                  std::string form_text) {
  s3::S3Result<s3::Query> form = s3::parse_query(form_text);
  if (!form) co_return bad("the parameters do not parse");
  if (name == kGatewayListCommand) co_return co_await list(admin);
  if (name == "gateway-add") co_return co_await add(admin, std::move(*form));
  if (name == "gateway-remove") co_return co_await remove(admin, std::move(*form));
  co_return fail(Code::kNotFound, "there is no such command");
}

}  // namespace cairn::server
