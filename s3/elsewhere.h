// Buckets whose objects are in another S3 server: the door routes, authenticates, authorises and
// limits their requests like any others, and then hands them over instead of calling the route's
// handler.
//
// Such a bucket has a document kElsewhereDocument in its configuration, which no request reads or
// writes. Thread rule: used on the reactors of the doors it was given to; shared by all.
#pragma once

#include <string>
#include <string_view>

#include "io/task.h"
#include "object/types.h"
#include "s3/copy_source.h"
#include "s3/errors.h"

namespace cairn::s3 {

struct Call;

inline constexpr std::string_view kElsewhereDocument = "gateway";
inline bool is_elsewhere(const object::BucketInfo& bucket) {
  return bucket.config->document(kElsewhereDocument) != nullptr;
}

class Elsewhere {
 public:
  virtual ~Elsewhere() = default;
  // Serves a request about such a bucket: a handler, for every route. REQUIRES: is_elsewhere() of
  // the call's bucket.
  virtual io::Task<S3Status> serve(Call& call) = 0;
  // Serves CopyObject and UploadPartCopy into a bucket that is here, of a source that is not.
  // REQUIRES: is_elsewhere(bucket), and that the caller may read the source.
  virtual io::Task<S3Status> copy_from(Call& call, object::BucketInfo bucket,
                                       CopySource source) = 0;
};

}  // namespace cairn::s3
