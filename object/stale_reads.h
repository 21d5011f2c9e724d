// Buckets whose reads may be stale: on a server that shares its catalog with others, GET, HEAD and
// lists of them answer from the server's own mirror of the catalog, without asking whether it is
// the newest, and also while nobody can be asked. Writes are never stale.
#pragma once

#include <memory>
#include <string_view>

#include "base/result.h"
#include "catalog/recent_view.h"
#include "io/task.h"
#include "object/context.h"
#include "object/types.h"

namespace cairn::object {

// The document of such a bucket, and what it says.
inline constexpr std::string_view kReadsDocument = "reads";
inline constexpr std::string_view kStaleReads = "stale";

inline bool reads_stale(const BucketInfo& bucket) {
  const std::string* const reads = bucket.config->document(kReadsDocument);
  return reads != nullptr && *reads == kStaleReads;
}

// What a read of the bucket looks at.
inline io::Task<Result<std::shared_ptr<const catalog::Snapshot>>> view_of(
    Context& context, const BucketInfo& bucket) {
  return reads_stale(bucket) ? catalog::recent_snapshot(context.catalog)
                             : context.catalog.snapshot();
}

}  // namespace cairn::object
