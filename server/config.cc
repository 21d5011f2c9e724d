#include "server/config.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

// toml++ reports errors as values when exceptions are off for it.
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

#include "iam/values.h"
#include "native/pool.h"
#include "s3/bucket_rules.h"
#include "server/catalog_place.h"
#include "server/home.h"
#include "server/rados_home.h"

namespace cairn::server {
namespace {

Result<uint64_t> parse_number(std::string_view text, uint64_t least, uint64_t most) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    return fail(Code::kInvalidArgument,
                "expected a number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return value;
}

template <auto Member>
Status set_text(Config& config, std::string_view value) {
  config.*Member = std::string(value);
  return {};
}

template <auto Member, uint64_t least, uint64_t most>
Status set_number(Config& config, std::string_view value) {
  const Result<uint64_t> number = parse_number(value, least, most);
  if (!number) return std::unexpected(number.error());
  config.*Member = static_cast<std::remove_reference_t<decltype(config.*Member)>>(*number);
  return {};
}

template <auto Member>
Status set_switch(Config& config, std::string_view value) {
  if (value != "true" && value != "false") {
    return fail(Code::kInvalidArgument, "expected true or false");
  }
  config.*Member = value == "true";
  return {};
}

template <auto Member>
Status set_list(Config& config, std::string_view value) {
  std::vector<std::string> items;
  while (!value.empty()) {
    const size_t comma = std::min(value.find(','), value.size());
    if (comma > 0) items.emplace_back(value.substr(0, comma));
    value.remove_prefix(std::min(comma + 1, value.size()));
  }
  config.*Member = std::move(items);
  return {};
}

Status set_memory(Config& config, std::string_view value) {
  const Result<uint64_t> bytes = parse_size(value);
  if (!bytes) return std::unexpected(bytes.error());
  if (*bytes < 64 * MiB) return fail(Code::kInvalidArgument, "needs at least 64MiB");
  config.memory_bytes = *bytes;
  return {};
}

Status set_tiers(Config& config, std::string_view value) {
  Result<std::vector<TierConfig>> tiers = parse_tiers(value);
  if (!tiers) return std::unexpected(tiers.error());
  config.tiers = std::move(*tiers);
  return {};
}

Status set_audit_file_bytes(Config& config, std::string_view value) {
  const Result<uint64_t> bytes = parse_size(value);
  if (!bytes) return std::unexpected(bytes.error());
  if (*bytes < 64 * KiB || *bytes > 64 * MiB) {
    return fail(Code::kInvalidArgument, "expected 64KiB to 64MiB");
  }
  config.audit_file_bytes = *bytes;
  return {};
}

Status set_proxies(Config& config, std::string_view value) {
  const Status listed = set_list<&Config::trusted_proxies>(config, value);
  if (!listed) return listed;
  for (const std::string& proxy : config.trusted_proxies) {
    if (!iam::parse_ip_network(proxy)) {
      return fail(Code::kInvalidArgument,
                  "expected addresses or networks such as 10.0.0.0/8, not \"" + proxy + "\"");
    }
  }
  return {};
}

Status set_dedup_pool(Config& config, std::string_view value) {
  const Status listed = set_list<&Config::dedup_pool>(config, value);
  if (!listed) return listed;
  const Result<native::Pool> pool = native::Pool::parse(config.dedup_pool);
  if (!pool) return std::unexpected(pool.error());
  return {};
}

Status set_object_ownership(Config& config, std::string_view value) {
  if (!s3::parse_ownership(value)) {
    return fail(Code::kInvalidArgument,
                "expected BucketOwnerEnforced, BucketOwnerPreferred or ObjectWriter");
  }
  config.object_ownership = value;
  return {};
}

Status set_home(Config& config, std::string_view value) {
  if (is_rados_home(value)) {
    const Result<RadosHomePlace> pool = parse_rados_home(value);
    if (!pool) return std::unexpected(pool.error());
    config.home = value;
    return {};
  }
  const Result<HomePlace> place = parse_home(value);
  if (!place) return std::unexpected(place.error());
  config.home = value;
  return {};
}

Status set_repair_rate(Config& config, std::string_view value) {
  const Result<uint64_t> bytes = parse_size(value);
  if (!bytes) return std::unexpected(bytes.error());
  config.home_repair_bytes_per_second = *bytes;
  return {};
}

template <auto Member>
Status set_of_cluster(Config& config, std::string_view value) {
  config.cluster.*Member = std::string(value);
  return {};
}

template <auto Member>
Status set_size_of_cluster(Config& config, std::string_view value) {
  const Result<uint64_t> bytes = parse_size(value);
  if (!bytes) return std::unexpected(bytes.error());
  config.cluster.*Member = *bytes;
  return {};
}

Status set_peer_patience(Config& config, std::string_view value) {
  const Result<uint64_t> number = parse_number(value, 5, 60'000);
  if (!number) return std::unexpected(number.error());
  config.cluster.peer_patience_ms = *number;
  return {};
}

Status set_log_level(Config& config, std::string_view value) {
  static constexpr std::pair<std::string_view, log::Level> kLevels[] = {
      {"debug", log::Level::kDebug},
      {"info", log::Level::kInfo},
      {"warning", log::Level::kWarning},
      {"error", log::Level::kError}};
  for (const auto& [name, level] : kLevels) {
    if (value == name) {
      config.log_level = level;
      return {};
    }
  }
  return fail(Code::kInvalidArgument, "expected debug, info, warning or error");
}

constexpr Setting kSettings[] = {
    {"data", "DIR", "Data directory; created when absent", set_text<&Config::data>},
    {"listen", "ADDR:PORT", "Where S3 is served (default 127.0.0.1:9000; port 0 = any free one)",
     set_text<&Config::listen>},
    {"admin-listen", "ADDR:PORT",
     "Health, readiness, metrics and admin commands (default 127.0.0.1:9001)",
     set_text<&Config::admin_listen>},
    {"cores", "N", "Reactor threads (default: one per CPU)",
     set_number<&Config::cores_count, 1, 1024>},
    {"pin-cores", "", "Bind each reactor thread to its CPU", set_switch<&Config::pin_cores>},
    {"access-log", "FILE", "One JSON line per request; - is standard output",
     set_text<&Config::access_log>},
    {"audit-off", "", "Keep no audit log in DIR/audit", set_switch<&Config::audit_off>},
    {"audit-file-size", "SIZE", "A new audit file is begun beyond this (default 64MiB)",
     set_audit_file_bytes},
    {"audit-files-kept", "N", "Older audit files are removed (default 0: all are kept)",
     set_number<&Config::audit_files_kept, 0, 1'000'000>},
    {"notify-webhook", "NAME=URL[,NAME=URL]", "Webhooks that bucket notifications may name",
     set_list<&Config::notify_webhooks>, true},
    {"notify-webhook-token", "NAME=TOKEN[,NAME=TOKEN]",
     "Bearer tokens of webhooks (better in the file or the environment than as a flag)",
     set_list<&Config::notify_webhook_tokens>, true},
    {"notify-ca", "FILE", "Certificates (PEM) that https webhooks are checked against",
     set_text<&Config::notify_ca>},
    {"oidc-private-issuers", "HOST[:PORT][,...]",
     "Identity providers that may be at private addresses and speak plain http",
     set_list<&Config::oidc_private_issuers>, true},
    {"oidc-ca", "FILE", "Certificates (PEM) that identity providers are checked against",
     set_text<&Config::oidc_ca>},
    {"lifecycle-day-seconds", "N", "For tests: a day of lifecycle rules is N seconds",
     set_number<&Config::lifecycle_day_seconds, 1, 86'400>},
    {"sync-tail-rows", "N",
     "Changes kept for a site that is away; beyond, the sites are compared (default 1000000)",
     set_number<&Config::sync_tail_rows, 1, 100'000'000>},
    {"lifecycle-interval", "SECONDS", "Pause between lifecycle passes (default 3600)",
     set_number<&Config::lifecycle_interval_seconds, 1, 86'400>},
    {"bucket-log-interval", "SECONDS",
     "How long lines of server access logs wait to be delivered (default 300)",
     set_number<&Config::bucket_log_interval_seconds, 1, 86'400>},
    {"tls-cert", "FILE", "Certificate chain (PEM); serves https", set_text<&Config::tls_cert>},
    {"tls-key", "FILE", "Private key of --tls-cert (PEM)", set_text<&Config::tls_key>},
    {"region", "NAME", "Region told to clients (default us-east-1)", set_text<&Config::region>},
    {"strict-region", "", "Refuse signatures made for another region",
     set_switch<&Config::strict_region>},
    {"allow-ssec-over-http", "", "Take customers' encryption keys over plain HTTP too",
     set_switch<&Config::allow_ssec_over_http>},
    {"kms-keys", "NAME[,NAME]", "Keys of SSE-KMS that are made when they do not exist",
     set_list<&Config::kms_keys>, true},
    {"base-domains", "NAME[,NAME]", "Hosts whose sub-domains name buckets",
     set_list<&Config::base_domains>, true},
    {"website-domain", "NAME[,NAME]",
     "Hosts whose sub-domains show buckets as web sites (must be none of --base-domains)",
     set_list<&Config::website_domains>, true},
    {"trusted-proxies", "ADDR[,ADDR]",
     "Proxies (addresses or networks) whose X-Forwarded-For and X-Forwarded-Proto are believed",
     set_proxies, true},
    {"dedup-pool", "ACCOUNT[,ACCOUNT]",
     "Accounts (12 digits) that need not send each other's content if they prove to have it",
     set_dedup_pool, true},
    {"object-ownership", "NAME",
     "Ownership of objects in buckets that do not say: BucketOwnerEnforced (default; access "
     "control lists are off, as on AWS), BucketOwnerPreferred or ObjectWriter",
     set_object_ownership},
    {"home", "PLACE",
     "Keep the (encrypted) chunks in s3:BUCKET[/PREFIX] of another S3 server or in "
     "rados:POOL[/NAMESPACE] of Ceph instead of DIR/volume",
     set_home},
    {"home-endpoint", "URL", "Where that S3 server is (default: Amazon S3 of --home-region)",
     set_text<&Config::home_endpoint>},
    {"home-access-key", "KEY", "Access key for --home", set_text<&Config::home_access_key>},
    {"home-secret-key", "KEY",
     "Secret key for --home (better in the file or the environment than as a flag)",
     set_text<&Config::home_secret_key>},
    {"home-credentials", "FILE",
     "Both keys for --home, as AWS_ACCESS_KEY_ID=... and AWS_SECRET_ACCESS_KEY=... lines",
     set_text<&Config::home_credentials>},
    {"home-region", "NAME", "Region of the bucket of --home (default us-east-1)",
     set_text<&Config::home_region>},
    {"home-ca", "FILE", "Certificates (PEM) that an https --home-endpoint is checked against",
     set_text<&Config::home_ca>},
    {"home-ceph-conf", "FILE", "Configuration of the Ceph cluster of --home (default: Ceph's own)",
     set_text<&Config::home_ceph_conf>},
    {"home-ceph-keyring", "FILE", "Keyring of the user (default: as that configuration says)",
     set_text<&Config::home_ceph_keyring>},
    {"home-ceph-user", "NAME", "Who --home is in Ceph (default client.admin)",
     set_text<&Config::home_ceph_user>},
    {"home-ceph-timeout", "SECONDS", "How long an operation in Ceph may take (default 20)",
     set_number<&Config::home_ceph_timeout_seconds, 1, 600>},
    {"home-upkeep-ms", "MS", "Pause between passes that give space of --home back (default 5000)",
     set_number<&Config::home_upkeep_ms, 10, 3'600'000>},
    {"home-silence-seconds", "N",
     "A server of a cluster that was silent for so long is given up: what it held may go, and it "
     "has to be started again; the same on all (default 1800, with Ceph 86400)",
     set_number<&Config::home_silence_seconds, 10, 604'800>},
    {"home-repair-rate", "SIZE",
     "Bytes per second of copies that are made between homes (default 256MiB; 0 = no limit)",
     set_repair_rate},
    {"staging-delay-ms", "MS",
     "How long chunks gather in a staging home before they go on (default 2000)",
     set_number<&Config::staging_delay_ms, 10, 3'600'000>},
    {"catalog", "etcd://HOST:PORT[,...][/PREFIX]|own",
     "Keep the metadata in etcd (etcds:// for TLS) instead of DIR/catalog; several servers may "
     "share it. --join says the same, unless this says own",
     set_catalog},
    {"catalog-ca", "FILE", "Certificates (PEM) that etcds:// is checked against",
     set_text<&Config::catalog_ca>},
    {"catalog-cert", "FILE", "Client certificate (PEM) for etcds://",
     set_text<&Config::catalog_cert>},
    {"catalog-key", "FILE", "Private key of --catalog-cert (PEM)", set_text<&Config::catalog_key>},
    {"catalog-user", "NAME", "User of etcd", set_text<&Config::catalog_user>},
    {"catalog-password-file", "FILE", "File with the password of --catalog-user",
     set_text<&Config::catalog_password_file>},
    {"catalog-txn-ops", "N", "The --max-txn-ops that etcd was started with (default 128)",
     set_number<&Config::catalog_txn_ops, 16, 1'000'000>},
    {"catalog-request-bytes", "SIZE",
     "The --max-request-bytes that etcd was started with (default 1536KiB)",
     set_catalog_request_bytes},
    {"catalog-stale-reads", "",
     "Read without asking etcd: goes on without quorum, and may miss what other nodes wrote",
     set_switch<&Config::catalog_stale_reads>},
    {"replace-root-credentials", "",
     "Make this node's root credentials those of the cluster: once on each node, to change them",
     set_switch<&Config::replace_root_credentials>},
    {"root-key", "SPEC", "file:PATH, env:NAME or command:ARGV (default file:DIR/keys/root.key)",
     set_text<&Config::root_key>},
    {"memory", "SIZE", "I/O buffers in all (default: a quarter of the machine's memory)",
     set_memory},
    {"tier", "ram:SIZE|disk:DIR:SIZE[:OPTION][,...]",
     "Caches before the store, nearest first (default ram:256MiB; or none)", set_tiers, true},
    {"join", "etcd://HOST:PORT[,...][/PREFIX]",
     "Be a node of the cluster that has its metadata there", set_of_cluster<&ClusterConfig::join>},
    {"node-name", "NAME", "This node's name in the cluster (default: the host's)",
     set_of_cluster<&ClusterConfig::name>},
    {"zone", "NAME", "Where this node is, as told to the others",
     set_of_cluster<&ClusterConfig::zone>},
    {"node-capacity", "SIZE",
     "Of this node's cache: its share of the chunks (default: as the others')",
     set_size_of_cluster<&ClusterConfig::capacity_bytes>},
    {"peer-listen", "ADDR:PORT", "Share the cache with other nodes, which connect here",
     set_of_cluster<&ClusterConfig::peer_listen>},
    {"advertise", "HOST:PORT", "Where other nodes find this one (default: --peer-listen)",
     set_of_cluster<&ClusterConfig::advertise>},
    {"peer-ca", "FILE", "Authority (PEM) that signed the certificates of all nodes",
     set_of_cluster<&ClusterConfig::peer_ca>},
    {"peer-cert", "FILE", "This node's certificate (PEM), valid for the advertised host",
     set_of_cluster<&ClusterConfig::peer_cert>},
    {"peer-key", "FILE", "Private key of --peer-cert (PEM)",
     set_of_cluster<&ClusterConfig::peer_key>},
    {"peer-memory", "SIZE", "Memory of blocks that are kept for other nodes (default 256MiB)",
     set_size_of_cluster<&ClusterConfig::peer_memory_bytes>},
    {"peer-patience-ms", "MS",
     "Silence of another node until the home is asked beside it (default 50)", set_peer_patience},
    {"gc-interval-ms", "MS", "Pause between passes of the garbage collector (default 2000)",
     set_number<&Config::gc_interval_ms, 10, 3'600'000>},
    {"garbage-grace", "SECONDS",
     "With --catalog: how long removed bytes stay for readers of other servers (default 3600)",
     set_number<&Config::garbage_grace_seconds, 1, 604'800>},
    {"drain-seconds", "S", "How long requests in flight may finish after SIGTERM (default 30)",
     set_number<&Config::drain_seconds, 0, 3600>},
    {"header-timeout-ms", "MS", "Deadline for a request's head (default 10000)",
     set_number<&Config::header_timeout_ms, 100, 600'000>},
    {"idle-timeout-ms", "MS", "Idle keep-alive connections are closed after (default 60000)",
     set_number<&Config::idle_timeout_ms, 100, 3'600'000>},
    {"connections-max", "N", "Open connections in all (default 20000)",
     set_number<&Config::connections_max, 1, 1'000'000>},
    {"core-dumps", "", "Allow core dumps (they would hold keys)", set_switch<&Config::core_dumps>},
    {"log-level", "LEVEL", "debug, info, warning or error", set_log_level},
};

Status apply_setting(Config& config, const Setting& setting, std::string_view value,
                     const std::string& where) {
  const Status applied = setting.apply(config, value);
  if (!applied) return std::unexpected(applied.error().with_context(where));
  return {};
}

// One table of [[tier]] as an entry of the setting's list.
Result<std::string> tier_text(const toml::table& table) {
  std::string kind, path, size, options;
  for (const auto& [key, node] : table) {
    const toml::value<std::string>* text = node.as_string();
    if (text == nullptr) {
      return fail(Code::kInvalidArgument, std::string(key.str()) + ": expected a string");
    }
    if (key.str() == "kind") {
      kind = text->get();
    } else if (key.str() == "path") {
      path = ":" + text->get();
    } else if (key.str() == "size") {
      size = ":" + text->get();
    } else {
      options += ":" + std::string(key.str()) + "=" + text->get();
    }
  }
  return kind + path + size + options;
}

// The text form of a TOML value, as a flag would give it.
Result<std::string> toml_text(const toml::node& node, const Setting& setting) {
  if (setting.is_list) {
    const toml::array* array = node.as_array();
    if (array == nullptr) return fail(Code::kInvalidArgument, "expected an array of strings");
    std::string joined;
    for (const toml::node& item : *array) {
      if (!joined.empty()) joined += ',';
      if (setting.name == "tier" && item.is_table()) {
        const Result<std::string> tier = tier_text(*item.as_table());
        if (!tier) return std::unexpected(tier.error());
        joined += *tier;
        continue;
      }
      const toml::value<std::string>* text = item.as_string();
      if (text == nullptr) return fail(Code::kInvalidArgument, "expected an array of strings");
      joined += text->get();
    }
    return joined;
  }
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* flag = node.as_boolean()) return std::string(flag->get() ? "true" : "false");
  return fail(Code::kInvalidArgument, "expected a string, a number or true/false");
}

// The tables of [[home]] or [[placement]].
Result<std::vector<HomeFields>> toml_tables(const toml::array& array) {
  std::vector<HomeFields> tables;
  for (const toml::node& item : array) {
    if (!item.is_table()) return fail(Code::kInvalidArgument, "expected tables");
    HomeFields& fields = tables.emplace_back();
    for (const auto& [key, node] : *item.as_table()) {
      std::vector<std::string>& values =
          fields.emplace_back(std::string(key.str()), std::vector<std::string>()).second;
      if (const auto* text = node.as_string()) {
        values.push_back(text->get());
        continue;
      }
      const toml::array* texts = node.as_array();
      for (size_t at = 0; texts != nullptr && at < texts->size(); ++at) {
        const auto* text = texts->get(at)->as_string();
        if (text == nullptr) texts = nullptr;
        if (text != nullptr) values.push_back(text->get());
      }
      if (texts == nullptr) {
        return fail(Code::kInvalidArgument,
                    std::string(key.str()) + ": expected a string or an array of strings");
      }
    }
  }
  return tables;
}

// True when the key was one of named homes.
Result<bool> apply_homes(NamedHomesConfig& homes, std::string_view key, const toml::node& node) {
  if ((key != "home" && key != "placement") || !node.is_array()) return false;
  const Result<std::vector<HomeFields>> tables = toml_tables(*node.as_array());
  if (!tables) return std::unexpected(tables.error());
  for (const HomeFields& fields : *tables) {
    if (key == "home") {
      Result<HomeConfig> home = parse_home_table(fields);
      if (!home) return std::unexpected(home.error());
      homes.homes.push_back(std::move(*home));
    } else {
      Result<PlacementConfig> placement = parse_placement_table(fields);
      if (!placement) return std::unexpected(placement.error());
      homes.placements.push_back(std::move(*placement));
    }
  }
  return true;
}

// The table [cluster].
Status apply_cluster_table(Config& config, const toml::table& table, const std::string& where) {
  for (const auto& [key, node] : table) {
    const std::string at = where + "." + std::string(key.str());
    const std::optional<std::string_view> name = cluster_setting(key.str());
    if (!name) return fail(Code::kInvalidArgument, at + ": there is no such setting");
    const auto row = std::ranges::find(kSettings, *name, &Setting::name);
    const Result<std::string> value = toml_text(node, *row);
    if (!value) return std::unexpected(value.error().with_context(at));
    const Status applied = apply_setting(config, *row, *value, at);
    if (!applied) return applied;
  }
  return {};
}

Status validate(const Config& config) {
  const Status homes = check_named_homes(config.named_homes);
  if (!homes) return homes;
  if (config.named_homes.is_set() && !config.home.empty()) {
    return fail(Code::kInvalidArgument,
                "--home and [[home]] exclude each other: make the bucket one of the [[home]]s");
  }
  if (config.data.empty()) {
    return fail(Code::kInvalidArgument, "no data directory: give --data DIR (or CAIRN_DATA)");
  }
  if (config.tls_cert.empty() != config.tls_key.empty()) {
    return fail(Code::kInvalidArgument, "tls-cert and tls-key belong together: give both or none");
  }
  return {};
}

Result<std::string> read_text_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(Code::kNotFound, "cannot read the configuration file " + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

std::string Setting::toml_key() const {
  std::string key(name);
  std::ranges::replace(key, '-', '_');
  return key;
}

std::string Setting::environment_variable() const {
  std::string variable = "CAIRN_";
  for (const char c : name) {
    variable += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  }
  return variable;
}

std::span<const Setting> settings() {
  return kSettings;
}

Result<uint64_t> parse_size(std::string_view text) {
  static constexpr std::pair<std::string_view, uint64_t> kUnits[] = {
      {"KiB", KiB}, {"MiB", MiB}, {"GiB", GiB}, {"TiB", TiB}};
  uint64_t unit = 1;
  for (const auto& [suffix, bytes] : kUnits) {
    if (text.ends_with(suffix)) {
      unit = bytes;
      text.remove_suffix(suffix.size());
      break;
    }
  }
  const Result<uint64_t> number = parse_number(text, 0, UINT64_MAX / unit);
  if (!number) return fail(Code::kInvalidArgument, "expected a size such as 512MiB or 4GiB");
  return *number * unit;
}

Status apply_toml(Config& config, std::string_view text, std::string_view where) {
  const toml::parse_result parsed = toml::parse(text, where);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return fail(Code::kInvalidArgument, std::string(where) + " line " +
                                            std::to_string(error.source().begin.line) + ": " +
                                            std::string(error.description()));
  }
  for (const auto& [key, node] : parsed.table()) {
    if (key.str() == "cluster" && node.is_table()) {
      const Status applied =
          apply_cluster_table(config, *node.as_table(), std::string(where) + ": cluster");
      if (!applied) return applied;
      continue;
    }
    const std::string at = std::string(where) + ": " + std::string(key.str());
    const Result<bool> is_of_homes = apply_homes(config.named_homes, key.str(), node);
    if (!is_of_homes) return std::unexpected(is_of_homes.error().with_context(at));
    if (*is_of_homes) continue;
    const auto row = std::ranges::find_if(
        kSettings, [&](const Setting& setting) { return setting.toml_key() == key.str(); });
    if (row == std::end(kSettings)) {
      return fail(Code::kInvalidArgument, at + ": there is no such setting");
    }
    const Result<std::string> value = toml_text(node, *row);
    if (!value) return std::unexpected(value.error().with_context(at));
    const Status applied = apply_setting(config, *row, *value, at);
    if (!applied) return applied;
  }
  return {};
}

Result<Config> load_config(const ConfigSources& sources) {
  Config config;
  if (!sources.file.empty()) {
    const Result<std::string> text = read_text_file(sources.file);
    if (!text) return std::unexpected(text.error());
    const Status applied = apply_toml(config, *text, sources.file);
    if (!applied) return std::unexpected(applied.error());
  }
  for (const Setting& setting : kSettings) {
    if (!sources.environment) break;
    const std::string variable = setting.environment_variable();
    const std::optional<std::string> value = sources.environment(variable);
    if (!value) continue;
    const Status applied = apply_setting(config, setting, *value, variable);
    if (!applied) return std::unexpected(applied.error());
  }
  for (const Setting& setting : kSettings) {
    const auto flag = sources.flags.find(std::string(setting.name));
    if (flag == sources.flags.end()) continue;
    const Status applied =
        apply_setting(config, setting, flag->second, "--" + std::string(setting.name));
    if (!applied) return std::unexpected(applied.error());
  }
  const Status completed = complete_cluster(config.cluster);
  if (!completed) return std::unexpected(completed.error());
  const Status placed = complete_catalog(config);
  if (!placed) return std::unexpected(placed.error());
  const Status valid = validate(config);
  if (!valid) return std::unexpected(valid.error());
  return config;
}

}  // namespace cairn::server
