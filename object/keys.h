// Catalog keys of the object layer; grammar in docs/format.md, "Catalog keys and values".
//
// Numbers are big-endian, so that byte order is number order. Object keys hold no NUL, so the NUL
// behind a key keeps byte order of keys whatever follows. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "crypto/sealing.h"
#include "object/types.h"
#include "storage/chunk_store.h"

namespace cairn::object::keys {

using crypto::ChunkId;
using storage::OwnerId;

// Slot of the current version in its row, and of the body of a version written unversioned.
inline constexpr uint64_t kNullVersion = 0;

// s/info
std::string store_info();
// t/<tenant 8><version 4>
std::string tenant_keys();  // Prefix.
std::string tenant_key(TenantId tenant, uint32_t version);
std::optional<std::pair<TenantId, uint32_t>> parse_tenant_key(std::string_view row);
// k/<tenant 8><id of a KMS key>
std::string all_kms_keys();             // Prefix.
std::string kms_keys(TenantId tenant);  // Prefix.
std::string kms_key(TenantId tenant, std::string_view id);
std::optional<TenantId> parse_kms_key(std::string_view row);
// b/<tenant 8>/<name>
std::string bucket(TenantId tenant, std::string_view name);
std::string buckets(TenantId tenant);  // Prefix.
// e/<name>: whose bucket has that name, for all but isolated tenants.
std::string bucket_name(std::string_view name);
// n/<bucket id 8>: exists as long as the bucket; what writes into it depend on. Written anew when
// versioning or object lock change.
std::string bucket_alive(uint64_t bucket_id);
std::string buckets_alive();  // Prefix.
// o/<bucket id 8><key>\0<inverted version 8>
std::string object(uint64_t bucket_id, std::string_view key, uint64_t version = kNullVersion);
std::string objects(uint64_t bucket_id, std::string_view key_prefix = {});  // Prefix.
struct ParsedObject {
  std::string_view key;
  uint64_t version = kNullVersion;
};
std::optional<ParsedObject> parse_object(std::string_view row);
// v/<bucket id 8><key>\0<inverted order 8>: a version that is not current, or a delete marker.
std::string version(uint64_t bucket_id, std::string_view key, uint64_t order);
std::string versions(uint64_t bucket_id, std::string_view key_prefix = {});  // Prefix.
// Prefix of the versions of exactly this key.
std::string versions_of(uint64_t bucket_id, std::string_view key);
// y/<bucket id 8><key>\0: the order of the key's null version while that is a version row.
std::string null_version(uint64_t bucket_id, std::string_view key);
// i/...: the body row of a version, by its order.
std::string body(uint64_t bucket_id, std::string_view key, uint64_t version = kNullVersion);
// u/<bucket id 8><key>\0<upload id>
std::string upload(uint64_t bucket_id, std::string_view key, std::string_view upload_id);
std::string uploads(uint64_t bucket_id, std::string_view key_prefix = {});  // Prefix.
struct ParsedUpload {
  std::string_view key;
  std::string_view upload_id;
};
std::optional<ParsedUpload> parse_upload(std::string_view row);
// p/<upload id>/<part number 4>
std::string part(std::string_view upload_id, uint32_t number);
std::string parts(std::string_view upload_id);  // Prefix.
// d/<upload id>
std::string completed(std::string_view upload_id);
std::string all_completed();  // Prefix.
// c/<upload id>/<chunk content hash 32>: a chunk that a native upload holds.
std::string native_chunk(std::string_view upload_id, const crypto::Sha256Value& content_hash);
std::string native_chunks(std::string_view upload_id);  // Prefix.
// The content hash; nullopt for a key of another form.
std::optional<crypto::Sha256Value> parse_native_chunk(std::string_view row);
// r/<chunk id 32><owner 16>
std::string edge(const ChunkId& chunk, const OwnerId& owner);
std::string edges(const ChunkId& chunk);  // Prefix.
// Prefix of the edges of a chunk with that id in any placement (storage/placement.h).
std::string edges_anywhere(const ChunkId& chunk);
std::optional<ChunkId> parse_edge_chunk(std::string_view row);
std::optional<OwnerId> parse_edge_owner(std::string_view row);
// x/<bucket id 8><token>: what a rename's client token was used for.
std::string rename_token(uint64_t bucket_id, std::string_view token);
std::string all_rename_tokens();  // Prefix.
// f/<tenant 8><keyed hash 16>: which chunk holds a segment.
std::string segment_hook(TenantId tenant, BytesView keyed_hash);
std::string all_segment_hooks();  // Prefix.
// g/<unix ms 8><random 8>
std::string garbage(WallTime at, uint64_t random);
std::string all_garbage();  // Prefix.
// w/<tenant 8><SHA-256 32><owner 16>: a body with that digest, whole or a part (body_index.h).
std::string known_body(TenantId tenant, const crypto::Sha256Value& sha256, const OwnerId& owner);
std::string known_bodies(TenantId tenant, const crypto::Sha256Value& sha256);  // Prefix.
std::optional<OwnerId> parse_known_body(std::string_view row);
// m/<chunk id 32>: a chunk of which only a part may be referred to (rewriter.h).
std::string partly_dead(const ChunkId& chunk);
std::string all_partly_dead();  // Prefix.
std::optional<ChunkId> parse_partly_dead(std::string_view row);
// h/<owner 16>: where the holder of that owner's edges is.
std::string holder(const OwnerId& owner);

}  // namespace cairn::object::keys
