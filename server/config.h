// What `cairn serve` can be told, and where it is told: flags > environment > file > defaults.
//
// Every setting is one row of settings(): the same row gives the TOML key (`admin_listen`), the
// environment variable (`CAIRN_ADMIN_LISTEN`) and the flag (`--admin-listen`).
// Thread rule: plain values; used before the reactors start.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "base/units.h"
#include "server/cluster_config.h"
#include "server/home_config.h"
#include "server/tier_config.h"

namespace cairn::server {

struct Config {
  std::string data;  // Required.
  std::string listen = "127.0.0.1:9000";
  std::string admin_listen = "127.0.0.1:9001";
  unsigned cores_count = 0;  // 0 = every CPU this process may run on.
  bool pin_cores = false;
  std::string access_log;  // Path, "-" = standard output, empty = none.
  bool audit_off = false;
  uint64_t audit_file_bytes = 64 * MiB;
  uint64_t audit_files_kept = 0;                   // 0 = all.
  std::vector<std::string> notify_webhooks;        // NAME=URL
  std::vector<std::string> notify_webhook_tokens;  // NAME=TOKEN; never told.
  std::string notify_ca;                           // PEM; empty = the system's.
  uint64_t lifecycle_day_seconds = 0;              // Debug: 0 = days are days.
  uint64_t lifecycle_interval_seconds = 3600;
  uint64_t sync_tail_rows = 0;  // 0 = object::kSyncRowsMax.
  uint64_t bucket_log_interval_seconds = 300;
  std::string tls_cert;
  std::string tls_key;
  // Identity providers that may be at private addresses and without TLS: "HOST" or "HOST:PORT".
  std::vector<std::string> oidc_private_issuers;
  std::string oidc_ca;  // Path of a PEM bundle; empty = the system's.
  std::string region = "us-east-1";
  bool strict_region = false;
  bool allow_ssec_over_http = false;
  std::vector<std::string> kms_keys;
  std::vector<std::string> base_domains;     // Hosts whose sub-domains are buckets.
  std::vector<std::string> website_domains;  // Hosts whose sub-domains are sites.
  // Addresses and networks (CIDR) of proxies whose X-Forwarded-For and -Proto are believed.
  std::vector<std::string> trusted_proxies;
  std::vector<std::string> dedup_pool;  // Accounts that lend each other content against a proof.
  std::string object_ownership = "BucketOwnerEnforced";  // Of buckets that do not say.
  // "s3:BUCKET/PREFIX" or "rados:POOL/NAMESPACE"; empty = DATA/volume.
  std::string home;
  std::string home_endpoint;  // Empty = Amazon's of home_region.
  std::string home_access_key;
  std::string home_secret_key;   // Never told.
  std::string home_credentials;  // Path of a file with both, instead.
  std::string home_region = "us-east-1";
  std::string home_ca;  // Path of a PEM bundle; empty = the system's.
  uint64_t home_upkeep_ms = 5000;
  uint64_t home_silence_seconds = 0;  // 0 = what the kind of home has as its default.
  NamedHomesConfig named_homes;       // Instead of `home`.
  uint64_t home_repair_bytes_per_second = 256 * MiB;
  uint64_t staging_delay_ms = 2000;
  std::string home_ceph_conf;     // Empty = where Ceph looks for it.
  std::string home_ceph_keyring;  // Path; empty = as ceph.conf says.
  std::string home_ceph_user = "client.admin";
  uint64_t home_ceph_timeout_seconds = 20;
  std::string catalog;           // "etcd://..." (etcd_catalog.h); empty = DATA/catalog.
  bool has_own_catalog = false;  // DATA/catalog, although it joins a cluster.
  std::string catalog_ca;        // Paths of PEM files; empty = the system's, none.
  std::string catalog_cert;
  std::string catalog_key;
  std::string catalog_user;  // Empty = none.
  std::string catalog_password_file;
  size_t catalog_txn_ops = 128;  // What etcd was started with.
  size_t catalog_request_bytes = 1536 * KiB;
  bool catalog_stale_reads = false;
  bool replace_root_credentials = false;  // This node's count for all (root_agreement.h).
  std::string root_key;                   // RootKeySource spec; empty = file:DATA/keys/root.key.
  uint64_t memory_bytes = 0;              // I/O buffers of all cores; 0 = a quarter of the memory.
  std::vector<TierConfig> tiers = default_tiers();
  ClusterConfig cluster;
  uint64_t gc_interval_ms = 2000;
  uint64_t garbage_grace_seconds = 3600;  // Counts with `catalog` only.
  uint64_t drain_seconds = 30;
  uint64_t header_timeout_ms = 10'000;
  uint64_t idle_timeout_ms = 60'000;
  uint64_t connections_max = 20'000;  // Of all cores.
  bool core_dumps = false;
  log::Level log_level = log::Level::kInfo;
};

// One thing that can be set.
struct Setting {
  std::string_view name;        // "admin-listen"
  std::string_view value_name;  // "ADDR:PORT"; empty = a switch (true or false).
  std::string_view help;
  Status (*apply)(Config&, std::string_view value);
  bool is_list = false;  // Comma separated; a TOML array of strings.
  std::string toml_key() const;
  std::string environment_variable() const;
};
std::span<const Setting> settings();

// Where values come from.
struct ConfigSources {
  std::map<std::string, std::string> flags;  // By Setting::name.
  std::function<std::optional<std::string>(const std::string& variable)> environment;
  std::string file;  // Path of a TOML file; empty = none.
};

// Reads, merges and validates. kInvalidArgument names the source and the key: an unknown key of the
// file, a value of a wrong type, a half-given TLS pair and a missing data directory are errors.
Result<Config> load_config(const ConfigSources& sources);

// Applies the TOML text to `config`; `where` is named in errors.
Status apply_toml(Config& config, std::string_view text, std::string_view where);

// "64MiB", "1GiB", "1048576" -> bytes.
Result<uint64_t> parse_size(std::string_view text);

}  // namespace cairn::server
