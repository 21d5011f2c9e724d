#include "object/keys.h"

#include <algorithm>
#include <limits>

#include "base/bytes.h"

namespace cairn::object::keys {
namespace {

constexpr size_t kPrefixBytes = 2;
constexpr size_t kIdBytes = 8;

template <typename T>
void append_be(std::string& out, T value) {
  uint8_t bytes[sizeof(T)];
  store_be(bytes, value);
  out.append(as_text(bytes));
}

template <typename T>
std::string numbered(std::string_view prefix, T number, size_t more_bytes = 0) {
  std::string out;
  out.reserve(prefix.size() + sizeof(T) + more_bytes);
  out.append(prefix);
  append_be(out, number);
  return out;
}

std::string versioned(std::string_view prefix, uint64_t bucket_id, std::string_view key,
                      uint64_t version) {
  std::string out = numbered(prefix, bucket_id, key.size() + 1 + sizeof(uint64_t));
  out.append(key);
  out.push_back('\0');
  append_be(out, std::numeric_limits<uint64_t>::max() - version);
  return out;
}

uint64_t load_u64(std::string_view text) {
  return load_be<uint64_t>(as_bytes(text).data());
}

}  // namespace

std::string store_info() {
  return "s/info";
}

std::string tenant_keys() {
  return "t/";
}
std::string tenant_key(TenantId tenant, uint32_t version) {
  std::string out = numbered("t/", tenant.value);
  append_be(out, version);
  return out;
}
std::optional<std::pair<TenantId, uint32_t>> parse_tenant_key(std::string_view row) {
  if (row.size() != kPrefixBytes + kIdBytes + sizeof(uint32_t)) return std::nullopt;
  const TenantId tenant{load_u64(row.substr(kPrefixBytes))};
  const auto version = load_be<uint32_t>(as_bytes(row.substr(kPrefixBytes + kIdBytes)).data());
  return std::pair{tenant, version};
}

std::string all_kms_keys() {
  return "k/";
}
std::string kms_keys(TenantId tenant) {
  return numbered("k/", tenant.value);
}
std::string kms_key(TenantId tenant, std::string_view id) {
  std::string out = numbered("k/", tenant.value, id.size());
  out.append(id);
  return out;
}
std::optional<TenantId> parse_kms_key(std::string_view row) {
  if (row.size() <= kPrefixBytes + kIdBytes) return std::nullopt;
  return TenantId{load_u64(row.substr(kPrefixBytes))};
}

std::string bucket(TenantId tenant, std::string_view name) {
  return buckets(tenant).append(name);
}
std::string buckets(TenantId tenant) {
  return numbered("b/", tenant.value) + "/";
}
std::string bucket_name(std::string_view name) {
  return std::string("e/").append(name);
}
std::string bucket_alive(uint64_t bucket_id) {
  return numbered("n/", bucket_id);
}
std::string buckets_alive() {
  return "n/";
}

std::string object(uint64_t bucket_id, std::string_view key, uint64_t version) {
  return versioned("o/", bucket_id, key, version);
}
std::string objects(uint64_t bucket_id, std::string_view key_prefix) {
  return numbered("o/", bucket_id, key_prefix.size()).append(key_prefix);
}
std::optional<ParsedObject> parse_object(std::string_view row) {
  constexpr size_t kTailBytes = 1 + sizeof(uint64_t);
  if (row.size() < kPrefixBytes + kIdBytes + kTailBytes) return std::nullopt;
  const size_t key_end = row.size() - kTailBytes;
  if (row[key_end] != '\0') return std::nullopt;
  ParsedObject out;
  out.key = row.substr(kPrefixBytes + kIdBytes, key_end - kPrefixBytes - kIdBytes);
  out.version = std::numeric_limits<uint64_t>::max() - load_u64(row.substr(key_end + 1));
  return out;
}
std::string version(uint64_t bucket_id, std::string_view key, uint64_t order) {
  return versioned("v/", bucket_id, key, order);
}
std::string versions(uint64_t bucket_id, std::string_view key_prefix) {
  return numbered("v/", bucket_id, key_prefix.size() + 1).append(key_prefix);
}
std::string versions_of(uint64_t bucket_id, std::string_view key) {
  std::string out = versions(bucket_id, key);
  out.push_back('\0');
  return out;
}
std::string null_version(uint64_t bucket_id, std::string_view key) {
  std::string out = numbered("y/", bucket_id, key.size() + 1).append(key);
  out.push_back('\0');
  return out;
}
std::string body(uint64_t bucket_id, std::string_view key, uint64_t version) {
  return versioned("i/", bucket_id, key, version);
}

std::string upload(uint64_t bucket_id, std::string_view key, std::string_view upload_id) {
  std::string out = uploads(bucket_id, key);
  out.push_back('\0');
  out.append(upload_id);
  return out;
}
std::string uploads(uint64_t bucket_id, std::string_view key_prefix) {
  return numbered("u/", bucket_id, key_prefix.size() + 64).append(key_prefix);
}
std::optional<ParsedUpload> parse_upload(std::string_view row) {
  if (row.size() < kPrefixBytes + kIdBytes + 1) return std::nullopt;
  const std::string_view rest = row.substr(kPrefixBytes + kIdBytes);
  const size_t key_end = rest.find('\0');
  if (key_end == std::string_view::npos) return std::nullopt;
  return ParsedUpload{rest.substr(0, key_end), rest.substr(key_end + 1)};
}

std::string part(std::string_view upload_id, uint32_t number) {
  std::string out = parts(upload_id);
  append_be(out, number);
  return out;
}
std::string parts(std::string_view upload_id) {
  std::string out = "p/";
  out.append(upload_id).append("/");
  return out;
}
std::string completed(std::string_view upload_id) {
  return all_completed().append(upload_id);
}
std::string all_completed() {
  return "d/";
}

std::string native_chunk(std::string_view upload_id, const crypto::Sha256Value& content_hash) {
  return native_chunks(upload_id).append(as_text(content_hash));
}
std::string native_chunks(std::string_view upload_id) {
  std::string out = "c/";
  out.append(upload_id).append("/");
  return out;
}
std::optional<crypto::Sha256Value> parse_native_chunk(std::string_view row) {
  crypto::Sha256Value out{};
  if (row.size() <= kPrefixBytes + out.size() || row[row.size() - out.size() - 1] != '/') {
    return std::nullopt;
  }
  std::ranges::copy(as_bytes(row.substr(row.size() - out.size())), out.begin());
  return out;
}

std::string edge(const ChunkId& chunk, const OwnerId& owner) {
  std::string out = edges(chunk);
  out.append(as_text(owner.bytes));
  return out;
}
std::string edges(const ChunkId& chunk) {
  std::string out;
  out.reserve(kPrefixBytes + sizeof(chunk.bytes) + sizeof(OwnerId));
  out.append("r/").append(as_text(chunk.bytes));
  return out;
}
std::string edges_anywhere(const ChunkId& chunk) {
  std::string out = edges(chunk);
  out.pop_back();
  return out;
}
std::optional<ChunkId> parse_edge_chunk(std::string_view row) {
  if (row.size() != kPrefixBytes + sizeof(ChunkId) + sizeof(OwnerId)) return std::nullopt;
  ChunkId out;
  std::ranges::copy(as_bytes(row.substr(kPrefixBytes, sizeof(ChunkId))), out.bytes.begin());
  return out;
}
std::optional<OwnerId> parse_edge_owner(std::string_view row) {
  if (row.size() != kPrefixBytes + sizeof(ChunkId) + sizeof(OwnerId)) return std::nullopt;
  OwnerId out;
  std::ranges::copy(as_bytes(row.substr(kPrefixBytes + sizeof(ChunkId))), out.bytes.begin());
  return out;
}
std::string partly_dead(const ChunkId& chunk) {
  return all_partly_dead().append(as_text(chunk.bytes));
}
std::string all_partly_dead() {
  return "m/";
}
std::optional<ChunkId> parse_partly_dead(std::string_view row) {
  if (row.size() != kPrefixBytes + sizeof(ChunkId)) return std::nullopt;
  ChunkId out;
  std::ranges::copy(as_bytes(row.substr(kPrefixBytes)), out.bytes.begin());
  return out;
}
std::string rename_token(uint64_t bucket_id, std::string_view token) {
  return numbered("x/", bucket_id, token.size()).append(token);
}
std::string all_rename_tokens() {
  return "x/";
}

std::string segment_hook(TenantId tenant, BytesView keyed_hash) {
  std::string out = numbered("f/", tenant.value, keyed_hash.size());
  out.append(as_text(keyed_hash));
  return out;
}
std::string all_segment_hooks() {
  return "f/";
}

std::string garbage(WallTime at, uint64_t random) {
  std::string out = numbered("g/", static_cast<uint64_t>(at.unix_ms));
  append_be(out, random);
  return out;
}
std::string all_garbage() {
  return "g/";
}

std::string known_body(TenantId tenant, const crypto::Sha256Value& sha256, const OwnerId& owner) {
  return known_bodies(tenant, sha256).append(as_text(owner.bytes));
}
std::string known_bodies(TenantId tenant, const crypto::Sha256Value& sha256) {
  return numbered("w/", tenant.value, sizeof(sha256) + sizeof(OwnerId)).append(as_text(sha256));
}
std::optional<OwnerId> parse_known_body(std::string_view row) {
  constexpr size_t kOwnerAt = kPrefixBytes + kIdBytes + sizeof(crypto::Sha256Value);
  OwnerId out;
  if (row.size() != kOwnerAt + out.bytes.size()) return std::nullopt;
  std::ranges::copy(as_bytes(row.substr(kOwnerAt)), out.bytes.begin());
  return out;
}
std::string holder(const OwnerId& owner) {
  return std::string("h/").append(as_text(owner.bytes));
}

}  // namespace cairn::object::keys
