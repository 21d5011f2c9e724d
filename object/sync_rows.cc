#include "object/sync_rows.h"

#include <algorithm>

#include "base/bytes.h"
#include "proto/sync.pb.h"

namespace cairn::object {
namespace {

constexpr size_t kNumberBytes = sizeof(uint64_t);

std::unexpected<Error> damaged(std::string_view what) {
  return fail(Code::kCorruption,
              std::string("the record of ").append(what).append(" does not parse"));
}

template <typename Message>
bool parse_message(Message& message, BytesView bytes) {
  return bytes.size() <= kSyncRecordBytesMax &&
         message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

bool parse_owner(const std::string& text, OwnerId& out) {
  if (text.empty()) return true;
  if (text.size() != out.bytes.size()) return false;
  std::ranges::copy(as_bytes(text), out.bytes.begin());
  return true;
}

std::string owner_text(const OwnerId& owner) {
  return owner == OwnerId{} ? std::string() : std::string(as_text(owner.bytes));
}

std::string numbered(std::string_view prefix, uint64_t number) {
  std::string out(prefix);
  uint8_t raw[kNumberBytes];
  store_be(raw, number);
  out.append(as_text(raw));
  return out;
}

void append_number(std::string& out, uint64_t number) {
  uint8_t raw[kNumberBytes];
  store_be(raw, number);
  out.append(as_text(raw));
}

}  // namespace

std::string encode_sync_rule(const SyncRule& rule) {
  proto::sync::Rule out;
  out.set_id(rule.id);
  out.set_bucket_id(rule.bucket_id);
  out.set_tenant(rule.tenant.value);
  out.set_bucket(rule.bucket);
  out.set_prefix(rule.prefix);
  out.set_skips_markers(!rule.sends_markers);
  out.set_sends_removals(rule.sends_removals);
  out.set_is_paused(rule.is_paused);
  out.set_peer(rule.peer);
  out.set_endpoint(rule.endpoint);
  out.set_target_bucket(rule.target_bucket);
  out.set_region(rule.region);
  out.set_access_key(rule.access_key);
  out.set_sealed_secret(rule.sealed_secret);
  out.set_ca_path(rule.ca_path);
  out.set_bandwidth_bytes(rule.bandwidth_bytes);
  out.set_kms_key(rule.kms_key);
  out.set_created_unix_ms(rule.created.unix_ms);
  return out.SerializeAsString();
}

Result<SyncRule> parse_sync_rule(BytesView bytes) {
  proto::sync::Rule in;
  if (!parse_message(in, bytes)) return damaged("a sync rule");
  SyncRule out;
  out.id = in.id();
  out.bucket_id = in.bucket_id();
  out.tenant.value = in.tenant();
  out.bucket = in.bucket();
  out.prefix = in.prefix();
  out.sends_markers = !in.skips_markers();
  out.sends_removals = in.sends_removals();
  out.is_paused = in.is_paused();
  out.peer = in.peer();
  out.endpoint = in.endpoint();
  out.target_bucket = in.target_bucket();
  out.region = in.region();
  out.access_key = in.access_key();
  out.sealed_secret = in.sealed_secret();
  out.ca_path = in.ca_path();
  out.bandwidth_bytes = in.bandwidth_bytes();
  out.kms_key = in.kms_key();
  out.created.unix_ms = in.created_unix_ms();
  return out;
}

std::string encode_sync_change(const SyncChange& change) {
  proto::sync::Change out;
  out.set_kind(static_cast<uint32_t>(change.kind));
  out.set_key(change.key);
  out.set_version_id(change.version_id);
  out.set_size_bytes(change.size_bytes);
  out.set_at_unix_ms(change.at.unix_ms);
  out.set_owner_id(owner_text(change.owner));
  out.set_attempts(change.attempts);
  out.set_reason(change.reason);
  return out.SerializeAsString();
}

Result<SyncChange> parse_sync_change(BytesView bytes) {
  proto::sync::Change in;
  SyncChange out;
  if (!parse_message(in, bytes) || in.kind() > static_cast<uint32_t>(ChangeKind::kMeta) ||
      !parse_owner(in.owner_id(), out.owner)) {
    return damaged("a change for another site");
  }
  out.kind = static_cast<ChangeKind>(in.kind());
  out.key = in.key();
  out.version_id = in.version_id();
  out.size_bytes = in.size_bytes();
  out.at.unix_ms = in.at_unix_ms();
  out.attempts = in.attempts();
  out.reason = in.reason();
  return out;
}

std::string encode_comparison(const SyncComparison& comparison) {
  proto::sync::Comparison out;
  out.set_key(comparison.key);
  out.set_version_id(comparison.version_id);
  out.set_begun_unix_ms(comparison.begun.unix_ms);
  return out.SerializeAsString();
}

Result<SyncComparison> parse_comparison(BytesView bytes) {
  proto::sync::Comparison in;
  if (!parse_message(in, bytes)) return damaged("a comparison of sites");
  return SyncComparison{in.key(), in.version_id(), WallTime{in.begun_unix_ms()}};
}

std::string encode_tombstone(const Tombstone& tombstone) {
  proto::sync::Tombstone out;
  out.set_at_unix_ms(tombstone.at.unix_ms);
  out.set_owner_id(owner_text(tombstone.owner));
  return out.SerializeAsString();
}

Result<Tombstone> parse_tombstone(BytesView bytes) {
  proto::sync::Tombstone in;
  Tombstone out;
  if (!parse_message(in, bytes) || !parse_owner(in.owner_id(), out.owner)) {
    return damaged("a removal");
  }
  out.at.unix_ms = in.at_unix_ms();
  return out;
}

namespace keys {

std::string all_sync_rules() {
  return "jr/";
}
std::string sync_rule(uint64_t rule_id) {
  return numbered("jr/", rule_id);
}
std::string sync_changes(uint64_t rule_id) {
  return numbered("jt/", rule_id);
}
std::string sync_change(uint64_t rule_id, uint64_t sequence) {
  std::string out = sync_changes(rule_id);
  append_number(out, sequence);
  return out;
}
std::optional<uint64_t> parse_sync_sequence(std::string_view row) {
  if (row.size() != 3 + 2 * kNumberBytes) return std::nullopt;
  return load_be<uint64_t>(as_bytes(row).data() + 3 + kNumberBytes);
}
std::string sync_failures(uint64_t rule_id) {
  return numbered("jf/", rule_id);
}
std::string sync_failure(uint64_t rule_id, uint64_t sequence) {
  std::string out = sync_failures(rule_id);
  append_number(out, sequence);
  return out;
}
std::string sync_pending_of(uint64_t bucket_id, std::string_view key, std::string_view version_id) {
  std::string out = numbered("jk/", bucket_id);
  out.append(key).push_back('\0');
  out.append(version_id).push_back('\0');
  return out;
}
std::string sync_pending(uint64_t bucket_id, std::string_view key, std::string_view version_id,
                         uint64_t rule_id, uint64_t sequence) {
  std::string out = sync_pending_of(bucket_id, key, version_id);
  append_number(out, rule_id);
  append_number(out, sequence);
  return out;
}
std::string sync_overflow(uint64_t rule_id) {
  return numbered("jo/", rule_id);
}
std::string sync_comparison(uint64_t rule_id) {
  return numbered("jc/", rule_id);
}
std::string tombstones(uint64_t bucket_id) {
  return numbered("jd/", bucket_id);
}
std::string tombstone(uint64_t bucket_id, std::string_view key) {
  std::string out = tombstones(bucket_id);
  out.append(key).push_back('\0');
  return out;
}
std::string version_tombstone(uint64_t bucket_id, std::string_view key,
                              std::string_view version_id) {
  std::string out = tombstone(bucket_id, key);
  out.append(version_id).push_back('\0');
  return out;
}
std::optional<std::string_view> parse_tombstone_key(std::string_view row) {
  constexpr size_t kHead = 3 + kNumberBytes;
  if (row.size() < kHead + 2 || row.back() != '\0') return std::nullopt;
  const std::string_view key = row.substr(kHead, row.size() - kHead - 1);
  if (key.contains('\0')) return std::nullopt;
  return key;
}

}  // namespace keys
}  // namespace cairn::object
