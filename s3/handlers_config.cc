// Configurations that this server does not keep: reading one tells the truth (it is unset), writing
// one is 501.
#include "s3/handlers.h"

namespace cairn::s3::handlers {

Reply not_implemented(Call&) {
  co_return s3_fail(S3Code::kNotImplemented);
}

Reply unset(Call& call, S3Code code) {
  co_return s3_fail(code, {}, {{"BucketName", call.target.bucket}});
}

}  // namespace cairn::s3::handlers
