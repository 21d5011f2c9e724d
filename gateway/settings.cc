#include "gateway/settings.h"

#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "crypto/sealing.h"

namespace cairn::gateway {
namespace {

using nlohmann::json;

constexpr std::string_view kVersion = "1";

std::unexpected<Error> bad(std::string message) {
  return fail(Code::kInvalidArgument, std::move(message));
}

std::string secret_context(const Settings& settings) {
  return "gateway secret\n" + settings.endpoint + "\n" + settings.access_key;
}

// Text, switches and numbers of an object, each of its type or its default.
class Fields {
 public:
  explicit Fields(const json& object) : object_(object) {}
  std::string text(const char* name) {
    const auto found = object_.find(name);
    if (found == object_.end()) return {};
    if (found->is_string()) return found->get<std::string>();
    wrong_ = name;
    return {};
  }
  bool truth(const char* name) {
    const auto found = object_.find(name);
    if (found == object_.end()) return false;
    if (found->is_boolean()) return found->get<bool>();
    wrong_ = name;
    return false;
  }
  Duration milliseconds_of(const char* name, Duration otherwise) {
    const auto found = object_.find(name);
    if (found == object_.end()) return otherwise;
    if (found->is_number_unsigned() && found->get<uint64_t>() <= uint64_t{1} << 40) {
      return milliseconds(static_cast<int64_t>(found->get<uint64_t>()));
    }
    wrong_ = name;
    return otherwise;
  }
  const std::string& wrong() const { return wrong_; }

 private:
  const json& object_;
  std::string wrong_;
};

}  // namespace

std::string_view addressing_name(transfer::Addressing addressing) {
  switch (addressing) {
    case transfer::Addressing::kPath: return "path";
    case transfer::Addressing::kVirtualHost: return "virtual";
    case transfer::Addressing::kAutomatic: break;
  }
  return "auto";
}

Result<transfer::Addressing> parse_addressing(std::string_view name) {
  for (const auto each : {transfer::Addressing::kAutomatic, transfer::Addressing::kPath,
                          transfer::Addressing::kVirtualHost}) {
    if (name == addressing_name(each)) return each;
  }
  return bad("addressing: expected auto, path or virtual");
}

Status check_settings(const Settings& settings) {
  if (settings.bucket.empty()) return bad("upstream-bucket: name the bucket of the other server");
  if (settings.bucket.size() > 255 || settings.bucket.find('/') != std::string::npos) {
    return bad("upstream-bucket: expected the name of a bucket");
  }
  if (settings.prefix.size() > kPrefixBytesMax) {
    return bad("prefix: at most 512 bytes, so that keys have room behind it");
  }
  if (settings.ttl < milliseconds(0) || settings.ttl > kTtlMax ||
      settings.stale_if_error < milliseconds(0) || settings.stale_if_error > kTtlMax) {
    return bad("ttl, stale-if-error: expected a time of at most 7 days, as in 60s");
  }
  if (settings.access_key.size() > kCredentialBytesMax) return bad("credentials: too long");
  const Result<transfer::S3Endpoint> endpoint =
      transfer::S3Endpoint::create(settings.endpoint, settings.region, settings.addressing);
  if (!endpoint) return bad("endpoint: " + endpoint.error().message);
  return {};
}

Result<Settings> parse_settings(std::string_view document) {
  if (document.size() > kSettingsBytesMax) return bad("the gateway's document is too long");
  const json object = json::parse(document, nullptr, false);
  if (!object.is_object()) return bad("the gateway's document is no JSON object");
  Fields fields(object);
  if (fields.text("version") != kVersion)
    return bad("the gateway's document is of another version");
  Settings settings;
  settings.endpoint = fields.text("endpoint");
  settings.region = fields.text("region");
  settings.bucket = fields.text("bucket");
  settings.prefix = fields.text("prefix");
  settings.ca_path = fields.text("ca");
  settings.ttl = fields.milliseconds_of("ttl_ms", kTtlDefault);
  settings.stale_if_error = fields.milliseconds_of("stale_if_error_ms", Duration{});
  settings.read_only = fields.truth("read_only");
  settings.access_key = fields.text("access_key");
  settings.sealed_secret = fields.text("secret");
  const Result<transfer::Addressing> addressing = parse_addressing(fields.text("addressing"));
  if (!addressing) return std::unexpected(addressing.error());
  settings.addressing = *addressing;
  if (!fields.wrong().empty()) return bad(fields.wrong() + ": another type was expected");
  if (Status good = check_settings(settings); !good)
    return std::unexpected(std::move(good.error()));
  return settings;
}

std::string write_settings(const Settings& settings) {
  json object;
  object["version"] = kVersion;
  object["endpoint"] = settings.endpoint;
  object["region"] = settings.region;
  object["bucket"] = settings.bucket;
  object["prefix"] = settings.prefix;
  object["ca"] = settings.ca_path;
  object["addressing"] = addressing_name(settings.addressing);
  object["ttl_ms"] = static_cast<uint64_t>(settings.ttl.nanoseconds / 1'000'000);
  object["stale_if_error_ms"] =
      static_cast<uint64_t>(settings.stale_if_error.nanoseconds / 1'000'000);
  object["read_only"] = settings.read_only;
  object["access_key"] = settings.access_key;
  object["secret"] = settings.sealed_secret;
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

Status seal_secret(Settings& settings, const crypto::TenantKeys& keys, std::string_view secret,
                   Random& random) {
  if (secret.empty() || secret.size() > kCredentialBytesMax) {
    return bad("credentials: a secret key of at most 1 KiB belongs to the access key");
  }
  const Result<std::string> sealed =
      crypto::seal_value(keys, secret_context(settings), random, as_bytes(secret));
  if (!sealed) return std::unexpected(sealed.error());
  settings.sealed_secret = to_base64(as_bytes(*sealed));
  return {};
}

Result<std::string> open_secret(const Settings& settings, const crypto::KeyRing& keys,
                                crypto::TenantId tenant) {
  if (settings.access_key.empty()) return std::string();
  const std::optional<Bytes> sealed = from_base64(settings.sealed_secret);
  if (!sealed) return fail(Code::kCorruption, "the secret key of a gateway is damaged");
  Result<Bytes> opened = crypto::open_value(keys, tenant, secret_context(settings), *sealed);
  if (!opened) return std::unexpected(opened.error());
  return std::string(opened->begin(), opened->end());
}

}  // namespace cairn::gateway
