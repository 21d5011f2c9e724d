#include "object/native_segments.h"

#include <algorithm>
#include <map>

#include "base/assert.h"
#include "object/chunk_reader.h"
#include "object/placing.h"
#include "object/segment_index.h"
#include "object/sse_plan.h"

namespace cairn::object {

io::Task<Result<KnownSegments>> find_known_segments(Context& context, BucketInfo bucket,
                                                    UploadInfo upload,
                                                    std::vector<ContentName> names,
                                                    ReadRights& rights) {
  KnownSegments out;
  out.places.resize(names.size());
  // The index knows the tenant's own chunks only; those under another key match as wholes.
  if (!upload.sse.empty()) co_return out;
  std::vector<SegmentName> asked;
  asked.reserve(names.size());
  for (const ContentName& name : names) asked.push_back({name.hash, name.size_bytes});
  const PlacementId placement = co_await io::or_return(
      placement_for(context.placements, bucket, upload.metadata.storage_class));
  const std::vector<std::optional<SegmentPlace>> places =
      co_await io::or_return(context.segments.find(bucket.tenant, placement, std::move(asked)));
  std::map<ChunkId, bool> may_use;
  for (size_t i = 0; i < places.size(); ++i) {
    if (!places[i]) continue;
    const SegmentPlace& place = *places[i];
    const auto [known, is_new] = may_use.emplace(place.chunk, false);
    if (is_new) {
      const bool may =
          co_await io::or_return(may_know(context, bucket.tenant, place.chunk, rights));
      known->second = may;
    }
    if (!known->second) continue;
    out.places[i] = Extent{place.chunk, place.chunk_bytes, place.offset_bytes, place.size_bytes};
  }
  co_return out;
}

io::Task<Status> read_known(Context& context, TenantId tenant, UploadInfo upload, Extent place,
                            MutableBytes into) {
  ASSERT(place.size_bytes == into.size());
  const crypto::SseKeyPointer key =
      co_await io::or_return(open_sse(context, tenant, upload.sse, nullptr));
  ReadEpochs::ReadPin pin(context.core().readers, io::Reactor::current().now());
  ChunkReader reader(context, tenant, std::move(pin), key);
  reader.start({place});
  while (true) {
    const Result<Buffer> piece = co_await reader.next();
    if (!piece) {
      co_return fail(Code::kFailedPrecondition,
                     std::string(reason::kSegmentsMissing) + ": " + piece.error().message);
    }
    if (piece->empty()) co_return Status{};
    std::ranges::copy(piece->view(), into.begin());
    into = into.subspan(piece->size());
  }
}

}  // namespace cairn::object
