#include "storage/pack_reader.h"

#include "storage/record_fetch.h"

namespace cairn::storage {
namespace {

// How often an answer that is damaged is asked for again.
constexpr unsigned kDamagedRepeats = 1;

RecordPlace place_of(const ChunkId& id, const PackPlace& place) {
  const Pack& pack = *place.pack;
  return {.object = {pack.name(), pack.size_bytes(), pack.etag()},
          .offset_bytes = place.offset_bytes,
          .log_id = pack.header().log_id,
          .chunk = id,
          .payload_bytes = place.payload_bytes};
}

io::Task<Result<SealedRead>> read_part(PackContext& context, Upstream& upstream, ChunkId id,
                                       PackPlace place, ByteRange part, Urgency urgency,
                                       bool use_cache) {
  for (unsigned repeat = 0;; ++repeat) {
    std::optional<Bytes> known;
    if (use_cache) known = context.index.cached_header(id);
    const bool was_known = known.has_value();
    Result<SealedRead> got = co_await fetch_record(upstream, context.counters, place_of(id, place),
                                                   part, urgency, std::move(known));
    if (got && !was_known) context.index.cache_header(id, place, got->header);
    if (!got && got.error().code == Code::kNotFound) {
      co_return fail(Code::kCorruption, got.error().message);
    }
    if (got || got.error().code != Code::kCorruption || repeat == kDamagedRepeats) co_return got;
  }
}

}  // namespace

io::Task<Result<SealedRead>> read_packed(PackContext& context, Upstream& upstream, ChunkId id,
                                         PackPlace place, ByteRange range, ReadOptions options) {
  const ByteRange part = clamp_to_payload(range, place.payload_bytes);
  // The header that is known may be what was wrong.
  const bool use_cache = options.distrust == 0;
  return read_part(context, upstream, id, std::move(place), part, options.urgency, use_cache);
}

io::Task<Result<SealedChunk>> read_whole(PackContext& context, Upstream& upstream, ChunkId id,
                                         PackPlace place) {
  const ByteRange whole{0, place.payload_bytes};
  SealedRead read = co_await io::or_return(
      read_part(context, upstream, id, place, whole, Urgency::kBackground, false));
  co_return SealedChunk{std::move(read.header), std::move(read.payload)};
}

}  // namespace cairn::storage
