#include "object/native_lend.h"

#include <algorithm>
#include <utility>

#include "object/keys.h"
#include "object/native_fill.h"
#include "object/segment_seal.h"

namespace cairn::object {
namespace {

// A chunk in the clear.
struct LentChunk {
  Buffer bytes;
  ChunkRecipe recipe;
};

// The tenant's chunk of that name in whichever placement has one: it is copied, not shared.
io::Task<Result<std::optional<ChunkId>>> find_chunk(Context& context, TenantId tenant,
                                                    ContentName name) {
  const auto tenant_keys = context.keys_of(tenant);
  if (!tenant_keys) co_return std::optional<ChunkId>();
  catalog::ScanRequest edges;
  edges.begin = keys::edges_anywhere(crypto::make_chunk_id(**tenant_keys, name.hash));
  edges.end = catalog::prefix_end(edges.begin);
  edges.limit_entries = 1;
  edges.keys_only = true;
  const catalog::ScanPage page = co_await io::or_return(context.catalog.scan(std::move(edges)));
  if (page.entries.empty()) co_return std::optional<ChunkId>();
  co_return keys::parse_edge_chunk(page.entries.front().key);
}

// kNotFound when it is gone, or is no chunk of that size.
io::Task<Result<LentChunk>> read_chunk(Context& context, TenantId lender, ContentName name) {
  const std::optional<ChunkId> found = co_await io::or_return(find_chunk(context, lender, name));
  if (!found) co_return fail(Code::kNotFound, "the lender has no such chunk any more");
  const ChunkId id = *found;
  storage::SealedRead sealed = co_await io::or_return(
      context.store.read(id, ByteRange{0, crypto::kChunkBytesMax + crypto::kSegmentTableBytesMax}));
  const crypto::ChunkOpener opener = co_await io::or_return(
      crypto::ChunkOpener::create(crypto::SealKeys(context.keys, lender), id, sealed.header));
  const uint64_t size_bytes = opener.plaintext_bytes();
  if (size_bytes != name.size_bytes || sealed.payload.size() != size_bytes + opener.table_bytes()) {
    co_return fail(Code::kNotFound, "the chunk has another size");
  }
  const MutableBytes payload = sealed.payload.span();
  co_await io::or_return(opener.open_frames(0, payload.first(size_bytes)));
  co_await io::or_return(opener.open_table(payload.subspan(size_bytes)));
  const std::vector<SegmentName> segments =
      co_await io::or_return(parse_segment_table(payload.subspan(size_bytes), size_bytes));
  LentChunk out;
  for (const SegmentName& segment : segments) {
    out.recipe.segments.push_back({segment.hash, segment.size_bytes});
  }
  out.recipe.is_sent.assign(segments.size(), true);
  out.bytes = std::move(sealed.payload);
  out.bytes.resize(size_bytes);
  co_return out;
}

io::Task<Status> copy_chunk(Context& context, BucketInfo bucket, UploadInfo upload, LentChunk chunk,
                            ReadRights& rights) {
  const std::unique_ptr<ChunkFill> fill = co_await io::or_return(ChunkFill::open(
      context, std::move(bucket), std::move(upload), std::move(chunk.recipe), rights));
  BytesView left = chunk.bytes.view();
  for (MutableBytes space = fill->next_space(); !space.empty(); space = fill->next_space()) {
    std::ranges::copy(left.first(space.size()), space.begin());
    left = left.subspan(space.size());
    fill->advance(space.size());
  }
  co_await io::or_return(fill->finish());
  co_return Status{};
}

io::Task<Result<bool>> check_and_copy(Context& context, BucketInfo bucket, UploadInfo upload,
                                      ContentName name, TenantId lender, ProofCheck check,
                                      ReadRights& rights) {
  Result<LentChunk> chunk = co_await read_chunk(context, lender, name);
  if (!chunk && chunk.error().code == Code::kNotFound) co_return false;
  if (!chunk) co_return std::unexpected(std::move(chunk.error()));
  if (!check(chunk->bytes.view())) co_return false;
  co_await io::or_return(
      copy_chunk(context, std::move(bucket), std::move(upload), std::move(*chunk), rights));
  co_return true;
}

}  // namespace

io::Task<Result<std::optional<TenantId>>> find_lender(Context& context,
                                                      std::vector<TenantId> lenders,
                                                      ContentName name) {
  std::optional<TenantId> found;
  for (const TenantId tenant : lenders) {
    const std::optional<ChunkId> chunk = co_await io::or_return(find_chunk(context, tenant, name));
    if (chunk && !found) found = tenant;
  }
  co_return found;
}

io::Task<Result<bool>> borrow_chunk(Context& context, BucketInfo bucket, UploadInfo upload,
                                    ContentName name, std::vector<TenantId> lenders,
                                    ProofCheck check, ReadRights& rights) {
  const std::optional<TenantId> lender =
      co_await io::or_return(find_lender(context, std::move(lenders), name));
  if (!lender) co_return false;
  // Two buffers of the pool at once: see ChunkFill::open().
  io::Semaphore& reading = context.core().fills_reading;
  co_await reading.acquire();
  Result<bool> copied = co_await check_and_copy(context, std::move(bucket), std::move(upload), name,
                                                *lender, std::move(check), rights);
  reading.release();
  co_return copied;
}

}  // namespace cairn::object
