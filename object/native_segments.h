// Where the store has segments, as far as a caller may know it (native_offer.h).
// Thread rule: any reactor.
#pragma once

#include <optional>
#include <vector>

#include "base/result.h"
#include "io/task.h"
#include "object/context.h"
#include "object/native_offer.h"
#include "object/native_rows.h"

namespace cairn::object {

struct KnownSegments {
  std::vector<std::optional<Extent>> places;  // In the order asked.
};
// Hints: a place may be gone when it is read.
io::Task<Result<KnownSegments>> find_known_segments(Context& context, BucketInfo bucket,
                                                    UploadInfo upload,
                                                    std::vector<ContentName> names,
                                                    ReadRights& rights);
// Reads one place into `into`, which is as long. kFailedPrecondition kSegmentsMissing when it is
// gone; the bytes authenticate, but whether they are the segment is for the caller to hash.
io::Task<Status> read_known(Context& context, TenantId tenant, UploadInfo upload, Extent place,
                            MutableBytes into);

}  // namespace cairn::object
