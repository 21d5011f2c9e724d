#include "object/native_offer.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/assert.h"
#include "io/scope.h"
#include "object/keys.h"
#include "object/known_bodies.h"
#include "object/placing.h"
#include "object/sse_plan.h"

namespace cairn::object {
namespace {

// The look-ups of one offer, some at a time.
struct Offer {
  Context& context;
  const BucketInfo& bucket;
  const UploadInfo& upload;
  ReadRights& rights;
  const std::shared_ptr<const crypto::TenantKeys> keys;
  const PlacementId placement;
  const OwnerId holder;  // Of the holds, until the upload's edges are durable.

  std::vector<ContentName> names;  // Each hash once.
  std::vector<bool> is_held;
  std::vector<HeldChunk> found;
  std::vector<ChunkId> holds;
  size_t next = 0;
  Status status;
};

// The length of a chunk's plaintext, as its authenticated header says.
io::Task<Result<uint64_t>> stored_bytes(Offer& offer, ChunkId id) {
  storage::SealedRead head = co_await io::or_return(offer.context.store.read(id, ByteRange{0, 0}));
  const crypto::SseKeyPointer key = co_await io::or_return(
      open_sse(offer.context, offer.bucket.tenant, offer.upload.sse, nullptr));
  const crypto::SealKeys keys(offer.context.keys, offer.bucket.tenant, key);
  const crypto::ChunkOpener opener =
      co_await io::or_return(crypto::ChunkOpener::create(keys, id, head.header));
  co_return opener.plaintext_bytes();
}

io::Task<Result<bool>> find_one(Offer& offer, ContentName name) {
  const std::optional<HeldChunk> held = co_await io::or_return(
      load_native_chunk(offer.context, offer.bucket.tenant, offer.upload.upload_id, name.hash));
  if (held) co_return held->name == name;
  const ChunkId id = content_chunk_id(*offer.keys, name.hash, offer.placement);
  const bool known =
      co_await io::or_return(may_know(offer.context, offer.bucket.tenant, id, offer.rights));
  if (!known) co_return false;
  const bool present = co_await io::or_return(offer.context.store.link(id, offer.holder));
  if (!present) co_return false;
  offer.holds.push_back(id);
  const uint64_t size_bytes = co_await io::or_return(stored_bytes(offer, id));
  if (size_bytes != name.size_bytes) co_return false;
  HeldChunk chunk;
  chunk.name = name;
  chunk.where.extents.push_back({id, name.size_bytes, 0, name.size_bytes});
  offer.found.push_back(std::move(chunk));
  co_return true;
}

io::Task<void> find_some(Offer& offer) {
  while (offer.next < offer.names.size() && offer.status) {
    const size_t index = offer.next++;
    const Result<bool> held = co_await find_one(offer, offer.names[index]);
    if (held) {
      offer.is_held[index] = *held;
    } else if (offer.status) {
      offer.status = std::unexpected(held.error());
    }
  }
}

io::Task<void> find_all(Offer& offer) {
  io::Scope scope;
  for (size_t i = 0; i < std::min(kNativeLinksInFlightMax, offer.names.size()); ++i) {
    scope.spawn(find_some(offer));
  }
  co_await scope.join();
}

// Ends the holds: edges protect what the upload took, and the rest is given back.
io::Task<void> end_holds(Offer& offer, bool committed) {
  if (committed) {
    co_await offer.context.store.release(offer.holder, std::move(offer.holds));
    co_return;
  }
  for (const ChunkId& id : offer.holds) {
    const Result<bool> dropped = co_await offer.context.store.unlink(id, offer.holder);
    static_cast<void>(dropped);
  }
}

}  // namespace

Result<std::shared_ptr<const crypto::TenantKeys>> native_keys(const Context& context,
                                                              TenantId tenant,
                                                              const UploadInfo& upload) {
  const Result<std::shared_ptr<const crypto::TenantKeys>> tenant_keys = context.keys_of(tenant);
  if (!tenant_keys) return std::unexpected(tenant_keys.error());
  const Result<crypto::SseKeyPointer> key = open_sse(context, tenant, upload.sse, nullptr);
  if (!key) return std::unexpected(key.error());
  return seal_keys(*tenant_keys, *key);
}

io::Task<Result<bool>> may_know(Context& context, TenantId tenant, ChunkId chunk,
                                ReadRights& rights) {
  if (rights.reads_all(tenant)) co_return true;
  catalog::ScanRequest request;
  request.begin = keys::edges(chunk);
  request.end = catalog::prefix_end(request.begin);
  request.limit_entries = kNativeHoldersMax;
  request.keys_only = true;
  const catalog::ScanPage page = co_await io::or_return(context.catalog.scan(std::move(request)));
  for (const catalog::Entry& edge : page.entries) {
    const std::optional<OwnerId> owner = keys::parse_edge_owner(edge.key);
    if (!owner) continue;
    const std::optional<BodyHolder> holder =
        co_await io::or_return(context.known_bodies->holder(tenant, *owner));
    if (!holder) continue;
    std::string version_id = holder->is_current ? std::string() : holder->version_id;
    const bool may_read =
        co_await rights.may_read(holder->bucket, holder->key, std::move(version_id));
    if (may_read) co_return true;
  }
  co_return false;
}

io::Task<Result<std::vector<bool>>> offer_chunks(Context& context, BucketInfo bucket,
                                                 UploadInfo upload, std::vector<ContentName> names,
                                                 ReadRights& rights) {
  ASSERT(names.size() <= kNativeOfferNamesMax && upload.native);
  const auto keys = co_await io::or_return(native_keys(context, bucket.tenant, upload));
  const PlacementId placement = co_await io::or_return(
      placement_for(context.placements, bucket, upload.metadata.storage_class));
  Offer offer{context, bucket, upload, rights, keys, placement, context.new_owner(),
              {},      {},     {},     {},     0,    {}};
  std::map<Sha256Value, size_t> index_of;
  for (const ContentName& name : names) {
    const auto [at, is_new] = index_of.emplace(name.hash, offer.names.size());
    if (is_new) offer.names.push_back(name);
  }
  offer.is_held.resize(offer.names.size());
  co_await find_all(offer);
  Status status = std::move(offer.status);
  if (status && !offer.found.empty()) {
    status = co_await add_native_chunks(context, bucket, upload, std::move(offer.found));
  }
  co_await end_holds(offer, status.has_value());
  if (!status) co_return std::unexpected(status.error());
  std::vector<bool> out;
  out.reserve(names.size());
  for (const ContentName& name : names) {
    const size_t index = index_of.at(name.hash);
    out.push_back(offer.is_held[index] && offer.names[index] == name);
  }
  co_return out;
}

}  // namespace cairn::object
