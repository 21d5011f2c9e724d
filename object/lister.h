// ListObjects and ListMultipartUploads: pages in key order, with common prefixes found by seeking
// past them. The work of a page depends on what it returns, never on how many keys a prefix hides.
#pragma once

#include "base/result.h"
#include "io/task.h"
#include "object/context.h"
#include "object/objects.h"

namespace cairn::object {

io::Task<Result<ListPage>> list_objects(Context& context, BucketInfo bucket, ListRequest request);
io::Task<Result<UploadListPage>> list_uploads(Context& context, BucketInfo bucket,
                                              UploadListRequest request);

}  // namespace cairn::object
